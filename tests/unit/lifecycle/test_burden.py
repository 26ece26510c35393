"""The alerts of a registered version, simulated from its sealed bundle and nothing else."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bedside.core.errors import Refused
from bedside.core.ids import canonical_json
from bedside.core.records.bundle import DECLARATION, EVIDENCE
from bedside.core.records.declaration import Alerts
from bedside.core.records.version import ModelVersion, Stage
from bedside.deploy.package.sealing import seal
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.statistics import Rows
from bedside.interop.declaration import declaration_to_json
from bedside.lifecycle.burden import simulate
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from trained import a_declaration


def registered(workspace: Path, burden_per: str):
    """A platform with one version, whose evidence is real and whose model is left out."""
    base = a_declaration()
    options = replace(
        base.evaluation, burden_per=burden_per, bootstrap=100, alerts=Alerts(beds=12, snooze="6 h")
    )
    declared = replace(base, evaluation=options)
    generator = np.random.default_rng(2)
    rows = Rows(
        risk=generator.random(6000),
        label=(generator.random(6000) < 0.1).astype(np.int64),
        subject=np.repeat(np.arange(200), 30),
        days=np.full(6000, 1 / 24),
    )
    evidence = evaluate(HeldOut(rows=rows, groups={}), threshold=0.9, options=options, seed=1)
    platform = open_workspace(
        workspace, actor=actor_of("a person", "overview"), progress=LineProgress()
    )
    files = {DECLARATION: declaration_to_json(declared), EVIDENCE: canonical_json(evidence)}
    digest = seal(files, {"model": declared.name}, platform.bundles)
    signature = platform.signature_of(digest)
    platform.signer.sign(str(platform.bundles / digest), str(signature))
    version = ModelVersion(
        id=f"{declared.name}@{digest[:12]}", name=declared.name, bundle=digest,
        stage=Stage.BUILT, built_at="2026-01-01T00:00:00Z", gates=(),
    )  # fmt: skip
    platform.registry.add(version)
    return platform, version.id, evidence


def test_what_is_not_asked_is_as_declared_and_the_page_lies_in_the_workspace(tmp_path):
    platform, version, evidence = registered(tmp_path / "w", "day")

    done = simulate(platform, version, capacity=40)

    a_bed = evidence["metrics"]["alerts_per_patient_day"]["estimate"]
    assert (done.burden.beds, done.burden.snooze_hours) == (12, 6.0)
    assert done.burden.current.alerts_per_day == pytest.approx(12 * a_bed, rel=1e-3)
    assert done.page.is_relative_to(tmp_path / "w" / "reports")
    assert "Which threshold fits our staff?" in done.page.read_text()


def test_the_command_prints_one_document_with_the_answer(tmp_path):
    _, version, _ = registered(tmp_path / "w", "day")

    words = ["alerts", version, "--capacity", "40", "--snooze", "12 h", "--json"]
    done = subprocess.run(
        [str(Path(sys.executable).with_name("bedside")), *words, "--workspace", tmp_path / "w"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip

    told = json.loads(done.stdout)
    assert told["version"] == version
    assert told["snooze_hours"] == 12
    assert told["best"]["alerts_per_day"] <= 40
    assert Path(told["page"]).is_file()


def test_a_model_that_asks_once_is_refused(tmp_path):
    platform, version, _ = registered(tmp_path / "w", "subject")

    with pytest.raises(Refused) as refused:
        simulate(platform, version)

    assert refused.value.code == "no_alerts_by_day"
