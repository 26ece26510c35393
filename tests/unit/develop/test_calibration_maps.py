"""Every calibration against an obvious slow one, and the laws that each must keep."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, log_softmax
from sklearn.isotonic import IsotonicRegression

from bedside.core.errors import Invalid
from bedside.develop.train.calibrating.beta import beta
from bedside.develop.train.calibrating.fitting import calibration_of
from bedside.develop.train.calibrating.isotonic import isotonic
from bedside.develop.train.calibrating.targets import soft_targets
from bedside.develop.train.calibrating.temperature import line, ordinal_affine, softmax_affine
from bedside.develop.train.calibrating.venn_abers import venn_abers
from bedside.develop.train.matrix import Matrix
from bedside.models.calibration import calibrated, venn_abers_pair
from bedside.models.form import Additive, Member, ModelForm, Term

METHODS = ["platt", "beta", "isotonic", "venn_abers"]


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


def some_rows(n=400, *, seed=1, slope=2.0, digits=2):
    random = np.random.default_rng(seed)
    margin = np.round(random.normal(size=n), digits)
    label = (random.random(n) < expit(slope * margin - 0.5)).astype(np.int64)
    return margin, label


def rows_of(margin, label, **more):
    return Matrix(features=margin[:, None], label=label, names=("x",), **more)


def risks(margin, label, method, at, **more):
    form = a_form()
    rows = rows_of(margin, label, **more)
    found = calibration_of(form, margin[:, None], rows, method)
    made = a_form(calibration=found)
    return calibrated(made, at[:, None], at[:, None])[:, 0]


@pytest.mark.parametrize("seed", range(4))
def test_venn_abers_steps_are_those_of_two_isotonic_fits_for_each_row(seed):
    random = np.random.default_rng(seed)
    margin, label = some_rows(60, seed=seed, digits=1 + seed)
    weight = None if seed % 2 else random.integers(1, 4, 60).astype(float)
    asked = np.concatenate([margin, random.normal(size=40) * 1.5, [-9.0, 9.0]])

    pair = venn_abers_pair(venn_abers(margin, label, weight), asked)

    counts = np.append(np.ones(60) if weight is None else weight, 1.0)
    for side in (0, 1):
        fitted = [
            IsotonicRegression()
            .fit(np.append(margin, one), np.append(label, side), counts)
            .predict([one])[0]
            for one in asked
        ]
        np.testing.assert_allclose(pair[:, side], fitted, atol=1e-12)


def test_a_margin_that_differs_in_its_last_bits_has_the_same_pair_of_risks():
    margin, label = some_rows()
    found = venn_abers(margin, label)

    moved = margin + 1e-12 * np.where(np.arange(len(margin)) % 2, 1, -1)

    assert np.array_equal(venn_abers_pair(found, margin), venn_abers_pair(found, moved))


def test_the_isotonic_risk_of_a_block_is_its_observed_share_but_never_0_or_1():
    margin, label = some_rows()
    found = isotonic(margin, label)
    risk = np.interp(margin, found.knots, found.values[0])

    oracle = IsotonicRegression().fit(margin, label).predict(margin)
    inner = (oracle > 0) & (oracle < 1)
    assert inner.sum() > 100
    np.testing.assert_allclose(risk[inner], oracle[inner], atol=1e-12)
    for value in np.unique(risk[inner]):
        assert label[risk == value].mean() == pytest.approx(value)
    nobody = oracle == 0
    assert nobody.any()
    assert np.unique(risk[nobody]) == pytest.approx([1 / (nobody.sum() + 2)])
    assert len(found.knots) <= 2 * len(np.unique(risk))
    assert list(found.knots) == sorted(set(found.knots))


def test_no_risk_of_an_end_goes_beyond_the_next_block():
    margin = np.arange(240.0)
    label = np.array([0] * 2 + [1] + [0] * 20 + [0, 0, 1] * 40 + [1] * 97)

    found = isotonic(margin, label)

    assert list(found.values[0]) == sorted(found.values[0])
    assert 0 < found.values[0][0] <= found.values[0][-1] < 1


@pytest.mark.parametrize("slope", [0.3, 1.0, 5.0, -1.0])
def test_beta_calibration_has_the_least_loss_under_its_bounds(slope):
    margin, label = some_rows(slope=slope)
    sides = np.stack([-np.logaddexp(0, -margin), np.logaddexp(0, margin)], axis=1)
    target = soft_targets(label, 2, np.ones(len(label)))[:, 1]

    def loss(at):
        logit = at[0] * sides[:, 0] + at[1] * sides[:, 1] + at[2]
        return (np.logaddexp(0, logit) - target * logit).sum()

    found = beta(margin, label)

    best = minimize(loss, [1, 1, 0], method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)])
    assert min(found[:2]) >= 0
    assert loss(found) <= best.fun + 1e-6


def test_a_softmax_gets_the_slope_and_intercepts_of_least_loss():
    random = np.random.default_rng(3)
    margins = random.normal(size=(500, 3)) * 2
    label = np.array([random.choice(3, p=np.exp(log_softmax(0.5 * one))) for one in margins])
    target = soft_targets(label, 4, np.ones(500))
    four = np.hstack([margins, np.zeros((500, 1))])  # a level that no tuning row has

    def loss(at):
        return -(target * log_softmax(at[0] * four + np.append(0.0, at[1:]), axis=1)).sum()

    found = softmax_affine(four, label)

    best = minimize(loss, [1.0, 0, 0, 0], method="BFGS")
    assert found[1] == 0
    assert loss(np.delete(found, 1)) <= best.fun + 1e-6


def test_an_ordered_outcome_gets_the_slope_and_intercept_of_least_loss():
    random = np.random.default_rng(4)
    margin, cutpoints = random.normal(size=500) * 3, np.array([-1.0, 0.5, 2.0])
    label = (
        expit(0.4 * margin[:, None] + 0.3 - cutpoints) > random.random((500, 1))
    ).sum(axis=1)  # fmt: skip
    target = soft_targets(label, 4, np.ones(500))

    def loss(at):
        above = expit(at[0] * margin[:, None] + at[1] - cutpoints)
        ends = np.ones((500, 1)), np.zeros((500, 1))
        return -(target * np.log(-np.diff(np.hstack([ends[0], above, ends[1]])))).sum()

    found = ordinal_affine(margin, label, cutpoints)

    assert loss(found) <= minimize(loss, [1.0, 0.0], method="BFGS").fun + 1e-6


def test_a_number_gets_the_line_of_least_squares_and_is_never_turned_round():
    random = np.random.default_rng(5)
    margin = random.normal(size=300)
    target, weight = 3 * margin + 1 + random.normal(size=300), random.integers(1, 4, 300) * 1.0

    assert line(margin, target, weight) == pytest.approx(
        np.polyfit(margin, target, 1, w=np.sqrt(weight))
    )
    assert line(margin, -target) == pytest.approx((0.0, -target.mean()))


@pytest.mark.parametrize("method", METHODS)
def test_risks_rise_with_the_margin_and_are_never_0_or_1(method):
    margin, label = some_rows()
    asked = np.linspace(-6, 6, 2001)

    risk = risks(margin, label, method, asked)

    assert (np.diff(risk) >= -1e-12).all()
    assert 0 < risk.min() < risk.max() < 1
    if method == "venn_abers":
        low, high = venn_abers_pair(venn_abers(margin, label), asked).T
        assert (low <= risk).all()
        assert (risk <= high).all()


@pytest.mark.parametrize("method", METHODS)
def test_calibration_depends_neither_on_the_order_of_rows_nor_on_how_they_are_counted(method):
    margin, label = some_rows()
    order = np.random.default_rng(2).permutation(len(margin))
    weight = np.random.default_rng(3).integers(1, 4, len(margin))
    asked = np.linspace(-3, 3, 50)

    once = risks(margin, label, method, asked, weight=weight * 1.0)
    other = risks(margin[order], label[order], method, asked, weight=weight[order] * 1.0)
    repeated = risks(np.repeat(margin, weight), np.repeat(label, weight), method, asked)

    np.testing.assert_allclose(once, other, atol=1e-8)
    np.testing.assert_allclose(once, repeated, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_calibration_mends_margins_that_are_far_too_sure(method):
    margin, label = some_rows(4000, slope=1.0, digits=6)
    new, truth = some_rows(4000, seed=2, slope=1.0, digits=6)

    risk = risks(4 * margin, label, method, 4 * new)

    for inside in np.array_split(np.argsort(new), 8):
        assert risk[inside].mean() == pytest.approx(truth[inside].mean(), abs=0.07)


@pytest.mark.parametrize("method", ["isotonic", "venn_abers"])
@pytest.mark.parametrize(
    ("rows", "subjects"), [(150, None), (400, 10)], ids=["few rows", "many rows of few subjects"]
)
def test_steps_are_not_fitted_on_too_few(method, rows, subjects):
    margin, label = some_rows(rows)
    whose = None if subjects is None else np.arange(rows) % subjects

    with pytest.raises(Invalid, match="platt") as refusal:
        risks(margin, label, method, margin, subject=whose)

    assert refusal.value.code == "too_few_rows"


def test_a_method_for_yes_or_no_is_refused_for_levels():
    form = a_form("multiclass", "softmax", 3, levels=("a", "b", "c"))
    margin, label = some_rows(300)

    with pytest.raises(Invalid, match="yes or no"):
        calibration_of(form, np.zeros((300, 3)), rows_of(margin, label), "isotonic")
