"""The survival learners find what others find, and say what a row's risk is."""

from dataclasses import replace

import numpy as np
import pytest
from sksurv.datasets import load_veterans_lung_cancer, load_whas500
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.nonparametric import cumulative_incidence_competing_risks

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Learner
from bedside.core.records.outcome import Outcome
from bedside.develop.train.learners.additive_cox import AdditiveCox
from bedside.develop.train.learners.baseline_hazard import (
    POINTS,
    breslow,
    hazards_of,
    with_baseline,
)
from bedside.develop.train.learners.boosted_cox import BoostedCox
from bedside.develop.train.learners.competing_risks import CompetingRisks
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.cox import Cox
from bedside.develop.train.learners.cox_choosing import best_penalty, subject_folds
from bedside.develop.train.learners.cox_fitting import (
    fit_cox,
    gradient_and_curvature,
    log_likelihood,
)
from bedside.develop.train.learners.preparing import prepare
from bedside.develop.train.learners.risk_sets import risk_sets
from bedside.develop.train.matrix import Matrix
from bedside.models.form import CalibrationMap
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.learnt import LearntModel

LEARNERS = [Cox, AdditiveCox, BoostedCox, CompetingRisks]


@pytest.mark.parametrize("load", [load_whas500, load_veterans_lung_cancer])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("ridge", [0.0, 5.0])
def test_coefficients_are_those_of_scikit_survival(load, ties, ridge):
    design, days, event, told = _published(load)

    found = fit_cox(risk_sets(days, event, ties=ties), design, ridge * np.eye(design.shape[1]))

    theirs = CoxPHSurvivalAnalysis(alpha=ridge, ties=ties, tol=1e-12).fit(design, told)
    np.testing.assert_allclose(found, theirs.coef_, atol=1e-6)


@pytest.mark.parametrize("load", [load_whas500, load_veterans_lung_cancer])
def test_the_baseline_hazard_is_that_of_scikit_survival(load):
    design, days, event, told = _published(load)
    theirs = CoxPHSurvivalAnalysis(ties="efron", tol=1e-12).fit(design, told)

    day, hazard = breslow(days, event, design @ theirs.coef_)

    np.testing.assert_allclose(hazard, theirs.cum_baseline_hazard_(day), rtol=1e-8)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_the_likelihood_and_its_derivatives_are_those_of_the_definition(ties):
    generator = np.random.default_rng(3)
    days = generator.integers(0, 9, 40).astype(float)
    event, weight = generator.random(40) < 0.6, generator.uniform(0.5, 2, 40)
    margin = generator.normal(size=40)
    sets = risk_sets(days, event, weight, ties=ties)

    slope, bend = gradient_and_curvature(sets, margin)

    def slow(values):
        return _slow_likelihood(days, event, weight, values, ties)

    assert log_likelihood(sets, margin) == pytest.approx(slow(margin), abs=1e-9)
    step = 1e-4 * np.eye(40)
    up = np.array([slow(margin + one) for one in step])
    down = np.array([slow(margin - one) for one in step])
    np.testing.assert_allclose(slope, (down - up) / 2e-4, atol=1e-6)
    np.testing.assert_allclose(bend, (2 * slow(margin) - up - down) / 1e-8, atol=1e-4)


def test_a_weight_of_two_is_the_row_twice():
    rows = _cohort(150)
    twice = np.arange(150) % 3 == 0
    doubled = rows.taken(np.concatenate([np.arange(150), np.flatnonzero(twice)]))
    weighed = replace(rows, weight=1.0 + twice)
    columns = _plan(rows).columns

    one, other = prepare(weighed, columns), prepare(doubled, columns)

    np.testing.assert_allclose(one.matrix, other.matrix[:150], atol=1e-12)
    found = [
        fit_cox(
            risk_sets(of.target, of.label == 1, of.weight, ties="breslow"),
            design.matrix,
            np.eye(design.matrix.shape[1]),
        )
        for of, design in ((weighed, one), (doubled, other))
    ]
    np.testing.assert_allclose(*found, atol=1e-9)


def test_perfect_separation_ends_at_a_finite_coefficient():
    days = np.arange(1.0, 101)
    design = ((50.5 - days) / 29)[:, None]

    weak, strong = (
        fit_cox(risk_sets(days, days > 0), design, ridge * np.eye(1)) for ridge in (0.01, 1.0)
    )

    assert 0 < strong[0] < weak[0] < 1000


def test_a_penalty_is_chosen_for_how_much_there_is_to_learn():
    generator = np.random.default_rng(5)
    design = generator.normal(size=(200, 20))
    penalties = [ridge * np.eye(20) for ridge in (1e6, 1e3, 1.0)]
    event = generator.random(200) < 0.7
    driven = generator.exponential(np.exp(-2 * design[:, 0]))
    folds = subject_folds(event, None, 1)

    by_chance = best_penalty(generator.exponential(size=200), event, None, design, penalties, folds)

    assert by_chance < 2
    assert best_penalty(driven, event, None, design, penalties, folds) == 2


def test_all_rows_of_a_subject_are_in_one_fold():
    subject = np.random.default_rng(1).integers(0, 50, 400)
    event = np.random.default_rng(2).random(400) < 0.1

    folds = subject_folds(event, subject, 7)

    assert all(len(set(folds[subject == one])) == 1 for one in range(50))
    assert set(folds) == {0, 1, 2, 3, 4}


def test_cox_on_whole_rows_is_the_ridge_fit_of_scikit_survival():
    design, days, event, told = _published(load_whas500)
    raw = 3 + design * np.arange(1, design.shape[1] + 1)
    rows = _rows(raw, days, event.astype(np.int64))

    form = Cox().fit(rows, rows, _plan(rows, ridge=0.05))

    theirs = CoxPHSurvivalAnalysis(alpha=0.05 * event.sum(), ties="efron", tol=1e-12)
    theirs.fit(design, told)
    model = LearntModel(form)
    np.testing.assert_allclose(model.margins(raw)[:, 0], theirs.predict(design), atol=1e-6)
    survival = [curve(365.0) for curve in theirs.predict_survival_function(design)]
    np.testing.assert_allclose(model.outputs(raw)[:, 1], 1 - np.array(survival), atol=1e-6)


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_same_rows_give_the_same_bytes_which_can_be_read(learner):
    rows = _cohort(400)

    once, again = (form_to_json(learner().fit(rows, rows, _plan(rows, rounds=30))) for _ in "12")

    assert once == again
    read = LearntModel(form_from_json(once))
    risks = read.outputs(rows.features)
    assert ((risks >= 0) & (risks <= 1)).all()
    assert (np.diff(risks, axis=1) >= 0).all()
    np.testing.assert_allclose(
        read.contributions(rows.features).sum(axis=1), read.margins(rows.features)[:, 0], atol=1e-9
    )


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_hazards_expect_as_many_events_as_there_were(learner):
    rows = _cohort(400)

    form = learner().fit(rows, rows, _plan(rows, rounds=30))

    reached = np.searchsorted(form.hazards.days, rows.target, side="right")
    margins = LearntModel(form).margins(rows.features)
    for cause, hazard in enumerate(form.hazards.cumulative):
        expected = np.concatenate([[0], hazard])[reached] * np.exp(margins[:, cause])
        assert expected.sum() == pytest.approx((rows.label == cause + 1).sum())


def test_a_missing_value_has_a_coefficient_where_it_says_something():
    generator = np.random.default_rng(4)
    value, missing = generator.normal(size=600), generator.random(600) < 0.3
    days = generator.exponential(np.where(missing, 0.2, 1.0))
    rows = _rows(np.where(missing, np.nan, value)[:, None], days, np.ones(600, np.int64))

    form = Cox().fit(rows, rows, _plan(rows, ridge=0.001))

    gap, median = LearntModel(form).margins(np.array([[np.nan], [np.nanmedian(rows.features)]]))
    assert gap[0] - median[0] == pytest.approx(np.log(5), abs=0.3)


def test_a_label_that_no_training_row_has_counts_as_their_mean():
    rows = _cohort(300)
    form = Cox().fit(rows, rows, _plan(rows))
    labels = np.tile(rows.features[:1], (5, 1))
    labels[:, 2] = [0, 1, 2, 3, np.nan]  # no training row has label 3, and none misses it

    margin = LearntModel(form).margins(labels)[:, 0]

    share = np.bincount(rows.features[:, 2].astype(int)) / 300
    np.testing.assert_allclose(margin[3:], share @ margin[:3], atol=1e-9)


def test_a_curve_finds_a_risk_that_is_high_at_both_ends():
    generator = np.random.default_rng(6)
    value = generator.normal(size=(1500, 2))
    days = generator.exponential(np.exp(-(value[:, 0] ** 2)))
    rows = _rows(value, np.minimum(days, 2), (days < 2).astype(np.int64))

    form = AdditiveCox().fit(rows, rows, _plan(rows))

    at = np.zeros((3, 2))
    at[:, 0] = [-1.5, 0, 1.5]
    low, middle, high = LearntModel(form).margins(at)[:, 0]
    assert low - middle == pytest.approx(2.25, abs=0.5)
    assert high - middle == pytest.approx(2.25, abs=0.5)


def test_boosting_stops_early_keeps_a_direction_and_finds_what_trees_can():
    rows = _cohort(1200)
    train, tuning = rows.taken(np.arange(800)), rows.taken(np.arange(800, 1200))
    risen = (replace(_plan(rows).columns[0], monotone=1), *_plan(rows).columns[1:])
    plan = replace(_plan(rows, rounds=500, early_stopping=10, learning_rate=0.2), columns=risen)

    form = BoostedCox().fit(train, tuning, plan)

    assert form.members[0].part.text.count("Tree=") < 400
    grid = np.tile(tuning.features[:20, None], (1, 30, 1))
    grid[:, :, 0] = np.linspace(-3, 3, 30)
    risen = LearntModel(form).margins(grid.reshape(-1, 4)).reshape(20, 30)
    assert (np.diff(risen, axis=1) >= 0).all()
    found = LearntModel(form).margins(tuning.features)[:, 0]
    assert np.corrcoef(found, _margin(tuning.features))[0, 1] > 0.8


def test_a_cause_alone_takes_the_competing_event_for_the_end_of_follow_up():
    rows = _cohort(300)
    ended = replace(rows, label=(rows.label == 1).astype(np.int64))

    for learner in (Cox, AdditiveCox, BoostedCox):
        one, other = (learner().fit(of, of, _plan(of, rounds=5)) for of in (rows, ended))
        assert one == other


def test_without_any_difference_between_rows_competing_risks_are_aalen_and_johansens():
    generator = np.random.default_rng(8)
    ours, other = generator.exponential(900, 800), generator.exponential(500, 800)
    end = generator.uniform(200, 1200, 800)
    days = np.minimum(np.minimum(ours, other), end)
    label = np.where(days == end, 0, np.where(days == ours, 1, 2))
    rows = _rows(np.ones((800, 1)), days, label)

    form = CompetingRisks().fit(rows, rows, _plan(rows))

    when, theirs = cumulative_incidence_competing_risks(label, days)
    at = np.searchsorted(when, form.horizons, side="right") - 1
    risk = LearntModel(form).outputs(np.ones((1, 1)))[0]
    np.testing.assert_allclose(risk, theirs[1][at], atol=1e-3)


def test_competing_risks_find_a_known_cumulative_incidence():
    generator = np.random.default_rng(9)
    value = generator.integers(0, 2, 6000).astype(float)
    rates = np.stack([0.001 * np.exp(value), 0.002 * np.exp(-0.5 * value)])
    ours, other = generator.exponential(1 / rates)
    end = generator.uniform(300, 1200, 6000)
    days = np.minimum(np.minimum(ours, other), end)
    rows = _rows(value[:, None], days, np.where(days == end, 0, np.where(days == ours, 1, 2)))

    form = CompetingRisks().fit(rows, rows, _plan(rows, ridge=1e-4))

    for own in (0.0, 1.0):
        mine, its = 0.001 * np.exp(own), 0.002 * np.exp(-0.5 * own)
        known = mine / (mine + its) * -np.expm1(-(mine + its) * np.array(form.horizons))
        risk = LearntModel(form).outputs(np.array([[own]]))[0]
        np.testing.assert_allclose(risk, known, atol=0.02)
        alone = LearntModel(Cox().fit(rows, rows, _plan(rows, ridge=1e-4)))
        assert (alone.outputs(np.array([[own]]))[0] > risk).all()


def test_no_more_than_500_days_are_kept_and_none_moves_the_risk_at_a_horizon():
    rows = _cohort(3000)
    margins = np.stack([_margin(rows.features), np.zeros(3000)], axis=1)

    kept = hazards_of(rows, margins, (33.3, 365.0, 1000.0))

    assert 400 < len(kept.days) <= POINTS
    for cause in (0, 1):
        day, hazard = breslow(rows.target, rows.label == cause + 1, margins[:, cause])
        whole = np.concatenate([[0], hazard])
        thin = np.concatenate([[0], kept.cumulative[cause]])

        def at(days, when, values):
            return values[np.searchsorted(days, when, side="right")]

        horizons = [33.3, 365.0, 1000.0]
        assert (at(kept.days, horizons, thin) == at(day, horizons, whole)).all()
        every = np.linspace(0, 1300, 5000)
        moved = at(day, every, whole) - at(kept.days, every, thin)
        assert 0 <= moved.min() <= moved.max() < hazard[-1] / 100


def test_a_baseline_goes_with_the_calibrated_margins_and_the_rows_it_is_made_on():
    rows = _cohort(400)
    form = Cox().fit(rows, rows, _plan(rows))
    flatter = replace(form, calibration=CalibrationMap(kind="affine", numbers=(0.5, 0.1)))

    made = with_baseline(flatter, replace(rows, target=2 * rows.target))

    margin = 0.5 * LearntModel(form).margins(rows.features)[:, 0] + 0.1
    day, hazard = breslow(2 * rows.target, rows.label == 1, margin)
    assert made.hazards.days == tuple(day)
    np.testing.assert_allclose(made.hazards.cumulative[0], hazard)
    assert made.members == form.members


@pytest.mark.parametrize("learner", LEARNERS)
def test_rows_that_cannot_be_learnt_from_are_refused(learner):
    rows = _cohort(100)
    for changed, code in (
        ({"label": np.zeros(100, np.int64)}, "empty_class"),
        ({"target": None}, "no_follow_up"),
        ({"target": np.where(rows.target > 50, np.nan, rows.target)}, "no_follow_up"),
        ({"features": np.full((100, 4), np.nan)}, "never_measured"),
    ):
        unfit = replace(rows, **changed)
        with pytest.raises(Invalid) as refused:
            learner().fit(unfit, rows, _plan(rows))
        assert refused.value.code == code


@pytest.mark.parametrize("learner", LEARNERS)
def test_where_nothing_differs_between_rows_the_risk_is_that_of_all(learner):
    rows = _cohort(200)
    rows = replace(rows, features=np.tile([1.0, 2.0, 1.0, 5.0], (200, 1)))

    form = learner().fit(rows, rows, _plan(rows))

    risk = LearntModel(form).outputs(np.array([[1.0, 2.0, 1.0, 5.0], [9.0, np.nan, 3.0, 0.0]]))
    day, hazard = breslow(rows.target, rows.label == 1, np.zeros(200))
    by_year = -np.expm1(-hazard[np.searchsorted(day, 365.0, side="right") - 1])
    assert (risk[0] == risk[1]).all()
    assert risk[0, 1] < by_year if learner is CompetingRisks else risk[0, 1] == by_year


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_patient_far_from_all_others_still_has_a_risk(learner):
    rows = _cohort(200)
    form = learner().fit(rows, rows, _plan(rows, rounds=20))

    risk = LearntModel(form).outputs(np.array([[1e9, 1e9, 1, 1e9], [-1e9, -1e9, 1, -1e9]]))

    assert ((risk >= 0) & (risk <= 1)).all()


def test_rows_without_weight_have_no_event():
    rows = _cohort(100)
    rows = replace(rows, weight=np.where(rows.label == 1, 0.0, 1.0))

    with pytest.raises(Invalid, match="no event"):
        Cox().fit(rows, rows, _plan(rows))


def test_competing_risks_need_a_competing_event():
    rows = _cohort(100)
    rows = replace(rows, label=np.minimum(rows.label, 1))

    with pytest.raises(Invalid, match="no competing event"):
        CompetingRisks().fit(rows, rows, _plan(rows))


@pytest.mark.parametrize(
    ("learner", "parameters"),
    [
        (Cox, {"ridge": 0.0}),
        (Cox, {"ridge": "strong"}),
        (AdditiveCox, {"smoothness": -1.0}),
        (AdditiveCox, {"knots": 2}),
        (BoostedCox, {"num_leaves": 0}),
    ],
)
def test_a_parameter_out_of_bounds_is_refused(learner, parameters):
    rows = _cohort(60)

    with pytest.raises(Invalid) as refused:
        learner().fit(rows, rows, _plan(rows, **parameters))

    assert refused.value.code == "parameter"


def _published(load):
    """A standardised design without gaps, days, events, and what scikit-survival takes."""
    frame, told = load()
    event, days = (told[name] for name in told.dtype.names)
    parts = []
    for name in frame.columns:
        column = frame[name]
        if column.dtype.name == "category":
            codes = column.cat.codes.to_numpy()
            parts += [codes == level for level in range(1, codes.max() + 1)]
        else:
            parts.append(column.to_numpy())
    design = np.stack(parts, axis=1).astype(float)
    return (design - design.mean(axis=0)) / design.std(axis=0), days.astype(float), event, told


def _slow_likelihood(days, event, weight, margin, ties):
    """Row by row, as Efron (1977) and Breslow (1974) write it, with R's mean weight of ties."""
    total, relative = 0.0, weight * np.exp(margin)
    for day in sorted(set(days[event])):
        tied = event & (days == day)
        at_risk, size = relative[days >= day].sum(), tied.sum()
        total += (weight * margin)[tied].sum()
        for number in range(size):
            out = number / size if ties == "efron" else 0
            total -= weight[tied].mean() * np.log(at_risk - out * relative[tied].sum())
    return total


def _margin(features):
    return features[:, 0] + np.where(np.isnan(features[:, 1]), 0.5, 0) - 0.5 * features[:, 2]


def _cohort(size):
    """A number, one with gaps, a category, noise; a cause and a competing one."""
    generator = np.random.default_rng(size)
    features = generator.normal(size=(size, 4))
    features[generator.random(size) < 0.2, 1] = np.nan
    features[:, 2] = generator.integers(0, 3, size)
    ours = generator.exponential(600 * np.exp(-_margin(features)))
    other, end = generator.exponential(1500, size), generator.uniform(300, 1300, size)
    days = np.ceil(np.minimum(np.minimum(ours, other), end) * 4) / 4
    label = np.where(end <= np.minimum(ours, other), 0, np.where(ours <= other, 1, 2))
    return _rows(features, days, label)


def _rows(features, days, label):
    names = tuple(f"f{at}" for at in range(features.shape[1]))
    return Matrix(features=features, label=label.astype(np.int64), names=names, target=days)


def _plan(rows, rounds=100, early_stopping=0, **parameters):
    width = rows.features.shape[1]
    columns = tuple(
        Column(name=name, categories=5 if width == 4 and at == 2 else 0)
        for at, name in enumerate(rows.names)
    )
    return Plan(
        options=Learner(
            threads=1, rounds=rounds, early_stopping=early_stopping, parameters=parameters
        ),
        columns=columns,
        outcome=Outcome(kind="survival", horizons=("90 d", "365 d")),
        horizons=(90.0, 365.0),
    )
