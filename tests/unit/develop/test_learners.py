"""Learners against scikit-learn, interpret and finite differences."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Learner
from bedside.core.records.outcome import Outcome
from bedside.develop.train.baseline import fit_baseline
from bedside.develop.train.folding import folded_part
from bedside.develop.train.imputation import Fills
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.ebm import ExplainableBoosting, fitted_boosting
from bedside.develop.train.learners.ensemble import Ensemble
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.learners.linear import Linear
from bedside.develop.train.learners.logistic import Logistic
from bedside.develop.train.learners.losses import cutpoints_from, ordered, ordered_curvature
from bedside.develop.train.learners.penalised import fit_cutpoints
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Additive, Member, ModelForm, Term
from bedside.models.learnt import LearntModel

LEVELS = ("none", "some", "much")


def rows(outcome="binary", *, n=400, seed=1, gaps=0.0, k=4):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n, k)) * [1, 5, 0.1, 1][:k] + [0, 100, 0, 0][:k]
    drive = values[:, 0] * 1.5 - (values[:, 1] - 100) / 5 + generator.logistic(size=n)
    label = {
        "binary": (drive > 0),
        "regression": np.zeros(n),
    }.get(outcome, np.digitize(drive, [-1, 1.5]))
    values[generator.random(values.shape) < gaps] = np.nan
    return Matrix(
        features=values,
        label=np.asarray(label, dtype=np.int64),
        names=tuple("abcd"[:k]),
        target=drive * 30 + 200 if outcome == "regression" else None,
    )


def plan(outcome="binary", categories=0, **options):
    columns = tuple(Column(name=name, categories=categories * (name == "d")) for name in "abcd")
    levels = LEVELS if outcome in ("multiclass", "ordinal") else ()
    return Plan(
        options=Learner(**{"threads": 1, **options}),
        columns=columns,
        outcome=Outcome(kind=outcome, levels=levels),
    )


def standardised(values):
    return (values - values.mean(axis=0)) / values.std(axis=0)


@pytest.mark.parametrize("outcome", ["binary", "multiclass"])
@pytest.mark.parametrize("share", [0.0, 0.6])
def test_logistic_regression_is_that_of_scikit_learn(outcome, share):
    train = rows(outcome)
    told = {"C": 0.05, "l1_ratio": share}

    form = Logistic().fit(train, train, plan(outcome, parameters=told))

    oracle = LogisticRegression(
        C=0.05, l1_ratio=share, solver="saga", tol=1e-10, max_iter=20_000, random_state=1
    ).fit(standardised(train.features), train.label)
    found = LearntModel(form).outputs(train.features)
    expected = oracle.predict_proba(standardised(train.features))
    assert np.allclose(found, expected[:, 1:] if outcome == "binary" else expected, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_linear_regression_is_that_of_scikit_learn(share):
    train = rows("regression")
    parameters = {"alpha": 0.05, "l1_ratio": share}

    form = Linear().fit(train, train, plan("regression", parameters=parameters))

    scaled = (train.target - train.target.mean()) / train.target.std()
    oracle = (
        ElasticNet(alpha=0.05, l1_ratio=0.5, tol=1e-12, max_iter=100_000)
        if share
        else Ridge(alpha=0.05 * len(scaled))
    ).fit(standardised(train.features), scaled)
    expected = oracle.predict(standardised(train.features)) * train.target.std()
    found = LearntModel(form).predict(train.features)
    assert np.allclose(found, expected + train.target.mean(), rtol=0, atol=1e-6)


def test_a_lasso_leaves_noise_out():
    form = Logistic().fit(rows(), rows(), plan(parameters={"C": 0.05, "l1_ratio": 1.0}))

    slopes = [term.scores[0][0] for term in form.members[0].part.terms]

    assert slopes[0] > 0 > slopes[1]
    assert slopes[2:] == [0.0, 0.0]


def test_a_gap_takes_the_median_and_what_missing_itself_says():
    train = rows(gaps=0.2)
    ill = np.isnan(train.features[:, 3])
    train = Matrix(features=train.features, label=np.where(ill, 1, train.label), names=train.names)

    form = Logistic().fit(train, train, plan())

    slope, missing = form.members[0].part.terms[3].scores[0]
    assert missing > slope * np.nanmedian(train.features[:, 3]) + 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000))
def test_gradients_of_ordered_levels_are_those_of_finite_differences(seed):
    generator = np.random.default_rng(seed)
    label, margin = generator.integers(0, 4, 20), generator.normal(size=20) * 3
    numbers = generator.normal(size=3)
    cutpoints, moved = cutpoints_from(numbers)
    loss, by_margin, by_cut = ordered(label, margin, cutpoints)

    def total(values):
        return ordered(label, values[:20], cutpoints_from(values[20:])[0])[0].sum()

    expected = approx_fprime(np.concatenate([margin, numbers]), total, 1e-7)
    assert np.allclose(by_margin, expected[:20], atol=1e-4)
    assert np.allclose(moved.T @ by_cut.sum(axis=0), expected[20:], atol=1e-4)
    bent = (ordered(label, margin + 1e-5, cutpoints)[1] - by_margin) / 1e-5
    assert np.allclose(ordered_curvature(label, margin, cutpoints), bent, atol=1e-4)
    above = 1 / (1 + np.exp(-(margin[:, None] - cutpoints)))
    chance = -np.diff(np.hstack([np.ones((20, 1)), above, np.zeros((20, 1))]), axis=1)
    assert np.allclose(loss, -np.log(chance[np.arange(20), label]))


def test_cutpoints_of_no_margin_are_the_log_odds_of_the_levels():
    label = np.repeat([0, 1, 2], [50, 30, 20])

    found = fit_cutpoints(label, np.zeros(100), np.ones(100), np.array([-1.0, 0.0]))

    assert np.allclose(found, np.log([0.5 / 0.5, 0.8 / 0.2]), atol=1e-5)


def test_boosted_ordered_levels_are_calibrated_on_their_training_rows():
    train = rows("ordinal", n=1500)

    form = LightGbm().fit(train, train, plan("ordinal", rounds=40))

    found = LearntModel(form).outputs(train.features).mean(axis=0)
    assert np.allclose(found, np.bincount(train.label) / 1500, atol=0.02)


@pytest.mark.parametrize("outcome", ["binary", "multiclass", "regression"])
def test_terms_of_explainable_boosting_are_interprets_own(outcome):
    train = rows(outcome, gaps=0.15)
    train.features[:, 3] = np.random.default_rng(3).integers(0, 4, 400)
    small = {"outer_bags": 2, "max_rounds": 120, "interactions": 2, "max_bins": 24}
    asked = plan(outcome, categories=4, parameters=small)

    form = ExplainableBoosting().fit(train, train, asked)

    model = fitted_boosting(train, asked)
    cuts = model.bins_[0][0]
    judged = np.vstack([train.features, np.full((1, 4), np.nan), rows(seed=2, gaps=0.5).features])
    judged[: len(cuts), 0] = cuts
    judged[len(cuts) : 2 * len(cuts), 0] = np.nextafter(cuts, -np.inf)
    own = model._predict_score(judged)
    margins = LearntModel(form).margins(judged)
    assert np.allclose(
        margins if outcome == "multiclass" else margins[:, 0], own, atol=1e-9, rtol=0
    )
    assert any(len(term.features) == 2 for term in form.members[0].part.terms)
    assert np.allclose(form.members[0].part.expected, 0, atol=1e-6)


def test_early_stopping_by_the_tuning_rows_keeps_fewer_trees():
    train, tuning = rows("ordinal", n=300), rows("ordinal", n=300, seed=2)

    form = LightGbm().fit(train, tuning, plan("ordinal", rounds=200, early_stopping=5))

    assert 5 < form.members[0].part.text.count("\nTree=") < 100


@pytest.mark.parametrize("learner", [LightGbm(), Logistic()])
def test_positive_rows_that_count_more_raise_the_risk(learner):
    heavy, plain = (
        LearntModel(learner.fit(rows(), rows(), plan(rounds=20, positive_weight=weight)))
        for weight in (5.0, 1.0)
    )

    values = rows(seed=2).features
    assert heavy.predict(values).mean() > plain.predict(values).mean() + 0.1


def test_an_ensembles_margin_is_the_mean_of_its_members():
    members = (Learner(kind="lightgbm", rounds=10, threads=1), Learner(kind="logistic"))
    train = rows(gaps=0.1)

    form = Ensemble().fit(train, train, plan(kind="ensemble", members=members))

    alone = [
        LearntModel(learner.fit(train, train, plan(rounds=10))).margins(train.features)
        for learner in (LightGbm(), Logistic())
    ]
    assert np.allclose(LearntModel(form).margins(train.features), np.mean(alone, axis=0))


@pytest.mark.parametrize("kinds", [(), ("logistic",), ("logistic", "ensemble")])
def test_an_ensemble_of_too_few_or_of_ensembles_is_refused(kinds):
    members = tuple(Learner(kind=kind) for kind in kinds)

    with pytest.raises(Invalid, match="two members or more"):
        Ensemble().fit(rows(), rows(), plan(kind="ensemble", members=members))


@pytest.mark.parametrize(
    ("outcome", "link"),
    [
        ("binary", "logistic"),
        ("multiclass", "softmax"),
        ("ordinal", "cumulative_logistic"),
        ("regression", "identity"),
    ],
)
def test_the_baseline_is_a_regression_of_the_outcome_at_hand(outcome, link):
    declared = plan(outcome, kind="ebm", parameters={"max_bins": 8})

    form = fit_baseline(rows(outcome, gaps=0.1), declared)

    assert (form.link, form.outcome) == (link, outcome)
    assert isinstance(form.members[0].part, Additive)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_terms_with_the_fills_in_them_are_the_terms_on_filled_values(seed):
    generator = np.random.default_rng(seed)
    fills = Fills(
        names=("a", "b", "c"),
        methods=("median", "none", "constant"),
        value=np.array([generator.normal(), np.nan, 0.5]),
        indicator=np.array([True, False, True]),
        missing=np.zeros(3),
    )
    width = len(fills.columns)
    terms = tuple(some_term(generator, width) for _ in range(6))
    part = Additive(intercept=(0.1, 0.2), terms=terms)
    gaps = generator.normal(size=(200, 3))
    gaps[generator.random(gaps.shape) < 0.4] = np.nan

    folded = folded_part(part, fills)

    before, after = (
        LearntModel(
            ModelForm(outcome="multiclass", link="softmax", width=k, members=(Member(part=one),))
        )
        for one, k in ((part, width), (folded, 3))
    )
    assert np.allclose(after.margins(gaps), before.margins(fills.filled(gaps)), rtol=0, atol=1e-12)
    assert all(feature < 3 for term in folded.terms for feature in term.features)


def some_term(generator, width):
    kind = str(generator.choice(["linear", "polyline", "steps", "pair"]))
    many = 2 if kind == "pair" else 1
    edges = tuple(tuple(np.sort(generator.normal(size=3)).tolist()) for _ in range(many))
    size = {"linear": 2, "polyline": 4, "steps": 5, "pair": 25}[kind]
    return Term(
        kind="steps" if kind == "pair" else kind,
        features=tuple(int(at) for at in generator.integers(0, width, many)),
        scores=tuple(tuple(one) for one in generator.normal(size=(2, size)).tolist()),
        edges=() if kind == "linear" else edges,
    )
