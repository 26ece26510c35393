"""A server process whose model fails over some patients, and whose clock can jump.

`python drill_process.py FOLDER PORT LINE`. The lactate of a patient says what the model does over
them (31: it raises, 32: it returns NaN, 33: it hangs for a second), and the file `FOLDER/clock`, by
how many hours the clock is wrong.
"""

import socket
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.serve.asked_before import AskedBefore
from bedside.serve.limits import Limits
from bedside.serve.run import server_of
from bedside.serve.service import Service, models_of
from bedside.serve.worker import EXIT_STUCK, listening, run_worker
from served import TOKEN_SHA256, TokenCheck, a_served_model, create_app

RAISES, NAN, HANGS = 31.0, 32.0, 33.0


class JumpingClock:
    """The machine's clock, as wrong as a file says."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"

    def now(self) -> datetime:
        try:
            hours = float(self._file.read_text())
        except (OSError, ValueError):
            hours = 0.0
        return datetime.now(UTC) + timedelta(hours=hours)


def books_of(folder: Path) -> tuple[SqlLedger, SqlPredictions]:
    """The ledger of the drill."""
    engine = open_sqlite(folder / "ledger.sqlite")
    ledger = SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=JumpingClock(folder),
        sealing_key=bytes(32),
        signing_key=Ed25519Signer(bytes(32)).private_key,
    )
    return ledger, SqlPredictions(engine)


def main(folder: Path, port: int, line: int) -> int:
    """Serve until stopped."""
    books, predictions = books_of(folder)
    ledger, stuck = GroupCommit(books), threading.Event()
    served = a_served_model(ledger=ledger)
    served.answerer.warm_up()
    served.answerer.clock = JumpingClock(folder)
    predict = served.model.predict

    def sick(matrix: Any) -> Any:
        lactate = matrix[:, 0]
        if (lactate == RAISES).any():
            raise RuntimeError("the model cannot run")
        if (lactate == HANGS).any():
            time.sleep(1.0)
        return np.where(lactate == NAN, np.nan, predict(matrix))

    served.model.predict = sick
    service = Service(
        models_of([served.answerer], {}),
        limits=Limits(deadline=1.5, hang=0.25),
        tagging=lambda text: text.replace("\n", " "),
        before=AskedBefore(books, predictions),
        on_stuck=stuck.set,
    )
    server = server_of(
        create_app(service, authenticators=[TokenCheck(TOKEN_SHA256)]), "127.0.0.1", port
    )

    def end() -> None:
        stuck.wait()
        server.should_exit = True

    def finish() -> None:
        service.close(2)
        ledger.close()

    threading.Thread(target=end, daemon=True).start()
    own, told = listening("127.0.0.1", port), socket.socket(fileno=line)
    run_worker(server, own, told, finish=finish)
    return EXIT_STUCK if stuck.is_set() else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
