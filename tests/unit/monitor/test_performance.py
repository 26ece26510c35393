"""Standard errors of performance, against slow and obvious ways to get them."""

import numpy as np
import pytest
from scipy.stats import norm

from bedside.metrics.discrimination import auroc
from bedside.monitor.outcomes import auroc_check
from bedside.monitor.performance import auroc_standard_error, hanley_mcneil_error, performance_of
from watched import logistic


def drawn(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    odds = rng.normal(-0.5, 1.5, size=n)
    return (rng.random(n) < logistic(odds)).astype(float), logistic(odds)


def test_the_error_of_the_auroc_is_delongs_over_all_pairs():
    label, risk = drawn(1, 90)
    risk = risk.round(1)
    higher = risk[label == 1][:, None] - risk[label == 0][None, :]
    wins = (higher > 0) + 0.5 * (higher == 0)

    error = auroc_standard_error(label, risk)

    by_positive, by_negative = wins.mean(axis=1), wins.mean(axis=0)
    variance = by_positive.var(ddof=1) / wins.shape[0] + by_negative.var(ddof=1) / wins.shape[1]
    assert error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_both_errors_of_the_auroc_are_near_its_spread_over_many_samples():
    samples = [drawn(seed, 200) for seed in range(400)]
    areas = np.array([auroc(label, risk) for label, risk in samples])

    delong = np.mean([auroc_standard_error(*sample) for sample in samples])
    formula = hanley_mcneil_error(float(areas.mean()), 83, 117)

    assert delong == pytest.approx(areas.std(), rel=0.12)
    assert formula == pytest.approx(areas.std(), rel=0.2)


def test_a_perfect_ranking_of_few_patients_is_not_infinitely_sure():
    assert hanley_mcneil_error(1.0, 12, 30) > 0.001


def test_intervals_of_the_slope_and_of_expected_over_observed_cover_the_truth():
    kept = [performance_of(*drawn(seed, 400)) for seed in range(300)]

    slopes = [
        abs(k["calibration_slope"]["estimate"] - 1) <= 1.96 * k["calibration_slope"]["se"]
        for k in kept
    ]
    ratio = [k["expected_observed_ratio"] for k in kept]
    ratios = [abs(np.log(r["estimate"])) <= 1.96 * r["se_log"] for r in ratio]

    assert 0.91 <= np.mean(slopes) <= 0.985
    assert 0.91 <= np.mean(ratios) <= 0.985


def test_risks_that_are_too_extreme_stretch_below_zero():
    label, risk = drawn(2, 4000)
    odds = np.log(risk / (1 - risk))

    right, extreme = performance_of(label, risk), performance_of(label, logistic(1.5 * odds))

    assert abs(right["stretch"]["estimate"]) < 0.04
    assert extreme["stretch"]["estimate"] < -0.08
    assert extreme["calibration_slope"]["estimate"] == pytest.approx(
        right["calibration_slope"]["estimate"] / 1.5, rel=1e-3
    )


def test_risks_of_exactly_zero_and_one_are_described_without_an_infinite_figure():
    label = np.repeat([0.0, 1.0], 30)

    kept = performance_of(label, label)

    assert kept["auroc"]["estimate"] == 1.0
    assert kept["calibration_slope"] is None
    assert all(np.isfinite(kept[name]["sd"]) for name in ("brier", "excess", "stretch"))


@pytest.mark.parametrize("se", [0.0, 0.2])
def test_a_change_of_the_auroc_is_judged_by_the_larger_of_two_errors(se):
    side = {"n": 200, "positives": 80}
    then = side | {"auroc": {"estimate": 0.95, "se": se}}
    now = side | {"auroc": {"estimate": 0.85, "se": se}}

    check = auroc_check(then, now, {}, name="auroc", of="", kind="performance")

    error = max(se, hanley_mcneil_error(0.9, 80, 120)) * np.sqrt(2)
    assert check.p == pytest.approx(2 * norm.sf(0.1 / error), rel=1e-6)
    assert check.severity == "high"
