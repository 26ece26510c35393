"""What every ledger must let its predictions be found by, whatever keeps the entries."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from bedside.core.clock import FixedClock, iso
from bedside.core.errors import AlreadyAnswered, Invalid, NotFound, Refused
from bedside.core.ports import Ledger, Predictions
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

SERVICE = Actor(name="service:bedside", purpose="care")
MORNING = datetime(2026, 1, 31, 8, tzinfo=UTC)
ADA, BEN = 8_123_456_789_012_345_678, 17  # subjects
clock = FixedClock(MORNING)
_groups: list[GroupCommit] = []

Books = tuple[Ledger, Predictions, Engine]
Opened = Callable[[Path], Books]


def books_on(engine: Engine) -> Books:
    ledger = SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=clock,
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )
    return ledger, SqlPredictions(engine), engine


def on_sqlite(folder: Path) -> Books:
    return books_on(open_database(folder / "bedside.sqlite"))


def on_postgres(_folder: Path) -> Books:
    return books_on(a_postgres_engine(a_postgres_url()))


def grouped_on_sqlite(folder: Path) -> Books:
    ledger, predictions, engine = on_sqlite(folder)
    _groups.append(GroupCommit(ledger))
    return _groups[-1], predictions, engine


def grouped_on_postgres(folder: Path) -> Books:
    ledger, predictions, engine = on_postgres(folder)
    _groups.append(GroupCommit(ledger))
    return _groups[-1], predictions, engine


BOOKS = [on_sqlite, on_postgres, grouped_on_sqlite, grouped_on_postgres]  # add yours here
everywhere = pytest.mark.parametrize("opened", BOOKS)


@pytest.fixture(autouse=True)
def everything_is_closed_afterwards() -> Iterator[None]:
    clock.at = MORNING
    yield
    while _groups:
        _groups.pop().close()
    drop_databases()


def an_answer(name: str, *, subject: int | None = None, **changes: Any) -> LedgerDraft:
    ordinary = {
        "prediction_id": name,
        "bundle": "b" * 64,
        "model": "sepsis",
        "version": "sepsis@0123456789ab",
        "stage": "live",
        "shown": True,
        "channel": "open_inference",
        "caller": "ehr",
        "as_of": "2026-01-31T07:59:00.000000Z",
        "input_digest": "d" * 64,
        "latency_ms": 1.25,
        "outcome": "score",
    }
    return LedgerDraft(
        actor=SERVICE, action="answer", details=ordinary | changes, sealed=b"{}", subject=subject
    )


def added(ledger: Ledger, draft: LedgerDraft) -> LedgerEntry:
    return ledger.append(
        draft.actor, draft.action, draft.details, sealed=draft.sealed, subject=draft.subject
    )


def names(predictions: Predictions, **wanted: Any) -> list[str]:
    return [one.prediction_id for one in predictions.find(**wanted)]


@everywhere
def test_an_answer_is_found_from_the_commit_on_that_records_it(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, predictions, _ = opened(tmp_path)

    entry = added(ledger, an_answer("p1", subject=ADA, request_tag="t1"))

    found = predictions.get("p1")
    assert (found.sequence, found.at, found.subject_tag) == (1, entry.at, entry.subject_tag)
    assert (found.model, found.version, found.stage) == ("sepsis", "sepsis@0123456789ab", "live")
    assert (found.shown, found.latency_ms, found.outcome) == (True, 1.25, "score")
    assert predictions.answered("t1") == found
    assert predictions.answered("t2") is None
    assert ledger.entry(found.sequence) == entry
    with pytest.raises(NotFound):
        predictions.get("p2")
    with pytest.raises(NotFound):
        ledger.entry(2)


@everywhere
def test_predictions_are_listed_newest_first_by_all_that_is_asked(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, predictions, _ = opened(tmp_path)
    for number in range(6):
        clock.at = MORNING + timedelta(hours=number)
        kind: dict[str, Any] = {"outcome": "abstention", "reason": "stale"} if number % 2 else {}
        added(ledger, an_answer(f"p{number}", shown=number < 4, **kind))
    added(ledger, an_answer("q", model="falls", version="falls@0"))

    assert names(predictions) == ["q", "p5", "p4", "p3", "p2", "p1", "p0"]
    assert names(predictions, model="sepsis", limit=2) == ["p5", "p4"]
    assert names(predictions, version="falls@0") == ["q"]
    assert names(predictions, outcome="abstention", shown=True) == ["p3", "p1"]
    noon = iso(MORNING + timedelta(hours=4))
    assert names(predictions, model="sepsis", since=noon) == ["p5", "p4"]
    assert names(predictions, model="sepsis", until=noon, limit=1) == ["p3"]
    assert predictions.get("p1").reason == "stale"
    of = predictions.get("p1").version
    late = iso(MORNING + timedelta(hours=9))
    assert predictions.many(of, since=noon, until=late, limit=9) == 2
    assert predictions.many(of, since=iso(MORNING), until=noon, limit=9) == 4
    assert predictions.many(of, since=iso(MORNING), until=late, limit=3) == 3
    assert predictions.many("nobody@0", since=iso(MORNING), until=late, limit=3) == 0


@everywhere
def test_who_watches_reads_only_what_came_since(opened: Opened, tmp_path: Path) -> None:
    ledger, predictions, _ = opened(tmp_path)
    version = "sepsis@0123456789ab"
    first = added(ledger, an_answer("p1", subject=ADA))
    second = added(ledger, an_answer("p2", subject=BEN))
    other = added(ledger, an_answer("q", model="falls", version="falls@0"))
    notes = [
        ledger.append(SERVICE, "prediction.note", {"prediction_id": name, "kind": "outcome"})
        for name in ("p1", "q", "p2")
    ]

    def since(sequence: int) -> list[str]:
        return [one.prediction_id for one in predictions.after(version, sequence)]

    assert (since(0), since(first.sequence), since(second.sequence)) == (["p1", "p2"], ["p2"], [])
    wanted = [other.sequence, first.sequence, 999]
    assert [one.prediction_id for one in predictions.entered(wanted)] == ["p1", "q"]
    assert [one.prediction_id for one in predictions.named(["p2", "none", "p1"])] == ["p1", "p2"]
    told = [one.prediction_id for one in predictions.notes_after(version, 0)]
    assert told == ["p1", "p2"]
    assert [one.prediction_id for one in predictions.notes_after(version, notes[0].sequence)] == [
        "p2"
    ]

    assert predictions.erasures() == 0
    assert predictions.subject_tags(version) == {first.subject_tag, second.subject_tag}
    ledger.forget(ADA)
    assert predictions.erasures() == 1
    assert predictions.subject_tags(version) == {second.subject_tag}


@everywhere
def test_a_request_that_was_answered_gets_no_second_answer(opened: Opened, tmp_path: Path) -> None:
    ledger, predictions, _ = opened(tmp_path)
    added(ledger, an_answer("p1", request_tag="t"))

    with pytest.raises(AlreadyAnswered) as refusal:
        added(ledger, an_answer("p2", request_tag="t"))
    with pytest.raises(AlreadyAnswered):
        ledger.append_all([an_answer("p3"), an_answer("p4", request_tag="t")])

    assert refusal.value.prediction_id == "p1"
    assert refusal.value.code == "already_answered"
    assert names(predictions) == ["p1"]
    assert len(list(ledger.entries())) == 1


@everywhere
def test_in_one_commit_what_cannot_be_taken_fails_alone(opened: Opened, tmp_path: Path) -> None:
    ledger, predictions, _ = opened(tmp_path)
    added(ledger, an_answer("p0", request_tag="old"))

    told = ledger.append_each(
        [
            an_answer("p1", request_tag="old"),
            an_answer("p2", request_tag="new"),
            an_answer("p3", request_tag="new"),
            an_answer("p2"),
            an_answer("p5", mrn="7"),
            an_answer("p6", shown=1),
            an_answer("p7"),
        ]
    )

    first, second, third, fourth, fifth, sixth, seventh = told
    assert isinstance(first, AlreadyAnswered)
    assert first.prediction_id == "p0"
    assert isinstance(third, AlreadyAnswered)
    assert third.prediction_id == "p2"
    assert all(isinstance(one, Invalid) for one in (fourth, fifth, sixth))
    assert isinstance(second, LedgerEntry)
    assert isinstance(seventh, LedgerEntry)
    assert (second.sequence, seventh.sequence) == (2, 3)
    assert names(predictions) == ["p7", "p2", "p0"]
    assert ledger.verify() == []


@everywhere
def test_an_answer_that_could_not_be_found_again_is_not_taken(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, _, _ = opened(tmp_path)
    unfit: list[dict[str, Any]] = [
        {"prediction_id": ""},
        {"prediction_id": 7},
        {"caller": "a\0b"},
        {"outcome": "perhaps"},
        {"latency_ms": "fast"},
        {"request_tag": 7},
    ]

    for changes in unfit:
        with pytest.raises(Invalid):
            added(ledger, an_answer("p", **changes))

    assert list(ledger.entries()) == []


@everywhere
def test_what_became_known_later_is_found_with_its_prediction(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, predictions, _ = opened(tmp_path)
    added(ledger, an_answer("p1", subject=ADA))
    noted = {"prediction_id": "p1", "kind": "seen"}

    ledger.append(SERVICE, "prediction.note", noted, sealed=b'{"value":1.0}', subject=ADA)
    ledger.append(SERVICE, "feedback", {"card": "p1", "outcome": "overridden"})
    ledger.append(SERVICE, "feedback", {"card": "p2", "outcome": "accepted"})
    with pytest.raises(Invalid):
        ledger.append(SERVICE, "prediction.note", noted | {"kind": "guessed"})

    told = [(one.sequence, one.kind, one.value) for one in predictions.notes(["p1", "px"])]
    assert told == [(2, "seen", None), (3, "overridden", None)]


@everywhere
def test_who_is_forgotten_leaves_no_tag_in_the_index_and_may_be_asked_about_again(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, predictions, _ = opened(tmp_path)
    added(ledger, an_answer("p1", subject=ADA, request_tag="a"))
    added(ledger, an_answer("p2", subject=BEN, request_tag="b"))

    ledger.forget(ADA)

    gone, kept = predictions.get("p1"), predictions.get("p2")
    assert (gone.subject_tag, gone.request_tag) == (None, None)
    assert kept.subject_tag is not None
    assert kept.request_tag == "b"
    assert dict(ledger.unseal_all([1, 2, 3])) == {2: b"{}"}
    with pytest.raises(Refused):
        ledger.unseal(1)
    assert added(ledger, an_answer("p3", subject=ADA, request_tag="a")).sequence == 3
    assert ledger.verify() == []


@everywhere
def test_entries_from_before_there_was_an_index_are_indexed_when_the_ledger_is_opened(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, predictions, engine = opened(tmp_path)
    ledger.append(SERVICE, "answer", {"n": 1})  # from before answers had an id
    added(ledger, an_answer("p1", subject=ADA, request_tag="a"))
    added(ledger, an_answer("p2", subject=BEN, request_tag="b"))
    ledger.append(SERVICE, "feedback", {"card": "p2", "outcome": "accepted"})
    ledger.forget(ADA)
    before = list(predictions.find()), predictions.notes(["p2"])
    with writing(engine) as connection:
        for table in ("predictions", "prediction_notes"):
            connection.exec_driver_sql(f"DROP TABLE {table}")

    again, found, _ = books_on(engine)

    assert (list(found.find()), found.notes(["p2"])) == before
    with pytest.raises(AlreadyAnswered):
        added(again, an_answer("p3", request_tag="b"))
    assert again.verify() == []


@everywhere
def test_what_a_bedside_without_the_index_adds_is_indexed_at_the_next_opening(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, _, engine = opened(tmp_path)
    for name in ("p1", "p2", "p3"):
        added(ledger, an_answer(name))
    with writing(engine) as connection:
        connection.exec_driver_sql("DELETE FROM predictions WHERE sequence > 1")

    _, found, _ = books_on(engine)

    assert names(found) == ["p3", "p2", "p1"]


@everywhere
def test_an_answer_that_only_says_what_the_oldest_said_is_indexed_as_far_as_it_goes(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, predictions, _ = opened(tmp_path)
    details = {"prediction_id": "p", "version": "sepsis@0", "stage": "silent", "outcome": "failure",
               "code": "model_failed"}  # fmt: skip

    ledger.append(SERVICE, "answer", details)

    found = predictions.get("p")
    assert (found.model, found.shown, found.reason) == ("sepsis", False, "model_failed")
    assert (found.caller, found.latency_ms, found.request_tag) == (SERVICE.name, 0.0, None)
