"""Every weighted metric against scikit-learn on the resampled rows themselves."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    precision_score,
    recall_score,
    roc_auc_score,
)

from bedside.core.records.declaration import Gate
from bedside.develop.evaluate.gates import judge
from bedside.develop.evaluate.statistics import Rows, statistics
from bedside.metrics.bootstrap import estimate_from, replicate_counts

ORACLES = {
    "auroc": roc_auc_score,
    "auprc": average_precision_score,
    "brier": brier_score_loss,
    "log_loss": log_loss,
    "sensitivity": lambda y, p: recall_score(y, p >= 0.5),
    "ppv": lambda y, p: precision_score(y, p >= 0.5),
    "min_sensitivity_ppv": lambda y, p: min(
        recall_score(y, p >= 0.5), precision_score(y, p >= 0.5)
    ),
}


def some_rows(seed=1, subjects=60, per=4):
    generator = np.random.default_rng(seed)
    risk = np.round(generator.uniform(0.02, 0.98, subjects * per), 2)
    label = (generator.random(len(risk)) < risk).astype(np.int64)
    return Rows(
        risk=risk,
        label=label,
        subject=np.repeat(np.arange(subjects), per),
        days=np.ones(len(risk)),
    )


@pytest.mark.parametrize("name", ORACLES)
def test_a_weighted_metric_is_the_metric_of_the_repeated_rows(name):
    rows = some_rows()
    weights = replicate_counts(rows.subjects, 1, seed=3)[0]
    repeated = np.repeat(np.arange(len(rows.risk)), weights[rows.subject])

    found = statistics(rows, 0.5, utility=False, repeated=True)[name](weights.astype(float))

    expected = ORACLES[name](rows.label[repeated], rows.risk[repeated])
    assert found == pytest.approx(expected, abs=1e-9)


def test_an_interval_by_subject_is_wider_than_by_row_when_rows_repeat():
    rows = some_rows(subjects=80, per=1)
    many = Rows(
        risk=np.repeat(rows.risk, 10),
        label=np.repeat(rows.label, 10),
        subject=np.repeat(rows.subject, 10),
        days=np.ones(800),
    )
    statistic = statistics(many, 0.5, utility=False, repeated=True)["auroc"]
    by_row = statistics(
        Rows(risk=many.risk, label=many.label, subject=np.arange(800), days=many.days),
        0.5,
        utility=False,
        repeated=True,
    )["auroc"]

    subject, row = (
        estimate_from(
            one(np.ones(size)),
            np.array([one(counts) for counts in replicate_counts(size, 200, 1)]),
            800,
        )
        for one, size in ((statistic, 80), (by_row, 800))
    )

    assert subject.high - subject.low > 2 * (row.high - row.low)


def test_a_gate_fails_on_its_bound_and_on_a_figure_that_is_not_there():
    evidence = {
        "metrics": {"auroc": {"estimate": 0.9, "low": 0.7, "high": 0.95, "n": 5}},
        "subgroups": {},
    }
    gates = (
        Gate(metric="auroc", at_least=0.8),
        Gate(metric="auroc", at_least=0.8, bound="low"),
        Gate(metric="brier", at_most=0.1),
    )

    results = judge(gates, evidence)

    assert [result.passed for result in results] == [True, False, False]
