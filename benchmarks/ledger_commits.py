"""Entries per second that the ledger records durably, beside what the disk and SQLite can do.

The last part is what an answer costs in processor time where 16, 32 or 64 are one commit, with
their index and a sealed part of 3,000 bytes: all of it; what of it is SQLite's commit, which writes
and sums up the pages; and the rest, in which are Python, encryption, digests and the inserts.

Each entry of the other parts has a sealed part of 500 bytes under the key of its subject. The
floors are measured in the same run, on the same folder: SQLite writing the same bytes in one
synchronised transaction for each 512 rows, without a chain, keys or JSON; and a file that is
synchronised after each entry. On a machine that others share the clock tells of them, so entries
for each second of the processor stand beside.
"""

import argparse
import os
import sqlite3
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine, event

from bedside.core.clock import SystemClock
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces

BATCH, THREADS = 512, 64
ACTOR = Actor(name="service:bedside", purpose="care")
DETAILS = {"model": "sepsis@0123456789ab", "latency_ms": 1.25, "features": 40, "band": "high"}


def drafts(count: int, subjects: int) -> list[LedgerDraft]:
    """What a scoring service records, for many different subjects in turn."""
    return [
        LedgerDraft(
            actor=ACTOR,
            action="predict",
            details=DETAILS | {"input": f"{number:064x}"},
            sealed=os.urandom(500),
            subject=number * 7919 % subjects,
        )
        for number in range(count)
    ]


def a_ledger(where: str | Path) -> SqlLedger:
    """A ledger with keys of its own."""
    return SqlLedger(
        open_database(where),
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=os.urandom(32),
        signing_key=Ed25519PrivateKey.generate(),
    )


def rates(work: Callable[[], object], count: int) -> tuple[float, float]:
    """Entries per second of one pass, and per second of the processor, on all cores."""
    began, computed = time.perf_counter(), time.process_time()
    work()
    spent = max(time.process_time() - computed, 1e-9)
    return count / (time.perf_counter() - began), count / spent


def synchronised_after_each(path: Path, content: list[bytes]) -> None:
    """The floor of one at a time: append to a file, and wait for the disk."""
    with path.open("ab", buffering=0) as file:
        for one in content:
            file.write(one)
            os.fsync(file.fileno())


def rows_of_the_same_bytes(path: Path, rows: list[tuple[object, ...]]) -> None:
    """The floor of the batches: the same columns, in one durable transaction for each 512."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS rows (sequence INTEGER PRIMARY KEY, at, actor, purpose,"
            " action, details, sealed, sealed_digest, subject_tag, previous, hash)"
        )
        for begin in range(0, len(rows), BATCH):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO rows VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows[begin : begin + BATCH],
            )
            connection.execute("COMMIT")


def in_batches(ledger: SqlLedger, some: list[LedgerDraft]) -> None:
    """Append 512 at a time."""
    for begin in range(0, len(some), BATCH):
        ledger.append_all(some[begin : begin + BATCH])


def one_by_one(ledger: SqlLedger | GroupCommit, some: list[LedgerDraft]) -> None:
    """Append and wait, one entry after the other."""
    for one in some:
        ledger.append(one.actor, one.action, one.details, sealed=one.sealed, subject=one.subject)


def from_threads(group: GroupCommit, some: list[LedgerDraft]) -> None:
    """Sixty-four threads, each of which waits for its own entry before the next."""
    threads = [
        threading.Thread(target=one_by_one, args=(group, some[name::THREADS]))
        for name in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def from_futures(group: GroupCommit, some: list[LedgerDraft]) -> None:
    """One thread that hands in all of them, as an event loop does, and waits at the end."""
    for told in [group.submit(one) for one in some]:
        told.result()


def answers(count: int, subjects: int) -> list[LedgerDraft]:
    """What the answerer records, each with a request id that was never used before."""
    return [
        LedgerDraft(
            actor=ACTOR,
            action="answer",
            details={
                "prediction_id": str(uuid.uuid4()),
                "model": "sepsis",
                "version": "sepsis@0123456789ab",
                "bundle": "b" * 64,
                "stage": "live",
                "shown": True,
                "channel": "open_inference",
                "caller": "ehr",
                "as_of": "2026-01-31T08:00:00.000000Z",
                "input_digest": f"{number:064x}",
                "latency_ms": 1.253,
                "outcome": "score",
                "request_tag": os.urandom(32).hex(),
            },
            sealed=os.urandom(3000),
            subject=number * 7919 % subjects,
        )
        for number in range(count)
    ]


class Commits:
    """The processor time of the commits on an engine: from their beginning until they are done."""

    def __init__(self, engine: Engine) -> None:
        self.spent = 0.0
        event.listen(engine, "commit", self._begin)
        event.listen(engine, "checkin", self._end)
        self._began: float | None = None

    def _begin(self, _connection: object) -> None:
        self._began = time.process_time()

    def _end(self, *_: object) -> None:
        if self._began is not None:
            self.spent += time.process_time() - self._began
            self._began = None


def cost_of_an_answer(folder: Path, size: int, *, count: int = 3200) -> tuple[float, float]:
    """Microseconds of processor time for each answer, in all and in the database's commit."""
    engine = open_database(folder / f"answers-{size}.sqlite")
    ledger = SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=os.urandom(32),
        signing_key=Ed25519PrivateKey.generate(),
    )
    some, best = answers(4 * count, 2000), (float("inf"), 0.0)
    watch = Commits(engine)
    for part in range(4):
        before, began = watch.spent, time.process_time()
        for at in range(part * count, (part + 1) * count, size):
            ledger.append_each(some[at : at + size])
        all_of_it = time.process_time() - began
        best = min(best, (all_of_it / count * 1e6, (watch.spent - before) / count * 1e6))
    return best


def main() -> None:
    """Measure every way and every floor, in turn, and print the best pass of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=20_480)
    parser.add_argument("--subjects", type=int, default=20_000)
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="on the disk to measure")
    parser.add_argument("--postgres", help="a URL: measure the ledger there instead of on SQLite")
    given = parser.parse_args()
    some = drafts(given.entries, given.subjects)
    words = (ACTOR.name, ACTOR.purpose, "predict")
    few = some[: max(given.entries // 20, 1)]
    digests = ("s" * 64, "t" * 64, "p" * 64)
    rows: list[tuple[object, ...]] = [
        ("2026-01-31T08:00:00.000000Z", *words, "d" * 160, one.sealed, *digests, f"{number:064x}")
        for number, one in enumerate(some)
    ]
    best: dict[str, float] = {}
    computing: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        folder = Path(made)
        ledger = a_ledger(given.postgres or folder / "ledger.sqlite")
        with GroupCommit(ledger) as group:
            ways: dict[str, tuple[Callable[[], object], int]] = {
                "floor: a file, fsync each": (
                    lambda: synchronised_after_each(folder / "f", [b"x" * 1100 for _ in few]),
                    len(few),
                ),
                "append, one at a time": (lambda: one_by_one(ledger, few), len(few)),
                "floor: SQLite, same bytes, 512 a commit": (
                    lambda: rows_of_the_same_bytes(folder / "floor.sqlite", rows),
                    len(some),
                ),
                "append_all of 512": (lambda: in_batches(ledger, some), len(some)),
                "GroupCommit, futures": (lambda: from_futures(group, some), len(some)),
                "GroupCommit, 64 threads": (lambda: from_threads(group, some), len(some)),
            }
            for _ in range(given.passes):
                for name, (work, count) in ways.items():
                    speed, of_processor = rates(work, count)
                    best[name] = max(best.get(name, 0.0), speed)
                    computing[name] = max(computing.get(name, 0.0), of_processor)
        assert ledger.verify() == []
        costs = {size: cost_of_an_answer(folder, size) for size in (16, 32, 64)}
    single, batched = (best[name] for name in best if name.startswith("floor"))
    for name, speed in best.items():
        floor = single if name in list(best)[:2] else batched
        print(
            f"{name:<42} {speed:>9,.0f} entries/s {speed / floor:7.2f} of its floor, "
            f"{computing[name]:>9,.0f} /s of the processor"
        )
    for size, (whole, commit) in costs.items():
        print(
            f"an answer, {size} in a commit: {whole:5.1f} us of processor time, "
            f"{commit:5.1f} of it SQLite's commit, {whole - commit:5.1f} the rest"
        )


if __name__ == "__main__":
    main()
