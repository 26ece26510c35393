"""Forgetting destroys the key itself: no file of the workspace holds its wrapped bytes after it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.core.clock import SystemClock
from bedside.core.errors import Refused, Unavailable
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database import sqlite
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces

NURSE = Actor(name="user:grey", purpose="care")


def a_ledger(folder: Path) -> SqlLedger:
    return SqlLedger(
        open_database(folder / "ledger.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=b"s" * 32,
        signing_key=Ed25519PrivateKey.from_private_bytes(b"l" * 32),
    )


def drafts(subjects: range) -> list[LedgerDraft]:
    return [
        LedgerDraft(actor=NURSE, action="predict", details={}, sealed=b"x" * 300, subject=subject)
        for subject in subjects
    ]


def wrapped_keys(folder: Path) -> set[bytes]:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        found = connection.execute("SELECT wrapped FROM ledger_subjects WHERE wrapped NOT NULL")
        return {wrapped for (wrapped,) in found}


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def test_no_file_holds_a_destroyed_key_and_every_other_key_stands(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    for begin in range(0, 1200, 60):
        ledger.append_all(drafts(range(begin, begin + 90)))  # old and new subjects, page by page
    before = wrapped_keys(tmp_path)

    for subject in range(0, 1200, 7):
        ledger.forget(subject)

    kept = wrapped_keys(tmp_path)
    destroyed = before - kept
    left = written(tmp_path)
    assert (len(before), len(destroyed)) == (1230, 172)
    assert [key for key in destroyed if key in left or key[12:44] in left] == []
    assert all(key in left for key in kept)
    assert ledger.verify() == []


def test_a_reader_that_keeps_the_log_is_told_and_forgetting_again_clears_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE_MS", 50)
    ledger = a_ledger(tmp_path)
    ledger.append_all(drafts(range(3)))
    before = wrapped_keys(tmp_path)
    reader = ledger.entries()
    next(reader)

    with pytest.raises(Unavailable) as busy:
        ledger.forget(1)

    assert busy.value.code == "database_busy"
    with pytest.raises(Refused):
        ledger.unseal(2)
    (key,) = before - wrapped_keys(tmp_path)
    assert key in written(tmp_path)
    reader.close()  # type: ignore[attr-defined]
    assert ledger.forget(1) == 1
    assert key not in written(tmp_path)


def test_the_keys_of_a_commit_that_failed_are_not_used_later(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    ledger.append_all(drafts(range(1)))
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection, connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON ledger BEGIN SELECT RAISE(ABORT, 'x'); END"
        )

    with pytest.raises(Exception, match="x"):
        ledger.append_all(drafts(range(5, 8)))

    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection, connection:
        connection.execute("DROP TRIGGER full")
    ledger.append_all(drafts(range(5, 8)))
    assert [ledger.unseal(sequence) for sequence in (2, 3, 4)] == [b"x" * 300] * 3
    assert ledger.verify() == []


def test_a_ledger_from_before_there_were_subjects_opens_grows_and_is_whole(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    old = [ledger.append(NURSE, "predict", {"n": n}, sealed=b"old") for n in range(3)]
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection, connection:
        connection.execute("ALTER TABLE ledger DROP COLUMN subject_tag")
        connection.execute("DROP TABLE ledger_subjects")

    again = a_ledger(tmp_path)
    again.append(NURSE, "predict", {}, sealed=b"new", subject=1)

    assert list(a_ledger(tmp_path).entries())[:3] == old
    assert (again.unseal(1), again.unseal(4), again.sealed_for(1)) == (b"old", b"new", [4])
    assert again.verify() == []
