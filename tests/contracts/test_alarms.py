"""What must hold of kept alarms and of the messages about them, whatever keeps them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from bedside.core.errors import NotFound
from bedside.core.ports.watch import Alarms, Deliveries, Delivery
from bedside.core.records.watch import Alarm, AlarmStep, Finding
from bedside.infra.database.opening import open_database, writing
from bedside.monitor.adapters.sql_alarms import SqlAlarms
from bedside.monitor.adapters.sql_deliveries import SqlDeliveries
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

NOON, ONE, TWO = (f"2026-03-01T{hour}:00:00.000000Z" for hour in (12, 13, 14))
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


Opened = Callable[[Path], Engine]
on_every_database = pytest.mark.parametrize("database", [on_sqlite, on_postgres])  # add yours here


def the_alarms(database: Opened, folder: Path) -> Alarms:
    return SqlAlarms(database(folder), writing=writing)


def the_deliveries(database: Opened, folder: Path) -> Deliveries:
    return SqlDeliveries(database(folder), writing=writing)


def an_alarm(number: int = 12, **changes: object) -> Alarm:
    finding = Finding(
        stream="missing:creatinine.last",
        kind="input",
        side="up",
        signal="creatinine",
        group=None,
        since="2026-02-27",
        log_evidence=9.25,
        bar=7.5,
        then=0.1,
        now=None,
        n=None,
        text="creatinine is missing more often",
    )
    told = {
        "id": f"ALM-{number}",
        "key": "m@0 feed_lost creatinine",
        "model": "m",
        "version": "m@0",
        "kind": "input",
        "severity": "high",
        "cause": "feed_lost",
        "onset": "2026-02-27",
        "raised": NOON,
        "text": "creatinine stopped coming",
        "signals": ("creatinine",),
        "groups": ("ward: B",),
        "score_share": 0.71,
        "findings": (finding,),
        "owner": "ada",
        "steps": (AlarmStep(kind="raised", at=NOON, by="user:ada", entry=number),),
    }
    return Alarm(**(told | changes))


def a_message(key: str = "duty ALM-12 12", **changes: object) -> Delivery:
    told = {"key": key, "sink": "duty", "alarm": "ALM-12", "body": b"{}", "put": NOON}
    return Delivery(**(told | {"next_at": NOON} | changes))


@on_every_database
def test_an_alarm_is_there_again_in_the_next_process_as_it_was_last(database, tmp_path):
    alarms = the_alarms(database, tmp_path)
    alarms.put(an_alarm())
    changed = an_alarm(state="acknowledged")
    alarms.put(changed)

    again = the_alarms(database, tmp_path)

    assert again.get("alm-12") == changed
    with pytest.raises(NotFound):
        again.get("ALM-13")


@on_every_database
def test_alarms_are_found_by_model_and_by_what_is_not_resolved_the_oldest_first(database, tmp_path):
    alarms = the_alarms(database, tmp_path)
    for one in (
        an_alarm(110),
        an_alarm(20, state="resolved"),
        an_alarm(3, model="other", state="acknowledged"),
    ):
        alarms.put(one)

    def found(*of: str, **how: bool) -> list[str]:
        return [one.id for one in alarms.all(*of, **how)]

    assert found() == ["ALM-3", "ALM-20", "ALM-110"]
    assert found("m") == ["ALM-20", "ALM-110"]
    assert found(unresolved=True) == ["ALM-3", "ALM-110"]
    assert found("m", unresolved=True) == ["ALM-110"]


@on_every_database
def test_a_message_is_kept_once_whatever_is_put_again(database, tmp_path):
    assert the_deliveries(database, tmp_path).put(a_message())

    again = the_deliveries(database, tmp_path)

    assert not again.put(a_message(body=b"another"))
    assert again.all() == [a_message()]


@on_every_database
def test_a_message_is_due_when_its_time_has_come_and_it_still_waits(database, tmp_path):
    kept = the_deliveries(database, tmp_path)
    for one in (
        a_message("a", next_at=TWO),
        a_message("b", state="dead"),
        a_message("c"),
        a_message("d", state="sent"),
        a_message("e", next_at=ONE),
    ):
        kept.put(one)

    assert [one.key for one in kept.due(ONE)] == ["c", "e"]
    assert [one.key for one in kept.due(TWO, limit=2)] == ["a", "c"]
    assert [one.key for one in kept.all(state="dead")] == ["b"]


@on_every_database
def test_one_alone_may_try_a_message_until_the_time_of_its_claim_is_over(database, tmp_path):
    kept = the_deliveries(database, tmp_path)
    kept.put(a_message())
    seen = kept.due(NOON)[0]

    taken = kept.claim(seen, ONE)

    assert taken == replace(seen, tries=1, next_at=ONE, why="being_sent")
    assert the_deliveries(database, tmp_path).claim(seen, ONE) is None
    assert kept.due(NOON) == []
    assert kept.due(ONE) == [taken], "whoever took it may have died"


@on_every_database
def test_what_became_of_a_message_replaces_what_was_kept(database, tmp_path):
    kept = the_deliveries(database, tmp_path)
    kept.put(a_message())

    kept.change(a_message(state="sent", tries=2, why="http_500"))

    assert kept.all() == [a_message(state="sent", tries=2, why="http_500")]
    assert kept.claim(a_message(state="sent", tries=2), TWO) is None
