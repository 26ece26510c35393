"""Performance of live answers before their labels, by what the baseline knew of the risks."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from bedside.core.errors import Invalid
from bedside.metrics.calibration import log_odds, recalibrate
from bedside.monitor.stream.answers import SCORE, UNKNOWN_DAY, Answers
from bedside.monitor.stream.baseline import baseline_from_json, baseline_to_json, make_baseline
from bedside.monitor.stream.estimating import (
    estimated_performance,
    recalibration_of,
    tracked_performance,
)

THRESHOLD = 0.3
DAY = 20_000


def sigmoid(odds):
    return 1 / (1 + np.exp(-odds))


def answers_of(rng, n, *, truth=lambda odds: sigmoid(0.5 + 0.8 * odds), middle=-1.5, days=28,
               labelled=1.0):  # fmt: skip
    """Answers whose risks are off: the chance of the event is `truth` of their log-odds."""
    odds = rng.normal(middle, 1.2, n)
    risk = sigmoid(odds)
    label = (rng.random(n) < truth(odds)).astype(float)
    label[rng.random(n) >= labelled] = np.nan
    day = DAY - DAY % 28 + np.sort(rng.integers(0, days, n))
    return Answers(
        day=day,
        subject=rng.permutation(n).astype(np.int64),
        hours=np.zeros(n),
        outcome=np.full(n, SCORE, dtype=np.int8),
        reason=np.full(n, "", dtype=object),
        risk=risk,
        alert=risk >= THRESHOLD,
        shown=risk >= THRESHOLD,
        latency_ms=np.full(n, 5.0),
        features=("lactate",),
        matrix=odds[:, None],
        label=label,
        label_day=np.where(np.isnan(label), UNKNOWN_DAY, day + 7),
        acted=np.zeros(n, dtype=bool),
    )


def a_baseline(answers, threshold=THRESHOLD):
    made = make_baseline(
        answers,
        signals={"lactate": "lactate"},
        titles={},
        categories={},
        threshold=threshold,
        seed=1,
        minimum=50,
    )
    return baseline_from_json(baseline_to_json(made))


def test_the_line_of_the_baselines_recalibration_is_found_again_with_its_covariance():
    answers = answers_of(np.random.default_rng(1), 3000)

    intercept, slope, covariance = recalibration_of(a_baseline(answers))

    odds = log_odds(answers.risk)
    line = recalibrate(answers.label, odds, np.ones(3000))
    assert (intercept, slope) == pytest.approx(line, abs=0.03)
    spread = sigmoid(line[0] + line[1] * odds)
    spread *= 1 - spread
    information = [
        [spread.sum(), (spread * odds).sum()],
        [(spread * odds).sum(), (spread * odds**2).sum()],
    ]
    oracle = np.linalg.inv(information)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(np.sqrt(np.diag(oracle)), rel=0.1)


@pytest.mark.parametrize("subjects", [40, 60, 80])
def test_few_subjects_give_a_line_near_theirs(subjects):
    answers = answers_of(np.random.default_rng(12), subjects, truth=lambda odds: sigmoid(1 + odds))
    baseline = make_baseline(
        answers,
        signals={"lactate": None},
        titles={},
        categories={},
        threshold=None,
        seed=1,
        minimum=20,
    )

    intercept, slope, covariance = recalibration_of(baseline)

    line = recalibrate(answers.label, log_odds(answers.risk), np.ones(subjects))
    here = log_odds(np.median(answers.risk, keepdims=True))[0]
    assert intercept + slope * here == pytest.approx(line[0] + line[1] * here, abs=0.5)
    assert np.isfinite(covariance).all()


def test_an_estimate_of_another_mix_of_patients_holds_what_their_labels_say():
    rng = np.random.default_rng(2)
    baseline = a_baseline(answers_of(rng, 4000))
    now = answers_of(rng, 3000, middle=-0.5)

    told = estimated_performance(baseline, now)

    truth = {
        "auroc": roc_auc_score(now.label, now.risk),
        "event_rate": now.label.mean(),
        "sensitivity": (now.label * now.alert).sum() / now.label.sum(),
        "ppv": now.label[now.alert].mean(),
        "alert_rate": now.alert.mean(),
        "observed_expected": now.label.sum() / now.risk.sum(),
        "brier": ((now.risk - now.label) ** 2).mean(),
    }
    assert (told["subjects"], told["calibrated"]) == (3000, True)
    assert set(told["figures"]) == set(truth)
    for name, value in truth.items():
        figure = told["figures"][name]
        assert figure["low"] - 0.01 <= value <= figure["high"] + 0.01
    by_risk = estimated_performance(baseline, now.risk)
    assert by_risk["figures"]["brier"] == told["figures"]["brier"]


def test_a_subject_counts_once():
    rng = np.random.default_rng(3)
    baseline, now = a_baseline(answers_of(rng, 1000)), answers_of(rng, 200)

    twice = now.take(np.repeat(np.arange(200), 2))

    assert estimated_performance(baseline, twice) == estimated_performance(baseline, now)


def test_what_rests_on_few_is_not_told():
    rng = np.random.default_rng(4)
    baseline = a_baseline(answers_of(rng, 1000))
    rare = np.append(np.full(200, 0.1), np.full(9, 0.5))

    assert estimated_performance(baseline, np.full(10, 0.2)) == {
        "subjects": None,
        "calibrated": True,
        "figures": {},
    }
    shown = set(estimated_performance(baseline, rare)["figures"])
    assert shown == {"auroc", "brier", "event_rate", "observed_expected"}
    silent = estimated_performance(a_baseline(answers_of(rng, 1000), threshold=None), rare)
    assert set(silent["figures"]) == shown


def test_a_baseline_without_labels_says_that_risks_are_taken_for_chances():
    rng = np.random.default_rng(5)
    baseline = a_baseline(answers_of(rng, 1000, labelled=0.0))
    now = answers_of(rng, 500)

    told = estimated_performance(baseline, now)

    assert recalibration_of(baseline) is None
    assert told["calibrated"] is False
    assert told["figures"]["event_rate"]["value"] == pytest.approx(now.risk.mean())


def test_tracking_trusts_estimates_while_risks_are_right_and_no_longer_when_they_are_not():
    rng = np.random.default_rng(6)
    baseline = a_baseline(answers_of(rng, 4000))

    right = tracked_performance(baseline, answers_of(rng, 6000, days=280))
    wrong = tracked_performance(
        baseline, answers_of(rng, 6000, days=280, truth=lambda odds: np.full(odds.size, 0.2))
    )

    assert set(right) == {"auroc", "brier", "sensitivity", "ppv", "event_rate", "observed_expected"}
    for tracked in right.values():
        assert tracked["n"] == 10
        assert tracked["coverage"] >= 0.7
    assert abs(right["auroc"]["mean_error"]) < 0.03
    assert wrong["auroc"]["coverage"] == 0
    assert wrong["auroc"]["error_low"] > 0.15


def test_a_period_whose_labels_have_mostly_not_come_is_not_judged():
    rng = np.random.default_rng(7)
    baseline = a_baseline(answers_of(rng, 1000))

    assert tracked_performance(baseline, answers_of(rng, 1000, labelled=0.5)) == {}


@pytest.mark.parametrize("options", [{"period_days": 0}, {"least_known": 0.0}])
def test_a_period_that_is_none_is_refused(options):
    answers = answers_of(np.random.default_rng(8), 300)
    with pytest.raises(Invalid):
        tracked_performance(a_baseline(answers), answers, **options)


def test_a_risk_that_is_none_is_refused():
    baseline = a_baseline(answers_of(np.random.default_rng(9), 300))
    with pytest.raises(Invalid):
        estimated_performance(baseline, np.full(30, 1.5))
