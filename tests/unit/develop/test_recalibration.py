"""Recalibration alone, against independent fits and what it must leave alone."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.nonparametric import cumulative_incidence_competing_risks
from sksurv.util import Surv

from bedside.core.errors import Invalid
from bedside.develop.evaluate.calibration_groups import came_by
from bedside.develop.evaluate.recalibration import (
    method_for,
    moved,
    recalibrated,
    recalibrated_out_of_fold,
)
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.matrix import Matrix
from bedside.metrics.calibration import log_odds
from bedside.models.form import Additive, CalibrationMap, Hazards, Member, ModelForm, Term
from bedside.models.learnt import LearntModel

SIZE = 900


def a_form(outcome="binary", link="logistic", outputs=1, **more):
    term = Term(
        kind="linear", features=(0,), scores=tuple((1.0 - at, 0.0) for at in range(outputs))
    )
    part = Additive(intercept=(0.0,) * outputs, terms=(term,))
    return ModelForm(outcome=outcome, link=link, width=1, members=(Member(part=part),), **more)


def a_matrix(label, features, **more):
    return Matrix(
        features=features[:, None],
        label=np.asarray(label, dtype=np.int64),
        names=("x",),
        subject=np.arange(len(features)),
        **more,
    )


@pytest.fixture
def elsewhere():
    """Patients elsewhere, where the risks are too extreme and too high."""
    random = np.random.default_rng(7)
    x = random.normal(size=SIZE)
    label = random.random(SIZE) < 1 / (1 + np.exp(-(0.6 * x - 1)))
    return a_matrix(label, x)


def test_slope_and_intercept_are_those_of_a_logistic_regression_on_the_log_odds(elsewhere):
    form = a_form(calibration=CalibrationMap(kind="affine", numbers=(1.5, 0.3)))

    made = LearntModel(recalibrated(form, elsewhere, "slope_and_intercept"))

    odds = log_odds(LearntModel(form).predict(elsewhere.features))[:, None]
    oracle = LogisticRegression(C=1e9, tol=1e-10).fit(odds, elsewhere.label)
    assert made.predict(elsewhere.features) == pytest.approx(
        oracle.predict_proba(odds)[:, 1], abs=1e-6
    )


def test_the_intercept_alone_makes_the_mean_risk_right_and_keeps_the_spread(elsewhere):
    form = a_form()

    made = LearntModel(recalibrated(form, elsewhere, "intercept")).predict(elsewhere.features)

    assert made.mean() == pytest.approx(elsewhere.label.mean(), abs=1e-9)
    apart = log_odds(made) - log_odds(LearntModel(form).predict(elsewhere.features))
    assert np.ptp(apart) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "before",
    [
        CalibrationMap(),
        CalibrationMap(kind="affine", numbers=(2.0, -0.5)),
        CalibrationMap(kind="beta", numbers=(1.2, 0.7, 0.1)),
        CalibrationMap(kind="polyline", knots=(-2.0, 0.0, 2.0), values=((0.05, 0.4, 0.95),)),
    ],
)
def test_every_map_is_moved_on_the_scale_of_the_log_odds(before):
    margins = np.array([[-2.0], [0.0], [2.0]])
    form, after = a_form(calibration=before), moved(before, 0.8, np.array([0.25]))

    made = LearntModel(replace(form, calibration=after)).predict(margins)

    assert log_odds(made) == pytest.approx(
        0.8 * log_odds(LearntModel(form).predict(margins)) + 0.25
    )


def test_a_survival_model_gets_a_new_baseline_and_the_slope_of_a_cox_model():
    random = np.random.default_rng(3)
    x = random.normal(size=SIZE)
    days = random.exponential(200 / np.exp(0.5 * x)).round() + 1
    event = random.random(SIZE) < 0.7
    rows = a_matrix(event, x, target=days)
    old = Hazards(days=(10.0, 300.0), cumulative=((0.01, 0.05),))
    form = a_form("survival", "proportional_hazards", horizons=(300.0,), hazards=old)

    made = recalibrated(form, rows, "slope_and_intercept")

    oracle = CoxPHSurvivalAnalysis(ties="efron").fit(x[:, None], Surv.from_arrays(event, days))
    assert made.calibration.numbers[0] == pytest.approx(oracle.coef_[0], abs=1e-4)
    risk = LearntModel(made).predict(rows.features)
    assert risk.mean() == pytest.approx(came_by(days, rows.label, 300.0), abs=0.01)


def test_each_level_is_predicted_as_often_as_it_came():
    random = np.random.default_rng(5)
    x = random.normal(size=SIZE)
    label = random.choice(3, SIZE, p=[0.6, 0.3, 0.1])
    form = a_form("multiclass", "softmax", 3, levels=("a", "b", "c"))

    made = recalibrated(form, a_matrix(label, x), "slope_and_intercept")

    share = LearntModel(made).outputs(x[:, None]).mean(axis=0)
    assert share == pytest.approx(np.bincount(label) / SIZE, abs=1e-4)


def test_everybody_is_judged_by_a_fit_on_the_other_four_fifths(elsewhere):
    form, label = a_form(), elsewhere.label
    risk = LearntModel(form).predict(elsewhere.features)
    rows = Rows(risk=risk, label=label, subject=elsewhere.subject, days=np.ones(SIZE))

    judged = recalibrated_out_of_fold(form, rows, elsewhere, "slope_and_intercept").risk

    odds, fold = log_odds(risk)[:, None], np.empty(SIZE, np.int64)
    for came in (0, 1):  # the subjects of each class are dealt out in turn
        fold[label == came] = np.arange((label == came).sum()) % 5
    for number in range(5):
        mine = fold == number
        oracle = LogisticRegression(C=1e9, tol=1e-10).fit(odds[~mine], label[~mine])
        assert judged[mine] == pytest.approx(oracle.predict_proba(odds[mine])[:, 1], abs=1e-6)


def test_few_events_allow_only_the_intercept(elsewhere):
    few = elsewhere.taken(np.arange(300))

    assert (method_for(few, "binary"), method_for(elsewhere, "binary")) == (
        "intercept",
        "slope_and_intercept",
    )


def test_where_the_risks_separate_the_classes_nothing_is_fitted():
    x = np.linspace(-2, 2, 60)

    with pytest.raises(Invalid, match="separate"):
        recalibrated(a_form(), a_matrix(x > 0, x), "slope_and_intercept")


def test_the_share_in_whom_the_event_came_is_the_cumulative_incidence():
    random = np.random.default_rng(11)
    days, label = random.integers(1, 60, 200).astype(float), random.choice(3, 200)

    time, incidence = cumulative_incidence_competing_risks(label, days)

    for horizon in (5.0, 30.5, 59.0):
        oracle = incidence[1][time <= horizon][-1]
        assert came_by(days, label, horizon) == pytest.approx(oracle)
