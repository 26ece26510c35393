"""A workspace that is served for real: a release and a rollback while it is asked."""

import http.client
import json
import signal
import socket
import subprocess
import threading
import time

import pytest

from bedside.core.records.version import Stage
from bedside.lifecycle.release import approve, release
from bedside.lifecycle.rollout import rollback
from bedside.wiring.progress import LineProgress
from bedside.wiring.server import token_digest_of
from bedside.wiring.workspace import actor_of, open_workspace
from planted import BEDSIDE, a_planted_model, bedside_run

pytestmark = pytest.mark.xdist_group("serving_under_load")  # its fixtures are made once

WHY = "a drill"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with two versions of one model: the first live, the second silent."""
    folder = tmp_path_factory.mktemp("load")
    model = a_planted_model(folder / "model")
    versions = []
    for leaves in ("num_leaves: 8", "num_leaves: 3"):
        declared = (model / "bedside.yaml").read_text()
        (model / "bedside.yaml").write_text(declared.replace("num_leaves: 8", leaves))
        done = bedside_run(folder / "w", "build", str(model), "--data", str(model), "--json")
        assert done.returncode == 0, done.stderr
        versions.append(json.loads(done.stdout)["version"])
    platform = open_workspace(folder / "w", actor=actor_of("t", "drill"), progress=LineProgress())
    for version in versions:
        approve(platform, version, name="A B", meaning="reviewed")
        release(platform, version, Stage.SILENT)
    go_live(platform, versions[0])
    return platform, versions


def go_live(platform, version):
    for stage in (Stage.CANARY, Stage.LIVE):
        approve(platform, version, name="A B", meaning="seen", step=stage, without_evidence=WHY)
        release(platform, version, stage, without_evidence=WHY)


def test_a_release_and_a_rollback_under_load_leave_no_question_without_an_answer(workspace):
    platform, (first, second) = workspace
    _, token = token_digest_of(platform.folder, renew=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [BEDSIDE, "serve", "--workspace", str(platform.folder), "--port", str(port)],
        stderr=subprocess.PIPE,
    )
    seen, ended = [], threading.Event()

    def ask():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        while not ended.is_set():
            connection.request("POST", "/v2/models/diagnosis/infer", '{"inputs": []}', headers)
            response = connection.getresponse()
            body = json.loads(response.read())
            seen.append((time.monotonic(), response.status, body["model_version"]))
        connection.close()

    def until_seen(version):
        began = time.monotonic()
        while seen[-1][2] != version and time.monotonic() < began + 30:
            time.sleep(0.01)
        assert seen[-1][2] == version
        return time.monotonic() - began

    try:
        assert b"Serving on" in server.stderr.readline()
        clients = [threading.Thread(target=ask) for _ in range(3)]
        for one in clients:
            one.start()
        time.sleep(0.3)
        assert seen[-1][2] == first
        go_live(platform, second)
        until_seen(second)
        rollback(platform, "diagnosis", reason=WHY)
        took = until_seen(first)
        ended.set()
        for one in clients:
            one.join()
    finally:
        ended.set()
        server.send_signal(signal.SIGTERM)
        status = server.wait(30)
        server.stderr.close()

    assert status == 0
    assert took < 3, "it was loaded already"
    assert {status for _, status, _ in seen} == {200}
    kept = [entry for entry in platform.ledger.entries() if entry.action == "answer"]
    assert sum(entry.details["shown"] for entry in kept) == len(seen)
    assert [entry.action for entry in platform.ledger.entries()].count("reload") >= 2
    assert platform.ledger.verify() == []
