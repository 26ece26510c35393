"""Smaller shares lie inside greater ones, and more patients help where the last doubling did."""

from itertools import pairwise

import numpy as np
import pytest

from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.intervals import difference_estimates, estimates
from bedside.develop.evaluate.learning_curve import (
    SHARES,
    Point,
    curve_told,
    rows_of_share,
)
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.matrix import Matrix

OPTIONS = Evaluation(bootstrap=200)


def some_rows(subjects=200, per=3):
    subject = np.repeat(np.random.default_rng(1).permutation(subjects), per)
    label = (subject % 5 == 0).astype(np.int64)
    features = subject[:, None].astype(float)
    return Matrix(features=features, label=label, names=("a",), subject=subject)


def judged(noise, n=300, outcome="binary"):
    """Held-out rows of a model that errs by so much noise."""
    generator = np.random.default_rng(7)
    truth = generator.normal(size=n)
    said = truth + noise * generator.normal(size=n)
    one = np.arange(n)
    if outcome == "regression":
        return Rows(
            risk=said,
            label=np.zeros(n, np.int64),
            subject=one,
            days=np.ones(n),
            outcome=outcome,
            target=truth,
        )
    return Rows(
        risk=1 / (1 + np.exp(-said)),
        label=(truth > 0).astype(np.int64),
        subject=one,
        days=np.ones(n),
    )


def points(noises, **more):
    return [
        Point(share=share, subjects=round(400 * share), rows=judged(noise, **more))
        for share, noise in zip(SHARES, noises, strict=True)
    ]


def test_a_greater_share_holds_whole_every_patient_of_a_smaller_one():
    rows = some_rows()
    taken = [rows_of_share(rows, share, seed=3) for share in SHARES]

    for few, many in pairwise(taken):
        assert set(few) < set(many)
    assert (taken[-1] == np.arange(len(rows.label))).all()
    for share, some in zip(SHARES, taken, strict=True):
        subject = rows.subject[some]
        assert (np.unique(subject, return_counts=True)[1] == 3).all()
        ill = np.unique(subject[rows.label[some] == 1])
        assert len(ill) == pytest.approx(40 * share, abs=0.51)
        assert len(np.unique(subject)) == pytest.approx(200 * share, abs=1.01)


def test_each_point_has_the_figures_of_its_model_with_their_intervals():
    curve = curve_told(points([3, 2, 1, 0.5, 0.4]), OPTIONS, seed=1)

    assert curve["subjects"] == [50, 100, 200, 300, 400]
    first = estimates(judged(3), None, OPTIONS, 1, only=("auroc", "brier"))
    for name in ("auroc", "brier"):
        assert len(curve["metric"][name]) == 5
        assert curve["metric"][name][0] == pytest.approx(first[name])


@pytest.mark.parametrize("outcome", ["binary", "regression"])
def test_a_last_doubling_beyond_chance_says_that_more_patients_would_help(outcome):
    rising = curve_told(points([3, 2.5, 2, 1, 0.2], outcome=outcome), OPTIONS, seed=1)
    level = curve_told(points([3, 1, 0.5, 0.5, 0.5], outcome=outcome), OPTIONS, seed=1)
    falling = curve_told(points([3, 1, 0.2, 1, 2], outcome=outcome), OPTIONS, seed=1)

    assert rising["more_would_help"]
    assert rising["gain"]["low"] > 0
    assert rising["text"].startswith("More patients would still help. From 200 to 400")
    assert level["gain"]["estimate"] == 0
    assert not level["more_would_help"]
    assert "may not help much" in level["text"]
    assert falling["gain"]["high"] < 0
    assert not falling["more_would_help"]


def test_the_gain_is_judged_on_the_same_patients_in_each_resample():
    curve = points([3, 2, 1, 0.6, 0.5])
    told = curve_told(curve, OPTIONS, seed=1)

    paired = difference_estimates(
        curve[-1].rows, curve[2].rows, None, None, OPTIONS, 1, only=("auroc",)
    )
    assert told["gain"] == pytest.approx(paired["auroc"])


def test_without_a_model_of_half_the_patients_it_is_not_known():
    told = curve_told(points([1] * 5)[-1:], OPTIONS, seed=1)

    assert told["more_would_help"] is None
    assert "not known" in told["text"]
