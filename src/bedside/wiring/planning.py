"""What one server process of this machine can carry: measured by a short, real load."""

import asyncio
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bedside.core.clock import SystemClock
from bedside.core.errors import Invalid, Unavailable
from bedside.core.records.bundle import EXAMPLE, FEATURES, LEARNT, MODEL, Bundle
from bedside.core.records.ledger import Actor
from bedside.core.records.version import Stage
from bedside.features.definition import feature_set_from_json
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, token_digest
from bedside.serve.run import server_of
from bedside.serve.service import Service, models_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import open_workspace

__all__ = ["Measured", "Plan", "measure", "plan_of"]

CONCURRENCY = 16
LEDGER = "ledger.sqlite"
_TOKEN = "of-a-load-on-loopback"  # noqa: S105 - of a scratch server that lives for seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of one server process on this machine, at 16 questions at once over HTTP.

    Latencies are in milliseconds, memory and the ledger in bytes. `outcome` is what came of the
    worked example: an abstention is cheaper than a score.
    """

    version: str
    answers: int
    answers_per_second: float
    p50_ms: float
    p99_ms: float
    ledger_bytes_per_answer: float
    memory_bytes: int
    cores: int
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a yearly load needs, from what was measured.

    `headroom` is how many times the peak the workers carry together, if each has a core.
    """

    measured: Measured
    peak_per_second: float
    workers: int
    enough_cores: bool
    headroom: float
    memory_bytes: float
    disk_bytes_per_year: float
    disk_bytes: float


def plan_of(
    measured: Measured, *, requests_per_day: float, peak_factor: float, history_years: float
) -> Plan:
    """How many workers and how much disk; a worker is planned to be busy half of its time at most.

    Raises:
        Invalid: a number is not positive, or the peak is below the mean.
    """
    if min(requests_per_day, history_years) <= 0 or peak_factor < 1:
        raise Invalid(
            "This load cannot be planned for.",
            fix="give requests and years above 0, and a peak factor of at least 1.",
        )
    peak = requests_per_day / 86_400 * peak_factor
    workers = max(1, -int(-peak * 2 // measured.answers_per_second))
    yearly = requests_per_day * 365.25 * measured.ledger_bytes_per_answer
    return Plan(
        measured=measured,
        peak_per_second=peak,
        workers=workers,
        enough_cores=workers <= measured.cores,
        headroom=workers * measured.answers_per_second / peak,
        memory_bytes=float(workers * measured.memory_bytes),
        disk_bytes_per_year=yearly,
        disk_bytes=yearly * history_years,
    )


def measure(platform: Platform, reference: str, *, seconds: float = 5.0) -> Measured:
    """Load one version for so long, in a process of its own with a scratch ledger beside this one.

    Nothing is written to the ledger of the workspace.

    Raises:
        NotFound: there is no such version.
        Refused: its bundle is not intact.
        Unavailable: the scratch server did not start.
    """
    version = platform.registry.get(reference)
    body = _question(open_bundle(platform, version))
    with tempfile.TemporaryDirectory(prefix="plan-", dir=platform.folder) as scratch:
        line = [sys.executable, "-m", "bedside.wiring.planning", str(platform.folder.absolute())]
        with subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*line, version.id, scratch], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            assert server.stdin is not None  # noqa: S101 - they are pipes
            assert server.stdout is not None  # noqa: S101
            port = server.stdout.readline().strip()
            if not port:
                raise Unavailable(
                    "The server to be measured did not start.", fix="read what it wrote above."
                )
            path = f"/v2/models/{version.name}/infer"
            warm, _, _ = asyncio.run(_load(int(port), path, body, min(1.0, seconds)))
            times, outcome, took = asyncio.run(_load(int(port), path, body, seconds))
            server.stdin.close()
            told = json.loads(server.stdout.read())
        kept = (Path(scratch) / LEDGER).stat().st_size / (len(warm) + len(times))
    times.sort()
    return Measured(
        version=version.id,
        answers=len(times),
        answers_per_second=len(times) / took,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
        ledger_bytes_per_answer=kept,
        memory_bytes=told["memory_bytes"],
        cores=os.cpu_count() or 1,
        outcome=outcome,
    )


def _question(bundle: Bundle) -> bytes:
    """The worked example as a question: the latest value of each signal that a feature reads."""
    values = json.loads(bundle.files[EXAMPLE])["features"]
    features = feature_set_from_json(bundle.files[FEATURES]).names
    told = {
        name.partition(".")[0]: value
        for name, value in zip(features, values, strict=True)
        if name.endswith(".last") and value is not None
    }
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in told.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


async def _load(
    port: int, path: str, body: bytes, seconds: float
) -> tuple[list[float], str, float]:
    """The seconds of each answer, what the first one was, and how long it took together."""
    times: list[float] = []
    said: list[bytes] = []
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {_TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request, begun = head.encode() + body, time.perf_counter()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() - begun < seconds:
            start = time.perf_counter()
            writer.write(request)
            told = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(told.partition(b"content-length:")[2].partition(b"\r\n")[0])
            content = await reader.readexactly(length)
            times.append(time.perf_counter() - start)
            if not told.startswith(b"http/1.1 200"):
                raise Unavailable("The server to be measured fails.", fix="see bedside history.")
            if not said:
                said.append(content)
        writer.close()

    await asyncio.gather(*(ask() for _ in range(CONCURRENCY)))
    outcome = json.loads(said[0])["parameters"].get("outcome", "score")
    return times, str(outcome), time.perf_counter() - begun


def main(folder: str, reference: str, scratch: str) -> int:
    """The scratch server: its port on standard output, then its memory when standard input ends."""
    actor, clock = Actor(name="service:plan", purpose="capacity planning"), SystemClock()
    platform = open_workspace(Path(folder), actor=actor, progress=LineProgress())
    bundle = open_bundle(platform, platform.registry.get(reference))
    database = open_database(Path(scratch) / LEDGER)
    ledger = GroupCommit(
        SqlLedger(
            database,
            writing=writing,
            clear=clear_traces,
            clock=clock,
            sealing_key=os.urandom(32),
            signing_key=Ed25519Signer(os.urandom(32)).private_key,
        )
    )
    answerer = Answerer(
        bundle,
        reference,
        Stage.LIVE,
        platform.predictor_of(bundle.files[MODEL]),
        platform.explainer_of(bundle.files[LEARNT]),
        ledger,
        clock,
        actor,
    )
    answerer.warm_up()
    service = Service(models_of([answerer], {}))
    app = create_app(service, authenticators=[TokenCheck(token_digest(_TOKEN))])
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        server = server_of(app, "127.0.0.1", 0)
        running = threading.Thread(target=server.run, kwargs={"sockets": [own]})
        running.start()
        while not server.started:
            time.sleep(0.01)
        print(own.getsockname()[1], flush=True)
        sys.stdin.read()
        server.should_exit = True
        running.join()
    service.close()
    ledger.close()
    with database.connect() as connection:  # so that the file alone holds everything
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"memory_bytes": memory}), flush=True)
    return 0


def as_json(plan: Plan) -> dict[str, Any]:
    """Everything that was measured and planned."""
    return asdict(plan)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:4]))
