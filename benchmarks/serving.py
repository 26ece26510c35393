"""One answer through HTTP against a bare ASGI endpoint that runs the same ONNX session.

Floor: uvicorn and msgspec, thirty numbers in, one risk out: no units, no abstention, no reasons,
no ledger, no token. Ours answers the same patient with all of them, the ledger synchronised to
disk, from one process and from two, beside one that writes the ledger. All are driven in turns, so
that a slow minute hits each. The client is wrk (Debian: `apt install wrk`) if it is there, else a
small one of asyncio, in a process of its own either way; wrk leaves more of the machine to the
servers. `CPU us` is what all processes of a server together took of the processor for each request:
where other work runs beside, it and its ratio say more than the rate.

    python benchmarks/serving.py [--rounds 5] [--seconds 2] [--json] [--peers PYTHON]

PYTHON is an interpreter whose environment has MLServer (see `serving_peers.py`).
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvicorn

from bedside.governance.adapters.distant_ledger import DistantLedger
from bedside.infra.database.checkpoints import Checkpoints
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.serve.run import server_of
from bedside.serve.supervisor import Supervisor, reserve
from bedside.serve.worker import listening, run_worker
from bedside.wiring.ledger_process import write_ledger
from serving_load import Load, load, spent
from serving_ours import (
    SOCKET,
    close,
    our_app,
    our_books,
    our_request,
    our_service,
    prepare,
)
from serving_peers import PATH, is_installed, peer_request, start_peer

CONCURRENCY = (1, 16)


def bare_app(folder: Path) -> Any:
    """The floor: the same session behind the least ASGI there is."""
    predictor = OnnxPredictor((folder / "model.onnx").read_bytes())
    decoder = msgspec.json.Decoder(list[float])

    async def app(scope: Any, receive: Any, send: Any) -> None:
        parts, more = [], True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
        risk = predictor.predict(np.array([decoder.decode(b"".join(parts))]))
        body = msgspec.json.encode({"risk": float(risk[0])})
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def run_server(kind: str, folder: Path, port: int, line: int) -> None:
    """Serve until stopped: the floor, ours from some processes, one of these, or their writer."""
    if kind.startswith("ours"):
        workers = int(kind.removeprefix("ours"))
        with reserve("127.0.0.1", port):
            Supervisor(
                lambda fd: [*command_of("worker", folder, port), "--line", str(fd)],
                workers,
                first=lambda fd: [*command_of("writer", folder, port), "--line", str(fd)],
            ).run()
    elif kind == "writer":
        ledger, predictions = our_books(folder)
        log = Checkpoints(predictions._engine)
        line_up = socket.socket(fileno=line)
        write_ledger(ledger, predictions, folder / SOCKET, line_up, between=log.turn)
    elif kind == "worker":
        ledger = DistantLedger(folder / SOCKET, our_books(folder)[0])
        service = our_service(folder, ledger)
        server = server_of(our_app(service), "127.0.0.1", port)
        own, told = listening("127.0.0.1", port), socket.socket(fileno=line)
        run_worker(server, own, told, finish=partial(close, service, ledger), begin=ledger.attach)
    else:
        uvicorn.run(
            bare_app(folder),
            host="127.0.0.1",
            port=port,
            loop="uvloop",
            http="httptools",
            lifespan="off",
            ws="none",
            access_log=False,
            log_level="warning",
        )


def command_of(kind: str, folder: Path, port: int) -> list[str]:
    """The command line of a server."""
    options = ["--serve", kind, "--folder", str(folder), "--port", str(port)]
    return [sys.executable, __file__, *options]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until the server listens."""
    for _ in range(600):
        assert server.poll() is None, "a server ended early"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("a server did not start in a minute")


CASES: dict[str, tuple[str, bool | None]] = {
    "bare": ("bare", None),
    "ours": ("ours1", True),
    "ours, no reasons": ("ours1", False),
    "ours, 2 processes": ("ours2", True),
}
"""What is measured: which server, and whether it is asked for reasons."""


def measure(
    folder: Path, *, rounds: int, seconds: float, peers: Path | None = None
) -> list[dict[str, Any]]:
    """Drive every server in turns; with `peers`, MLServer of that environment too."""
    cases = dict(CASES) | ({} if peers is None else {"MLServer": ("mlserver", None)})
    kinds = sorted({kind for kind, _ in CASES.values()})
    ports = {kind: free_port() for kind in kinds}
    servers = []
    for kind in kinds:
        own = folder / kind
        shutil.copytree(folder, own, ignore=lambda *_: kinds)
        servers.append(
            subprocess.Popen(
                command_of(kind, own, ports[kind]), env=os.environ | {"OMP_NUM_THREADS": "1"}
            )
        )
    try:
        for server, port in zip(servers, ports.values(), strict=True):
            wait_for(port, server)
        if peers is not None:
            ports["mlserver"] = free_port()
            others = (ports["mlserver"], free_port(), free_port())
            servers.append(start_peer(peers, folder, others))
        processes = {kind: one.pid for kind, one in zip(ports, servers, strict=True)}
        time.sleep(2)  # for the second process of two
        return [
            row
            for concurrency in CONCURRENCY
            for row in _compare(folder, cases, ports, processes, concurrency, rounds, seconds)
        ]
    finally:
        for server in servers:
            server.terminate()
        for server in servers:
            server.wait(timeout=30)


def _asked(folder: Path, kind: str, reasons: bool | None) -> tuple[str, bytes]:
    """The path and the body of a request to a server."""
    if kind == "mlserver":
        return PATH, peer_request(folder)
    if reasons is None:
        return "/", (folder / "row.json").read_bytes()
    return PATH, our_request(folder, reasons=reasons)


def _compare(
    folder: Path,
    cases: dict[str, tuple[str, bool | None]],
    ports: dict[str, int],
    processes: dict[str, int],
    concurrency: int,
    rounds: int,
    seconds: float,
) -> list[dict[str, Any]]:
    seen: dict[str, list[Load]] = {case: [] for case in cases}
    costs: dict[str, list[float]] = {case: [] for case in cases}
    for turn in range(rounds + 1):
        for case, (kind, reasons) in cases.items():
            path, body = _asked(folder, kind, reasons)
            before = spent(processes[kind])
            one = load(ports[kind], path, body, concurrency=concurrency, seconds=seconds)
            cost = (spent(processes[kind]) - before) / (one.rate * seconds)
            seen[case] += [one] if turn else []  # the first turn only warms up
            costs[case] += [cost] if turn else []
    return [
        {
            "server": case,
            "concurrency": concurrency,
            "requests_per_s": statistics.median(one.rate for one in loads),
            "p50_ms": 1000 * statistics.median(one.p50 for one in loads),
            "p99_ms": 1000 * statistics.median(one.p99 for one in loads),
            "processor_us": 1e6 * statistics.median(costs[case]),
            "cost_to_bare": _ratio(costs[case], costs["bare"]),
            "rate_to_bare": _ratio([one.rate for one in loads], [one.rate for one in seen["bare"]]),
            "p99_to_bare": _ratio([one.p99 for one in loads], [one.p99 for one in seen["bare"]]),
        }
        for case, loads in seen.items()
    ]


def _ratio(ours: list[float], bare: list[float]) -> float:
    """The median of the ratios within each round."""
    return statistics.median(a / b for a, b in zip(ours, bare, strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peers", type=Path, metavar="PYTHON")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--line", type=int, default=-1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        run_server(options.serve, options.folder, options.port, options.line)
    else:
        print_all(options)


def print_all(options: argparse.Namespace) -> None:
    """Measure everything and print it."""
    peers: Path | None = options.peers
    if peers is not None and not is_installed(peers):
        print("the environment of --peers has no MLServer: it is left out", file=sys.stderr)
        peers = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        rows = measure(folder, rounds=options.rounds, seconds=options.seconds, peers=peers)
    if options.json:
        print(json.dumps({"serving": rows}, indent=2))
        return
    print(f"client: {'wrk' if shutil.which('wrk') else 'asyncio'}; medians of rounds in turns")
    print(
        f"{'server':18}{'at once':>8}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'of bare':>9}{'p99/bare':>10}{'CPU us':>8}{'of bare':>9}"
    )
    for row in rows:
        print(
            f"{row['server']:18}{row['concurrency']:8}{row['requests_per_s']:9.0f}"
            f"{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}{row['rate_to_bare']:9.2f}"
            f"{row['p99_to_bare']:10.1f}{row['processor_us']:8.0f}{row['cost_to_bare']:9.1f}"
        )


if __name__ == "__main__":
    main()
