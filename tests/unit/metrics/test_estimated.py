"""Performance without labels, against labels drawn from the risks and judged by other code."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, precision_score, recall_score, roc_auc_score

from bedside.core.errors import Invalid
from bedside.metrics.estimated import (
    effective_size,
    estimated_performance,
    tracked_error,
    weighted_performance,
)

THRESHOLD = 0.3
FIGURES = {
    "alert_rate",
    "auroc",
    "brier",
    "event_rate",
    "observed_expected",
    "ppv",
    "sensitivity",
}


def sigmoid(odds):
    return 1 / (1 + np.exp(-odds))


def judged(label, risk):
    """What scikit-learn says once labels came."""
    alert = risk >= THRESHOLD
    return {
        "auroc": roc_auc_score(label, risk),
        "brier": brier_score_loss(label, risk),
        "sensitivity": recall_score(label, alert),
        "ppv": precision_score(label, alert),
        "alert_rate": alert.mean(),
        "event_rate": label.mean(),
        "observed_expected": label.sum() / risk.sum(),
    }


def told(rng, chance, risk, times):
    """Labels drawn by the chances, again and again: each figure of each draw."""
    runs = [judged(rng.random(chance.size) < chance, risk) for _ in range(times)]
    return {name: np.array([run[name] for run in runs]) for name in runs[0]}


@pytest.mark.parametrize("miscalibrated", [False, True])
def test_estimates_and_their_spread_are_those_of_labels_drawn_from_the_chances(miscalibrated):
    rng = np.random.default_rng(1)
    odds = rng.normal(-1.5, 1.2, 300)
    risk = sigmoid(odds).round(2)  # with ties
    chance = sigmoid(0.4 + 0.8 * odds) if miscalibrated else risk

    made = estimated_performance(
        risk, threshold=THRESHOLD, chance=chance if miscalibrated else None
    )

    assert set(made) == FIGURES
    for name, drawn in told(rng, chance, risk, 600).items():
        noise = drawn.std() / np.sqrt(600)
        assert made[name].value == pytest.approx(drawn.mean(), abs=4 * noise + 5e-4)
        assert made[name].se == pytest.approx(drawn.std(), rel=0.12, abs=1e-12)
        held = ((drawn >= made[name].low - 1e-12) & (drawn <= made[name].high + 1e-12)).mean()
        assert 0.92 <= held <= 1


def test_an_estimate_for_few_rows_leaves_out_pairs_of_a_row_with_itself():
    rng = np.random.default_rng(2)
    risk = np.array([0.2, 0.35, 0.5, 0.5, 0.7, 0.9])
    labels = rng.random((4000, 6)) < risk
    cases, controls = labels.sum(axis=1), (~labels).sum(axis=1)
    won = [
        ((a[:, None] > b).sum() + (a[:, None] == b).sum() / 2)
        for a, b in ((risk[one], risk[~one]) for one in labels)
    ]

    value = estimated_performance(risk, threshold=0.5)["auroc"].value

    assert value == pytest.approx(np.mean(won) / np.mean(cases * controls), abs=0.01)


def test_intervals_for_the_population_are_as_wide_as_new_patients_differ():
    rng = np.random.default_rng(3)
    samples = []
    for _ in range(400):
        risk = sigmoid(rng.normal(-1.5, 1.2, 300))
        samples.append(judged(rng.random(300) < risk, risk))

    made = estimated_performance(risk, threshold=THRESHOLD, population=True)

    for name in FIGURES:
        spread = np.std([sample[name] for sample in samples])
        assert made[name].se == pytest.approx(spread, rel=0.25)


def test_labels_of_one_subject_that_go_together_are_covered():
    rng = np.random.default_rng(4)
    subject = np.repeat(np.arange(60), 8)
    risk = sigmoid(rng.normal(-1, 1, 60)[subject] + rng.normal(0, 0.1, subject.size))
    rates = [((rng.random(60)[subject]) < risk).mean() for _ in range(2000)]

    apart = estimated_performance(risk, threshold=THRESHOLD)["event_rate"]
    together = estimated_performance(risk, threshold=THRESHOLD, subject=subject)["event_rate"]

    assert apart.se < 0.5 * np.std(rates)
    assert together.se == pytest.approx(np.std(rates), rel=0.1)


def test_a_calibration_that_is_not_sure_widens_the_interval_as_redrawing_it_does():
    rng = np.random.default_rng(5)
    odds = rng.normal(-1.5, 1.2, 2000)
    risk, covariance = sigmoid(odds), np.array([[0.04, 0.01], [0.01, 0.02]])
    made = estimated_performance(risk, threshold=THRESHOLD, calibration_covariance=covariance)
    sure = estimated_performance(risk, threshold=THRESHOLD)
    redrawn = [
        estimated_performance(risk, threshold=THRESHOLD, chance=sigmoid(a + b * odds))
        for a, b in rng.multivariate_normal([0, 1], covariance, 300)
    ]

    for name in ("auroc", "sensitivity", "ppv", "event_rate"):
        extra = np.std([one[name].value for one in redrawn])
        assert made[name].se == pytest.approx(np.hypot(sure[name].se, extra), rel=0.15)


def test_labelled_patients_weighted_by_the_ratio_of_densities_tell_the_new_ones_performance():
    rng = np.random.default_rng(6)
    shift, misfits = 0.8, []
    for _ in range(150):
        x = rng.normal(0, 1, 800)
        label = rng.random(800) < sigmoid(-1 + x)
        made = weighted_performance(
            label, sigmoid(-1 + x), np.exp(shift * x - shift**2 / 2), threshold=THRESHOLD
        )
        misfits.append(made)
    new = rng.normal(shift, 1, 400_000)
    truth = judged(rng.random(new.size) < sigmoid(-1 + new), sigmoid(-1 + new))

    for name in FIGURES:
        values = np.array([one[name].value for one in misfits])
        assert values.mean() == pytest.approx(
            truth[name], abs=4 * values.std() / np.sqrt(150) + 0.01
        )
        held = np.mean([one[name].low <= truth[name] <= one[name].high for one in misfits])
        assert held >= 0.87


def test_equal_weights_give_the_figures_of_the_labels():
    rng = np.random.default_rng(7)
    risk = rng.random(200).round(2)
    label = rng.random(200) < risk

    made = weighted_performance(label, risk, np.full(200, 3.0), threshold=THRESHOLD)

    for name, value in judged(label, risk).items():
        assert made[name].value == pytest.approx(value, abs=1e-12)


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_estimates_keep_their_range_and_do_not_know_the_order_of_rows(percents, seed):
    risk = np.array(percents) / 100
    mixed = np.random.default_rng(seed).permutation(risk)

    made = estimated_performance(risk, threshold=THRESHOLD)

    for name, again in estimated_performance(mixed, threshold=THRESHOLD).items():
        one = made[name]
        assert again.value == pytest.approx(one.value, nan_ok=True, abs=1e-9)
        if not np.isnan(one.value):
            assert 0 <= one.low <= one.value <= one.high
            assert name == "observed_expected" or one.high <= 1


def test_risks_that_are_sure_or_never_alert_leave_open_what_cannot_be_told():
    never = estimated_performance(np.zeros(5), threshold=THRESHOLD)
    assert np.isnan([never[name].value for name in ("auroc", "sensitivity", "ppv")]).all()
    assert never["alert_rate"].value == 0
    sure = estimated_performance([0.0, 1.0], threshold=THRESHOLD)
    assert (sure["auroc"].value, sure["auroc"].low, sure["brier"].value) == (1, 1, 0)
    one_in_100 = estimated_performance([0.0, 0.01], threshold=THRESHOLD)["auroc"]
    assert (one_in_100.low, one_in_100.high) == (0, 1)
    one_class = weighted_performance([1, 1], [0.2, 0.4], [1, 1], threshold=THRESHOLD)
    assert np.isnan(one_class["auroc"].value)
    assert one_class["sensitivity"].value == 0.5


def test_a_shift_that_no_risk_shows_is_found_by_tracking_and_not_by_estimating():
    rng = np.random.default_rng(8)
    rows = []
    for _ in range(20):
        risk = sigmoid(rng.normal(-1.5, 1.2, 1500))
        made = estimated_performance(risk, threshold=THRESHOLD)["auroc"]
        broken = rng.random(1500) < rng.permutation(risk)  # what the model sees tells nothing now
        rows.append((made.value, made.low, made.high, roc_auc_score(broken, risk)))

    tracked = tracked_error(*np.array(rows).T)

    assert tracked.coverage == 0
    assert tracked.error_low > 0.2
    assert tracked.root_mean_square >= tracked.mean_absolute >= tracked.mean_error > 0.2


def test_a_tracked_error_counts_only_what_came_true_and_says_how_sure_it_is():
    tracked = tracked_error(
        [0.7, 0.8, np.nan, 0.6],
        [0.6, 0.7, 0.1, 0.5],
        [0.8, 0.9, 0.2, 0.7],
        [0.9, 0.75, 0.1, np.nan],
    )

    assert (tracked.n, tracked.coverage) == (2, 0.5)
    assert tracked.mean_error == pytest.approx(-0.075)
    assert tracked.error_low < tracked.mean_error < tracked.error_high
    assert (tracked.coverage_low, tracked.coverage_high) == pytest.approx(
        (0.0945, 0.9055), abs=1e-4
    )
    assert np.isnan(tracked_error([0.7], [0.6], [0.8], [0.7]).error_low)


@pytest.mark.parametrize(
    "call",
    [
        lambda: estimated_performance([], threshold=0.5),
        lambda: estimated_performance([np.nan], threshold=0.5),
        lambda: estimated_performance([np.inf], threshold=0.5),
        lambda: estimated_performance([0.5], threshold=1.5),
        lambda: estimated_performance([0.5], threshold=0.5, chance=[0.5, 0.5]),
        lambda: estimated_performance([0.5], threshold=0.5, subject=[1, 2]),
        lambda: estimated_performance([0.5], threshold=0.5, confidence=1.0),
        lambda: estimated_performance([0.5], threshold=0.5, calibration_covariance=[[1]]),
        lambda: estimated_performance(
            [0.5], threshold=0.5, calibration_covariance=[[-1, 0], [0, 1]]
        ),
        lambda: weighted_performance([1, 0], [0.5, 0.4], [0, 0], threshold=0.5),
        lambda: weighted_performance([1, 0], [0.5, 0.4], [1, np.inf], threshold=0.5),
        lambda: effective_size([]),
        lambda: tracked_error([], [], [], []),
        lambda: tracked_error([0.5], [0.6], [0.4], [0.5]),
        lambda: tracked_error([0.5], [0.6], [0.4], [0.5, 0.5]),
    ],
)
def test_what_is_not_a_risk_a_weight_or_an_interval_is_refused(call):
    with pytest.raises(Invalid):
        call()
