"""One answer through HTTP against a bare ASGI endpoint that runs the same ONNX session.

Floor: uvicorn and msgspec, thirty numbers in, one risk out: no units, no abstention, no reasons,
no ledger, no token. Ours answers the same patient with all of them, the ledger synchronised to
disk, from one process and from two. All are driven in turns, so that a slow minute hits each. The
client is wrk (Debian: `apt install wrk`) if it is there, else a small one of asyncio, in a process
of its own either way; wrk leaves more of the machine to the servers.

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

from bedside.core.clock import SystemClock
from bedside.core.ports import Ledger
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.declaration import (
    Channels,
    Clock,
    Declaration,
    Evaluation,
    IntendedUse,
    Learner,
    Signal,
    Source,
    Threshold,
)
from bedside.core.records.features import FeatureRule
from bedside.core.records.ledger import Actor
from bedside.core.records.question import Question
from bedside.core.records.version import Stage
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import expand, feature_set_to_json
from bedside.governance.adapters.distant_ledger import DistantLedger
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.checkpoints import Checkpoints
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.models.form_json import form_to_json
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, token_digest
from bedside.serve.run import server_of
from bedside.serve.service import Service, models_of
from bedside.serve.supervisor import Supervisor, reserve
from bedside.serve.worker import listening, run_worker
from bedside.wiring.ledger_process import write_ledger
from serving_load import TOKEN, Load, load
from serving_peers import PATH, is_installed, peer_request, start_peer

TREES = 500
CONCURRENCY = (1, 16)
SOCKET = "socket"


def declaration(names: list[str]) -> Declaration:
    """The thirty measurements of a biopsy as signals."""
    signals = {
        name: Signal(
            label=name,
            code=f"WDBC//{name}",
            column=name,
            unit="1",
            visible_after="0 min",
            plausible=(0.0, 10000.0),
            required=True,
        )
        for name in names
    }
    return Declaration(
        bedside=1,
        name="biopsy",
        title="Malignancy of a breast mass",
        intended_use=IntendedUse(decision="histology", users=(), population="adults", not_for=()),
        data=Source(
            file="",
            subject="case",
            clock=Clock(origin="2000-01-01T00:00:00Z"),
            licence="CC-BY-4.0",
            release_mode="limited_dataset",
        ),
        signals=signals,
        question=Question(ask="malignant?", predicates={}, trigger="", windows={}),
        features=(FeatureRule(signals=tuple(names)),),
        evaluation=Evaluation(threshold=Threshold(value=0.5)),
        channels=Channels(),
    )


def prepare(folder: Path) -> None:
    """Fit 500 trees on the biopsies and write what both servers need."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  (slow to import)

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    train, tuning = (
        Matrix(features=data.data[part], label=1 - data.target[part], names=tuple(names))
        for part in (slice(0, None, 2), slice(1, None, 2))
    )
    slow = {"learning_rate": 0.01, "num_leaves": 31, "min_data_in_leaf": 5}
    plan = Plan(
        options=Learner(rounds=TREES, parameters=slow),
        columns=tuple(Column(name=name) for name in names),
    )
    form = LightGbm().fit(train, tuning, plan)
    (folder / "model.onnx").write_bytes(onnx_of(form))
    (folder / "learnt.json").write_bytes(form_to_json(form))
    (folder / "trees.txt").write_text(form.members[0].part.text)
    (folder / "names.json").write_text(json.dumps(names))
    (folder / "row.json").write_text(json.dumps(data.data[0].tolist()))


def close(service: Service, ledger: DistantLedger) -> None:
    """End in order, when the loop has ended."""
    ledger.attach(None)
    service.close()
    ledger.close()


def our_service(folder: Path, ledger: Ledger) -> Service:
    """The product, with what takes its answers."""
    answerer, _ = our_parts(folder, ledger)
    answerer.warm_up()
    return Service(models_of([answerer], {}))


def our_app(service: Service) -> Any:
    """Every wire of it, behind the token."""
    return create_app(service, authenticators=[TokenCheck(token_digest(TOKEN))])


def our_books(folder: Path) -> tuple[SqlLedger, SqlPredictions]:
    """A ledger on disk, and what finds its predictions."""
    engine = open_sqlite(folder / "ledger.sqlite")
    ledger = SqlLedger(
        engine,
        writing=writing,
        clock=SystemClock(),
        sealing_key=bytes(32),
        signing_key=Ed25519Signer(bytes(32)).private_key,
    )
    return ledger, SqlPredictions(engine)


def our_parts(folder: Path, ledger: Ledger | None = None) -> tuple[Answerer, Bundle]:
    """An answerer and its bundle, made of real parts; without a ledger, with one of its own."""
    ledger = GroupCommit(our_books(folder)[0]) if ledger is None else ledger
    declared = declaration(json.loads((folder / "names.json").read_text()))
    predictor = OnnxPredictor((folder / "model.onnx").read_bytes())
    row = json.loads((folder / "row.json").read_text())
    risk = float(predictor.predict(np.array([row]))[0])
    bundle = Bundle(
        digest="0" * 64,
        declaration=declared,
        threshold=0.5,
        files={
            FEATURES: feature_set_to_json(expand(declared)),
            EXAMPLE: json.dumps({"features": row, "risk": risk}).encode(),
        },
    )
    clock = SystemClock()
    explainer = FormExplainer((folder / "learnt.json").read_bytes())
    answerer = Answerer(
        bundle,
        "biopsy@000000000000",
        Stage.LIVE,
        predictor,
        explainer,
        ledger,
        clock,
        Actor(name="benchmark", purpose="benchmark"),
    )
    return answerer, bundle


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


def our_request(folder: Path, *, reasons: bool = True) -> bytes:
    """The patient as the Open Inference Protocol has it."""
    names = json.loads((folder / "names.json").read_text())
    row = json.loads((folder / "row.json").read_text())
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in zip(names, row, strict=True)
    ]
    asked: dict[str, Any] = {"inputs": inputs}
    return json.dumps(asked if reasons else asked | {"parameters": {"reasons": False}}).encode()


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
        time.sleep(2)  # for the second process of two
        return [
            row
            for concurrency in CONCURRENCY
            for row in _compare(folder, cases, ports, concurrency, rounds, seconds)
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
    concurrency: int,
    rounds: int,
    seconds: float,
) -> list[dict[str, Any]]:
    seen: dict[str, list[Load]] = {case: [] for case in cases}
    for turn in range(rounds + 1):
        for case, (kind, reasons) in cases.items():
            path, body = _asked(folder, kind, reasons)
            one = load(ports[kind], path, body, concurrency=concurrency, seconds=seconds)
            seen[case] += [one] if turn else []  # the first turn only warms up
    return [
        {
            "server": case,
            "concurrency": concurrency,
            "requests_per_s": statistics.median(one.rate for one in loads),
            "p50_ms": 1000 * statistics.median(one.p50 for one in loads),
            "p99_ms": 1000 * statistics.median(one.p99 for one in loads),
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
        f"{'of bare':>9}{'p99/bare':>10}"
    )
    for row in rows:
        print(
            f"{row['server']:18}{row['concurrency']:8}{row['requests_per_s']:9.0f}"
            f"{row['p50_ms']:9.2f}{row['p99_ms']:9.2f}{row['rate_to_bare']:9.2f}"
            f"{row['p99_to_bare']:10.1f}"
        )


if __name__ == "__main__":
    main()
