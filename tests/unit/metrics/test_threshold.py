"""Score 1 of the Challenge of 2012 against a slow reading of its definition."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import precision_score, recall_score

from bedside.core.errors import Invalid
from bedside.metrics.threshold import min_sensitivity_ppv, threshold_for_min_sensitivity_ppv

cases = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), min_size=1, max_size=30)


def slowly(label, alert):
    """`min(Se, +P)` by counting (Silva et al. 2012), 0 where nothing alerts."""
    found = sum(1 for y, a in zip(label, alert, strict=True) if y and a)
    sensitivity = found / sum(label)
    predictivity = found / sum(alert) if sum(alert) else 0.0
    return min(sensitivity, predictivity)


@given(cases, st.integers(0, 11))
@settings(deadline=None)
def test_the_score_is_the_smaller_of_sensitivity_and_positive_predictivity(rows, tenth):
    label, risk = [y for y, _ in rows], [r / 10 for _, r in rows]
    assume(any(label))
    alert = [r >= tenth / 10 for r in risk]

    found = min_sensitivity_ppv(label, risk, threshold=tenth / 10)

    assert found == pytest.approx(slowly(label, alert))
    assert found == pytest.approx(
        min(recall_score(label, alert), precision_score(label, alert, zero_division=0))
    )


@given(cases, st.integers(1, 5), st.integers(0, 11))
@settings(deadline=None)
def test_a_weight_counts_a_row_that_often(rows, weight, tenth):
    label, risk = [y for y, _ in rows], [r / 10 for _, r in rows]
    weights = [weight if at % 2 else 1 for at in range(len(rows))]
    again = np.repeat(np.arange(len(rows)), weights)

    found = min_sensitivity_ppv(label, risk, threshold=tenth / 10, weights=weights)

    expected = min_sensitivity_ppv(
        np.array(label)[again], np.array(risk)[again], threshold=tenth / 10
    )
    assert found == pytest.approx(expected, nan_ok=True)


@given(cases)
@settings(deadline=None)
def test_no_threshold_beats_the_chosen_one_and_a_tie_alerts_least(rows):
    label, risk = [y for y, _ in rows], [r / 10 for _, r in rows]
    assume(any(label))

    chosen = threshold_for_min_sensitivity_ppv(label, risk)

    scores = {t: min_sensitivity_ppv(label, risk, threshold=t) for t in sorted(set(risk))}
    assert chosen == max(t for t, score in scores.items() if score == max(scores.values()))


def test_alerts_drawn_by_chance_reach_no_more_than_the_share_of_positive_rows():
    """Exactly: the mean over every way to alert two of six rows, one third of them positive."""
    label = [1, 1, 0, 0, 0, 0]
    scores = [slowly(label, alert) for alert in product([0, 1], repeat=6) if sum(alert) == 2]

    assert np.mean(scores) == pytest.approx(1 / 3)


def test_without_a_positive_row_there_is_no_score_and_no_threshold():
    assert np.isnan(min_sensitivity_ppv([0, 0], [0.2, 0.9], threshold=0.5))
    with pytest.raises(Invalid, match="No row is positive"):
        threshold_for_min_sensitivity_ppv([0, 0], [0.2, 0.9])


def test_without_an_alert_the_score_is_zero():
    assert min_sensitivity_ppv([0, 1], [0.2, 0.3], threshold=0.5) == 0.0
