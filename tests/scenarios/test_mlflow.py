"""A build is told to a real MLflow server, and stands when there is none."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from bedside.core.ids import digest_bytes
from bedside.core.records.ledger import Actor
from bedside.data.collect.bundled import breast_cancer
from bedside.features.definition import expand
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.lifecycle.package import load_declaration
from bedside.lifecycle.patients import entry_of, facts_of, own_patients, same_data
from bedside.lifecycle.release import open_bundle
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import open_workspace
from house import ROOT
from mlflow_server import MlflowServer, the_mlflow, the_server
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


SAVE = """
import json, sys
import lightgbm, mlflow.lightgbm, pandas
from mlflow.models import infer_signature
text, names, folder = sys.argv[1:]
booster = lightgbm.Booster(model_file=text)
table = pandas.DataFrame([[0.0] * booster.num_feature()], columns=json.load(open(names)))
mlflow.lightgbm.save_model(
    booster, folder, signature=infer_signature(table), pip_requirements=["lightgbm"]
)
"""

SCORE = """
import sys
import mlflow.pyfunc, pandas
folder, rows, out = sys.argv[1:]
rows = pandas.read_json(rows, orient="split", dtype=float)
made = mlflow.pyfunc.load_model(folder).predict(rows)
made.to_json(out, orient="split", double_precision=15)
"""


@pytest.fixture(scope="module")
def exported(told: Told) -> Path:
    folder = told.workspace.parent / "exported"
    done = bedside_run(
        told.workspace, "export", told.run["version"], "--as", "mlflow", "--to", str(folder)
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_mlflow_scores_an_exported_version_as_bedside_does(told: Told, exported: Path) -> None:
    names, matrix = held_out(told)

    found = scored_by_mlflow(exported, names, matrix)

    (graph,) = (told.workspace / "bundles").glob("*/model.onnx")
    risks = OnnxPredictor(graph.read_bytes()).predict(matrix)
    assert len(risks) > 100
    assert np.abs(np.array(found["risk"]) - risks).max() <= 1e-6


def test_mlflow_scores_rows_with_gaps_as_bedside_does(told: Told, exported: Path) -> None:
    names, matrix = held_out(told)
    matrix = np.where(np.random.default_rng(5).random(matrix.shape) < 0.3, np.nan, matrix)

    found = scored_by_mlflow(exported, names, matrix)

    (graph,) = (told.workspace / "bundles").glob("*/model.onnx")
    risks = OnnxPredictor(graph.read_bytes()).predict(matrix)
    assert np.abs(np.array(found["risk"]) - risks).max() <= 1e-6


def test_an_export_is_the_same_bytes_again_and_never_overwrites(told: Told, exported: Path) -> None:
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    words = ("export", told.run["version"], "--to")

    again = bedside_run(told.workspace, *words, str(exported.with_name("again")))
    over = bedside_run(told.workspace, *words, str(exported))

    assert again.returncode == 0, again.stderr
    assert before == {
        path.name: path.read_bytes() for path in exported.with_name("again").iterdir()
    }
    assert over.returncode == 4
    assert "nothing is ever overwritten" in over.stderr
    assert sorted(before) == [
        "MLmodel", "model.onnx", "model_card.md", "python_env.yaml", "requirements.txt",
    ]  # fmt: skip


def test_an_exported_version_can_be_registered_at_the_server(
    told: Told, server: MlflowServer
) -> None:
    folder = told.workspace.parent / "registered"

    done = bedside_run(
        told.workspace, "export", told.run["version"], "--to", str(folder),
        "--register", "Biopsies", "--json",
        environment={"MLFLOW_TRACKING_URI": server.address},
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["registered"] == "1"
    with sqlite3.connect(f"file:{server.folder}/runs.sqlite?mode=ro", uri=True) as database:
        ((source, tag),) = database.execute(
            "SELECT v.source, t.value FROM model_versions v JOIN model_version_tags t "
            "ON t.name = v.name AND t.version = v.version AND t.key = 'bedside.bundle' "
            "WHERE v.name = 'Biopsies'"
        ).fetchall()
    database.close()
    kept = server.folder / "files" / source.removeprefix("mlflow-artifacts:/")
    assert tag == told.tags["bedside.bundle"]
    assert (kept / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


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


@dataclass(frozen=True)
class Given:
    """A booster from elsewhere, and the version that its import made."""

    folder: Path
    booster: lightgbm.Booster
    matrix: Any
    workspace: Path
    built: dict[str, Any]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Trees that LightGBM grew on the biopsies outside of Bedside, saved by MLflow, imported."""
    place = tmp_path_factory.mktemp("given")
    model = a_planted_model(place / "model")
    source = (model / "bedside.yaml").read_text()
    learnt = re.search(r"learner:\n(?:  .*\n)+", source)
    assert learnt is not None
    changed = source.replace(learnt.group(), "learner: {calibration: none}\n")
    (model / "bedside.yaml").write_text(changed)
    declared = load_declaration(model)[0]
    features = expand(declared).features
    names, table = [one.name for one in features], breast_cancer()
    matrix = table.select(declared.signals[one.signal].column for one in features).to_numpy()
    label = table["malignant"].to_numpy()
    booster = lightgbm.train(
        {"objective": "binary", "num_leaves": 6, "verbosity": -1, "num_threads": 1},
        lightgbm.Dataset(matrix[::2], label[::2]),
        40,
    )
    (place / "booster.txt").write_text(booster.model_to_string())
    (place / "names.json").write_text(json.dumps(names))
    saved = subprocess.run(
        [sys.executable, "-c", SAVE, place / "booster.txt", place / "names.json", place / "mlflow"],
        capture_output=True, text=True, check=False, timeout=120, cwd=place,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "HOME": str(place)},
    )  # fmt: skip
    assert saved.returncode == 0, saved.stderr
    done = bedside_run(
        place / "w", "import", str(place / "mlflow"), "--declaration", str(model),
        "--data", str(model), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Given(
        folder=place / "mlflow",
        booster=booster,
        matrix=matrix,
        workspace=place / "w",
        built=json.loads(done.stdout),
    )


def test_an_imported_model_is_a_version_with_its_own_risks_and_says_where_it_is_from(
    given: Given,
) -> None:
    bundle = given.workspace / "bundles" / given.built["bundle"]
    facts = json.loads((bundle / "manifest.json").read_bytes())["facts"]

    risks = OnnxPredictor((bundle / "model.onnx").read_bytes()).predict(given.matrix)

    assert np.abs(risks - given.booster.predict(given.matrix)).max() < 1e-6
    assert given.built["metrics"]["auroc"]["estimate"] > 0.95
    assert facts["imported"] == given.built["imported"]
    assert facts["imported"]["files"] == {
        name: digest_bytes((given.folder / name).read_bytes()) for name in ("MLmodel", "model.lgb")
    }
    assert json.loads((bundle / "evidence.json").read_bytes())["importance"]
    card = (bundle / "model_card.md").read_text()
    assert "taken in from MLflow (lightgbm)" in card
    assert "not known which patients it was learnt from" in card


def test_an_imported_version_is_reproduced_from_its_own_bundle(given: Given) -> None:
    (given.folder / "model.lgb").rename(given.folder / "gone.lgb")

    again = bedside_run(given.workspace, "reproduce", given.built["version"], "--json")

    (given.folder / "gone.lgb").rename(given.folder / "model.lgb")
    assert again.returncode == 0, again.stdout + again.stderr
    assert json.loads(again.stdout)["differing"] == []


def test_the_page_about_mlflow_does_what_it_says(given: Given, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "howto" / "mlflow.md").read_text()
    commands = re.findall(r"^\$ (.*)$", page, re.MULTILINE)

    for command in commands:
        done = subprocess.run(
            ["bash", "-euc", command], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={
                **os.environ, "BEDSIDE_WORKSPACE": str(given.workspace),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    assert len(commands) == 1
    assert (tmp_path / "diagnosis-for-mlflow" / "MLmodel").is_file()


def test_a_declaration_that_asks_for_learning_refuses_an_import(given: Given) -> None:
    asked = bedside_run(given.workspace, "import", str(given.folder), "--declaration", "diagnosis")

    assert asked.returncode == 4
    assert "cannot have: learner.parameters" in asked.stderr


def held_out(told: Told) -> tuple[list[str], Any]:
    """Names of the features, and their values for the held-out subjects."""
    actor = Actor(name="test", purpose="test")
    platform = open_workspace(told.workspace, actor=actor, progress=LineProgress())
    version = platform.registry.get(told.run["version"])
    bundle = open_bundle(platform, version)
    entry = entry_of(platform, facts_of(platform, version)["snapshot"])
    intake = same_data(platform, entry)(bundle.declaration)
    with platform.lock():
        patients = own_patients(platform, bundle, intake, told.workspace / "again")
    side = patients.side("held_out")
    return list(side.feature_set.names), side.matrix


def scored_by_mlflow(folder: Path, names: list[str], matrix: Any) -> dict[str, list[float]]:
    rows, out = folder.with_name("rows.json"), folder.with_name("scores.json")
    data = [[None if np.isnan(value) else value for value in row] for row in matrix.tolist()]
    rows.write_text(json.dumps({"columns": names, "index": [*range(len(data))], "data": data}))
    ran = subprocess.run(
        [the_mlflow(), "-c", SCORE, folder, rows, out],
        capture_output=True, text=True, check=False, timeout=120, cwd=folder.parent,
        env={**os.environ, "HOME": str(folder.parent), "MLFLOW_DISABLE_TELEMETRY": "true"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "mismatch" not in ran.stderr
    told = json.loads(out.read_text())
    return {name: [row[at] for row in told["data"]] for at, name in enumerate(told["columns"])}
