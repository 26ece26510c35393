"""What waits together, what hangs, what is late: nobody is left without an answer or an error."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import pytest

from bedside.core.errors import Invalid, Unavailable
from bedside.core.records.answer import Failure, Score
from bedside.core.records.asked import Asked
from bedside.core.records.version import Stage
from bedside.serve import answer
from bedside.serve.limits import Limits
from bedside.serve.service import Service, models_of
from served import (
    TOKEN_SHA256,
    HttpClient,
    Served,
    TokenCheck,
    a_patient,
    a_served_model,
    an_event,
    an_inference,
    asked,
    create_app,
)

QUICK = Limits(deadline=0.6, hang=0.15, under_way=64, beside=8, batch=16, stuck=3)
SLOW = 41.7  # the temperature of the patient over whom the model fails


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """No hang is a compiler at work."""
    a_served_model().answerer.warm_up()


@contextmanager
def serving(*served: Served, limits: Limits = QUICK, **parts: Any) -> Iterator[Service]:
    service = Service(models_of([one.answerer for one in served], {}), limits=limits, **parts)
    try:
        yield service
    finally:
        service.close(0.5)


def ask_all(service: Service, *questions: Asked) -> list[Any]:
    """The answers or the errors to questions asked at once."""

    async def all_of_them() -> list[Any]:
        model = service.model("sepsis")
        return await asyncio.gather(
            *(service.answer(model, one) for one in questions), return_exceptions=True
        )

    return asyncio.run(all_of_them())


def hang(served: Served, when: Callable[[Any], bool] = lambda _: True) -> threading.Event:
    """Make the model wait, where it is asked about such a matrix, until the event is set."""
    let_go, predict = threading.Event(), served.model.predict

    def waits(matrix: Any) -> Any:
        if when(matrix):
            let_go.wait(20)
        return predict(matrix)

    served.model.predict = waits
    return let_go


def poisoned() -> Asked:
    return asked([*a_patient(), an_event("LOINC//8310-5", SLOW, unit="Cel")])


def kept(served: Served) -> list[dict[str, Any]]:
    return [entry.details for entry, _ in served.ledger.kept if entry.action == "answer"]


def test_questions_asked_at_once_are_all_answered_and_kept_once():
    served = a_served_model()

    with serving(served) as service:
        answers = ask_all(service, *(asked(a_patient(lactate=1 + n / 9)) for n in range(40)))

    assert len({answer.outcome.risk for answer in answers}) == 40
    assert [one["prediction_id"] for one in kept(served)] == [one.prediction_id for one in answers]


def sizes_of_runs(served: Served) -> list[int]:
    """How many questions share each run of the model, from now on."""
    sizes, make = list[int](), served.answerer.make

    def counted(questions: Any) -> Any:
        sizes.append(len(questions))
        return make(questions)

    served.answerer.make = counted
    return sizes


def test_questions_of_one_turn_of_the_loop_share_one_run_of_the_model():
    served = a_served_model()
    sizes = sizes_of_runs(served)
    with serving(served) as service:
        ask_all(service, *(asked(a_patient(lactate=1 + n / 9)) for n in range(12)))

    assert sizes == [12]


def test_questions_that_come_turn_after_turn_share_a_run_up_to_the_largest():
    served = a_served_model()
    sizes = sizes_of_runs(served)

    async def one_a_turn(service: Service) -> list[Any]:
        waiting = []
        for number in range(20):
            question = asked(a_patient(lactate=1 + number / 9))
            answer_to = service.answer(service.model("sepsis"), question)
            waiting.append(asyncio.ensure_future(answer_to))
            await asyncio.sleep(0)
        return await asyncio.gather(*waiting)

    with serving(served) as service:
        told = asyncio.run(one_a_turn(service))

    assert len(told) == 20
    assert sizes[0] == QUICK.batch
    assert sum(sizes) == 20


def threads_of(served: Served, service: Service, question: Asked) -> str:
    """In which thread the model is run for a question."""
    seen, predict = list[str](), served.model.predict

    def watched(matrix: Any) -> Any:
        seen.append(threading.current_thread().name)
        return predict(matrix)

    served.model.predict = watched
    ask_all(service, question)
    return seen[-1]


def test_a_model_that_is_quick_and_cannot_hang_needs_no_thread_and_any_other_has_one(monkeypatch):
    short, long = asked(a_patient()), asked(a_patient() * 100)
    threads = {}
    for name, bounded, quick in (("kernel", True, 10.0), ("slow", True, 0.0), ("any", False, 10.0)):
        served = a_served_model()
        served.answerer._is_bounded = bounded
        monkeypatch.setattr(answer, "QUICK_SECONDS", quick)
        served.answerer.warm_up()
        with serving(served) as service:
            threads[name] = [threads_of(served, service, one) for one in (short, long)]

    own = "answer sepsis@0123456789ab"
    assert threads == {
        "kernel": ["MainThread", own],
        "slow": [own, own],
        "any": [own, own],
    }


def test_a_question_that_cannot_be_read_does_not_hurt_its_neighbours():
    served = a_served_model()

    def unreadable(_: Any) -> Any:
        raise Invalid("A value is not finite.", fix="leave it out.")

    questions = [asked(a_patient()), asked(a_patient(), read=unreadable), asked(a_patient())]
    with serving(served) as service:
        first, second, third = ask_all(service, *questions)

    assert isinstance(second, Invalid)
    assert isinstance(first.outcome, Score)
    assert isinstance(third.outcome, Score)
    assert len(kept(served)) == 2


def test_a_model_that_returns_nan_over_one_patient_still_answers_the_others():
    served = a_served_model()
    predict = served.model.predict
    served.model.predict = lambda matrix: np.where(
        (matrix == SLOW).any(axis=1), np.nan, predict(matrix)
    )

    with serving(served) as service:
        answers = ask_all(service, asked(a_patient()), poisoned(), asked(a_patient()))

    assert [type(one.outcome) for one in answers] == [Score, Failure, Score]
    assert answers[1].outcome.code == "model_returned_nonsense"
    assert [one["outcome"] for one in kept(served)] == ["score", "failure", "score"]


def test_a_question_over_which_the_model_hangs_fails_alone_and_is_recorded():
    served = a_served_model()
    let_go = hang(served, lambda matrix: bool((matrix == SLOW).any()))

    with serving(served) as service:
        answers = ask_all(service, asked(a_patient()), poisoned(), asked(a_patient()))
        let_go.set()

    assert [type(one.outcome) for one in answers] == [Score, Failure, Score]
    assert answers[1].outcome.code == "timeout"
    (failure,) = (one for one in kept(served) if one["outcome"] == "failure")
    assert failure["prediction_id"] == answers[1].prediction_id
    assert len(kept(served)) == 3


def test_a_model_that_always_hangs_is_not_ready_and_the_process_is_to_be_replaced():
    served, stuck = a_served_model(), threading.Event()
    let_go = hang(served)

    with serving(served, on_stuck=stuck.set) as service:
        (answer,) = ask_all(service, asked(a_patient()))
        ready_then = service.is_ready()
        assert stuck.wait(3)
        let_go.set()
        until = time.monotonic() + 3
        while not service.is_ready() and time.monotonic() < until:
            time.sleep(0.01)
        again = ask_all(service, asked(a_patient()))

    assert answer.outcome.code == "timeout"
    assert not ready_then
    assert isinstance(again[0].outcome, Score), "it answers again once nothing hangs"


def test_a_late_answer_is_504_and_readiness_is_503_over_http():
    served = a_served_model()
    let_go = hang(served)

    with serving(served) as service:
        client = HttpClient(create_app(service, authenticators=[TokenCheck(TOKEN_SHA256)]))
        late = client.post("/v2/models/sepsis/infer", json=an_inference())
        ready = client.get("/v2/health/ready")
        one = client.get("/v2/models/sepsis/ready")
        alive = client.get("/v2/health/live")
        let_go.set()

    assert (late.status_code, late.json()["code"]) == (504, "timeout")
    assert (ready.status_code, one.status_code, alive.status_code) == (503, 503, 200)


def test_one_question_too_many_is_refused_at_once_and_told_when_to_come_back():
    served = a_served_model()
    let_go = hang(served)
    limits = Limits(deadline=0.6, hang=0.5, under_way=4)

    async def crowd(client: HttpClient) -> list[Any]:
        transport = httpx.ASGITransport(app=client._app)
        async with httpx.AsyncClient(
            transport=transport, base_url=client._base, headers=client._headers
        ) as own:
            asking = [own.post("/v2/models/sepsis/infer", json=an_inference()) for _ in range(6)]
            waiting = [asyncio.ensure_future(one) for one in asking]
            await asyncio.sleep(0.2)
            let_go.set()
            return list(await asyncio.gather(*waiting))

    with serving(served, limits=limits) as service:
        app = create_app(service, authenticators=[TokenCheck(TOKEN_SHA256)])
        responses = asyncio.run(crowd(HttpClient(app)))

    assert sorted(one.status_code for one in responses) == [200] * 4 + [503] * 2
    refused = [one for one in responses if one.status_code == 503]
    assert {one.json()["code"] for one in refused} == {"overloaded"}
    assert {one.headers["retry-after"] for one in refused} == {"1"}


def test_a_challenger_that_hangs_or_falls_behind_never_holds_up_who_is_shown():
    live = a_served_model()
    silent = a_served_model(stage=Stage.SILENT, version="sepsis@fedcba987654")
    let_go = hang(silent)

    with serving(live, silent, limits=Limits(deadline=5.0, hang=4.0, beside=3)) as service:
        began = time.monotonic()
        answers = ask_all(service, *(asked(a_patient()) for _ in range(20)))
        took = time.monotonic() - began
        let_go.set()
        assert service.settle()

    assert all(one.stage == "live" for one in answers)
    assert took < 2
    (told,) = (entry for entry, _ in silent.ledger.kept if entry.action == "answer.dropped")
    assert told.details["dropped"] + len(kept(silent)) == 20
    assert told.details["version"] == "sepsis@fedcba987654"
    assert all(one["shown"] is False for one in kept(silent))


def test_a_ledger_that_does_not_answer_gives_503_and_no_answer():
    class Stuck:
        def submit_all(self, drafts: Any) -> Any:
            return [Future() for _ in drafts]

    served = a_served_model(ledger=Stuck())

    with serving(served) as service:
        (error,) = ask_all(service, asked(a_patient()))

    assert isinstance(error, Unavailable)
    assert error.code == "ledger_unavailable"


@pytest.mark.parametrize("wrong", [{"hang": 3.0}, {"stuck": 0}, {"batch": 0}, {"hang": 0.0}])
def test_limits_under_which_nothing_is_answered_are_refused(wrong):
    with pytest.raises(Invalid):
        Limits(**wrong)
