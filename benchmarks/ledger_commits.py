"""Entries per second that the ledger records durably, beside what the disk and SQLite can do.

Each entry has a sealed part of 500 bytes under the key of its subject. The floors are measured in
the same run, on the same folder: SQLite writing the same bytes in one synchronised transaction for
each 512 rows, without a chain, keys or JSON; and a file that is synchronised after each entry.
"""

import argparse
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bedside.core.clock import SystemClock
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing

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
        clock=SystemClock(),
        sealing_key=os.urandom(32),
        signing_key=Ed25519PrivateKey.generate(),
    )


def rate(work: Callable[[], object], count: int) -> float:
    """Entries per second of one pass."""
    began = time.perf_counter()
    work()
    return count / (time.perf_counter() - began)


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
                    best[name] = max(best.get(name, 0.0), rate(work, count))
        assert ledger.verify() == []
    single, batched = (best[name] for name in best if name.startswith("floor"))
    for name, speed in best.items():
        floor = single if name in list(best)[:2] else batched
        print(f"{name:<42} {speed:>9,.0f} entries/s {speed / floor:7.2f} of its floor")


if __name__ == "__main__":
    main()
