"""Conformal sets and intervals hold the truth as often as they say, and rule out the rest."""

import json

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.datasets import load_breast_cancer, load_diabetes

from bedside.core.errors import Invalid, Refused
from bedside.core.records.declaration import Uncertainty
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.conforming import learn_conformal
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.uncertainty import learn_uncertainty
from bedside.models.conformal import (
    ConformalInterval,
    ConformalSets,
    likely,
    margins_before,
    strangeness,
)
from bedside.models.form import Additive, Member, ModelForm, Term
from bedside.models.learnt import LearntModel
from bedside.models.uncertainty import (
    LearntUncertainty,
    uncertainty_from_json,
    uncertainty_told,
)
from learning import fitted_trees

ODDS = 1e-4  # of a failure by chance, in each bound


def a_form(outcome="binary", link="logistic", outputs=1, **more):
    """A model whose margins are its features."""
    terms = tuple(
        Term(
            kind="linear",
            features=(at,),
            scores=tuple((float(at == one), 0.0) for one in range(outputs)),
        )
        for at in range(outputs)
    )
    part = Additive(intercept=(0.0,) * outputs, terms=terms)
    return ModelForm(
        outcome=outcome, link=link, width=outputs, members=(Member(part=part),), **more
    )


def some_levels(n, *, seed, levels=3):
    random = np.random.default_rng(seed)
    label = random.integers(0, levels, n)
    margins = random.normal(size=(n, levels))
    margins[np.arange(n), label] += 1.5
    return Matrix(features=margins, label=label, names=("a", "b", "c")[:levels])


def some_cases(n, *, seed):
    random = np.random.default_rng(seed)
    label = (random.random(n) < 0.3).astype(np.int64)
    return Matrix(features=(random.normal(size=n) + 2 * label)[:, None], label=label, names=("x",))


def holds(form, sets, rows):
    """Of each row, whether its label is in the set; and how large the set is."""
    model = LearntModel(form)
    margin = model.contributions(rows.features).sum(axis=1)
    before = margins_before(form, model.outputs(rows.features), margin)
    kept = likely(sets, strangeness(form, before))
    return kept[np.arange(len(rows.label)), rows.label], kept.sum(axis=1)


def least(rows, coverage, calibrated_on):
    """A share that is undercut with a chance of 1 in 10,000, where the coverage holds.

    The share among new subjects varies with the tuning subjects too, as a beta distribution does.
    """
    spread = np.sqrt(coverage * (1 - coverage) / calibrated_on)
    return binom.ppf(ODDS, rows, coverage - 3.7 * spread) / rows


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("calibration", ["none", "platt", "isotonic"])
def test_a_set_holds_the_label_in_as_many_of_each_label_as_it_says(coverage, calibration):
    tuning, new = some_cases(600, seed=1), some_cases(20_000, seed=2)
    form = with_calibration(a_form(), tuning, calibration)

    sets = learn_conformal(form, tuning, coverage)

    kept, size = holds(form, sets, new)
    for label in (0, 1):
        enough = least((new.label == label).sum(), coverage, (tuning.label == label).sum())
        assert kept[new.label == label].mean() >= enough
    assert (size == 1).mean() > 0.5
    assert size.min() == 1


@pytest.mark.parametrize("calibration", ["none", "platt"])
def test_a_set_of_levels_holds_each_level_as_often_as_it_says(calibration):
    tuning, new = some_levels(600, seed=3), some_levels(20_000, seed=4)
    form = a_form("multiclass", "softmax", 3, levels=("none", "mild", "severe"))
    form = with_calibration(form, tuning, calibration)

    sets = learn_conformal(form, tuning, 0.9)

    kept, size = holds(form, sets, new)
    for label in range(3):
        inside = new.label == label
        assert kept[inside].mean() >= least(inside.sum(), 0.9, (tuning.label == label).sum())
    assert size.mean() < 2.5


def test_a_set_of_ordered_levels_is_of_the_margin_before_calibration():
    rows = some_levels(600, seed=5)
    margin = np.where(rows.label > 0, 2.0 * rows.label, 0.0) + rows.features[:, 0]
    tuning = Matrix(features=margin[:, None], label=rows.label, names=("x",))
    plain = a_form("ordinal", "cumulative_logistic", 1, levels=("a", "b", "c"), cutpoints=(1, 3))
    form = with_calibration(plain, tuning, "platt")

    assert learn_conformal(form, tuning, 0.9) == learn_conformal(plain, tuning, 0.9)
    assert holds(form, learn_conformal(form, tuning, 0.9), tuning)[0].mean() >= 0.9


def test_the_limits_are_those_of_the_p_values_row_by_row():
    tuning, new = some_cases(200, seed=6), some_cases(300, seed=7)
    sets = learn_conformal(a_form(), tuning, 0.85)

    kept = likely(sets, strangeness(a_form(), new.features))

    for row, margin in enumerate(new.features[:, 0]):
        found = []
        for label, sign in ((0, 1.0), (1, -1.0)):
            known = sign * tuning.features[tuning.label == label, 0]
            p = ((known >= sign * margin).sum() + 1) / (len(known) + 1)
            found.append(bool(p > 0.15))
        assert kept[row].tolist() == (found if any(found) else [True, True])


def test_many_rows_of_one_subject_count_as_one():
    few = some_cases(300, seed=8)
    times = np.where(np.arange(300) == 17, 10_000, 1)
    order = np.repeat(np.arange(300), times)
    many = few.taken(order)
    many = Matrix(features=many.features, label=many.label, names=("x",), subject=order)

    assert learn_conformal(a_form(), many, 0.9).limits == learn_conformal(a_form(), few, 0.9).limits


def test_an_interval_holds_the_number_as_often_as_it_says():
    random = np.random.default_rng(9)
    signal = random.normal(size=(21_000, 1))
    rows = Matrix(
        features=signal,
        label=np.zeros(21_000, np.int64),
        names=("x",),
        target=2 * signal[:, 0] + random.standard_t(4, 21_000),
    )
    tuning, new = rows.taken(np.arange(1000)), rows.taken(np.arange(1000, 21_000))
    form = with_calibration(a_form("regression", "identity"), tuning, "platt")

    found = learn_conformal(form, tuning, 0.9)

    away = np.abs(new.target - LearntModel(form).outputs(new.features)[:, 0])
    assert isinstance(found, ConformalInterval)
    inside = (away <= found.half_width).mean()
    assert least(20_000, 0.9, 1000) <= inside <= 1 - least(20_000, 0.1, 1000) + 0.02


def test_sets_of_real_biopsies_hold_the_histology_of_cases_that_were_not_seen():
    features, benign = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(10).permutation(len(benign))
    names = tuple(f"f{at}" for at in range(features.shape[1]))
    rows = Matrix(features=features[order], label=1 - benign[order].astype(np.int64), names=names)
    train, tuning, held = (
        rows.taken(np.arange(*one)) for one in ((0, 200), (200, 380), (380, 569))
    )
    form = fitted_trees(train, tuning, rounds=40, parameters={"min_data_in_leaf": 8})

    sets = learn_conformal(form, tuning, 0.9)

    kept, size = holds(form, sets, held)
    for label in (0, 1):
        inside = held.label == label
        assert kept[inside].mean() >= least(inside.sum(), 0.9, (tuning.label == label).sum())
    assert (size == 1).mean() > 0.7


def test_an_interval_of_a_real_measure_holds_it_in_patients_that_were_not_seen():
    features, progression = load_diabetes(return_X_y=True)
    slopes = np.linalg.lstsq(features[:200], progression[:200] - 150, rcond=None)[0]
    margin = (features @ slopes + 150)[:, None]
    rows = Matrix(features=margin, label=np.zeros(442, np.int64), names=("x",), target=progression)
    form = a_form("regression", "identity")

    found = learn_conformal(form, rows.taken(np.arange(200, 320)), 0.8)

    away = np.abs(progression[320:] - margin[320:, 0])
    assert (away <= found.half_width).mean() >= least(122, 0.8, 120)


@pytest.mark.parametrize(("outcome", "link"), [("binary", "logistic"), ("regression", "identity")])
def test_too_few_subjects_for_a_coverage_are_refused_with_how_many_it_takes(outcome, link):
    rows = some_cases(40, seed=11)
    tuning = Matrix(features=rows.features, label=rows.label, names=("x",), target=rows.label * 1.0)

    with pytest.raises(Invalid, match="at least 99 tuning subjects"):
        learn_conformal(a_form(outcome, link), tuning, 0.99)


def test_what_is_learnt_reads_back_and_nothing_else_is_read():
    tuning = some_cases(200, seed=12)
    told = learn_uncertainty(a_form(), tuning, tuning, Uncertainty(coverage=0.9, domain=0.99))
    content = json.dumps(told).encode()

    learnt = uncertainty_from_json(content)

    assert isinstance(learnt.conformal, ConformalSets)
    assert json.loads(json.dumps(uncertainty_told(learnt))) == json.loads(content)
    assert learn_uncertainty(a_form(), tuning, tuning, Uncertainty()) == {}
    assert uncertainty_from_json(b"{}") == LearntUncertainty()
    for other in (
        b"[]",
        b"x",
        b'{"more": 1}',
        b'{"conformal": {"coverage": 0.9, "limits": []}}',
        b'{"conformal": {"coverage": 0.9, "limits": [NaN]}}',
        content.replace(b'"rows"', b'"lines"'),
        content.replace(b'"spread": [', b'"spread": [1.0, '),
    ):
        with pytest.raises(Refused) as refusal:
            uncertainty_from_json(other)
        assert refusal.value.code == "model_unreadable"
