"""What every ledger must do, whatever keeps the entries."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ports import Ledger
from bedside.core.records.ledger import GENESIS, Actor, LedgerDraft
from bedside.governance.adapters.distant_ledger import DistantLedger
from bedside.governance.adapters.ledger_writer import LedgerWriter
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases, the_server

NURSE = Actor(name="user:grey", purpose="care")
ADA, BEN = 8_123_456_789_012_345_678, 17  # subjects
MORNING = datetime(2026, 1, 31, 8, tzinfo=UTC)
clock = FixedClock(MORNING)
_urls: dict[Path, str] = {}
_groups: list[GroupCommit | DistantLedger] = []
_writers: list[tuple[threading.Thread, threading.Event]] = []
_folders: list[tempfile.TemporaryDirectory[str]] = []


def sqlite_in(folder: Path) -> Engine:
    return open_database(folder / "bedside.sqlite")


def postgres_of(folder: Path) -> Engine:
    if folder not in _urls:
        _urls[folder] = a_postgres_url()
    return a_postgres_engine(_urls[folder])


def a_ledger_on(engine: Engine) -> SqlLedger:
    return SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=clock,
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )


def a_socket_folder() -> Path:
    """A folder of a short name, which a socket needs."""
    _folders.append(tempfile.TemporaryDirectory(prefix="bedside-"))
    return Path(_folders[-1].name)


def on_sqlite(folder: Path) -> Ledger:
    return a_ledger_on(sqlite_in(folder))


def on_postgres(folder: Path) -> Ledger:
    return a_ledger_on(postgres_of(folder))


def grouped_on_sqlite(folder: Path) -> Ledger:
    _groups.append(GroupCommit(on_sqlite(folder)))
    return _groups[-1]


def grouped_on_postgres(folder: Path) -> Ledger:
    _groups.append(GroupCommit(on_postgres(folder)))
    return _groups[-1]


def distant(engine: Engine) -> Ledger:
    """In front of a writer, which has a thread of its own here and a process in a server."""
    path, ended = a_socket_folder() / "ledger", threading.Event()
    writer = LedgerWriter(a_ledger_on(engine), SqlPredictions(engine), path)
    thread = threading.Thread(target=writer.run, args=(ended.is_set,))
    thread.start()
    _writers.append((thread, ended))
    ledger = DistantLedger(path, a_ledger_on(engine))
    _groups.append(ledger)
    return ledger


def distant_on_sqlite(folder: Path) -> Ledger:
    return distant(sqlite_in(folder))


def distant_on_postgres(folder: Path) -> Ledger:
    return distant(postgres_of(folder))


LEDGERS = [
    on_sqlite, on_postgres, grouped_on_sqlite, grouped_on_postgres, distant_on_sqlite,
    distant_on_postgres,
]  # add yours here  # fmt: skip
every_ledger = pytest.mark.parametrize("opened", LEDGERS)
Opened = Callable[[Path], Ledger]


@pytest.fixture(autouse=True)
def everything_is_closed_afterwards() -> Iterator[None]:
    clock.at = MORNING
    yield
    while _groups:
        _groups.pop().close()
    for _, ended in _writers:
        ended.set()
    while _writers:
        _writers.pop()[0].join()
    while _folders:
        _folders.pop().cleanup()
    _urls.clear()
    drop_databases()


def a_draft(number: int, **changes: Any) -> LedgerDraft:
    ordinary = {"actor": NURSE, "action": "predict", "details": {"number": number}}
    return LedgerDraft(**ordinary | changes)


def all_that_is_written(folder: Path) -> bytes:
    """Every byte on the disk of whatever keeps the ledger."""
    files = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return files + the_server().files() if folder in _urls else files


@every_ledger
def test_an_empty_ledger_is_whole(opened: Opened, tmp_path: Path) -> None:
    ledger = opened(tmp_path)

    faults = ledger.verify()

    assert faults == []
    assert list(ledger.entries()) == []


@every_ledger
def test_each_entry_is_numbered_stamped_and_tied_to_the_one_before(
    opened: Opened, tmp_path: Path
) -> None:
    ledger = opened(tmp_path)

    first = ledger.append(NURSE, "build.start", {"model": "biopsy"})
    second = ledger.append(NURSE, "build.done", {"auroc": 0.99, "gates": [True, None]})

    assert (first.sequence, first.previous, first.at) == (1, GENESIS, "2026-01-31T08:00:00.000000Z")
    assert (second.sequence, second.previous) == (2, first.hash)
    assert list(ledger.entries()) == [first, second]
    assert ledger.verify() == []


@every_ledger
def test_what_was_appended_is_there_when_the_ledger_is_opened_again(
    opened: Opened, tmp_path: Path
) -> None:
    entry = opened(tmp_path).append(NURSE, "predict", {"latency_ms": 1.5}, sealed=b"creatinine 3")

    again = opened(tmp_path)

    assert list(again.entries()) == [entry]
    assert again.unseal(1) == b"creatinine 3"
    assert again.append(NURSE, "predict", {}).previous == entry.hash
    assert again.verify() == []


@every_ledger
def test_what_is_sealed_stands_in_clear_in_no_file(opened: Opened, tmp_path: Path) -> None:
    ledger = opened(tmp_path)

    entry = ledger.append(NURSE, "predict", {}, sealed=b"Rosalind Franklin, 3.1 mg/dL")

    written = all_that_is_written(tmp_path)
    assert entry.hash.encode() in written
    assert b"Rosalind" not in written


@every_ledger
def test_an_entry_without_a_sealed_part_has_nothing_to_unseal(
    opened: Opened, tmp_path: Path
) -> None:
    ledger = opened(tmp_path)
    ledger.append(NURSE, "release", {})

    for sequence in (1, 2):
        with pytest.raises(NotFound):
            ledger.unseal(sequence)


@every_ledger
@pytest.mark.parametrize(
    "details",
    [
        {"patient_id": 17},
        {"SubjectID": 17},
        {"mrn": "x"},
        {"name": "x"},
        {"first_name": "x"},
        {"inner": [{"birth_date": "x"}]},
        {"subjects": [1, 2]},
        {"when": datetime(2026, 1, 1, tzinfo=UTC)},
        {"pair": (1, 2)},
        {"risk": float("nan")},
        {"text": "\ud800"},
        {17: "x"},
    ],
)
def test_an_identity_or_what_json_cannot_say_never_enters_the_open_part(
    opened: Opened, tmp_path: Path, details: dict[Any, Any]
) -> None:
    ledger = opened(tmp_path)

    with pytest.raises(Invalid):
        ledger.append(NURSE, "predict", details)

    assert list(ledger.entries()) == []


@every_ledger
def test_counts_of_people_and_names_of_models_are_welcome(opened: Opened, tmp_path: Path) -> None:
    ledger = opened(tmp_path)

    entry = ledger.append(NURSE, "build", {"subjects": 569, "patient_count": 3, "model_name": "b"})

    assert entry.details == {"subjects": 569, "patient_count": 3, "model_name": "b"}


@every_ledger
@pytest.mark.parametrize(
    ("actor", "action"),
    [
        (Actor(name=" ", purpose="care"), "predict"),
        (Actor(name="user:grey", purpose=""), "predict"),
        (NURSE, ""),
    ],
)
def test_nothing_is_done_by_nobody_or_for_no_purpose(
    opened: Opened, tmp_path: Path, actor: Actor, action: str
) -> None:
    ledger = opened(tmp_path)

    with pytest.raises(Invalid):
        ledger.append(actor, action, {})


@every_ledger
def test_several_entries_are_added_in_their_order_at_one_time(
    opened: Opened, tmp_path: Path
) -> None:
    ledger = opened(tmp_path)
    first = ledger.append(NURSE, "build.start", {})

    added = ledger.append_all([a_draft(n, sealed=b"%d" % n, subject=n % 2) for n in range(5)])

    assert list(ledger.entries()) == [first, *added]
    assert [entry.details["number"] for entry in added] == [0, 1, 2, 3, 4]
    assert [ledger.unseal(entry.sequence) for entry in added] == [b"0", b"1", b"2", b"3", b"4"]
    assert added[0].previous == first.hash
    assert ledger.verify() == []


@every_ledger
@pytest.mark.parametrize(
    "bad",
    [
        a_draft(9, details={"mrn": "x"}),
        a_draft(9, actor=Actor(name="a\0b", purpose="care")),
        a_draft(9, sealed="text"),
        a_draft(9, subject="17"),
        a_draft(9, subject=True),
    ],
)
def test_of_several_entries_all_are_added_or_none(
    opened: Opened, tmp_path: Path, bad: LedgerDraft
) -> None:
    ledger = opened(tmp_path)

    with pytest.raises(Invalid):
        ledger.append_all([a_draft(1), bad, a_draft(2)])

    assert list(ledger.entries()) == []
    assert ledger.append_all([]) == []
    assert ledger.append(NURSE, "predict", {}).sequence == 1


@every_ledger
def test_what_is_sealed_for_a_subject_opens_and_is_found_by_the_subject(
    opened: Opened, tmp_path: Path
) -> None:
    ledger = opened(tmp_path)
    ledger.append(NURSE, "predict", {}, sealed=b"ada 1", subject=ADA)
    ledger.append(NURSE, "predict", {}, sealed=b"ben 1", subject=BEN)
    ledger.append(NURSE, "predict", {}, sealed=b"nobody")
    ledger.append(NURSE, "predict", {}, subject=ADA)

    again = opened(tmp_path)
    again.append(NURSE, "predict", {}, sealed=b"ada 2", subject=ADA)

    assert [again.unseal(n) for n in (1, 2, 3, 5)] == [b"ada 1", b"ben 1", b"nobody", b"ada 2"]
    assert (again.sealed_for(ADA), again.sealed_for(BEN), again.sealed_for(1)) == ([1, 5], [2], [])
    assert [entry.subject_tag is None for entry in again.entries()] == [0, 0, 1, 1, 0]
    assert again.verify() == ledger.verify() == []


@every_ledger
def test_a_forgotten_subject_cannot_be_read_and_the_chain_stays_whole(
    opened: Opened, tmp_path: Path
) -> None:
    ledger = opened(tmp_path)
    ledger.append_all(
        [a_draft(n, sealed=b"x", subject=who) for n, who in enumerate([ADA, BEN] * 2)]
    )
    before = list(ledger.entries())

    forgotten = ledger.forget(ADA)

    assert forgotten == ledger.forget(ADA) == 2
    for sequence in (1, 3):
        for one in (ledger, opened(tmp_path)):
            with pytest.raises(Refused) as refused:
                one.unseal(sequence)
            assert refused.value.code == "erased"
    assert ledger.unseal(2) == ledger.unseal(4) == b"x"
    assert ledger.sealed_for(ADA) == []
    assert list(ledger.entries()) == before
    assert ledger.verify() == []


@every_ledger
def test_a_subject_who_was_forgotten_and_comes_back_gets_a_new_key(
    opened: Opened, tmp_path: Path
) -> None:
    ledger, other = opened(tmp_path), opened(tmp_path)
    ledger.append(NURSE, "predict", {}, sealed=b"first stay", subject=ADA)
    other.append(NURSE, "predict", {}, sealed=b"first stay", subject=ADA)
    ledger.forget(ADA)

    back = other.append(NURSE, "predict", {}, sealed=b"second stay", subject=ADA)
    ledger.append(NURSE, "predict", {}, sealed=b"still there", subject=ADA)

    assert ledger.sealed_for(ADA) == [back.sequence, back.sequence + 1] == [3, 4]
    assert ledger.unseal(3) == b"second stay"
    for sequence in (1, 2):
        with pytest.raises(Refused):
            other.unseal(sequence)
    assert other.forget(ADA) == 4
    assert ledger.sealed_for(ADA) == ledger.verify() == []


@every_ledger
def test_forgetting_somebody_of_whom_nothing_is_kept_is_no_error(
    opened: Opened, tmp_path: Path
) -> None:
    ledger = opened(tmp_path)
    ledger.append(NURSE, "predict", {}, sealed=b"x", subject=BEN)

    assert ledger.forget(ADA) == 0
    assert ledger.unseal(1) == b"x"


@every_ledger
def test_what_is_written_names_no_subject(opened: Opened, tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    ledger.append(NURSE, "predict", {}, sealed=b"x", subject=ADA)

    ledger.forget(ADA)

    written = all_that_is_written(tmp_path)
    forms = (str(ADA).encode(), ADA.to_bytes(8, "big"), ADA.to_bytes(8, "little"), b"%x" % ADA)
    assert [form for form in forms if form in written] == []


@every_ledger
def test_a_clock_that_is_put_back_is_written_down_and_stops_nothing(
    opened: Opened, tmp_path: Path
) -> None:
    ledger = opened(tmp_path)
    told = []

    for hours in (0, 5, -30, -29, 100):
        clock.at = MORNING + timedelta(hours=hours)
        told.append(ledger.append(NURSE, "predict", {}, sealed=b"x", subject=ADA).at)

    assert told == [entry.at for entry in ledger.entries()]
    assert told[2] == "2026-01-30T02:00:00.000000Z" < told[0]
    assert [entry.sequence for entry in ledger.entries()] == [1, 2, 3, 4, 5]
    assert ledger.verify() == []
    assert ledger.unseal(3) == b"x"
    assert ledger.forget(ADA) == 5
