"""Many writers, and writers that die: every acknowledged entry is there, once, in order."""

import signal
import subprocess
import sys
from pathlib import Path

from bedside.core.clock import SystemClock
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.keys.file import FileKeys

WRITER = """
import sys
from pathlib import Path
from bedside.core.clock import SystemClock
from bedside.core.records.ledger import Actor
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.keys.file import FileKeys

folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
keys = FileKeys(folder / "keys")
ledger = SqlLedger(
    open_sqlite(folder / "ledger.sqlite"), writing=writing, clock=SystemClock(),
    sealing_key=keys.derive("ledger"), signing_key=keys.ledger_key(),
)
for number in range(count):
    entry = ledger.append(
        Actor(name=name, purpose="care"), "predict", {"number": number}, sealed=b"x" * 500
    )
    print(entry.sequence, entry.hash, flush=True)
"""


def a_writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def the_ledger(folder: Path) -> SqlLedger:
    keys = FileKeys(folder / "keys")
    return SqlLedger(
        open_sqlite(folder / "ledger.sqlite"),
        writing=writing,
        clock=SystemClock(),
        sealing_key=keys.derive("ledger"),
        signing_key=keys.ledger_key(),
    )


def test_four_processes_that_start_at_once_write_one_whole_chain(tmp_path: Path) -> None:
    writers = [a_writer(tmp_path, f"service:{number}", 50) for number in range(4)]

    outputs = [writer.communicate(timeout=60)[0] for writer in writers]

    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    entries = list(the_ledger(tmp_path).entries())
    assert the_ledger(tmp_path).verify() == []
    assert [entry.sequence for entry in entries] == list(range(1, 201))
    told = {line for output in outputs for line in output.splitlines()}
    assert told == {f"{entry.sequence} {entry.hash}" for entry in entries}


def test_a_killed_writer_loses_no_entry_that_it_was_told_is_kept(tmp_path: Path) -> None:
    told: list[str] = []

    for length in (1, 20, 45, 70):
        writer = a_writer(tmp_path, "service:bedside", 100_000)
        assert writer.stdout is not None
        told += [writer.stdout.readline().strip() for _ in range(length)]
        writer.send_signal(signal.SIGKILL)
        told += writer.communicate(timeout=30)[0].split("\n")

    kept = [f"{entry.sequence} {entry.hash}" for entry in the_ledger(tmp_path).entries()]
    whole_lines = [line for line in told if len(line.partition(" ")[2]) == 64]
    assert len(whole_lines) >= 136
    assert set(whole_lines) <= set(kept)
    assert the_ledger(tmp_path).verify() == []
