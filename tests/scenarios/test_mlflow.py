"""A build is told to a real MLflow server, and stands when there is none."""

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlflow_server import MlflowServer, the_server
from planted import PLANTED, SECRET_WORD, a_planted_model, bedside_run

pytestmark = pytest.mark.xdist_group("mlflow")  # one server for all

WATCH = """
import os, sys
busy = False

def note(event, args):
    global busy
    if busy or event not in ("socket.connect", "open"):
        return
    if event == "socket.connect":
        line = f"connect {args[1]}"
    elif isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR):
        line = f"write {args[0]}"
    else:
        return
    busy = True
    handle = os.open(os.environ["WATCHED"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
    os.write(handle, f"{line}\\n".encode())
    os.close(handle)
    busy = False

sys.addaudithook(note)
"""
"""Put in the way of a child process, it writes down each connection and each file written to."""


@dataclass(frozen=True)
class Told:
    """What a build said, what the server and the ledger know of it, and what it did meanwhile."""

    workspace: Path
    built: dict[str, Any]
    run: dict[str, Any]
    parameters: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]
    files: dict[str, bytes]
    watched: list[str]


@pytest.fixture(scope="module")
def server() -> MlflowServer:
    return the_server()


@pytest.fixture(scope="module")
def told(server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """The planted model, built once with a server; as it stands in the server's own files."""
    folder = tmp_path_factory.mktemp("told")
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    model, workspace = a_planted_model(folder / "model"), folder / "w"
    done = bedside_run(
        workspace, "build", str(model), "--data", str(model), "--json",
        environment={
            "MLFLOW_TRACKING_URI": server.address,
            "PYTHONPATH": str(folder / "watch"),
            "WATCHED": str(folder / "watched"),
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (entry,) = [one for one in entries(workspace) if one["action"] == "track"]
    run_id = entry["details"]["run"]
    files = server.folder / "files"
    (place,) = files.rglob(f"{run_id}/artifacts")
    return Told(
        workspace=workspace,
        built=json.loads(done.stdout),
        run=entry["details"],
        parameters=rows(server, "params", run_id),
        metrics=rows(server, "latest_metrics", run_id),
        tags=rows(server, "tags", run_id),
        files={path.name: path.read_bytes() for path in place.rglob("*") if path.is_file()},
        watched=(folder / "watched").read_text().splitlines(),
    )


def entries(workspace: Path) -> list[dict[str, Any]]:
    said = bedside_run(workspace, "ledger", "show", "--json")
    assert said.returncode == 0, said.stderr
    found: list[dict[str, Any]] = json.loads(said.stdout)["entries"]
    return found


def rows(server: MlflowServer, table: str, run_id: str) -> dict[str, Any]:
    """The rows of a run, read from the server's own database."""
    with sqlite3.connect(f"file:{server.folder}/runs.sqlite?mode=ro", uri=True) as database:
        found = database.execute(
            f"SELECT key, value FROM {table} WHERE run_uuid = ?", (run_id,)
        ).fetchall()
    database.close()
    return dict(found)


def test_a_build_is_one_run_with_what_was_declared_and_measured(told: Told) -> None:
    evidence = json.loads(told.files["evidence.json"])

    assert told.parameters["learner.kind"] == "lightgbm"
    assert told.parameters["features"] == "30"
    assert "evaluation.split.by" in told.parameters or "evaluation.split.tuning" in told.parameters
    for name, figure in evidence["metrics"].items():
        assert told.metrics.get(name) == figure["estimate"]
        assert told.metrics.get(f"{name}_low") == figure["low"]


def test_a_run_names_the_version_its_bundle_and_its_gates(told: Told) -> None:
    bundle = next((told.workspace / "bundles").glob("*/manifest.json")).parent

    assert told.tags["bedside.version"] == told.run["version"]
    assert told.tags["bedside.bundle"] == bundle.name
    assert told.tags["bedside.gates"] == "passed"
    assert told.tags["bedside.gate.1"].startswith("passed: ")


def test_a_run_holds_the_documents_and_nothing_of_a_patient(told: Told) -> None:
    every = b"".join(told.files.values()) + repr([told.parameters, told.tags]).encode()

    assert sorted(told.files) == ["evidence.json", "model_card.md", "report.html"]
    assert PLANTED.encode() not in every
    assert SECRET_WORD.encode() not in every


def test_the_client_calls_the_server_alone_and_leaves_no_file(
    told: Told, server: MlflowServer
) -> None:
    connected = {line for line in told.watched if line.startswith("connect ")}
    home = str(told.workspace.parent / "home")
    written = [line for line in told.watched if line.startswith(f"write {home}")]

    assert connected == {f"connect ('127.0.0.1', {server.port})"}
    assert [line for line in written if "mlflow" in line.lower()] == []
    assert any(line.startswith("write ") for line in told.watched), "the watch sees nothing"


def test_a_build_stands_when_the_server_is_down(told: Told) -> None:
    model = told.workspace.parent / "model"

    again = bedside_run(
        told.workspace, "build", str(model), "--data", str(model), "--json",
        environment={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"},
    )  # fmt: skip

    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["gates_passed"] == told.built["gates_passed"]
    assert "MLflow was not told of this build, which stands all the same." in again.stderr
    assert "out of reach" in again.stderr
    assert sum(one["action"] == "track" for one in entries(told.workspace)) == 1
