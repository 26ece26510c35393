"""The sepsis model's whole life on replayed data, as its page tells it: to live, and back."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import bedside.usecases
from bedside.core.records.bundle import FEATURES, MODEL
from bedside.core.records.version import Stage
from bedside.features.definition import feature_set_from_json
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.cohort import build_features
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.respond import seen
from data_folder import data_folder
from drilled import opened
from house import ROOT
from loopback import free_port
from warm_start import warm_bedside

pytestmark = pytest.mark.xdist_group("rollout_life")  # its fixtures are made once

PAGE = ROOT / "docs" / "howto" / "replay.md"
ACCOUNT = PAGE.with_name("rollback_account.py")
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
SOME, MANY = 8, 60


def run_page(folder, **variables):
    """Run every command of the page; what each of them printed."""
    lines = "".join(BLOCK.findall(PAGE.read_text())).splitlines()
    commands = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    script = "\n".join(f"echo '>>> {n}'\n{line}" for n, line in enumerate(commands))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        cwd=folder,
        env={
            **os.environ,
            **{name: str(value) for name, value in variables.items()},
            "BEDSIDE_WORKSPACE": str(folder / "w"),
            "PATH": f"{warm_bedside()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
    )
    assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-1500:]
    return dict(zip(commands, done.stdout.split(">>> ")[1:], strict=True))


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """The folder in which the page was run on one stay in forty, and what it printed."""
    folder = tmp_path_factory.mktemp("life")
    stays = folder / "stays"
    stays.mkdir()
    source = data_folder("physionet-2019-sepsis") / "sepsis_setB.parquet"
    picked = pl.read_parquet(source).filter(pl.col("patient_id").hash(1) % 40 == 0)
    picked.write_parquet(stays / source.name)
    places = {"STAYS": stays, "USECASES": Path(bedside.usecases.__file__).parent}
    try:
        said = run_page(folder, **places, ACCOUNT=ACCOUNT, PORT=free_port(), SOME=SOME, MANY=MANY)
    finally:
        if (folder / "serving").is_file():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int((folder / "serving").read_text()), signal.SIGTERM)
    return folder, said


def test_the_model_goes_by_evidence_to_live_and_back_and_no_request_is_lost(lived):
    folder, said = lived
    platform = opened(folder / "w")
    first, second = platform.registry.versions("early_warning")
    told = json.loads((folder / "replayed.json").read_text())

    assert (first.stage, second.stage) == (Stage.LIVE, Stage.SILENT)
    assert told["subjects"] == MANY
    assert told["answered"] == told["questions"] > 1000
    assert set(told["outcomes"]) <= {"score", "abstention"}
    assert [one["version"] for one in told["versions"]] == [second.id, first.id]
    since = next(one.since for one in platform.registry.releases() if one.version == second.id)
    last = datetime.fromisoformat(told["versions"][0]["last_at"])
    assert (last - datetime.fromisoformat(since)).total_seconds() < 3
    account = next(text for command, text in said.items() if "$ACCOUNT" in command)
    assert f"answered {told['questions']:,}, failed 0" in account
    actions = [one.action for one in platform.ledger.entries()]
    assert actions.count("replay.start") == actions.count("replay.stop") == 5
    assert platform.ledger.verify() == []


def test_the_same_replay_again_is_answered_from_the_ledger_and_records_nothing(lived):
    folder, _ = lived
    again = json.loads((folder / "again.json").read_text())
    entries = list(opened(folder / "w").ledger.entries())
    stops = [at for at, one in enumerate(entries) if one.action == "replay.stop"]

    once = [one for one in entries[: stops[0]] if one.action == "answer"]
    twice = [one for one in entries[stops[0] : stops[1]] if one.action == "answer"]

    assert again["answered"] == again["questions"] == len(once)
    assert again["outcomes"] == {"withheld": again["questions"]}
    assert twice == []


def test_a_replayed_history_gives_the_very_risk_that_the_data_set_gives(lived):
    folder, _ = lived
    platform = opened(folder / "w")
    version = platform.registry.versions("early_warning")[0]
    bundle = open_bundle(platform, version)
    features = feature_set_from_json(bundle.files[FEATURES])
    served = {}
    for one in platform.predictions.find(version=version.id, outcome="score"):
        sealed = opened_answer(platform.ledger.unseal(one.sequence))
        served[sealed["subject"], datetime.fromisoformat(one.as_of)] = sealed["answer"]["outcome"][
            "risk"
        ]
    schema = {"subject_id": pl.Int64, "prediction_time": pl.Datetime("us", "UTC")}
    asked = pl.DataFrame(sorted(served), schema=schema, orient="row")

    events, _ = seen(platform, bundle.declaration, folder / "stays")
    events = events.filter(pl.col("subject_id").is_in(asked["subject_id"].unique().implode()))
    matrix = build_features(features, events, asked, lambda _: None)
    risk = platform.predictor_of(bundle.files[MODEL]).predict(matrix)

    assert len(served) > 300
    np.testing.assert_allclose([served[one] for one in sorted(served)], risk, rtol=1e-6)
