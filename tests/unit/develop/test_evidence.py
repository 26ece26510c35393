"""Evidence keeps small groups hidden and shows its figures with intervals."""

import json

import numpy as np

from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Evaluation, Threshold
from bedside.develop.evaluate.alerts import ALERT_METRICS
from bedside.develop.evaluate.evidence import HeldOut, evaluate
from bedside.develop.evaluate.statistics import Rows


def some_rows(n: int = 300, repeats: int = 1) -> Rows:
    generator = np.random.default_rng(4)
    risk = generator.uniform(0.05, 0.95, n * repeats)
    return Rows(
        risk=risk,
        label=(generator.random(n * repeats) < risk).astype(np.int64),
        subject=np.repeat(np.arange(n), repeats),
        days=np.full(n * repeats, 1 / 24),
    )


def evidence_of(rows: Rows, groups=None, threshold=0.5, **changes):
    options = Evaluation(threshold=Threshold(value=0.5), bootstrap=100, **changes)
    return evaluate(
        HeldOut(rows=rows, baseline=rows, groups=groups or {}),
        threshold=threshold,
        options=options,
        seed=1,
    )


def test_a_subgroup_of_three_patients_is_not_shown():
    groups = np.array(["common"] * 200 + ["other"] * 97 + ["rare"] * 3)

    wards = evidence_of(some_rows(), {"ward": groups})["subgroups"]["ward"]

    rare = wards["rare"]["metrics"].values()
    assert all(figure["estimate"] is None and figure["n"] is None for figure in rare)
    auroc = wards["common"]["metrics"]["auroc"]
    assert auroc["low"] < auroc["estimate"] < auroc["high"]


def test_alerts_by_the_day_are_among_the_metrics():
    evidence = evidence_of(some_rows(60, 12), burden_per="day")

    assert set(ALERT_METRICS) <= set(evidence["metrics"])
    assert "grid" in evidence["alerts"]
    assert "alerts" not in evidence_of(some_rows())


def test_a_model_that_alerts_nobody_has_no_metric_of_alerts():
    evidence = evidence_of(some_rows(60, 12), threshold=None, burden_per="day")

    assert evidence["threshold"]["value"] is None
    assert "sensitivity" not in evidence["metrics"]
    assert "alerts" not in evidence


def test_the_same_rows_give_the_same_bytes_that_read_back_the_same():
    first, second = (
        canonical_json(evidence_of(some_rows(60, 12), burden_per="day")) for _ in range(2)
    )

    assert first == second
    assert canonical_json(json.loads(first)) == first
