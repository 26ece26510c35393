"""What every outbox must do, whatever keeps the letters."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bedside.core.errors import Invalid, Refused
from bedside.core.ports.fhir_out import Outbox
from bedside.core.records.fhir_letter import Letter, LetterState
from bedside.infra.database.opening import open_database, writing
from bedside.serve.adapters.sql_outbox import SqlOutbox
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SERVER = "https://fhir.example.org/r4"
SECRET = bytes(range(32))
_urls: dict[Path, str] = {}


def on_sqlite(folder: Path) -> Engine:
    return open_database(folder / "bedside.sqlite")


def on_postgres(folder: Path) -> Engine:
    if folder not in _urls:
        _urls[folder] = a_postgres_url()
    return a_postgres_engine(_urls[folder])


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    _urls.clear()
    drop_databases()


DATABASES = [on_sqlite, on_postgres]  # add yours here
every_outbox = pytest.mark.parametrize("database", DATABASES)
Opened = Callable[[Path], Engine]


def opened(database: Opened, folder: Path, secret: bytes = SECRET) -> Outbox:
    return SqlOutbox(database(folder), writing=writing, secret=secret)


def a_letter(key: str = "k1", **changes: object) -> Letter:
    told = {
        "key": key,
        "prediction_id": f"prediction-of-{key}",
        "model": "sepsis",
        "sent_to": SERVER,
        "subject_tag": "tag-of-jane",
        "state": LetterState.WAITING,
        "at": NOW,
        "content": b'{"patient": "Jane Roe"}',
        "due": NOW,
    }
    return Letter(**(told | changes))


@every_outbox
def test_a_letter_is_there_again_in_the_next_process(database, tmp_path):
    assert opened(database, tmp_path).put(a_letter())

    again = opened(database, tmp_path)

    assert again.known("k1")
    assert not again.known("k2")
    assert list(again.due(SERVER, NOW, most=10)) == [a_letter()]


@every_outbox
def test_there_is_one_letter_to_a_key(database, tmp_path):
    outbox = opened(database, tmp_path)
    outbox.put(a_letter())

    assert not outbox.put(a_letter(prediction_id="another"))

    assert [one.prediction_id for one in outbox.due(SERVER, NOW, most=10)] == ["prediction-of-k1"]


@every_outbox
def test_only_what_waits_for_this_server_and_whose_time_has_come_is_due(database, tmp_path):
    outbox = opened(database, tmp_path)
    outbox.put(a_letter("later", due=NOW + timedelta(seconds=1)))
    outbox.put(a_letter("elsewhere", sent_to="https://other.example.org"))
    outbox.put(a_letter("dead", state=LetterState.DEAD, due=None))
    outbox.put(a_letter("second", at=NOW + timedelta(microseconds=1)))
    outbox.put(a_letter("first"))

    assert [one.key for one in outbox.due(SERVER, NOW, most=10)] == ["first", "second"]
    assert [one.key for one in outbox.due(SERVER, NOW, most=1)] == ["first"]


@every_outbox
def test_what_is_sent_keeps_no_content(database, tmp_path):
    outbox, engine = opened(database, tmp_path), database(tmp_path)
    outbox.put(a_letter())

    outbox.settle(replace(a_letter(), state=LetterState.SENT, content=None, due=None, attempts=1))

    with engine.connect() as connection:
        rows = connection.execute(text("SELECT sealed, state FROM fhir_outbox")).all()
    assert [tuple(row) for row in rows] == [(None, "sent")]
    assert outbox.due(SERVER, NOW, most=10) == []
    assert outbox.known("k1")


@every_outbox
def test_the_content_lies_sealed_and_bound_to_its_letter(database, tmp_path):
    outbox, engine = opened(database, tmp_path), database(tmp_path)
    outbox.put(a_letter("k1"))
    outbox.put(a_letter("k2", content=b"another"))

    with engine.connect() as connection:
        first, second = connection.execute(
            text("SELECT sealed FROM fhir_outbox ORDER BY key")
        ).scalars()
    assert b"Jane" not in bytes(first)
    with writing(engine) as connection:
        connection.execute(
            text("UPDATE fhir_outbox SET sealed = :it WHERE key = 'k1'"), {"it": bytes(second)}
        )

    with pytest.raises(Refused) as refused:
        outbox.due(SERVER, NOW, most=10)
    assert refused.value.code == "outbox_damaged"
    with pytest.raises(Refused):
        opened(database, tmp_path, bytes(32)).due(SERVER, NOW, most=10)


@every_outbox
def test_dead_letters_are_listed_and_wait_again_when_asked_to(database, tmp_path):
    outbox = opened(database, tmp_path)
    dead = a_letter(state=LetterState.DEAD, due=None, attempts=3, problem="not_given")
    outbox.put(dead)
    outbox.put(a_letter("none", state=LetterState.NOTHING, content=None, due=None))

    (listed,) = outbox.listed([LetterState.DEAD], most=10)
    assert (listed.key, listed.problem, listed.content) == ("k1", "not_given", b"")
    assert outbox.revive("https://other.example.org", NOW) == 0
    assert outbox.revive(SERVER, NOW) == 1
    (due,) = outbox.due(SERVER, NOW, most=10)
    assert (due.attempts, due.content) == (0, dead.content)


@every_outbox
def test_who_is_erased_leaves_no_letter(database, tmp_path):
    outbox = opened(database, tmp_path)
    outbox.put(a_letter("k1"))
    outbox.put(a_letter("k2", subject_tag="tag-of-another"))

    assert outbox.forget([]) == 0
    assert outbox.forget(["tag-of-jane", *map(str, range(2000))]) == 1

    assert not outbox.known("k1")
    assert outbox.known("k2")


@every_outbox
def test_up_to_when_a_server_was_answered_is_known_for_each_model(database, tmp_path):
    outbox = opened(database, tmp_path)
    assert outbox.reached(SERVER, "sepsis") is None

    outbox.reach(SERVER, "sepsis", "2026-03-01T12:00:00Z")
    outbox.reach(SERVER, "sepsis", "2026-03-01T12:00:05Z")

    assert opened(database, tmp_path).reached(SERVER, "sepsis") == "2026-03-01T12:00:05Z"
    assert outbox.reached(SERVER, "falls") is None


def test_a_letter_that_is_sent_can_hold_no_patient():
    with pytest.raises(Invalid):
        a_letter(state=LetterState.SENT)
    with pytest.raises(Invalid):
        a_letter(content=None)
    assert "Jane" not in repr(a_letter())
