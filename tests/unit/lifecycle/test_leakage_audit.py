"""The audit of a model in a workspace: its page, its JSON, and how much it looks at."""

import json
from pathlib import Path

import numpy as np
import polars as pl

import bedside.usecases
from bedside.features.definition import expand
from bedside.lifecycle import leakage
from bedside.lifecycle.build import audit_model
from bedside.lifecycle.leakage import findings_to_json, report_from_json, report_to_json
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from planted_leaks import a_ward

DIAGNOSIS = Path(bedside.usecases.__file__).parent / "diagnosis"


def test_a_model_is_audited_and_its_page_and_figures_lie_in_the_workspace(tmp_path):
    platform = open_workspace(tmp_path, actor=actor_of("test", "test"), progress=LineProgress())

    _, report, page = audit_model(platform, DIAGNOSIS, None)

    assert page == tmp_path / "reports" / "diagnosis" / "leakage.html"
    assert "Nothing stops the build" in page.read_text()
    assert report_from_json(page.with_suffix(".json").read_bytes()) == report
    assert report.leaks == ()


def test_a_report_survives_its_json():
    ward = a_ward(1, subjects=60)
    early = ward.events.with_columns(known_at=pl.col("time"))
    report = type(ward)(
        declaration=ward.declaration, events=early, asked=ward.asked, stays=ward.stays
    ).audited(matrix=ward.matrix(), score=lambda kept: {"auroc": 0.5, "auprc": 0.1})

    assert report.findings
    assert report.scores
    assert report_from_json(report_to_json(report)) == report
    told = json.loads(findings_to_json(report))
    assert {"name", "kind", "text", "severity"} <= set(told[0])


def test_a_suspect_that_is_the_label_costs_the_quick_model_its_rank():
    ward = a_ward(1, subjects=200)
    names, matrix = expand(ward.declaration).names, ward.matrix()
    cheat = names.index("lactate.last")
    matrix[:, cheat] = ward.asked["label"].to_numpy()

    score = leakage._quick_score(names, ward.asked, matrix, 1)
    whole, without = score(names), score(names[:cheat] + names[cheat + 1 :])

    assert whole["auroc"] == 1.0
    assert 0.4 < without["auroc"] < 0.95
    assert score(names) == whole


def test_a_side_of_one_class_is_not_scored():
    ward = a_ward(1, subjects=40)
    healthy = ward.asked.with_columns(label=pl.lit(0))

    assert leakage._quick_score(("a",), healthy, np.zeros((healthy.height, 1)), 1) is None


def test_only_so_many_rows_are_scored_and_of_whole_subjects():
    rows = leakage.SCORED_ROWS
    asked = pl.DataFrame(
        {"subject_id": np.arange(4 * rows) // 40, "side": ["train"] * (4 * rows)}
    ).with_columns(label=pl.lit(0))

    some = leakage._some_rows(asked, "train")

    assert 0.7 * rows < len(some) < 1.3 * rows
    _, counts = np.unique(some // 40, return_counts=True)
    assert set(counts) == {40}
