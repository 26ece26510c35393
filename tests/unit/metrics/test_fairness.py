"""Gaps between groups are those of fairlearn, and their intervals those of a slow bootstrap."""

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score, roc_auc_score

from bedside.core.records.declaration import Evaluation, Fairness
from bedside.core.records.evidence import figure_text
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.fairness_page import fairness_section
from bedside.develop.evaluate.mitigation import Side, before_and_after
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.bootstrap import replicate_counts
from bedside.metrics.fairness import GAPS, GroupRates, spread

THRESHOLD = 0.4
OPTIONS = Evaluation(bootstrap=60)


def some_rows(seed, subjects=300, ties=True):
    """Up to three rows a subject, and three groups in which the model errs differently."""
    generator = np.random.default_rng(seed)
    subject = np.repeat(np.arange(subjects), generator.integers(1, 4, subjects))
    level = np.array(["a", "b", "c"])[generator.integers(0, 3, subjects)][subject]
    truth = generator.uniform(0.05, 0.95, len(subject))
    risk = np.clip(truth - 0.2 * (level == "b"), 0, 1)
    risk = np.round(risk, 2) if ties else risk
    label = (generator.random(len(subject)) < truth).astype(np.int64)
    rows = Rows(risk=risk, label=label, subject=subject, days=np.ones(len(subject)))
    return rows, level


def by_fairlearn(label, risk, level, weight=None):
    """Each gap by `MetricFrame`, on rows repeated as their subjects are drawn."""
    if weight is not None:
        label, risk, level = (np.repeat(part, weight) for part in (label, risk, level))

    def differences(metrics, predicted):
        frame = MetricFrame(
            metrics=metrics, y_true=label, y_pred=predicted, sensitive_features=level
        )
        return dict(frame.difference(method="between_groups"))

    at_threshold = {
        "tpr_gap": true_positive_rate,
        "fpr_gap": false_positive_rate,
        "ppv_gap": precision_score,
        "selection_gap": selection_rate,
    }
    of_risks = {"calibration_gap": lambda y, p: y.mean() - p.mean(), "auroc_gap": roc_auc_score}
    return {
        **differences(at_threshold, (risk >= THRESHOLD).astype(int)),
        **differences(of_risks, risk),
    }


def test_gaps_and_intervals_are_those_of_fairlearn_on_the_same_resamples():
    rows, level = some_rows(1)
    counts = replicate_counts(rows.subjects, 25, 7)

    found = fairness_of(rows, {"ward": level}, THRESHOLD, Evaluation(bootstrap=25), 7)["ward"]

    point = by_fairlearn(rows.label, rows.risk, level)
    slow = [by_fairlearn(rows.label, rows.risk, level, one[rows.subject]) for one in counts]
    for gap in GAPS:
        drawn = np.array([one[gap] for one in slow])
        low, high = np.percentile(drawn, [2.5, 97.5])
        corrected = max(0.0, 2 * point[gap] - drawn.mean())
        told = [found[gap][key] for key in ("estimate", "low", "high", "corrected")]
        assert told == pytest.approx([point[gap], min(low, point[gap]), high, corrected], abs=1e-9)
    assert found["tpr_gap"]["levels"][1] == "b"


def test_a_threshold_for_each_row_is_obeyed():
    rows, level = some_rows(2, ties=False)
    lower = np.where(level == "b", THRESHOLD - 0.2, THRESHOLD)

    unequal = fairness_of(rows, {"ward": level}, THRESHOLD, OPTIONS, 1)["ward"]["tpr_gap"]
    equal = fairness_of(rows, {"ward": level}, lower, OPTIONS, 1)["ward"]["tpr_gap"]

    assert equal["estimate"] < unequal["estimate"] / 2
    assert unequal["low"] > 0.1 > equal["corrected"]


def test_a_gap_between_groups_that_are_treated_alike_is_near_zero_once_corrected():
    gaps, corrected = [], []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        label = generator.integers(0, 2, 400)
        rows = Rows(
            risk=generator.uniform(size=400),
            label=label,
            subject=np.arange(400),
            days=np.ones(400),
        )
        level = np.array(["a", "b", "c", "d"])[generator.integers(0, 4, 400)]
        told = fairness_of(rows, {"ward": level}, 0.5, OPTIONS, seed)["ward"]["tpr_gap"]
        gaps.append(told["estimate"])
        corrected.append(told["corrected"])

    assert np.mean(gaps) > 0.1
    assert np.mean(corrected) < np.mean(gaps) / 1.3


def test_bca_shifts_the_interval_of_a_gap_that_chance_has_widened():
    rows, level = some_rows(1, ties=False)
    whole, corrected = (
        fairness_of(rows, {"ward": level}, THRESHOLD, Evaluation(bootstrap=200, interval=one), 7)
        for one in ("percentile", "bca")
    )

    first, second = whole["ward"]["tpr_gap"], corrected["ward"]["tpr_gap"]
    assert first["estimate"] == second["estimate"]
    assert second["low"] < first["low"]
    assert second["high"] < first["high"]


def test_small_and_unknown_groups_are_not_judged():
    rows, level = some_rows(3)
    few = np.where(rows.subject < 12, "few", "many")
    nobody = np.where(rows.subject < 150, "unknown", "many")

    for named in (few, nobody):
        told = fairness_of(rows, {"ward": named}, THRESHOLD, OPTIONS, 1)["ward"]
        assert all(figure["estimate"] is None for figure in told.values())
        assert "fewer than two groups" in told["tpr_gap"]["why"]
    assert fairness_of(rows, {"ward": level}, 2.0, OPTIONS, 1)["ward"]["ppv_gap"]["why"]


def test_the_cost_of_a_mitigation_is_the_difference_on_the_same_resamples():
    rows, level = some_rows(5)
    lower = np.where(level == "b", THRESHOLD - 0.2, THRESHOLD)
    counts = replicate_counts(rows.subjects, 30, 3)

    told = before_and_after(
        Side(rows=rows, threshold=THRESHOLD),
        Side(rows=rows, threshold=lower),
        {"ward": level},
        Fairness(subgroup="ward", mitigation="thresholds_by_group"),
        Evaluation(bootstrap=30),
        3,
    )

    def worth(threshold, weight):
        """True alerts less false ones at the odds of the threshold before, for 1,000 rows."""
        alert = (rows.risk >= threshold) * weight
        true, false = (alert[rows.label == one].sum() for one in (1, 0))
        return 1000 * (true - false * THRESHOLD / (1 - THRESHOLD)) / weight.sum()

    drawn = [
        worth(lower, one[rows.subject]) - worth(THRESHOLD, one[rows.subject]) for one in counts
    ]
    point = worth(lower, np.ones(len(level))) - worth(THRESHOLD, np.ones(len(level)))
    cost = told["cost"]["net_benefit_per_1000"]
    assert [cost[key] for key in ("estimate", "low", "high")] == pytest.approx(
        [point, *np.percentile(drawn, [2.5, 97.5])]
    )
    assert told["cost"]["auroc"]["estimate"] == 0
    assert told["after"]["gaps"]["tpr_gap"]["estimate"] < told["before"]["gaps"]["tpr_gap"]["low"]
    page = fairness_section(
        {
            "fairness": {"<ward>": told["after"]["gaps"]},
            "mitigation": {**told, "thresholds": {"b": THRESHOLD - 0.2}},
            "threshold": {"value": THRESHOLD},
        }
    )
    assert "a threshold for each group" in page
    assert figure_text(cost) in page
    assert "&lt;ward&gt;" in page


def test_where_no_gap_is_seen_no_group_is_named_and_the_interval_holds_it():
    rows, _ = some_rows(3)
    twice = Rows(
        risk=np.tile(rows.risk, 2),
        label=np.tile(rows.label, 2),
        subject=np.concatenate([rows.subject, rows.subject + rows.subjects]),
        days=np.tile(rows.days, 2),
    )
    level = np.repeat(["a", "b"], len(rows.risk))

    gaps = fairness_of(twice, {"half": level}, THRESHOLD, OPTIONS, 1)["half"]

    for told in gaps.values():
        assert told["estimate"] == told["low"] == 0 < told["high"]
        assert told["levels"] == []


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.permutations([0, 1, 2]))
def test_gaps_do_not_depend_on_the_order_of_rows_or_the_names_of_groups(seed, named):
    rows, level = some_rows(seed, subjects=60)
    shuffled = np.random.default_rng(seed).permutation(len(rows.label))
    group = np.searchsorted(["a", "b", "c"], level)

    def rates(order, group):
        made = GroupRates.of(
            rows.label[order],
            rows.risk[order],
            alert=rows.risk[order] >= THRESHOLD,
            subject=rows.subject[order],
            group=group[order],
        )
        told = made.rates(replicate_counts(60, 5, seed).T.astype(float))
        return np.array([spread(told[gap]) for gap in GAPS])

    first = rates(np.arange(len(rows.label)), group)
    again = rates(shuffled, np.array(named)[group])

    np.testing.assert_allclose(first, again, atol=1e-12)
