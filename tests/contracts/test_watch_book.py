"""What every book of a monitor must do, whatever keeps it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from bedside.core.errors import Refused
from bedside.core.ports.watch import WatchBook, WatchedSubject, WatchRun
from bedside.infra.database.opening import open_database, writing
from bedside.monitor.adapters.sql_watch_book import SqlWatchBook
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

SEPSIS = "sepsis@abababababab"
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


every_book = pytest.mark.parametrize("database", [on_sqlite, on_postgres])  # add yours here
Opened = Callable[[Path], Engine]


def opened(database: Opened, folder: Path, secret: bytes = SECRET) -> WatchBook:
    return SqlWatchBook(database(folder), writing=writing, secret=lambda: secret)


def a_run(**changes: object) -> WatchRun:
    told = {"version": SEPSIS, "at": "2026-03-02T02:00:00Z", "answers": 7, "notes": 3}
    return WatchRun(**(told | {"state": b"detectors"} | changes))


JANE = WatchedSubject(first="2026-03-01T08:00:00Z", first_day="2026-03-01")


@every_book
def test_what_was_counted_is_there_again_in_the_next_process(database, tmp_path):
    book = opened(database, tmp_path)
    assert (book.run(SEPSIS), book.runs(), list(book.tallies(SEPSIS))) == (None, [], [])
    book.keep(
        a_run(),
        {"2026-03-02": b"two", "2026-03-01": b"one"},
        entries={"2026-03-01": b"[5]"},
        subjects={"jane": JANE},
    )

    again = opened(database, tmp_path)

    assert again.run(SEPSIS) == a_run()
    assert list(again.tallies(SEPSIS)) == [("2026-03-01", b"one"), ("2026-03-02", b"two")]
    assert list(again.tallies(SEPSIS, since="2026-03-02")) == [("2026-03-02", b"two")]
    assert list(again.tallies(SEPSIS, until="2026-03-02")) == [("2026-03-01", b"one")]
    assert again.entries(SEPSIS, "2026-03-01") == b"[5]"
    assert again.entries(SEPSIS, "2026-02-28") is None
    assert again.subjects(SEPSIS, ["jane", "nobody"]) == {"jane": JANE}
    assert again.subject_tags(SEPSIS) == {"jane": "2026-03-01"}


@every_book
def test_a_day_and_a_run_are_replaced_and_other_versions_stay(database, tmp_path):
    book = opened(database, tmp_path)
    book.keep(a_run(), {"2026-03-01": b"one"}, subjects={"jane": JANE})
    book.keep(a_run(version="other@cd"), {"2026-03-01": b"other"}, subjects={"jane": JANE})

    drawn = WatchedSubject(
        first=JANE.first, first_day=JANE.first_day, drawn=2**40, drawn_day="2026-03-02"
    )
    book.keep(a_run(answers=9), {"2026-03-01": b"new"}, subjects={"jane": drawn})

    assert [one.answers for one in book.runs()] == [7, 9]
    assert list(book.tallies(SEPSIS)) == [("2026-03-01", b"new")]
    assert list(book.tallies("other@cd")) == [("2026-03-01", b"other")]
    assert book.subjects(SEPSIS, ["jane"]) == {"jane": drawn}

    book.forget(SEPSIS)

    assert book.run(SEPSIS) is None
    assert (list(book.tallies(SEPSIS)), book.subject_tags(SEPSIS)) == ([], {})
    assert list(book.tallies("other@cd")) == [("2026-03-01", b"other")]


@every_book
def test_what_was_opened_is_kept_by_day_and_dropped_by_day_or_with_its_version(database, tmp_path):
    book = opened(database, tmp_path)
    book.keep_opened(SEPSIS, {"2026-03-02": b"two", "2026-03-01": b"one"})
    book.keep_opened(SEPSIS, {"2026-03-02": b"more"})
    book.keep_opened("other@cd", {"2026-03-01": b"other"})
    book.keep_opened(SEPSIS, {})

    again = opened(database, tmp_path)

    assert list(again.opened(SEPSIS)) == [("2026-03-01", b"one"), ("2026-03-02", b"more")]
    assert list(again.opened(SEPSIS, since="2026-03-02")) == [("2026-03-02", b"more")]
    assert list(again.opened(SEPSIS, until="2026-03-02")) == [("2026-03-01", b"one")]
    again.drop_opened(["2026-03-01"])
    again.drop_opened([])
    assert list(again.opened(SEPSIS)) == [("2026-03-02", b"more")]
    assert list(again.opened("other@cd")) == []
    again.forget(SEPSIS)
    assert list(again.opened(SEPSIS)) == []


@every_book
def test_going_back_to_a_day_undoes_what_became_known_since(database, tmp_path):
    book = opened(database, tmp_path)
    early = WatchedSubject(
        first=JANE.first, first_day="2026-03-01", drawn=8, drawn_day="2026-03-02"
    )
    late = WatchedSubject(first=JANE.first, first_day="2026-03-02")
    days = {"2026-03-01": b"one", "2026-03-02": b"two", "2026-03-03": b"three"}
    book.keep(a_run(), days, subjects={"early": early, "late": late, "erased": JANE})

    book.keep(a_run(), {"2026-03-02": b"again"}, since="2026-03-02", gone=["erased"])

    assert list(book.tallies(SEPSIS)) == [("2026-03-01", b"one"), ("2026-03-02", b"again")]
    undrawn = WatchedSubject(first=JANE.first, first_day="2026-03-01")
    assert book.subjects(SEPSIS, ["early", "late", "erased"]) == {"early": undrawn}


@every_book
def test_no_tally_lies_open_and_none_opens_once_it_was_changed(database, tmp_path):
    book = opened(database, tmp_path)
    book.keep(a_run(), {"2026-03-01": b"eleven ill"}, entries={"2026-03-01": b"[5, 6]"})
    book.keep_opened(SEPSIS, {"2026-03-01": b"eleven ill"})
    engine = database(tmp_path)
    with engine.connect() as connection:
        rows = [*connection.execute(text("SELECT sealed, entries FROM watch_days"))]
        rows += connection.execute(text("SELECT sealed FROM watch_opened"))
    assert all(
        secret not in bytes(cell) for row in rows for cell in row for secret in (b"ill", b"[5")
    )

    with writing(engine) as connection:
        connection.execute(text("UPDATE watch_days SET day = '2026-03-02'"))
        connection.execute(text("UPDATE watch_opened SET day = '2026-03-02'"))

    for read in (
        lambda: list(book.tallies(SEPSIS)),
        lambda: list(book.opened(SEPSIS)),
        lambda: book.entries(SEPSIS, "2026-03-02"),
        lambda: opened(database, tmp_path, bytes(32)).run(SEPSIS),
    ):
        with pytest.raises(Refused) as refused:
            read()
        assert refused.value.code == "watch_damaged"
