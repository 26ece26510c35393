"""A server process of the drills: real sockets, threads and ledger around a small model.

`python serving_process.py FOLDER PORT LINE`. The model waits while `FOLDER/hang` exists. Where
`FOLDER/quick` exists, it says of itself that it is quick and cannot hang.
"""

import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from bedside.core.clock import FixedClock
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
from served import NOW, TOKEN_SHA256, TokenCheck, a_served_model, create_app


def books_of(folder: Path) -> tuple[SqlLedger, SqlPredictions]:
    """The ledger of the drill."""
    engine = open_sqlite(folder / "ledger.sqlite")
    ledger = SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=FixedClock(NOW),
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
    predict = served.model.predict

    def waits(matrix: Any) -> Any:
        while (folder / "hang").exists():
            time.sleep(0.02)
        return predict(matrix)

    served.model.predict = waits
    served.answerer.is_quick = (folder / "quick").exists()
    service = Service(
        models_of([served.answerer], {}),
        limits=Limits(deadline=1.0, hang=0.25),
        tagging=lambda text: text.replace("\n", " "),
        before=AskedBefore(books, predictions),
        on_stuck=stuck.set,
    )
    app = create_app(service, authenticators=[TokenCheck(TOKEN_SHA256)])
    server = server_of(app, "127.0.0.1", port)

    def end() -> None:
        stuck.wait()
        server.should_exit = True

    threading.Thread(target=end, daemon=True).start()

    def finish() -> None:
        service.close(2)
        ledger.close()

    own, told = listening("127.0.0.1", port), socket.socket(fileno=line)
    run_worker(server, own, told, finish=finish)
    return EXIT_STUCK if stuck.is_set() else 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
