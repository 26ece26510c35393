"""Entries per second that are verified: the tree, the ledger with its checkpoints, the auditor's.

The floor is measured in the same run: SQLite handing over the same rows, of which nothing is
checked; and SHA-256 over the same bytes. The auditor's program runs in a process of its own, its
start included. On a machine that others share the clock tells of them, so what each took in
processor time stands beside it. Each entry has a sealed part of 500 bytes under its subject's key.
"""

import argparse
import hashlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import bedside.governance
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.governance.merkle import Frontier
from bedside.lifecycle.ledger_checkpoints import checkpoint
from bedside.lifecycle.ledger_export import VERIFIER, export_ledger
from bedside.lifecycle.ledger_verify import verify_ledger
from bedside.wiring.checkpoints import books_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace

BATCH = 5000
ACTOR = Actor(name="service:bedside", purpose="care")
DETAILS = {"model": "sepsis@0123456789ab", "latency_ms": 1.25, "features": 40, "band": "high"}


def rate(what: str, work: Callable[[], object], count: int, *, passes: int = 3) -> None:
    """Print the entries per second, by the clock and by processor time; the best of some passes."""
    clock = processor = 0.0
    for _ in range(passes):
        began, used = time.perf_counter(), _used()
        work()
        clock = max(clock, count / (time.perf_counter() - began))
        processor = max(processor, count / (_used() - used))
    print(f"{what:<34}{clock:>10,.0f} /s  {processor:>10,.0f} /s of processor")


def _used() -> float:
    """Processor time of this process and of those that it waited for, in seconds."""
    told = os.times()
    return told.user + told.system + told.children_user + told.children_system


def grown(leaves: list[bytes]) -> bytes:
    """The root over all leaves."""
    tree = Frontier()
    tree.extend(leaves)
    return tree.root()


def read_all(path: Path) -> int:
    """The floor: every row, unchecked."""
    with closing(sqlite3.connect(path)) as base:
        return sum(1 for _ in base.execute("SELECT * FROM ledger ORDER BY sequence"))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    count = parser.parse_args().entries
    with tempfile.TemporaryDirectory(prefix="bedside-verify-") as place:
        folder = Path(place)
        platform = open_workspace(
            folder / "w", actor=actor_of("user:bench", "audit"), progress=LineProgress()
        )
        books = books_of(platform)
        for begin in range(0, count, BATCH):
            platform.ledger.append_all(
                [
                    LedgerDraft(
                        actor=ACTOR,
                        action="predict",
                        details=DETAILS | {"input": f"{number:064x}"},
                        sealed=os.urandom(500),
                        subject=number * 7919 % 5000,
                    )
                    for number in range(begin, min(begin + BATCH, count))
                ]
            )
            checkpoint(platform, books)
        leaves = [os.urandom(32) for _ in range(count)]
        rate("tree, appended", lambda: grown(leaves), count)
        database, text = folder / "w" / "bedside.sqlite", b"x" * 1000
        rate("floor: rows read, not checked", lambda: read_all(database), count)
        rate(
            "floor: SHA-256 of 1000 bytes",
            lambda: [hashlib.sha256(text).digest() for _ in range(count)],
            count,
        )
        report = verify_ledger(platform, books)
        assert not report.faults
        assert not report.checkpoint_faults
        assert report.checkpoints == -(-count // BATCH)
        rate("bedside ledger verify", lambda: verify_ledger(platform, books), count)
        rate("exported", lambda: export_ledger(platform, books, folder / "x"), count, passes=1)
        program = Path(bedside.governance.__file__).parent / "verifier" / VERIFIER
        command = [sys.executable, "-I", str(program), str(folder / "x")]
        rate(
            "the auditor's program",
            lambda: subprocess.run(command, check=True, capture_output=True),
            count,
        )


if __name__ == "__main__":
    main()
