"""Curves against other implementations, and with nobody to be picked out."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve
from sksurv.metrics import brier_score, cumulative_dynamic_auc
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator
from sksurv.util import Surv

from bedside.core.records.declaration import Evaluation, Threshold
from bedside.develop.evaluate.binning import drawings, kept_cuts
from bedside.develop.evaluate.curves import curves_of
from bedside.develop.evaluate.curves_of_survival import incidence
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.threshold import net_benefit

OPTIONS = Evaluation(threshold=Threshold(value=0.5), bootstrap=100)


def some_rows(n: int = 800, seed: int = 1, repeats: int = 1) -> Rows:
    generator = np.random.default_rng(seed)
    risk = generator.beta(1, 3, n * repeats).round(2).clip(0.01, 0.99)
    return Rows(
        risk=risk,
        label=(generator.random(n * repeats) < risk).astype(np.int64),
        subject=np.repeat(np.arange(n), repeats),
        days=np.ones(n * repeats),
    )


def followed(n: int = 600, *, competing: bool = False, seed: int = 2) -> Rows:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=n)
    event, ended = generator.exponential(900 * np.exp(-x)), generator.uniform(50, 2500, n)
    other = generator.exponential(3000, n) if competing else np.full(n, np.inf)
    days = np.minimum(np.minimum(event, ended), other)
    label = np.where(event < np.minimum(ended, other), 1, np.where(other < ended, 2, 0))
    grid = np.linspace(0, 1500, 101)[1:]
    curve = 1 - np.exp(-np.exp(x)[:, None] * grid / 900)
    return Rows(
        risk=curve[:, -1],
        label=label,
        subject=np.arange(n),
        days=np.ones(n),
        outcome="survival",
        target=days,
        horizons=(375.0, 1500.0),
        outputs=curve[:, [24, 99]],
        curve=curve,
        curve_days=grid,
    )


def test_every_point_of_the_roc_is_one_of_scikit_learn():
    rows = some_rows()

    roc = curves_of(rows, OPTIONS, 1)["roc"]

    x, y, _ = roc_curve(rows.label, rows.risk, drop_intermediate=False)
    known = np.column_stack([x, y])
    for point in zip(roc["x"], roc["y"], strict=True):
        assert np.abs(known - point).max(axis=1).min() < 1e-12
    assert all(low <= y <= high for low, y, high in zip(roc["low"], roc["y"], roc["high"],
                                                        strict=True))  # fmt: skip


def test_every_point_of_precision_and_recall_is_one_of_scikit_learn():
    rows = some_rows()

    drawn = curves_of(rows, OPTIONS, 1)["precision_recall"]

    precision, recall, _ = precision_recall_curve(rows.label, rows.risk)
    known = np.column_stack([recall, precision])
    for point in zip(drawn["x"], drawn["y"], strict=True):
        assert np.abs(known - point).max(axis=1).min() < 1e-12


def test_net_benefit_is_that_of_the_metric():
    rows = some_rows()

    drawn = curves_of(rows, OPTIONS, 1)["net_benefit"]

    assert len(drawn["threshold"]) > 20
    assert drawn["model"] == pytest.approx(
        [net_benefit(rows.label, rows.risk, threshold=bar) for bar in drawn["threshold"]]
    )


def test_neighbouring_points_stand_apart_by_more_than_ten_patients():
    rows = some_rows(90)
    cuts = np.unique(rows.risk)

    kept = kept_cuts(rows.risk, rows.subject, cuts)

    edges = [-np.inf, *kept, np.inf]
    counts = [
        len(np.unique(rows.subject[(rows.risk >= low) & (rows.risk < high)]))
        for low, high in pairwise(edges)
    ]
    assert all(count == 0 or count > 10 for count in counts)
    assert len(kept) >= 4


def test_intervals_of_calibration_carry_that_rows_of_a_patient_go_together():
    once = some_rows(300, seed=5)
    again = Rows(
        risk=np.repeat(once.risk, 20),
        label=np.repeat(once.label, 20),
        subject=np.repeat(once.subject, 20),
        days=np.ones(6000),
    )

    one, twenty = (curves_of(rows, OPTIONS, 1)["calibration"] for rows in (once, again))

    assert twenty["low"] == pytest.approx(one["low"], abs=1e-9)
    assert twenty["high"] == pytest.approx(one["high"], abs=1e-9)


def test_the_smooth_curve_follows_how_risks_are_off():
    generator = np.random.default_rng(3)
    risk = generator.uniform(0.02, 0.98, 20_000)
    true = 1 / (1 + np.exp(-(0.5 + 0.6 * np.log(risk / (1 - risk)))))
    label = (generator.random(20_000) < true).astype(np.int64)
    rows = Rows(risk=risk, label=label, subject=np.arange(20_000), days=np.ones(20_000))

    smooth = curves_of(rows, OPTIONS, 1)["calibration"]["smooth"]

    at = np.array(smooth["predicted"])
    expected = 1 / (1 + np.exp(-(0.5 + 0.6 * np.log(at / (1 - at)))))
    assert np.array(smooth["observed"])[5:-5] == pytest.approx(expected[5:-5], abs=0.03)


@pytest.mark.parametrize("cause", [1, 2])
def test_observed_incidence_is_that_of_scikit_survival(cause):
    rows = followed(competing=True)
    at = np.linspace(10, 2000, 40)

    ours = incidence(
        rows.target, rows.label, cause, np.ones(600, bool), rows.subject, at, np.ones((600, 1))
    )[:, 0]

    days, curves = cumulative_incidence_competing_risks(rows.label, rows.target)
    theirs = curves[cause][np.searchsorted(days, at, side="right") - 1]
    assert ours == pytest.approx(theirs, abs=1e-12)


def test_without_competing_events_incidence_is_one_less_kaplan_meier():
    rows = followed()
    at = np.linspace(10, 2000, 40)

    ours = incidence(
        rows.target, rows.label, 1, np.ones(600, bool), rows.subject, at, np.ones((600, 1))
    )[:, 0]

    days, alive = kaplan_meier_estimator(rows.label == 1, rows.target)
    assert ours == pytest.approx(1 - alive[np.searchsorted(days, at, side="right") - 1], abs=1e-12)


def test_discrimination_and_error_over_time_are_those_of_scikit_survival():
    rows = followed()
    told = curves_of(rows, OPTIONS, 1)["over_time"]

    truth = Surv.from_arrays(rows.label == 1, rows.target)
    columns = np.searchsorted(rows.curve_days, told["days"])
    areas = [
        cumulative_dynamic_auc(truth, truth, rows.curve[:, at], [day])[0][0]
        for at, day in zip(columns, told["days"], strict=True)
    ]
    _, errors = brier_score(truth, truth, 1 - rows.curve[:, columns], told["days"])
    assert len(told["days"]) >= 10
    assert told["auc"]["estimate"] == pytest.approx(areas, abs=1e-9)
    assert told["brier"]["estimate"] == pytest.approx(errors, abs=1e-9)


def test_a_curve_of_observed_events_ends_where_ten_are_followed():
    rows = followed(90)

    groups = curves_of(rows, OPTIONS, 1)["risk_groups"]

    for group, place in zip(
        groups, np.array_split(np.argsort(rows.risk), len(groups)), strict=True
    ):
        last = group["days"][-1] if group["days"] else 0
        assert (rows.target[place] >= last).sum() > 10
    assert any(len(group["days"]) < len(group["predicted_days"]) for group in groups)


def test_a_confusion_is_shares_of_what_came_true_with_few_hidden():
    generator = np.random.default_rng(1)
    label = generator.choice(3, 400, p=[0.7, 0.25, 0.05])
    outputs = generator.dirichlet([1, 1, 1], 400)
    outputs[np.arange(400), label] += 0.4
    rows = Rows(
        risk=1 - outputs[:, 0] / outputs.sum(axis=1),
        label=label,
        subject=np.arange(400),
        days=np.ones(400),
        outcome="ordinal",
        outputs=outputs / outputs.sum(axis=1, keepdims=True),
        levels=("none", "some", "much"),
    )

    share = curves_of(rows, OPTIONS, 1)["confusion"]["share"]

    said = outputs.argmax(axis=1)
    assert share[0][0] == pytest.approx(np.mean(said[label == 0] == 0))
    told = [cell for row in share for cell in row if cell is not None]
    assert len(told) < 9


def test_residuals_of_values_are_observed_less_predicted():
    generator = np.random.default_rng(1)
    risk = generator.normal(50, 10, 500)
    target = risk + 3 + generator.normal(0, 5, 500)
    rows = Rows(
        risk=risk, label=np.zeros(500, np.int64), subject=np.arange(500), days=np.ones(500),
        outcome="regression", outputs=risk[:, None], target=target,
    )  # fmt: skip

    left = curves_of(rows, OPTIONS, 1)["residuals"]

    assert np.mean(left["mean"]) == pytest.approx(3, abs=0.6)
    assert len(left["predicted"]) == 10
    shown = [count for count in left["rows"] if count is not None]
    assert all(count == 0 or count > 10 for count in shown)


def test_everyone_is_counted_once_before_the_resamples():
    weights = drawings(50, 100, 3)

    assert weights.shape == (50, 101)
    assert (weights[:, 0] == 1).all()
    assert (weights.sum(axis=0) == 50).all()
