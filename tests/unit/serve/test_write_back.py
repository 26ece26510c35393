"""Writing back to a real server on loopback: once, later, or not at all, and never unseen."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bedside.core.clock import SystemClock
from bedside.core.errors import Invalid, Refused, Unavailable
from bedside.core.records.fhir_export import FhirServerOptions
from bedside.core.records.fhir_letter import Delivery, Letter, LetterState
from bedside.data.adapters.fhir_server.conversation import FhirConversation
from bedside.infra.database.opening import open_database, writing
from bedside.serve.adapters.sql_outbox import SqlOutbox
from bedside.serve.write_back import Plan, WriteBack
from fhir_collecting import CLIENT, TurningClock, a_key, at_once, let_in
from fhir_server import RunningFhirServer, a_fhir_server

RISK = {
    "resourceType": "RiskAssessment",
    "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}],
    "status": "final",
    "subject": {"reference": "Patient/1"},
}
FINDS = "identifier=urn%3Aietf%3Arfc%3A3986%7Curn%3Auuid%3A1"


@pytest.fixture
def server() -> RunningFhirServer:
    server = a_fhir_server()
    let_in(server)
    server.set(live=True)
    return server


def a_target(server: RunningFhirServer, **options: Any) -> FhirConversation:
    told = {"base_url": server.base, "client_id": CLIENT, "attempts": 1} | options
    target = FhirConversation(
        FhirServerOptions(**told), private_key=a_key(), clock=SystemClock(), sleep=at_once
    )
    _opened.append(target)
    return target


_opened: list[FhirConversation] = []


@pytest.fixture(autouse=True)
def connections_are_closed_afterwards() -> Iterator[None]:
    yield
    while _opened:
        _opened.pop().close()


def a_bundle(resource: dict[str, Any] | None = None, *, condition: str = FINDS) -> bytes:
    resource = resource or RISK
    entry = {
        "fullUrl": "urn:uuid:a",
        "resource": resource,
        "request": {
            "method": "POST",
            "url": resource["resourceType"],
            "ifNoneExist": condition,
        },
    }
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()


@dataclass
class Waiting:
    """An outbox with one letter, what sends it, and what the ledger was told."""

    outbox: SqlOutbox
    sender: WriteBack
    clock: TurningClock
    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    @property
    def letters(self) -> list[Letter]:
        return list(self.outbox.listed(set(LetterState), most=10))


def waiting(server, folder, *, content=None, target=None, plan=None) -> Waiting:
    clock = TurningClock()
    outbox = SqlOutbox(
        open_database(folder / "bedside.sqlite"), writing=writing, secret=bytes(range(32))
    )
    told: list[tuple[str, dict[str, object]]] = []
    sender = WriteBack(
        outbox,
        target or a_target(server),
        server.base,
        clock=clock,
        record=lambda action, details: told.append((action, details)),
        plan=plan,
    )
    outbox.put(
        Letter(
            key="k",
            prediction_id="p-1",
            model="sepsis",
            sent_to=server.base,
            subject_tag="t",
            state=LetterState.WAITING,
            at=clock.now(),
            content=content or a_bundle(),
            due=clock.now(),
        )
    )
    return Waiting(outbox, sender, clock, told)


def test_a_letter_is_sent_with_a_token_and_the_ledger_is_told(server, tmp_path):
    at = waiting(server, tmp_path)

    done = at.sender.deliver()

    assert (done.sent, done.later, done.dead) == (1, 0, 0)
    assert [one["id"] for one in server.held("RiskAssessment")] == ["riskassessment-1"]
    ((action, details),) = at.told
    assert action == "fhir.write_back"
    assert details["state"] == "sent"
    assert details["created_count"] == 1
    assert at.sender.deliver().sent == 0


def test_a_letter_whose_answer_was_lost_is_not_kept_twice(server, tmp_path):
    server.set(lost=2)
    at = waiting(server, tmp_path)

    first = at.sender.deliver()
    at.clock.turned = timedelta(minutes=1)
    second = at.sender.deliver()
    at.clock.turned = timedelta(minutes=5)
    third = at.sender.deliver()

    assert (first.later, second.later, third.sent) == (1, 1, 1)
    assert len(server.held("RiskAssessment")) == 1, "each attempt arrived"
    assert at.told[-1][1]["created_count"] == 0


def test_while_the_server_is_busy_a_letter_waits_longer_each_time_and_then_is_dead(
    server, tmp_path
):
    server.set(failing={"fhir": [503] * 9})
    plan = Plan(attempts=3, first=timedelta(seconds=30), longest=timedelta(minutes=1))
    at = waiting(server, tmp_path, plan=plan)

    assert at.sender.deliver().later == 1
    assert at.sender.deliver() == Delivery(), "its time has not come"
    at.clock.turned = timedelta(seconds=31)
    assert at.sender.deliver().later == 1
    at.clock.turned = timedelta(seconds=92)
    assert at.sender.deliver().dead == 1

    (letter,) = at.letters
    assert (letter.state, letter.attempts) == (LetterState.DEAD, 3)
    assert letter.problem == "server_busy"
    server.set(failing={})
    assert at.outbox.revive(server.base, at.clock.now()) == 1
    assert at.sender.deliver().sent == 1


def test_what_the_server_refuses_for_itself_is_dead_at_once(server, tmp_path):
    at = waiting(server, tmp_path, content=a_bundle(condition="unknown=1"))

    assert at.sender.deliver().dead == 1

    (letter,) = at.letters
    assert letter.problem == "not_given"
    assert server.held("RiskAssessment") == []


def test_where_nobody_is_let_in_no_letter_is_to_blame(server, tmp_path):
    server.set(clients={})
    at = waiting(server, tmp_path)

    done = at.sender.deliver()

    assert done.stopped == "not_let_in"
    (letter,) = at.letters
    assert (letter.state, letter.attempts) == (LetterState.WAITING, 0)
    assert at.told == []


def test_a_whole_search_comes_as_one_bundle_that_is_the_same_each_time(server):
    server.put(*({"resourceType": "Patient", "id": f"p{n}"} for n in range(5)))

    with a_target(server, page_size=2) as target:
        first, again = (target.whole("Patient?_lastUpdated=ge2020-01-01T00:00:00+00:00")
                        for _ in range(2))  # fmt: skip
        one = target.whole("Patient/p3")

    assert first == again
    entries = json.loads(first)["entry"]
    assert [entry["resource"]["id"] for entry in entries] == [f"p{n}" for n in range(5)]
    assert json.loads(one)["id"] == "p3"


@pytest.mark.parametrize(
    ("settings", "kind", "code"),
    [
        ({"elsewhere": {"next": "http://127.0.0.1:9"}}, Refused, "other_origin"),
        ({"redirected": {"Patient": "http://127.0.0.1:9"}}, Refused, "redirected"),
        ({"failing": {"Patient": [500]}}, Unavailable, "server_busy"),
        ({"failing": {"Patient": [404]}}, Invalid, "not_given"),
        ({"page_body": "<html>of patient Ünsal"}, Invalid, "answer_unreadable"),
    ],
)
def test_what_cannot_be_had_is_told_without_a_patient(server, settings, kind, code):
    server.put(*({"resourceType": "Patient", "id": f"p{n}"} for n in range(3)))
    server.set(**settings)

    with a_target(server, page_size=2) as target, pytest.raises(kind) as raised:
        target.whole("Patient?_lastUpdated=ge2020-01-01T00:00:00Z")

    assert raised.value.code == code
    assert "Ünsal" not in str(raised.value)


def test_a_server_that_carries_out_only_a_part_is_not_believed(server, monkeypatch):
    half = {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": {"status": "201 Created"}}, {"response": {"status": "422"}}],
    }
    server.set(failing={"fhir": [200]}, body=json.dumps(half))

    with a_target(server) as target, pytest.raises(Invalid) as raised:
        target.transact(a_bundle())

    assert raised.value.code == "not_kept"


def test_a_plan_that_never_waits_is_refused():
    with pytest.raises(Invalid):
        Plan(attempts=0)
    with pytest.raises(Invalid):
        Plan(first=timedelta(hours=2))
