"""The process that writes the ledger of a server, started by the supervisor before its workers."""

import argparse
import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bedside.core.errors import BedsideError
from bedside.core.garbage import look_rarely
from bedside.serve.supervisor import PULSE, READY

if TYPE_CHECKING:
    from bedside.core.ports import Ledger, Predictions

__all__ = ["main", "write_ledger"]

PULSE_SECONDS = 0.5
PATIENCE = 60.0
"""How long one commit may take before this process says nothing any more; a database that is locked
or away fails before that."""


def write_ledger(
    ledger: "Ledger",
    predictions: "Predictions",
    path: Path,
    line: socket.socket,
    *,
    between: Callable[[], None] = lambda: None,
) -> None:
    """Write what comes over a socket until told to stop, or until the supervisor is gone.

    Args:
        ledger: Where it is written.
        predictions: Finds what is there.
        path: Of the socket, in a folder that only this user may enter.
        line: To the supervisor.
        between: What is done after each commit.
    """
    from bedside.governance.adapters.ledger_writer import LedgerWriter  # noqa: PLC0415

    ended, turned = threading.Event(), [time.monotonic()]
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: ended.set())
    writer = LedgerWriter(ledger, predictions, path, between=between)
    line.settimeout(PULSE_SECONDS)
    look_rarely()
    threading.Thread(target=_pulse, args=(line, ended, turned), name="pulse", daemon=True).start()

    def turn() -> None:
        turned[0] = time.monotonic()

    writer.run(ended.is_set, turned=turn)


def _pulse(line: socket.socket, ended: threading.Event, turned: list[float]) -> None:
    with contextlib.suppress(OSError):
        line.sendall(READY)
        while time.monotonic() - turned[0] < PATIENCE:
            line.sendall(PULSE)
            with contextlib.suppress(TimeoutError):
                if not line.recv(64):
                    break
        else:
            return  # without a pulse, this process is killed and replaced
    ended.set()


def main(arguments: Sequence[str]) -> int:
    """Write the ledger of a workspace until told to stop; the exit status."""
    parser = argparse.ArgumentParser(prog="bedside.wiring.ledger_process")
    for name in ("folder", "socket"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("line", "workers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    told = parser.parse_args(arguments)
    try:
        _write(told)
    except BedsideError as error:
        print(f"{error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _write(told: argparse.Namespace) -> None:
    from bedside.core.clock import SystemClock  # noqa: PLC0415
    from bedside.infra.database.checkpoints import Checkpoints  # noqa: PLC0415
    from bedside.wiring.operations import Operations, log_as_json  # noqa: PLC0415
    from bedside.wiring.workspace import open_books  # noqa: PLC0415

    log_as_json()
    ledger, predictions, engine = open_books(told.folder)
    operations = Operations(workers=told.workers, clock=SystemClock())
    line = socket.socket(fileno=told.line)
    log = Checkpoints(engine)
    write_ledger(operations.timed(ledger), predictions, told.socket, line, between=log.turn)
    log.close()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
