"""Each means against unequal errors does what its source says, on groups made unequal."""

from dataclasses import replace

import numpy as np
import pytest
from fairlearn.postprocessing import ThresholdOptimizer
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.base import BaseEstimator

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Fairness, Learner, Subgroup, Threshold
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation import reductions
from bedside.develop.train.mitigation.fitting import fitted
from bedside.develop.train.mitigation.groups import LevelColumn, Levels, level_columns
from bedside.develop.train.mitigation.recalibration import (
    held_platt,
    shared_slope,
    with_group_calibration,
)
from bedside.develop.train.mitigation.reductions import reduced, threshold_margin
from bedside.develop.train.mitigation.reweighing import row_weights
from bedside.develop.train.mitigation.thresholds import group_thresholds
from bedside.features.definition import expand
from bedside.models.form import CalibrationMap
from bedside.models.learnt import LearntModel
from trained import a_declaration

THIRD = Threshold(value=1 / 3)
LEVELS = (
    LevelColumn(level="a", column=1, value=0.0),
    LevelColumn(level="b", column=1, value=1.0),
)
PLAN = Plan(
    options=Learner(rounds=12, threads=1, parameters={"num_leaves": 4, "learning_rate": 0.4}),
    columns=(Column(name="x"), Column(name="group")),
)


def ward(seed, n=6000, *, hidden=0.0):
    """Two groups with the same risks; of group b, this share of the outcomes is not recorded."""
    generator = np.random.default_rng(seed)
    group = (generator.random(n) < 0.4).astype(float)
    x = generator.normal(size=n)
    label = (generator.random(n) < 1 / (1 + np.exp(1 - 1.5 * x))).astype(np.int64)
    seen = (group == 0) | (generator.random(n) >= hidden)
    return Matrix(features=np.stack([x, group], axis=1), label=label * seen, names=("x", "group"))


def names(rows):
    return np.where(rows.features[:, 1] == 1, "b", "a")


def fit(rows):
    return LightGbm().fit(rows, rows, PLAN)


def sensitivities(risk, rows, threshold):
    alert = risk >= threshold
    return [alert[(rows.label == 1) & (rows.features[:, 1] == at)].mean() for at in (0.0, 1.0)]


def unfair():
    """Training rows in which group b is under-recorded, tuning and later rows in which it is not.

    Also the model of these training rows, calibrated on the tuning rows.
    """
    train, tuning, later = ward(1, hidden=0.6), ward(2), ward(3)
    return train, tuning, later, with_calibration(fit(train), tuning, "platt")


def test_weights_make_the_outcome_independent_of_the_level_and_keep_the_totals():
    rows = ward(4, hidden=0.5)
    weight = row_weights(names(rows), rows)

    share = {
        one: np.average(rows.label[names(rows) == one], weights=weight[names(rows) == one])
        for one in "ab"
    }
    assert share["a"] == pytest.approx(share["b"]) == pytest.approx(rows.label.mean())
    for one in "ab":
        assert weight[names(rows) == one].sum() == pytest.approx((names(rows) == one).sum())


def test_kamiran_and_calders_own_example_of_weights():
    # Table 1 of Knowl Inf Syst 2012;33:1-33: ten people, 5 of each sex; 4 men and 2 women get the
    # job. Weights there: men 0.75 (yes) and 2 (no), women 1.5 (yes) and 0.67 (no). Here of 200.
    sex = np.repeat(["male", "female"], 100)
    label = np.r_[np.arange(100) < 80, np.arange(100) < 40].astype(np.int64)
    weight = row_weights(sex, Matrix(features=np.zeros((200, 1)), label=label, names=("x",)))

    told = {
        (one, at): set(weight[(sex == one) & (label == at)].round(2).tolist())
        for one in ("male", "female")
        for at in (0, 1)
    }
    assert told == {
        ("male", 1): {0.75},
        ("male", 0): {2.0},
        ("female", 1): {1.5},
        ("female", 0): {0.67},
    }


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(0, 40))
def test_a_small_or_unknown_level_keeps_the_weight_of_one(seed, few):
    rows = ward(seed, n=200)
    level = np.where(np.arange(200) < few, "few", names(rows))
    level[-5:] = ""
    weight = row_weights(level, rows)

    small = min((rows.label[:few] == at).sum() for at in (0, 1)) <= 10
    assert (weight[-5:] == 1).all()
    assert not small or (weight[:few] == 1).all()


def test_reweighing_and_reductions_find_the_cases_of_a_group_that_was_under_recorded():
    train, tuning, later, plain = unfair()
    wanted = Threshold(sensitivity=0.7)
    made = {
        "plain": plain,
        "reweighed": fit(replace(train, weight=row_weights(names(train), train))),
        "reduced": reduced(
            fit, train, tuning, names(train), constraint="equal_opportunity", chosen=wanted
        ),
    }

    gap = {}
    for name, form in made.items():
        margin = LearntModel(form).margins(later.features)[:, 0]
        first, second = sensitivities(margin, later, threshold_margin(form, tuning, wanted))
        gap[name] = first - second
    assert gap["plain"] > 0.4
    assert abs(gap["reweighed"]) < 0.05
    assert abs(gap["reduced"]) < 0.08


def test_reductions_are_one_model_whose_margin_is_the_mean_by_share_and_the_same_each_time(
    monkeypatch,
):
    monkeypatch.setattr(reductions, "GAMES", 1)
    monkeypatch.setattr(reductions, "ROUNDS", 3)
    train, tuning, *_ = unfair()
    few = train.taken(np.arange(600))

    first, second = (
        reduced(
            fit,
            few,
            tuning,
            names(few),
            constraint="equalized_odds",
            chosen=Threshold(value=0.3),
        )
        for _ in range(2)
    )

    assert first == second
    assert len(first.members) > 1
    assert sum(member.weight for member in first.members) == pytest.approx(1)
    alone = [replace(first, members=(replace(one, weight=1.0),)) for one in first.members]
    margins = [LearntModel(form).margins(train.features) for form in alone]
    mean = sum(one.weight * part for one, part in zip(first.members, margins, strict=True))
    np.testing.assert_allclose(LearntModel(first).margins(train.features), mean)


def test_the_margin_of_a_threshold_is_where_the_calibrated_risk_is_the_threshold():
    _, tuning, later, form = unfair()

    margin = threshold_margin(replace(form, calibration=CalibrationMap()), tuning, THIRD)

    reached = LearntModel(form).margins(later.features)[:, 0] >= margin
    np.testing.assert_array_equal(reached, LearntModel(form).predict(later.features) >= 1 / 3)


def test_reductions_without_levels_are_refused():
    rows = ward(1)
    declaration = a_declaration(fairness=Fairness(subgroup="sex", mitigation="reweighing"))
    short = Levels(train=names(rows)[:-1], tuning=names(rows))

    for levels in (None, short):
        with pytest.raises(Invalid, match="to which level of 'sex'"):
            fitted(declaration, fit, rows, rows, levels)


@pytest.mark.parametrize(
    ("constraint", "fairlearn"),
    [
        ("equal_opportunity", "true_positive_rate_parity"),
        ("demographic_parity", "demographic_parity"),
        ("equalized_odds", "equalized_odds"),
    ],
)
def test_group_thresholds_come_near_what_a_lottery_of_thresholds_can_reach(constraint, fairlearn):
    _, tuning, _, form = unfair()
    risk = LearntModel(form).predict(tuning.features)
    overall = 0.3
    chosen = group_thresholds(tuning, risk, LEVELS, overall=overall, constraint=constraint)
    bar = np.full(len(risk), overall)
    for level, threshold in chosen:
        bar[level.inside(tuning.features)] = threshold
    alert = risk >= bar

    def rates(said):
        """Sensitivity, false alarms and share alerted of each group."""
        told = []
        for at in (0.0, 1.0):
            inside = tuning.features[:, 1] == at
            sick = tuning.label == 1
            told.append(
                [said[inside & sick].mean(), said[inside & ~sick].mean(), said[inside].mean()]
            )
        return np.abs(np.diff(told, axis=0)[0])

    looked_at = {"equal_opportunity": [0], "demographic_parity": [2], "equalized_odds": [0, 1]}
    some = looked_at[constraint]
    before = rates(risk >= overall)[some].max()
    after = rates(alert)[some].max()
    lottery = ThresholdOptimizer(
        estimator=_Given(risk),
        constraints=fairlearn,
        objective="balanced_accuracy_score",
        prefit=False,
        predict_method="predict",
    )
    rows = np.arange(len(risk)).reshape(-1, 1)
    lottery.fit(rows, tuning.label, sensitive_features=names(tuning))
    drawn = lottery._pmf_predict(rows, sensitive_features=names(tuning))[:, 1]

    assert [level.level for level, _ in chosen] == ["a", "b"]
    assert after < before / 5
    assert after < rates(drawn)[some].max() + (0.05 if constraint == "equalized_odds" else 0.02)


class _Given(BaseEstimator):
    """Risks as an estimator, for fairlearn."""

    def __init__(self, risk):
        self.risk = risk

    def fit(self, rows, label):
        self.fitted_ = True
        return self

    def predict(self, rows):
        return self.risk[np.asarray(rows)[:, 0]]


def test_a_group_of_ten_cases_keeps_the_common_threshold_and_calibration():
    tuning = ward(5, n=400)
    cases = np.flatnonzero((tuning.label == 1) & (tuning.features[:, 1] == 1))
    tuning = tuning.taken(np.setdiff1d(np.arange(400), cases[10:]))
    form = with_calibration(fit(tuning), tuning, "platt")
    risk = LearntModel(form).predict(tuning.features)

    chosen = group_thresholds(tuning, risk, LEVELS, overall=0.3, constraint="equal_opportunity")

    assert [level.level for level, _ in chosen] == ["a"]
    assert [one.value for one in with_group_calibration(form, tuning, LEVELS).groups] == [0.0]


def test_a_calibration_for_each_group_makes_the_risks_of_both_right():
    _, tuning, later, form = unfair()
    made = with_group_calibration(form, tuning, LEVELS)

    def error(of, at):
        inside = later.features[:, 1] == at
        return later.label[inside].mean() - LearntModel(of).predict(later.features)[inside].mean()

    assert error(form, 1.0) > 0.04
    assert abs(error(made, 0.0)) < 0.04
    assert abs(error(made, 1.0)) < 0.02


def test_margins_that_lie_apart_for_no_reason_do_not_flatten_the_risks_within_groups():
    rows = ward(8, n=1200)
    group = rows.features[:, 1] == 1
    margin = 1.5 * rows.features[:, 0] - 4.0 * group

    slope, intercepts = shared_slope(margin, rows.label, [~group, group])

    assert slope == pytest.approx(1.0, abs=0.15)
    assert intercepts[1] - intercepts[0] == pytest.approx(4.0, abs=0.5)


def test_the_held_calibration_is_the_most_likely_under_its_priors():
    rows = ward(6, n=150)
    odds = rows.features[:, 0]

    def loss(parameters):
        slope, intercept = parameters
        margin = slope * odds + intercept
        held = ((slope - 1) / 0.5) ** 2 / 2 + intercept**2 / 2
        return (np.logaddexp(0, margin) - rows.label * margin).sum() + held

    best = minimize(loss, [1.0, 0.0], tol=1e-12).x

    assert held_platt(odds, rows.label) == pytest.approx(tuple(best), abs=1e-5)


@pytest.mark.parametrize("encode", ["index", "one_hot"])
def test_the_columns_that_tell_a_level_are_found_in_either_encoding(encode):
    declaration = a_declaration()
    signal = replace(
        declaration.signals["mean_radius"], unit=None, categories={"f": "female", "m": "male"}
    )
    rule = replace(declaration.features[0], signals=("sex",), encode=encode)
    declaration = replace(
        declaration,
        signals={**declaration.signals, "sex": signal},
        features=(declaration.features[0], rule),
        evaluation=replace(declaration.evaluation, subgroups={"sex": Subgroup(signal="sex")}),
        fairness=Fairness(subgroup="sex", mitigation="thresholds_by_group"),
    )

    found = level_columns(declaration, expand(declaration))

    assert [one.level for one in found] == ["female", "male"]
    told = [(one.column, one.value) for one in found]
    assert told == ([(30, 0.0), (30, 1.0)] if encode == "index" else [(30, 1.0), (31, 1.0)])
