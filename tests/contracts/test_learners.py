"""What every installed learner keeps, for every kind of outcome that it says it learns.

A learner of another package joins in by being installed: it is found by its entry point. How it
is fitted quickly may be said in `QUICK`; without that, its defaults are used.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Learner
from bedside.core.records.outcome import Outcome
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.loading import learner_names, learner_of
from bedside.develop.train.matrix import Matrix
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.learnt import LearntModel

NAMES = ("driver", "brake", "noise", "constant", "nearly never", "never", "ward")
DRIVER, BRAKE, NOISE, CONSTANT, NEARLY, NEVER, WARD = range(7)
WARDS = 4
SEEN = 3  # wards that training rows come from
SMALL = {"outer_bags": 2, "max_rounds": 150, "interactions": 1, "max_bins": 32}
QUICK = {
    "lightgbm": Learner(kind="lightgbm", rounds=30, threads=1),
    "boosted_cox": Learner(kind="boosted_cox", rounds=60, threads=1),
    "ebm": Learner(kind="ebm", threads=1, parameters=SMALL),
}
MEMBERS = {"regression": ("lightgbm", "linear"), "survival": ("cox", "boosted_cox")}
CASES = [
    (name, outcome) for name in learner_names() for outcome in sorted(learner_of(name).outcomes)
]
EXACT = {"logistic", "linear", "cox", "additive_cox"}
"""Learners without chance: the order of columns is nothing."""
COPIES = {"logistic", "linear"}
"""Learners to which a weight of two is a row twice. (To Cox's model a copy is a tie.)"""

every_learner = pytest.mark.parametrize(("name", "outcome"), CASES)


def options_of(name, outcome):
    if name == "ensemble":
        members = tuple(options_of(one, outcome) for one in MEMBERS.get(outcome, PAIR))
        return Learner(kind=name, threads=1, members=members)
    return QUICK.get(name, Learner(kind=name, threads=1))


PAIR = ("lightgbm", "logistic")


def plan_for(name, outcome, **changes):
    levels = ("none", "some", "much") if outcome in ("multiclass", "ordinal") else ()
    return Plan(
        options=replace(options_of(name, outcome), **changes),
        columns=tuple(Column(name=one, categories=WARDS if one == "ward" else 0) for one in NAMES),
        outcome=Outcome(kind=outcome, levels=levels),
        horizons=(5.0, 20.0) if outcome == "survival" else (),
    )


def outcome_of(outcome, drive, generator):
    """Labels and targets that a row's drive brings about."""
    n = len(drive)
    zero = np.zeros(n, np.int64)
    if outcome == "binary":
        return (drive + generator.logistic(size=n) > 0).astype(np.int64), None
    if outcome == "regression":
        return zero, 40 + 10 * drive + generator.normal(size=n)
    if outcome == "survival":
        times = generator.exponential(10 * np.exp(-np.stack([drive, zero])))
        censored = generator.uniform(5, 40, n)
        days = np.minimum(times.min(axis=0), censored)
        return np.where(days == censored, 0, 1 + times.argmin(axis=0)), days
    noisy = drive + 0.7 * generator.logistic(size=n)
    return np.digitize(noisy, [-0.5, 1.0]).astype(np.int64), None


def rows(outcome, *, n=300, seed=1, gaps=0.1):
    """Rows whose outcome the driver brings about and the brake holds back."""
    generator = np.random.default_rng(seed)
    values = np.round(generator.normal(size=(n, len(NAMES))), 2)
    values[:, WARD] = generator.integers(0, SEEN, n)
    values[:, CONSTANT] = 7.0
    label, target = outcome_of(outcome, 2 * values[:, DRIVER] - values[:, BRAKE], generator)
    values[:, NEARLY] = np.where(np.arange(n) % 100 == 0, values[:, NEARLY], np.nan)
    missing = generator.random((n, len(NAMES))) < gaps
    missing[:, [CONSTANT, NEARLY]] = False
    values[missing] = np.nan
    values[:, NEVER] = np.nan
    return Matrix(features=values, label=label, names=NAMES, target=target)


def fit(name, outcome, train, **changes):
    return learner_of(name).fit(train, train, plan_for(name, outcome, **changes))


@cache
def usual(name, outcome):
    return fit(name, outcome, rows(outcome))


def concordance(prediction, rows_, outcome):
    """The share of pairs that are told apart, of those whose order is known."""
    if outcome == "regression":
        later, known = rows_.target, np.ones(len(rows_.label), bool)
    elif outcome == "survival":
        later, known = -rows_.target, rows_.label == 1
    else:
        later, known = rows_.label, np.ones(len(rows_.label), bool)
    worse = (later[:, None] > later[None, :]) & known[:, None]
    right = prediction[:, None] > prediction[None, :]
    tied = prediction[:, None] == prediction[None, :]
    return float((worse * (right + 0.5 * tied)).sum() / worse.sum())


def assert_sensible(form, values):
    outputs = LearntModel(form).outputs(values)
    assert np.isfinite(outputs).all()
    if form.outcome != "regression":
        assert ((outputs >= 0) & (outputs <= 1)).all()
    if form.outcome in ("multiclass", "ordinal"):
        assert np.allclose(outputs.sum(axis=1), 1)
    if form.outcome == "survival":
        assert (np.diff(outputs, axis=1) >= 0).all()


@every_learner
def test_the_same_rows_give_the_same_bytes(name, outcome):
    assert form_to_json(fit(name, outcome, rows(outcome))) == form_to_json(usual(name, outcome))


@every_learner
def test_a_form_is_read_back_to_the_bit(name, outcome):
    form = usual(name, outcome)

    assert form_from_json(form_to_json(form)) == form
    assert form.calibration.kind == "none"
    assert form.width == len(NAMES)


@every_learner
def test_it_learns_what_is_there(name, outcome):
    others = rows(outcome, seed=2)

    assert (
        concordance(LearntModel(usual(name, outcome)).predict(others.features), others, outcome)
        > 0.7
    )


@every_learner
def test_the_driver_matters_more_than_noise(name, outcome):
    size = np.abs(LearntModel(usual(name, outcome)).contributions(rows(outcome).features)).mean(
        axis=0
    )

    assert size[DRIVER] == size[:-1].max()
    assert size[CONSTANT] == size[NEVER] == 0


@every_learner
def test_reasons_add_up_to_the_margin(name, outcome):
    form, values = usual(name, outcome), rows(outcome, seed=3).features
    model = LearntModel(form)
    margins = model.margins(values)
    margin = margins[:, 0]
    if form.link == "softmax":
        margin = margins[:, 1:].mean(axis=1) - margins[:, 0]

    reasons = model.contributions(values)

    assert reasons.shape == (len(values), len(NAMES) + 1)
    assert np.allclose(reasons.sum(axis=1), margin, rtol=0, atol=1e-9)


@every_learner
def test_the_graph_predicts_the_same(name, outcome):
    form = usual(name, outcome)
    values = np.vstack([rows(outcome, seed=4).features, np.full((1, len(NAMES)), np.nan)])

    found = OnnxPredictor(onnx_of(form)).outputs(values)

    assert np.allclose(found, LearntModel(form).outputs(values), rtol=1e-9, atol=1e-9)


@every_learner
def test_gaps_are_taken_where_training_had_none(name, outcome):
    form = fit(name, outcome, rows(outcome, gaps=0.0))

    assert_sensible(form, np.vstack([np.full((1, len(NAMES)), np.nan), rows(outcome).features]))


@every_learner
def test_a_category_that_training_did_not_see_gets_a_sensible_answer(name, outcome):
    values = rows(outcome).features.copy()
    values[:, WARD] = WARDS - 1

    assert_sensible(usual(name, outcome), values)


@every_learner
def test_perfect_separation_stays_finite(name, outcome):
    train = rows(outcome, gaps=0.0)
    driver = train.features[:, DRIVER]
    order = np.argsort(np.argsort(driver))
    label = np.digitize(driver, [-0.5, 0.5] if outcome in ("multiclass", "ordinal") else [0.0])
    target = train.target
    if outcome == "regression":
        label, target = train.label, driver
    if outcome == "survival":  # who is driven more has the event, or the competing one, earlier
        label, target = np.where(driver > -0.5, 1, 2), 31.0 - order / 10
    form = fit(name, outcome, replace(train, label=label.astype(np.int64), target=target))

    assert_sensible(form, train.features)
    risk = LearntModel(form).predict(train.features)
    assert risk[driver > 1].mean() > risk[driver < -1].mean()


@every_learner
def test_a_single_class_is_refused(name, outcome):
    train = rows(outcome)
    alone = replace(train, label=np.zeros_like(train.label))
    if outcome == "regression":
        alone = replace(train, target=np.full(len(train.label), 3.0))

    with pytest.raises(Invalid) as refused:
        fit(name, outcome, alone)
    assert refused.value.code == "empty_class"


@every_learner
def test_rows_without_any_measurement_are_refused(name, outcome):
    train = rows(outcome)

    with pytest.raises(Invalid) as refused:
        fit(name, outcome, replace(train, features=np.full_like(train.features, np.nan)))
    assert refused.value.code == "never_measured"


@every_learner
def test_one_patient_with_ten_thousand_rows_is_learnt_from(name, outcome):
    few, one = rows(outcome), rows(outcome, n=1, seed=5)
    generator = np.random.default_rng(6)
    many = np.repeat(one.features, 10_000, axis=0) + generator.normal(
        scale=0.01, size=(10_000, len(NAMES))
    )
    many[:, WARD] = 1
    train = Matrix(
        features=np.vstack([few.features, many]),
        label=np.concatenate([few.label, np.repeat(one.label, 10_000)]),
        names=NAMES,
        target=None
        if few.target is None
        else np.concatenate([few.target, np.repeat(one.target, 10_000)]),
        subject=np.concatenate([np.arange(300), np.full(10_000, 300)]),
    )

    assert_sensible(fit(name, outcome, train), few.features)


@every_learner
def test_rows_that_weigh_nothing_teach_nothing(name, outcome):
    train, others = rows(outcome), rows(outcome, seed=2)
    wrong = replace(train, features=train.features * np.where(np.arange(len(NAMES)) < 2, -1, 1))
    both = Matrix(
        features=np.vstack([train.features, wrong.features]),
        label=np.tile(train.label, 2),
        names=NAMES,
        target=None if train.target is None else np.tile(train.target, 2),
        weight=np.repeat([1.0, 1e-6], len(train.label)),
    )

    risk = LearntModel(fit(name, outcome, both)).predict(others.features)

    assert concordance(risk, others, outcome) > 0.7


@every_learner
def test_nothing_is_written(name, outcome, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    fit(name, outcome, rows(outcome, n=120))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, one) for name in learner_names() for one in learner_of(name).parameters],
)
def test_a_parameter_that_makes_no_sense_is_refused(name, parameter):
    outcome = sorted(learner_of(name).outcomes)[0]
    told = {**options_of(name, outcome).parameters, parameter: "nonsense"}

    with pytest.raises(Invalid) as refused:
        fit(name, outcome, rows(outcome, n=120), parameters=told)
    assert refused.value.code == "parameter"


@pytest.mark.parametrize(("name", "outcome"), [case for case in CASES if case[0] in COPIES])
def test_a_weight_of_two_is_the_row_twice(name, outcome):
    train = rows(outcome)
    twice = np.flatnonzero(np.arange(300) % 3 == 0)
    weighed = replace(train, weight=np.where(np.arange(300) % 3 == 0, 2.0, 1.0))
    copied = train.taken(np.concatenate([np.arange(300), twice]))

    both = [
        LearntModel(fit(name, outcome, some)).outputs(train.features) for some in (weighed, copied)
    ]

    assert np.allclose(*both, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "outcome"), [case for case in CASES if case[0] in EXACT])
def test_the_order_of_columns_changes_no_reason(name, outcome):
    train, plan = rows(outcome), plan_for(name, outcome)
    order = np.random.default_rng(7).permutation(len(NAMES))
    moved = train.with_features(train.features[:, order], tuple(NAMES[at] for at in order))
    changed = replace(plan, columns=tuple(plan.columns[at] for at in order))

    form = learner_of(name).fit(moved, moved, changed)

    found = LearntModel(form).contributions(moved.features)[:, :-1]
    usually = LearntModel(usual(name, outcome)).contributions(train.features)[:, order]
    assert np.allclose(found, usually, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "outcome"),
    [case for case in CASES if learner_of(case[0]).takes_monotone and case[1] != "multiclass"],
)
@pytest.mark.parametrize("way", [1, -1])
def test_a_direction_is_kept(name, outcome, way):
    plan = plan_for(name, outcome)
    if name == "ensemble":
        keeps = tuple(one for one in plan.options.members if learner_of(one.kind).takes_monotone)
        plan = replace(plan, options=replace(plan.options, members=keeps * 2))
    columns = tuple(
        replace(one, monotone=way if one.name in ("driver", "noise") else 0) for one in plan.columns
    )
    train = rows(outcome)

    model = LearntModel(learner_of(name).fit(train, train, replace(plan, columns=columns)))

    for feature in (DRIVER, NOISE):
        values = np.repeat(train.features[:20], 60, axis=0)
        values[:, feature] = np.tile(np.linspace(-3, 3, 60), 20)
        steps = np.diff(model.margins(values)[:, 0].reshape(20, 60), axis=1)
        assert (way * steps >= -1e-12).all()
