"""Whoever edits the ledger's tables behind its back is found, and the entry is named."""

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import inspect

from bedside.core.clock import FixedClock
from bedside.core.errors import Refused
from bedside.core.ids import digest_of
from bedside.core.records.ledger import GENESIS, Actor
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

COUNT = 6
COLUMNS = ["at", "actor", "purpose", "action", "details", "sealed", "sealed_digest",
           "subject_tag", "previous", "hash"]  # fmt: skip
LISTED = ", ".join(COLUMNS)
SAME_LENGTH = {"details": '{"model":"9"}', "hash": "0" * 64, "previous": "1" * 64}
KEY = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)  # it takes any type
_urls: dict[Path, str] = {}


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    if request.param == "postgres":
        _urls[tmp_path] = a_postgres_url()
    yield
    _urls.clear()
    drop_databases()


def opened(folder: Path, *, key: Ed25519PrivateKey = KEY) -> SqlLedger:
    where = _urls.get(folder)
    return SqlLedger(
        a_postgres_engine(where) if where else open_database(folder / "ledger.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=FixedClock(datetime(2026, 1, 31, 8, tzinfo=UTC)),
        sealing_key=b"s" * 32,
        signing_key=key,
    )


def a_ledger(folder: Path, *, count: int = COUNT) -> SqlLedger:
    """Each even entry is sealed for a subject, the odd ones for nobody."""
    ledger = opened(folder)
    for number in range(count):
        actor = Actor(name=f"user:{number}", purpose=f"care {number}")
        subject = number % 4 if number % 2 else None
        ledger.append(
            actor,
            f"predict.{number}",
            {"model": str(number)},
            sealed=b"%d" % number,
            subject=subject,
        )
    return ledger


def edit(folder: Path, *statements: str, values: tuple[Any, ...] = ()) -> None:
    """Run the statements, and see that each changed something. `?` is one of the values."""
    for statement in statements:
        given = values if "?" in statement else ()
        assert changed(folder, statement, given) != 0, "the test edited nothing"


def changed(folder: Path, statement: str, values: tuple[Any, ...]) -> int:
    if folder in _urls:
        with psycopg.connect(_urls[folder]) as server:
            # PostgreSQL writes bytes otherwise, and its text is no bytes
            spelled = statement.replace("x'00'", r"'\x00'").replace("x'ff'", r"'\xff'")
            return server.execute(spelled.replace("?", "%s"), values).rowcount  # type: ignore[arg-type]
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection, connection:
        return connection.execute(statement, values).rowcount


def rows(folder: Path, question: str) -> list[tuple[Any, ...]]:
    if folder in _urls:
        with psycopg.connect(_urls[folder]) as server:
            return server.execute(question).fetchall()  # type: ignore[arg-type]
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection:
        return connection.execute(question).fetchall()


def open_columns(folder: Path) -> list[str]:
    where = _urls.get(folder)
    engine = a_postgres_engine(where) if where else open_database(folder / "ledger.sqlite")
    return [column["name"] for column in inspect(engine).get_columns("ledger")]


def faults(ledger: SqlLedger) -> list[tuple[int, str]]:
    return [(fault.sequence, fault.kind) for fault in ledger.verify()]


def test_the_columns_under_test_are_all_that_there_are(tmp_path: Path) -> None:
    a_ledger(tmp_path)

    found = set(open_columns(tmp_path))

    assert found == {"sequence", *COLUMNS}


@pytest.mark.parametrize("sequence", [1, 3, COUNT])
@pytest.mark.parametrize("column", COLUMNS)
def test_an_edit_of_any_column_of_any_row_is_found_and_named(
    tmp_path: Path, column: str, sequence: int
) -> None:
    ledger = a_ledger(tmp_path)

    new = SAME_LENGTH.get(column, b"x" * 30 if column == "sealed" else "changed")
    edit(tmp_path, f"UPDATE ledger SET {column} = ? WHERE sequence = {sequence}", values=(new,))

    assert (sequence, "edited") in faults(ledger)
    assert {number for number, _ in faults(ledger)} == {sequence}


@only_sqlite
@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("junk", ["x''", "x'ff00'", "CAST(x'ff' AS TEXT)", "17", "'[]'", "''"])
def test_junk_of_any_type_is_a_finding_and_not_a_crash(
    tmp_path: Path, column: str, junk: str
) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, f"UPDATE ledger SET {column} = {junk} WHERE sequence = 3")

    assert (3, "edited") in faults(ledger)


@pytest.mark.parametrize("column", ["sealed", "sealed_digest"])
def test_taking_a_sealed_part_away_is_found(tmp_path: Path, column: str) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, f"UPDATE ledger SET {column} = NULL WHERE sequence = 3")

    assert faults(ledger) == [(3, "edited")]


def test_even_a_space_in_the_stored_details_is_found(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, "UPDATE ledger SET details = details || ' ' WHERE sequence = 2")

    assert faults(ledger) == [(2, "edited")]


@pytest.mark.parametrize("sequence", [1, 3, COUNT])
def test_a_deleted_entry_is_found_and_named_also_at_the_end(tmp_path: Path, sequence: int) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, f"DELETE FROM ledger WHERE sequence = {sequence}")

    assert faults(ledger) == [(sequence, "dropped")]


def test_the_last_entries_cannot_be_dropped_with_or_without_the_head(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, "DELETE FROM ledger WHERE sequence > 3")
    found = faults(ledger)
    edit(tmp_path, "DELETE FROM ledger_head")

    assert found == [(4, "dropped")]
    assert [fault.text for fault in ledger.verify()] == ["The signed head is missing."]
    assert faults(ledger) == [(3, "unsigned")]


def test_an_emptied_ledger_is_missed_by_its_head(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, "DELETE FROM ledger")

    assert faults(ledger) == [(1, "dropped")]


@pytest.mark.parametrize(("one", "two"), [(2, 3), (1, COUNT), (5, 6)])
def test_two_entries_that_changed_places_are_found_and_named(
    tmp_path: Path, one: int, two: int
) -> None:
    ledger = a_ledger(tmp_path)

    edit(
        tmp_path,
        f"UPDATE ledger SET sequence = 99 WHERE sequence = {one}",
        f"UPDATE ledger SET sequence = {one} WHERE sequence = {two}",
        f"UPDATE ledger SET sequence = {two} WHERE sequence = 99",
    )

    assert faults(ledger) == [(one, "reordered"), (two, "reordered")]
    assert f"Entry {two} was moved" in ledger.verify()[0].text


def test_two_entries_that_changed_bodies_under_their_own_hashes_are_found(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    edit(
        tmp_path,
        "UPDATE ledger SET actor = 'user:2' WHERE sequence = 2",
        "UPDATE ledger SET actor = 'user:1' WHERE sequence = 3",
    )

    assert faults(ledger) == [(2, "edited"), (3, "edited")]


@pytest.mark.parametrize("sequence", [0, -1])
def test_an_entry_put_before_the_first_is_found(tmp_path: Path, sequence: int) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, _copy_of(1, at=sequence))

    assert faults(ledger) == [(sequence, "unsigned")]


def test_an_entry_put_between_two_is_found(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    edit(
        tmp_path,
        "UPDATE ledger SET sequence = sequence + 100 WHERE sequence > 3",
        _copy_of(3, at=4),
        "UPDATE ledger SET sequence = sequence - 99 WHERE sequence > 100",
    )

    assert [number for number, _ in faults(ledger)] == [4, 5, 6, 7, 7]
    assert (5, "reordered") in faults(ledger)


def test_an_entry_forged_with_a_right_hash_at_the_end_is_found(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, *_forged(ledger, sequence=COUNT + 1))

    assert faults(ledger) == [(COUNT + 1, "unsigned")]


@pytest.mark.parametrize("sequence", [1, 4, COUNT])
def test_an_edit_with_its_hash_computed_anew_is_found(tmp_path: Path, sequence: int) -> None:
    ledger = a_ledger(tmp_path)

    edit(
        tmp_path,
        f"DELETE FROM ledger WHERE sequence = {sequence}",
        *_forged(ledger, sequence=sequence),
    )

    assert faults(ledger) == [(sequence, "edited")]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_head SET sequence = sequence - 1",
        "UPDATE ledger_head SET hash = (SELECT hash FROM ledger WHERE sequence = 3)",
        "UPDATE ledger_head SET signature = x'00'",
        "UPDATE ledger_head SET signature = 'text'",
        "UPDATE ledger_head SET hash = x'ff'",
        "DELETE FROM ledger_head",
        "INSERT INTO ledger_head SELECT sequence + 1, hash, signature FROM ledger_head",
    ],
)
def test_an_edited_head_vouches_for_nothing(tmp_path: Path, change: str) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, change)

    assert faults(ledger) == [(COUNT, "unsigned")]


def test_a_whole_ledger_written_anew_with_another_key_is_found(tmp_path: Path) -> None:
    a_ledger(tmp_path)

    other = opened(tmp_path, key=Ed25519PrivateKey.from_private_bytes(b"m" * 32))

    assert faults(other) == [(COUNT, "unsigned")]


@pytest.mark.parametrize(
    "change",
    [
        f"DELETE FROM ledger WHERE sequence = {COUNT}",
        "DELETE FROM ledger_head",
        "DELETE FROM ledger",
        "UPDATE ledger_head SET signature = x'00'",
        f"UPDATE ledger SET hash = 'x' WHERE sequence = {COUNT}",
        f"INSERT INTO ledger (sequence, {LISTED}) SELECT {COUNT + 1}, {LISTED} FROM ledger"
        f" WHERE sequence = {COUNT}",
    ],
)
def test_a_loss_at_the_end_cannot_be_covered_up_by_going_on(tmp_path: Path, change: str) -> None:
    a_ledger(tmp_path)
    edit(tmp_path, change)
    ledger = opened(tmp_path)
    before = faults(ledger)

    with pytest.raises(Refused) as refused:
        ledger.append(Actor(name="user:next", purpose="care"), "predict", {})

    assert refused.value.code == "ledger_broken"
    assert faults(ledger) == before != []


def test_the_last_entries_and_the_head_put_back_by_hand_are_refused_for_want_of_the_key(
    tmp_path: Path,
) -> None:
    ledger = a_ledger(tmp_path)

    edit(
        tmp_path,
        "DELETE FROM ledger WHERE sequence > 3",
        "UPDATE ledger_head SET sequence = 3, hash = (SELECT hash FROM ledger WHERE sequence = 3)",
    )

    assert faults(ledger) == [(3, "unsigned")]
    with pytest.raises(Refused):
        ledger.append(Actor(name="user:next", purpose="care"), "predict", {})


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger SET sealed = (SELECT sealed FROM ledger WHERE sequence = 3)"
        " WHERE sequence = 2",
        "UPDATE ledger SET sealed = x'00' WHERE sequence = 2",
        "UPDATE ledger SET sealed = 'text' WHERE sequence = 2",
        f"UPDATE ledger SET previous = '{'0' * 64}' WHERE sequence = 2",
    ],
)
def test_a_sealed_part_that_was_moved_or_changed_does_not_open(tmp_path: Path, change: str) -> None:
    ledger = a_ledger(tmp_path)
    edit(tmp_path, change)

    with pytest.raises(Refused):
        ledger.unseal(2)

    assert ledger.unseal(3) == b"2"


def test_a_damaged_ledger_can_still_be_read_for_what_is_left(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    edit(tmp_path, "UPDATE ledger SET details = '{' WHERE sequence = 2")

    details = [entry.details for entry in ledger.entries()]

    assert details[1] == {"unreadable": True}
    assert details[2] == {"model": "2"}


def test_a_repeated_check_of_many_faults_stays_short_and_names_each(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path, count=150)

    edit(tmp_path, "UPDATE ledger SET actor = 'user:nobody'")

    assert faults(ledger) == [(number, "edited") for number in range(1, 151)]


def _copy_of(sequence: int, *, at: int) -> str:
    return (
        f"INSERT INTO ledger (sequence, {LISTED}) SELECT {at}, {LISTED} FROM ledger"
        f" WHERE sequence = {sequence}"
    )


def _forged(ledger: SqlLedger, *, sequence: int) -> list[str]:
    """An entry that fits its place, made by somebody without the ledger's key."""
    entries = {entry.sequence: entry for entry in ledger.entries()}
    previous = entries[sequence - 1].hash if sequence > 1 else GENESIS
    body = {
        "sequence": sequence, "at": "2026-01-31T08:00:00.000000Z", "actor": "user:forger",
        "purpose": "care", "action": "release", "details": {}, "sealed_digest": None,
        "previous": previous,
    }  # fmt: skip
    return [
        "INSERT INTO ledger (sequence, at, actor, purpose, action, details, previous, hash) VALUES"
        f" ({sequence}, '{body['at']}', 'user:forger', 'care', 'release', '{{}}',"
        f" '{previous}', '{digest_of(body)}')"
    ]


def test_the_signature_is_over_the_sequence_and_the_hash_of_the_last_entry(tmp_path: Path) -> None:
    last = list(a_ledger(tmp_path).entries())[-1]

    ((sequence, digest, signature),) = rows(tmp_path, "SELECT * FROM ledger_head")

    assert (sequence, digest) == (last.sequence, last.hash)
    assert base64.b64encode(signature) == base64.b64encode(
        KEY.sign(f"bedside-ledger/1\n{COUNT}\n{last.hash}\n".encode())
    )


TAG_OF = "(SELECT subject_tag FROM ledger WHERE sequence = {})"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ("DELETE FROM ledger_subjects WHERE tag = " + TAG_OF.format(2), "dropped"),
        ("UPDATE ledger_subjects SET wrapped = NULL WHERE tag = " + TAG_OF.format(2), "dropped"),
        (
            "UPDATE ledger_subjects SET wrapped = NULL, forgotten_at = '2026', proof = 'mine'"
            " WHERE tag = " + TAG_OF.format(2),
            "dropped",
        ),
        ("UPDATE ledger_subjects SET wrapped = x'00' WHERE tag = " + TAG_OF.format(2), "edited"),
        (
            "UPDATE ledger_subjects SET wrapped = (SELECT wrapped FROM ledger_subjects WHERE tag = "
            + TAG_OF.format(4)
            + ") WHERE tag = "
            + TAG_OF.format(2),
            "edited",
        ),
    ],
)
def test_a_subjects_key_that_somebody_else_destroyed_or_changed_is_found(
    tmp_path: Path, change: str, kind: str
) -> None:
    ledger = a_ledger(tmp_path)

    edit(tmp_path, change)

    assert faults(ledger) == [(2, kind)]
    with pytest.raises(Refused) as refused:
        ledger.unseal(2)
    assert refused.value.code == "ledger_broken"
    assert ledger.unseal(4) == b"3"


def test_a_key_that_was_changed_seals_nothing_more(tmp_path: Path) -> None:
    a_ledger(tmp_path)
    edit(tmp_path, "UPDATE ledger_subjects SET wrapped = NULL")
    nurse = Actor(name="user:grey", purpose="care")

    with pytest.raises(Refused) as refused:
        opened(tmp_path).append(nurse, "predict", {}, sealed=b"x", subject=1)

    assert refused.value.code == "ledger_broken"
    assert len(list(opened(tmp_path).entries())) == COUNT


def test_an_erased_entry_that_is_given_another_key_does_not_open(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    ledger.forget(1)

    edit(
        tmp_path,
        "UPDATE ledger_subjects SET wrapped = (SELECT wrapped FROM ledger_subjects WHERE tag = "
        f"{TAG_OF.format(4)}) WHERE tag = {TAG_OF.format(2)}",
    )

    assert faults(ledger) == [(2, "edited")]
    with pytest.raises(Refused):
        ledger.unseal(2)
