"""Many writers, one commit: acknowledged when durable, alone in failing, drained when closed."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.core.clock import SystemClock
from bedside.core.errors import AlreadyAnswered, BedsideError, Invalid, Refused, Unavailable
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry
from bedside.governance import group_commit
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database import sqlite
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces

NURSE = Actor(name="user:grey", purpose="care")


class CountedLedger(SqlLedger):
    """The real ledger, which also remembers how many entries each commit had."""

    commits: list[int]
    there_when_forgetting: int

    def append_each(self, drafts: Sequence[LedgerDraft]) -> list[LedgerEntry | BedsideError]:
        """Add them, and remember how many were asked for."""
        told = super().append_each(drafts)
        self.commits.append(len(told))
        return told

    def forget(self, subject: int) -> int:
        """Forget, and remember how many entries there were when it was asked."""
        self.there_when_forgetting = sum(self.commits)
        return super().forget(subject)


def a_ledger(folder: Path) -> CountedLedger:
    ledger = CountedLedger(
        open_database(folder / "ledger.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=b"s" * 32,
        signing_key=Ed25519PrivateKey.from_private_bytes(b"l" * 32),
    )
    ledger.commits = []
    return ledger


def a_draft(number: int, **changes: Any) -> LedgerDraft:
    ordinary = {"actor": NURSE, "action": "predict", "details": {"number": number}}
    return LedgerDraft(**ordinary | changes)


def numbers(ledger: SqlLedger) -> list[int]:
    return [entry.details["number"] for entry in ledger.entries()]


def changed_behind_its_back(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as connection, connection:
        connection.execute(statement)


@contextmanager
def the_database_held(folder: Path) -> Iterator[None]:
    """While somebody else holds the writer's lock, what is submitted gathers."""
    with closing(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def waiting_behind_one_commit(group: GroupCommit, drafts: list[LedgerDraft]) -> list[Any]:
    """Submit one draft, wait until its commit is under way, and submit the others."""
    first = group.submit(a_draft(-1))
    while not first.running():
        threading.Event().wait(0.001)
    return [first, *(group.submit(draft) for draft in drafts)]


def test_what_gathers_during_one_commit_is_the_next_commit(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    with GroupCommit(ledger, at_most=8) as group:
        with the_database_held(tmp_path):
            told = waiting_behind_one_commit(group, [a_draft(n) for n in range(20)])
        entries = [one.result(timeout=30) for one in told]

    assert ledger.commits == [1, 8, 8, 4]
    assert entries == list(ledger.entries())
    assert numbers(ledger) == list(range(-1, 20))
    assert ledger.verify() == []


def test_an_entry_is_on_the_disk_when_it_is_acknowledged(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    seen: list[int] = []

    def look(told: "Future[LedgerEntry]") -> None:
        where = "SELECT count(*) FROM ledger WHERE sequence = ?"
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection:
            found = connection.execute(where, (told.result().sequence,)).fetchone()
        seen.append(found[0])

    with GroupCommit(ledger) as group:
        for number in range(30):
            group.submit(a_draft(number)).add_done_callback(look)

    assert seen == [1] * 30


@pytest.mark.parametrize("bad", [{0}, {7}, {19}, {3, 4, 11}, set(range(20))])
def test_a_draft_that_is_not_taken_fails_alone(tmp_path: Path, bad: set[int]) -> None:
    ledger = a_ledger(tmp_path)
    drafts = [a_draft(n, details={"mrn": n} if n in bad else {"number": n}) for n in range(20)]

    with GroupCommit(ledger) as group, the_database_held(tmp_path):
        told = waiting_behind_one_commit(group, drafts)[1:]

    errors = [one.exception(timeout=30) for one in told]
    assert {n for n, error in enumerate(errors) if isinstance(error, Invalid)} == bad
    assert numbers(ledger) == [-1, *(n for n in range(20) if n not in bad)]
    assert ledger.verify() == []


def test_a_second_answer_to_one_request_fails_alone_in_the_one_commit_of_all(
    tmp_path: Path,
) -> None:
    ledger = a_ledger(tmp_path)
    answers = [
        a_draft(n, action="answer", details={"prediction_id": f"p{n}", "request_tag": f"t{n % 15}"})
        for n in range(20)
    ]

    with GroupCommit(ledger) as group, the_database_held(tmp_path):
        told = waiting_behind_one_commit(group, answers)[1:]

    errors = [one.exception(timeout=30) for one in told]
    refused = {n: error for n, error in enumerate(errors) if error is not None}
    assert all(isinstance(error, AlreadyAnswered) for error in refused.values())
    assert {n: error.prediction_id for n, error in refused.items()} == {
        15: "p0", 16: "p1", 17: "p2", 18: "p3", 19: "p4",
    }  # fmt: skip
    assert ledger.commits == [1, 20]
    assert ledger.verify() == []


def test_when_the_commit_fails_everybody_is_told_and_the_next_commit_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "PATIENCE_MS", 200)
    ledger = a_ledger(tmp_path)

    with GroupCommit(ledger) as group:
        with the_database_held(tmp_path):
            told = waiting_behind_one_commit(group, [a_draft(n) for n in range(5)])
            errors = [one.exception(timeout=30) for one in told]
        after = group.append(NURSE, "predict", {"number": 9})

    assert {type(error) for error in errors} == {Unavailable}
    assert after.sequence == 1
    assert numbers(ledger) == [9]


def test_a_broken_ledger_takes_nothing_and_says_so_to_everybody(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    ledger.append(NURSE, "predict", {})
    changed_behind_its_back(tmp_path, "DELETE FROM ledger_head")

    with GroupCommit(ledger) as group:
        errors = [group.submit(a_draft(n)).exception(timeout=30) for n in range(3)]

    assert [getattr(error, "code", None) for error in errors] == ["ledger_broken"] * 3
    assert isinstance(errors[0], Refused)


def test_sixty_four_threads_share_few_commits_and_each_gets_its_own_entry(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    mine: dict[int, list[int]] = {}

    def work(name: int) -> None:
        for turn in range(10):
            number = name * 10 + turn
            entry = group.append(NURSE, "predict", {"number": number}, sealed=b"x", subject=name)
            assert entry.details == {"number": number}
            mine.setdefault(name, []).append(entry.sequence)

    with GroupCommit(ledger) as group:
        threads = [threading.Thread(target=work, args=(name,)) for name in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert sorted(one for some in mine.values() for one in some) == list(range(1, 641))
    assert all(sequences == sorted(sequences) for sequences in mine.values())
    assert [ledger.sealed_for(name) for name in range(64)] == [mine[name] for name in range(64)]
    assert len(ledger.commits) < 640 == sum(ledger.commits)
    assert ledger.verify() == []


def test_closing_settles_what_was_submitted_and_takes_nothing_more(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    group = GroupCommit(ledger, at_most=4)
    with the_database_held(tmp_path):
        told = waiting_behind_one_commit(group, [a_draft(n) for n in range(10)])

    group.close()

    assert all(one.done() for one in told)
    assert len(list(ledger.entries())) == 11
    with pytest.raises(Unavailable) as refused:
        group.submit(a_draft(1))
    assert refused.value.code == "ledger_closed"
    group.close()


def test_a_submission_that_was_called_off_in_time_is_not_written(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)

    with GroupCommit(ledger) as group, the_database_held(tmp_path):
        told = waiting_behind_one_commit(group, [a_draft(n) for n in range(4)])
        called_off = [one.cancel() for one in (told[0], told[2])]

    assert called_off == [False, True]
    assert numbers(ledger) == [-1, 0, 2, 3]


def test_forgetting_waits_for_what_was_submitted_before(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path)
    forgotten: list[int] = []

    with GroupCommit(ledger, at_most=2) as group:
        with the_database_held(tmp_path):
            waiting_behind_one_commit(
                group, [a_draft(n, sealed=b"x", subject=17) for n in range(5)]
            )
            forgetting = threading.Thread(target=lambda: forgotten.append(group.forget(17)))
            forgetting.start()
            threading.Event().wait(0.05)
        forgetting.join()

    assert ledger.there_when_forgetting == 6
    assert forgotten == [5]
    assert ledger.sealed_for(17) == []


def test_more_than_the_database_can_take_is_refused_and_not_kept_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "WAITING_AT_MOST", 3)

    with GroupCommit(a_ledger(tmp_path)) as group, the_database_held(tmp_path):
        waiting_behind_one_commit(group, [a_draft(n) for n in range(3)])
        with pytest.raises(Unavailable) as refused:
            group.submit(a_draft(4))

    assert refused.value.code == "ledger_busy"


def test_a_commit_of_no_entries_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid):
        GroupCommit(a_ledger(tmp_path), at_most=0)


PROCESS = """
import os, sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from bedside.core.clock import SystemClock
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
def opened(): return GroupCommit(SqlLedger(
    open_database(Path(sys.argv[1]) / "ledger.sqlite"), writing=writing,
    clear=clear_traces, clock=SystemClock(), sealing_key=b"s" * 32,
    signing_key=Ed25519PrivateKey.from_private_bytes(b"l" * 32)), at_most=7)
nurse, group = Actor(name="user:grey", purpose="care"), opened()
def submit(number): return group.submit(
    LedgerDraft(actor=nurse, action="predict", details={"number": number}))
"""
ENDS_WITHOUT_CLOSING = """
for number in range(40): submit(number)
"""
FORKS = """
submit(0).result()
child = os.fork()
if not child:
    submit(1).result(timeout=20)
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
submit(2).result(timeout=20)
"""


@pytest.mark.parametrize(("work", "count"), [(ENDS_WITHOUT_CLOSING, 40), (FORKS, 3)])
def test_a_process_that_ends_or_forks_loses_nothing(tmp_path: Path, work: str, count: int) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROCESS + work, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    ledger = a_ledger(tmp_path)
    assert numbers(ledger) == list(range(count))
    assert ledger.verify() == []
