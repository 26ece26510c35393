"""Many writers, and writers that die: every acknowledged entry is there, once, in order."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bedside.core.clock import SystemClock
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from postgres_server import a_postgres_engine, a_postgres_url, drop_databases

OPENED = """
import os, sys
from pathlib import Path
from bedside.core.clock import SystemClock
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer

folder, where, name, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
actor = Actor(name=name, purpose="care")
ledger = SqlLedger(
    open_database(where or folder / "ledger.sqlite"), writing=writing,
    clear=clear_traces, clock=SystemClock(), sealing_key=b"s" * 32,
    signing_key=Ed25519Signer(b"k" * 32).private_key,
)
def told(entry):  # one write, so that two threads, or a kill, leave no half of a line
    os.write(1, f"{entry.sequence} {entry.hash}\\n".encode())
def draft(number): return LedgerDraft(
    actor=actor, action="predict", details={"number": number}, sealed=b"x" * 500,
    subject=number % 10)
"""
ALONE = """
for number in range(count):
    one = draft(number)
    told(ledger.append(one.actor, one.action, one.details, sealed=one.sealed, subject=one.subject))
"""
GROUPED = """
with GroupCommit(ledger) as group:
    for number in range(count):
        future = group.submit(draft(number))
        future.add_done_callback(lambda done: told(done.result()))
        if number % 100 == 99:
            future.result()
"""


@pytest.fixture(autouse=True)
def databases_are_dropped_afterwards() -> Iterator[None]:
    yield
    drop_databases()


def a_writer(
    folder: Path, name: str, count: int, *, work: str = ALONE, where: str = ""
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", OPENED + work, str(folder), where, name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def the_ledger(folder: Path, where: str = "") -> SqlLedger:
    return SqlLedger(
        a_postgres_engine(where) if where else open_database(folder / "ledger.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )


@pytest.mark.parametrize(("work", "count"), [(ALONE, 50), (GROUPED, 250)])
def test_four_processes_that_start_at_once_write_one_whole_chain(
    tmp_path: Path, work: str, count: int
) -> None:
    writers = [a_writer(tmp_path, f"service:{n}", count, work=work) for n in range(4)]

    outputs = [writer.communicate(timeout=60)[0] for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    ledger = the_ledger(tmp_path)
    entries = list(ledger.entries())
    assert ledger.verify() == []
    assert [entry.sequence for entry in entries] == list(range(1, 4 * count + 1))
    told = {line for output in outputs for line in output.splitlines()}
    assert told == {f"{entry.sequence} {entry.hash}" for entry in entries}
    assert {ledger.unseal(sequence) for sequence in ledger.sealed_for(3)} == {b"x" * 500}


@pytest.mark.parametrize("work", [ALONE, GROUPED])
def test_two_processes_on_postgresql_write_one_whole_chain_of_a_thousand(
    tmp_path: Path, work: str
) -> None:
    where = a_postgres_url()
    writers = [a_writer(tmp_path, f"service:{n}", 500, work=work, where=where) for n in range(2)]

    outputs = [writer.communicate(timeout=60)[0] for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0]
    ledger = the_ledger(tmp_path, where)
    entries = list(ledger.entries())
    assert ledger.verify() == []
    assert [entry.sequence for entry in entries] == list(range(1, 1001))
    told = {line for output in outputs for line in output.splitlines()}
    assert told == {f"{entry.sequence} {entry.hash}" for entry in entries}
    assert len(ledger.sealed_for(3)) == 100


def test_a_killed_writer_loses_no_entry_that_it_was_told_is_kept(tmp_path: Path) -> None:
    told = killed_at_random_moments(tmp_path, rounds=4, work=ALONE)

    assert_all_are_kept(told, the_ledger(tmp_path))


def test_twenty_kills_at_random_moments_lose_no_acknowledged_entry_of_a_group(
    tmp_path: Path,
) -> None:
    told = killed_at_random_moments(tmp_path, rounds=20, work=GROUPED)

    assert_all_are_kept(told, the_ledger(tmp_path))


def test_kills_on_postgresql_lose_no_acknowledged_entry_and_leave_no_lock(tmp_path: Path) -> None:
    where = a_postgres_url()

    told = killed_at_random_moments(tmp_path, rounds=3, work=GROUPED, where=where)

    assert_all_are_kept(told, the_ledger(tmp_path, where))


def killed_at_random_moments(folder: Path, *, rounds: int, work: str, where: str = "") -> list[str]:
    """What writers said they were told, each of which was killed in the middle of its work."""
    chance, told = random.Random(rounds), []
    for _ in range(rounds):
        writer = a_writer(folder, "service:bedside", 100_000, work=work, where=where)
        assert writer.stdout is not None
        told += [writer.stdout.readline() for _ in range(chance.randrange(1, 300))]
        time.sleep(chance.random() * 0.05)
        writer.send_signal(signal.SIGKILL)
        with writer.stdout as rest:  # `communicate` knows nothing of what was read ahead
            told += rest.read().splitlines(keepends=True)
        assert writer.wait(timeout=30) == -signal.SIGKILL
    return told


def assert_all_are_kept(told: list[str], ledger: SqlLedger) -> None:
    kept = {f"{entry.sequence} {entry.hash}\n" for entry in ledger.entries()}
    assert len(told) > 100
    assert len(set(told)) == len(told)
    assert set(told) <= kept
    assert ledger.verify() == []
