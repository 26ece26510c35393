import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from bedside.data.collect.bundled import breast_cancer
from bedside.wiring.planning import CONCURRENCY
from loopback import free_port
from planted import bedside_run

pytestmark = pytest.mark.xdist_group("operations")  # its fixtures are made once

CANARIES = ("CANARY7391", "4711.25", "canary-ward")
TRACE = "0af7651916cd43dd8448eb211c80319c"


@contextmanager
def a_collector():
    """A real OTLP/HTTP endpoint on loopback; what it was sent, as bytes."""
    kept: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/traces"
            kept.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", kept
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("operations") / "w"
    assert bedside_run(folder, "build", "diagnosis").returncode == 0
    version = bedside_run(folder, "versions").stdout.split()[0]
    for command in (
        ("approve", version, "--name", "Dr Ada Example", "--meaning", "fit for silent use"),
        ("release", version, "--stage", "silent"),
    ):
        done = bedside_run(folder, *command)
        assert done.returncode == 0, done.stderr
    return folder


@contextmanager
def started(workspace: Path, log: Path, *command: str, **environment: str):
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "bedside"), *command],
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "BEDSIDE_WORKSPACE": str(workspace), **environment},
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(40)


def wait_for(condition, seconds: float = 180.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come in time")


def token_in(log: Path) -> str:
    found = re.search(r"^Token .*: (\S+)$", log.read_text(), re.MULTILINE)
    assert found is not None
    return found.group(1)


def samples(text: str) -> dict[str, Counter[tuple[tuple[str, str], ...]]]:
    found: dict[str, Counter[tuple[tuple[str, str], ...]]] = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            labels = tuple(sorted(one.labels.items()))
            found.setdefault(one.name, Counter())[labels] += one.value
    return found


def ask(client: httpx.Client, number: int) -> httpx.Response:
    value = {"name": "worst_radius", "shape": [1], "datatype": "FP64", "data": [4711.25]}
    told = {"id": f"CANARY7391-{number}", "inputs": [value]}
    return client.post("/v2/models/diagnosis/infer", json=told)


def children_of(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(one) for one in told.split()]


def test_metrics_add_up_over_processes_and_no_canary_is_anywhere(workspace, tmp_path):
    log, port = tmp_path / "log", free_port()
    with a_collector() as (collector, sent):
        serving = ("serve", "--port", str(port), "--workers", "2", "--new-token")
        with started(workspace, log, *serving, OTEL_EXPORTER_OTLP_ENDPOINT=collector) as process:
            wait_for(lambda: "Serving on" in log.read_text())
            bearer = {"Authorization": f"Bearer {token_in(log)}"}
            parent = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
            base = f"http://127.0.0.1:{port}"

            def scraped() -> dict[str, Counter[tuple[tuple[str, str], ...]]]:
                told = httpx.get(f"{base}/metrics", headers=bearer)
                assert told.status_code == 200
                return samples(told.text)

            wait_for(lambda: sum(scraped()["bedside_workers_ready"].values()) == 2)
            for number in range(30):
                with httpx.Client(base_url=base, headers=bearer | parent) as client:
                    assert ask(client, number).status_code == 200
            os.kill(children_of(process.pid)[-1], signal.SIGKILL)  # the first writes the ledger
            wait_for(lambda: "worker_ended" in log.read_text())
            for number in range(30, 40):
                with httpx.Client(base_url=base, headers=bearer) as client:
                    assert ask(client, number).status_code == 200
            refused = httpx.get(
                f"{base}/CANARY7391", headers={"traceparent": parent["traceparent"]}
            )
            wait_for(lambda: sum(scraped()["bedside_worker_starts_total"].values()) == 3)
            wait_for(lambda: sum(scraped()["bedside_workers_ready"].values()) == 2)
            unknown = httpx.get(f"{base}/v2/canary-ward", headers=bearer)
            text = httpx.get(f"{base}/metrics", headers=bearer).text
            without = httpx.get(f"{base}/metrics")
    counted = samples(text)
    answers = counted["bedside_answers_total"]
    routes = {dict(key)["route"] for key in counted["bedside_http_requests_total"]}
    infer = sum(
        n
        for key, n in counted["bedside_http_requests_total"].items()
        if dict(key)["route"] == "/v2/models/{name}/infer"
    )
    entries = json.loads(bedside_run(workspace, "ledger", "show", "--json").stdout)["entries"]
    assert (refused.status_code, unknown.status_code, without.status_code) == (401, 404, 401)
    assert sum(answers.values()) == infer == 40
    assert sum(answers.values()) == sum(one["action"] == "answer" for one in entries)
    assert all(dict(key)["outcome"] == "abstention" for key in answers)
    assert routes <= {"/v2/models/{name}/infer", "/metrics", "none"}
    assert sum(counted["bedside_workers"].values()) == 2
    assert sum(counted["bedside_answer_seconds_count"].values()) == 40
    said = log.read_text()
    for canary in CANARIES:
        assert canary not in text
        assert canary not in said.replace(str(workspace), "")
        assert all(canary.encode() not in one for one in sent)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {"worker_ended"} <= {one["event"] for one in lines}
    assert all({"time", "level", "event", "text"} <= set(one) for one in lines)
    spans = [span for one in sent for span in spans_of(one)]
    whole = [span for span in spans if span.name == "POST /v2/models/{name}/infer"]
    assert len({span.span_id for span in whole}) == 40 - missed(whole)
    believed = [span for span in whole if span.trace_id.hex() == TRACE]
    assert 0 < len(believed) <= 30
    assert all(span.parent_span_id.hex() == "b7ad6b7169203331" for span in believed)
    assert TRACE not in {span.trace_id.hex() for span in spans if span.name == "GET"}
    inner = {span.name for span in spans if span.parent_span_id == believed[0].span_id}
    assert inner == {"read", "commit"}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans)


def missed(whole: list) -> int:
    """A killed process takes the spans with it that it had not sent yet: at most the first 30."""
    lost = 40 - len(whole)
    assert 0 <= lost <= 30
    return lost


def spans_of(sent: bytes) -> list:
    told = ExportTraceServiceRequest.FromString(sent)
    return [
        span
        for resource in told.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def command_of(pid: int) -> bytes:
    """The command of a process; empty where it has ended, as a monitor does after its run."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return b""


def test_up_keeps_everything_running_and_ends_it_in_order(workspace, tmp_path):
    log, port = tmp_path / "log", free_port()
    later = tmp_path / "later.parquet"
    breast_cancer()[::4].write_parquet(later)
    config = tmp_path / "up.toml"
    config.write_text(
        f"[serve]\nport = {port}\n\n"
        f'[[monitor]]\nmodel = "diagnosis"\ndata = "{later}"\nevery = "1 h"\n'
    )
    checked = bedside_run(workspace, "up", "--config", str(config), "--check")
    assert checked.returncode == 0, checked.stderr
    assert "All of it can run." in checked.stdout
    token = "the-token-of-this-test"  # noqa: S105 - opens nothing outside this test
    (workspace / "token.sha256").write_text(hashlib.sha256(token.encode()).hexdigest())
    base, bearer = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}

    def answered() -> bool:
        try:
            with httpx.Client(base_url=base, headers=bearer) as client:
                return ask(client, time.monotonic_ns()).status_code == 200
        except httpx.TransportError:
            return False

    with started(workspace, log, "up", "--config", str(config)) as process:
        wait_for(answered)
        before = children_of(process.pid)
        wait_for(lambda: re.search(r"^monitor diagnosis +waiting .* 0$", log.read_text(), re.M))
        (server,) = [pid for pid in before if b"serve" in command_of(pid)]
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{server}").exists())
        wait_for(lambda: '"event": "part_ended"' in log.read_text())
        wait_for(lambda: children_of(process.pid) and answered())
        after = children_of(process.pid)
        process.terminate()
        assert process.wait(40) == 0

    assert server not in after
    assert [pid for pid in after if Path(f"/proc/{pid}").exists()] == []
    assert not answered()
    entries = json.loads(bedside_run(workspace, "ledger", "show", "--json").stdout)["entries"]
    assert next(one["details"] for one in entries if one["action"] == "up.ended") == {
        "part": "server",
        "status": -9,
    }
    assert entries[-1]["action"] == "up.stop"


@pytest.mark.parametrize(
    "text", ["[serve]\nprot = 1\n", "[serve]\nworkers = 0\n", "serve = [", "[serve]\nport = 'x'\n"]
)
def test_up_refuses_a_file_that_it_does_not_understand(text, workspace, tmp_path):
    config = tmp_path / "up.toml"
    config.write_text(text)

    done = bedside_run(workspace, "up", "--config", str(config), "--check")

    assert done.returncode == 2
    assert "up.toml" in done.stderr


def test_a_plan_is_measured_and_leaves_the_ledger_as_it_was(workspace):
    before = bedside_run(workspace, "ledger", "show").stdout
    planning = ("plan", "diagnosis", "--requests-per-day", "86400", "--seconds", "1", "--json")

    done = bedside_run(workspace, *planning)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    seen = told["measured"]
    assert seen["outcome"] == "score"
    assert seen["answers"] > CONCURRENCY
    assert seen["ledger_bytes_per_answer"] > 1000
    assert seen["memory_bytes"] > 50 * 2**20
    assert told["workers"] * seen["answers_per_second"] >= 2 * told["peak_per_second"]
    assert told["peak_per_second"] == 10
    assert bedside_run(workspace, "ledger", "show").stdout == before
    assert list(workspace.glob("plan-*")) == []
