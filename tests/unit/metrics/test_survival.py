"""Every survival metric against scikit-survival, or against a slow reading of its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sksurv.datasets import load_bmt, load_veterans_lung_cancer, load_whas500
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator
from sksurv.util import Surv

from bedside.core.errors import Invalid
from bedside.metrics.arrays import ratio
from bedside.metrics.family import by_name
from bedside.metrics.resampled.survival import Predicted, survival_alerting, survival_families
from bedside.metrics.smoothing import ici
from bedside.metrics.survival.brier import brier_over
from bedside.metrics.survival.concordance import harrell_c, uno_c
from bedside.metrics.survival.followed import (
    Followed,
    aalen_johansen,
    censoring_survival,
    kaplan_meier,
)
from bedside.metrics.survival.slope import hazard_slope, log_hazard


def a_cohort(name):
    """Days, causes and risks by three days; no event and censoring on one day, as the peer has it.

    Where they do fall together the peer takes the chance to be watched after the day, and this
    library the one before it, which is that of having seen the event.
    """
    load = {"whas500": load_whas500, "veteran": load_veterans_lung_cancer}[name]
    inputs, came = load()
    event, days = (came[field] for field in came.dtype.names)
    days = np.where(event, days, days + 0.25)
    along = inputs["age" if name == "whas500" else "Karnofsky_score"].to_numpy(dtype=float)
    along = (along - along.mean()) / along.std() * (1 if name == "whas500" else -1)
    at = np.quantile(days[event], [0.3, 0.5, 0.7])
    curve_days = np.linspace(at[0], at[-1], 12)
    hazard = np.exp(0.8 * along)[:, None] / (2 * at[-1])
    return days, event.astype(int), at, 1 - np.exp(-hazard * at), curve_days, hazard


def told(days, cause, at, risks, curve_days=None, curve=None, subject=None):
    subject = np.arange(len(days)) if subject is None else subject
    return Predicted(
        followed=Followed.of(days, cause),
        risks=np.asarray(risks),
        horizons=tuple(at),
        subject=subject,
        subjects=int(subject.max()) + 1,
        curve=curve,
        curve_days=curve_days,
    )


@pytest.mark.parametrize("name", ["whas500", "veteran"])
def test_the_figures_of_survival_are_those_of_scikit_survival(name):
    days, event, at, risks, curve_days, hazard = a_cohort(name)
    came = Surv.from_arrays(event.astype(bool), days)
    curve = 1 - np.exp(-hazard * curve_days)

    made = by_name(survival_families(told(days, event, at, risks, curve_days, curve)))
    found = {key: one(np.ones(len(days))) for key, one in made.items()}

    last = risks[:, -1]
    areas, _ = cumulative_dynamic_auc(came, came, last, at)
    _, scores = brier_score(came, came, 1 - risks, at)
    earlier = [f"_at_{day:g}_days" for day in at[:-1]] + [""]
    expected = {
        "harrell_c": concordance_index_censored(event.astype(bool), days, last)[0],
        "uno_c": concordance_index_ipcw(came, came, last, tau=at[-1])[0],
        "integrated_brier": integrated_brier_score(came, came, 1 - curve, curve_days),
        **{f"auroc{ending}": area for ending, area in zip(earlier, areas, strict=True)},
        **{f"brier{ending}": score for ending, score in zip(earlier, scores, strict=True)},
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-9)


def test_the_curve_of_the_free_is_that_of_scikit_survival():
    days, event, *_ = a_cohort("whas500")

    times, free = kaplan_meier(days, event)

    expected_times, expected = kaplan_meier_estimator(event.astype(bool), days)
    assert times.tolist() == expected_times.tolist()
    assert free == pytest.approx(expected)


def test_the_incidence_with_competing_events_is_that_of_scikit_survival():
    _, came = load_bmt()

    times, first = aalen_johansen(came["ftime"], came["status"])

    expected_times, expected = cumulative_incidence_competing_risks(came["status"], came["ftime"])
    shared = np.isin(expected_times, times)
    assert first == pytest.approx(expected[1][shared])


def test_the_remission_of_freireich_is_the_published_table():
    """6-MP arm of Freireich et al. 1963, as in Collett, Modelling Survival Data, 2015, ch. 2."""
    days = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    event = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]

    times, free = kaplan_meier(days, event)

    at = dict(zip(times.tolist(), free.round(3).tolist(), strict=True))
    assert [at[week] for week in (6, 7, 10, 13, 16, 22, 23)] == [
        0.857, 0.807, 0.753, 0.690, 0.627, 0.538, 0.448,
    ]  # fmt: skip


people = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 2), st.integers(0, 4), st.integers(0, 3)),
    min_size=2,
    max_size=14,
)


def spread_out(rows):
    days, cause, risk, weight = (np.array(part) for part in zip(*rows, strict=True))
    return days.astype(float), cause, 0.1 + risk / 5, weight.astype(float)


def slowly_watched(days, cause, weights, before):
    """The weighted chance not to be censored before a day, day by day."""
    chance = 1.0
    for day in np.unique(days[days < before]):
        here = days == day
        at_risk = weights[days > day].sum() + weights[here & (cause == 0)].sum()
        if at_risk > 0:
            chance *= 1 - weights[here & (cause == 0)].sum() / at_risk
    return chance


def slowly_concordant(days, cause, risk, weights, until, *, inverse):
    """Pairs one by one: Harrell's (Wolbers 2009) or, with `inverse`, Uno's (Wolbers 2014)."""
    good = every = 0.0
    watched = [slowly_watched(days, cause, weights, day) for day in days]
    for i, j in np.ndindex(len(days), len(days)):
        if cause[i] != 1 or days[i] >= until or not weights[i] * weights[j]:
            continue
        later = days[j] > days[i] or (days[j] == days[i] and cause[j] == 0)
        ruled_out = cause[j] == 2 and not later
        if not later and not ruled_out:
            continue
        worth = weights[i] * weights[j]
        if inverse:
            worth /= watched[i] * (watched[i] if later else watched[j])
        every += worth
        good += worth * (1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0)
    return good / every if every else np.nan


@given(people)
@settings(deadline=None)
def test_concordance_is_that_of_the_pairs_one_by_one(rows):
    days, cause, risk, weights = spread_out(rows)

    harrell = harrell_c(days, cause, risk, weights)
    uno = uno_c(days, cause, risk, until=5.0, weights=weights)

    assert harrell == pytest.approx(
        slowly_concordant(days, cause, risk, weights, np.inf, inverse=False), nan_ok=True
    )
    assert uno == pytest.approx(
        slowly_concordant(days, cause, risk, weights, 5.0, inverse=True), nan_ok=True
    )


@given(people, st.integers(1, 6))
@settings(deadline=None)
def test_figures_at_a_horizon_are_those_of_the_rows_one_by_one(rows, day):
    days, cause, risk, weights = spread_out(rows)
    by = days <= day
    free = (days > day) | ((days == day) & (cause == 0))
    at_day = slowly_watched(days, cause, weights, day)
    each = np.array([slowly_watched(days, cause, weights, when) for when in days])
    inverse = ratio(1.0, np.where(free, at_day, each)) * (free | (by & (cause > 0)))
    worth = np.where(weights > 0, weights * np.nan_to_num(inverse), 0.0)
    case, alert = by & (cause == 1), risk >= 0.5
    pairs = worth[case][:, None] * worth[~case]
    ahead = np.sign(risk[case][:, None] - risk[~case]) / 2 + 0.5

    made = told(days, cause, [float(day)], risk[:, None])
    figures = by_name([*survival_families(made), *survival_alerting(made, alert, 0.5)])
    found = {name: one(weights) for name, one in figures.items()}

    expected = {
        "auroc": ratio((pairs * ahead).sum(), pairs.sum()),
        "brier": ratio((worth * (case - risk) ** 2).sum(), weights.sum()),
        "sensitivity": ratio((worth * case * alert).sum(), (worth * case).sum()),
        "specificity": ratio((worth * ~case * ~alert).sum(), (worth * ~case).sum()),
        "ppv": ratio((worth * case * alert).sum(), (worth * alert).sum()),
        "npv": ratio((worth * ~case * ~alert).sum(), (worth * ~alert).sum()),
        "alert_rate": ratio((weights * alert).sum(), weights.sum()),
    }
    if at_day <= 0:
        expected = {name: np.nan for name in expected if name != "alert_rate"}
    assert {name: found[name] for name in expected} == pytest.approx(expected, nan_ok=True)


def test_without_censoring_the_figures_are_those_of_a_yes_or_no_outcome():
    generator = np.random.default_rng(3)
    days, risk = generator.exponential(10, 200), generator.uniform(0.05, 0.95, 200)
    ill, alert = days <= 8, risk >= 0.4

    made = told(days, np.ones(200, int), [8.0], risk[:, None])
    figures = by_name([*survival_families(made), *survival_alerting(made, alert, 0.4)])

    assert figures["ici"](np.ones(200)) == pytest.approx(ici(ill, risk))
    assert figures["net_benefit"](np.ones(200)) == pytest.approx(
        ((alert & ill).sum() - (alert & ~ill).sum() * 0.4 / 0.6) / 200
    )
    assert figures["expected_observed_ratio"](np.ones(200)) == pytest.approx(risk.sum() / ill.sum())


def slowly_fitted(days, cause, along, weights):
    """The slope of the largest Breslow likelihood, with Fine and Gray's weights (1999)."""
    watched = np.array([slowly_watched(days, cause, weights, day) for day in days])

    def surprise(slope):
        total = 0.0
        for i in np.flatnonzero(cause == 1):
            stays = (cause == 2) & (days < days[i])
            share = np.where(days >= days[i], 1.0, stays * watched[i] / watched)
            total -= weights[i] * (
                slope * along[i] - np.log((weights * share * np.exp(slope * along)).sum())
            )
        return total

    return minimize_scalar(surprise, bounds=(-20, 20), method="bounded", options={"xatol": 1e-9}).x


@pytest.mark.parametrize("competing", [False, True])
def test_the_slope_is_that_of_the_largest_likelihood(competing):
    generator = np.random.default_rng(5)
    days = np.round(generator.exponential(5, 60) + 1)
    cause = generator.integers(0, 3 if competing else 2, 60)
    risk = np.clip(0.6 - 0.03 * days + generator.normal(0, 0.2, 60), 0.02, 0.98)
    weights = generator.integers(1, 4, 60).astype(float)

    found = hazard_slope(days, cause, risk, weights)

    assert found == pytest.approx(slowly_fitted(days, cause, log_hazard(risk), weights), abs=1e-5)


def test_a_slope_that_has_no_end_is_undefined():
    assert np.isnan(hazard_slope([1, 2, 3], [1, 1, 1], [0.9, 0.5, 0.1]))
    assert np.isnan(hazard_slope([1, 2, 3], [0, 0, 0], [0.9, 0.5, 0.1]))
    assert np.isnan(hazard_slope([1, 2, 3], [1, 1, 1], [0.5, 0.5, 0.5]))


def test_a_day_until_which_nobody_was_followed_has_no_figure():
    assert np.isnan(brier_over([1, 2], [1, 0], [[0.5], [0.5]], [3.0])).all()
    assert censoring_survival([1, 2], [1, 0])[1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Followed.of([1.0], [3]),
        lambda: Followed.of([-1.0], [1]),
        lambda: Followed.of([], []),
        lambda: harrell_c([1.0, 2.0], [1, 0], [0.5]),
        lambda: brier_over([1.0], [1], [[2.0]], [1.0]),
    ],
)
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(Invalid):
        wrong()
