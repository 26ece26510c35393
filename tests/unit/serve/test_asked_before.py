"""The same request again: the first answer again, to the byte, whichever process is asked."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bedside.core.clock import FixedClock
from bedside.core.records.answer import Score
from bedside.core.records.asked import Asked
from bedside.core.records.caller import EVERYTHING, Caller
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.serve.asked_before import AskedBefore
from bedside.serve.service import Service, models_of
from served import (
    NOW,
    TOKEN_SHA256,
    HttpClient,
    TokenCheck,
    a_patient,
    a_served_model,
    a_tensor,
    an_inference,
    asked,
    create_app,
)

INFER = "/v2/models/sepsis/infer"


class Process:
    """One server process over a database: a service of its own, the ledger shared."""

    def __init__(self, folder: Path) -> None:
        engine = open_sqlite(folder / "ledger.sqlite")
        self.books = SqlLedger(
            engine,
            writing=writing,
            clear=clear_traces,
            clock=FixedClock(NOW),
            sealing_key=bytes(32),
            signing_key=Ed25519Signer(bytes(32)).private_key,
        )
        self.served = a_served_model(ledger=GroupCommit(self.books))
        self.served.answerer.warm_up()
        self.service = Service(
            models_of([self.served.answerer], {}),
            tagging=lambda text: f"tag of {hash(text)}",
            before=AskedBefore(self.books, SqlPredictions(engine)),
        )
        self.client = HttpClient(
            create_app(self.service, authenticators=[TokenCheck(TOKEN_SHA256)])
        )

    def ask(self, *questions: Asked) -> list[Any]:
        async def all_of_them() -> list[Any]:
            model = self.service.model("sepsis")
            return await asyncio.gather(
                *(self.service.answer(model, one) for one in questions), return_exceptions=True
            )

        return asyncio.run(all_of_them())

    def answers(self) -> int:
        return sum(entry.action == "answer" for entry in self.books.entries())


@pytest.fixture
def two(tmp_path: Path) -> Any:
    processes = Process(tmp_path), Process(tmp_path)
    yield processes
    for one in processes:
        one.service.close(1)


def test_a_repeated_request_gets_the_same_bytes_from_the_same_process_and_from_another(two):
    one, other = two
    body = an_inference() | {"id": "r-1"}

    responses = [each.client.post(INFER, json=body) for each in (one, one, other, other)]

    assert [each.status_code for each in responses] == [200] * 4
    assert len({each.content for each in responses}) == 1
    assert one.answers() == 1


def test_a_request_repeated_while_the_first_is_under_way_is_answered_once(two):
    one, _ = two

    answers = one.ask(*[asked(a_patient(), request_id="r-1")] * 5)

    assert len({each.prediction_id for each in answers}) == 1
    assert one.answers() == 1


def test_an_id_that_comes_with_another_request_is_a_conflict_here_and_elsewhere(two):
    one, other = two
    first = an_inference() | {"id": "r-1"}
    changed = an_inference(a_tensor("heart_rate", 71.0)) | {"id": "r-1"}

    responses = [
        one.client.post(INFER, json=first),
        one.client.post(INFER, json=changed),
        other.client.post(INFER, json=changed),
    ]

    assert [each.status_code for each in responses] == [200, 409, 409]
    assert responses[2].json()["code"] == "request_id_reused"
    assert one.answers() == 1


def test_two_callers_on_two_wires_may_use_the_same_id(two):
    one, _ = two
    ehr = Caller(name="ehr", scopes=EVERYTHING)

    answers = one.ask(
        asked(a_patient(), request_id="r-1"),
        asked(a_patient(), request_id="r-1", caller=ehr),
        asked(a_patient(), request_id="r-1", channel="cds_hooks"),
    )

    assert len({each.prediction_id for each in answers}) == 3


def test_a_failure_is_no_answer_so_the_same_request_is_answered_anew(two):
    one, _ = two
    one.served.model.mode = "raises"
    failed = one.ask(asked(a_patient(), request_id="r-1"))
    one.served.model.mode = "well"

    answered = one.ask(asked(a_patient(), request_id="r-1"))

    assert failed[0].outcome.code == "model_failed"
    assert isinstance(answered[0].outcome, Score)
    assert one.answers() == 2


def test_what_was_told_of_a_patient_who_was_erased_is_not_told_again(two):
    one, other = two
    question = asked(a_patient(), request_id="r-1", subject=7)
    (first,) = one.ask(question)
    one.books.forget(7)

    (anew,) = other.ask(question)

    assert anew.prediction_id != first.prediction_id
