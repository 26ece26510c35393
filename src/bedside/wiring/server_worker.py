"""One server process of a workspace, started by the supervisor (`bedside.wiring.server_worker`)."""

import argparse
import socket
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bedside.core.errors import BedsideError
from bedside.core.records.ledger import Actor
from bedside.governance.adapters.distant_ledger import DistantLedger
from bedside.serve.limits import Limits
from bedside.serve.run import Exposure, server_of
from bedside.serve.worker import end_stuck, end_when_stuck, listening, run_worker
from bedside.wiring.operations import Operations, log_as_json
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import app_of, serving_of, token_digest_of
from bedside.wiring.workspace import open_workspace

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """Serve until told to stop; the exit status."""
    told = _parser().parse_args(arguments)
    try:
        log_as_json()
        _serve(told)
    except BedsideError as error:
        print(f"{error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _serve(told: argparse.Namespace) -> None:
    line = socket.socket(fileno=told.line)
    actor = Actor(name=told.actor, purpose=told.purpose)
    platform = open_workspace(told.folder, actor=actor, progress=LineProgress())
    limits = Limits(
        deadline=told.deadline, hang=told.hang, under_way=told.under_way, stuck=told.stuck
    )
    operations = Operations(workers=told.workers, clock=platform.clock)
    distant = DistantLedger(told.ledger, platform.ledger)
    ledger, stuck = operations.counted(distant), threading.Event()
    service, reloader = serving_of(
        platform, ledger, limits=limits, every=told.reload, on_stuck=stuck.set
    )
    digest, _ = token_digest_of(platform.folder)
    app = app_of(platform, digest, service, more=operations.routes(service))
    server = server_of(operations.watched(app), told.host, told.port, exposure=_exposure(told))
    threading.Thread(
        target=partial(end_when_stuck, stuck, server), name="stuck", daemon=True
    ).start()

    def finish() -> None:
        distant.attach(None)
        reloader.close()
        service.close()
        ledger.close()
        operations.close()

    reloader.start()
    operations.start()
    own = listening(told.host, told.port)
    run_worker(server, own, line, finish=finish, begin=distant.attach)
    if stuck.is_set():
        end_stuck()


def _exposure(told: argparse.Namespace) -> Exposure:
    return Exposure(
        certificate=told.certificate,
        key=told.key,
        client_ca=told.client_ca,
        behind_proxy=told.behind_proxy,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bedside.wiring.server_worker")
    for name in ("actor", "purpose", "host"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("folder", "ledger"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("certificate", "key", "client-ca"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--behind-proxy", action="store_true")
    for name in ("port", "line", "under-way", "stuck", "workers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    for name in ("reload", "deadline", "hang"):
        parser.add_argument(f"--{name}", type=float, required=True)
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
