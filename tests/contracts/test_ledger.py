"""What every ledger must do, whatever keeps the entries."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bedside.core.clock import FixedClock
from bedside.core.errors import Invalid, NotFound
from bedside.core.ports import Ledger
from bedside.core.records.ledger import GENESIS, Actor
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.keys.file import FileKeys

NURSE = Actor(name="user:grey", purpose="care")


def on_sqlite(folder: Path) -> Ledger:
    keys = FileKeys(folder / "keys")
    return SqlLedger(
        open_sqlite(folder / "bedside.sqlite"),
        writing=writing,
        clock=FixedClock(datetime(2026, 1, 31, 8, tzinfo=UTC)),
        sealing_key=keys.derive("ledger"),
        signing_key=keys.ledger_key(),
    )


LEDGERS = [on_sqlite]  # add yours here
every_ledger = pytest.mark.parametrize("opened", LEDGERS)
Opened = Callable[[Path], Ledger]


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

    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
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
