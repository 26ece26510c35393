"""The Challenge's utility against a slow reading of the paper, one hour at a time."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.metrics.utility import best_threshold, normalised_utility

stays = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 45), st.booleans()), min_size=1, max_size=6
)


def slowly(stay_labels, stay_alerts):
    """Observed, best and idle utility of one stay (Reyna et al. 2020, Fig 2)."""
    totals = [0.0, 0.0, 0.0]
    septic = any(stay_labels)
    onset = list(stay_labels).index(1) + 6 if septic else None
    for hour, alert in enumerate(stay_alerts):
        if not septic:
            with_alert, without, plan = -0.05, 0.0, False
        elif hour > onset + 3:
            with_alert, without, plan = 0.0, 0.0, False
        elif hour <= onset - 6:
            with_alert, without = max((hour - (onset - 12)) / 6, -0.05), 0.0
            plan = hour >= onset - 12
        else:
            with_alert, without = (onset + 3 - hour) / 9, -2 * (hour - (onset - 6)) / 9
            plan = True
        for place, choice in enumerate((alert, plan, False)):
            totals[place] += with_alert if choice else without
    return totals


@given(stays, st.randoms(use_true_random=False))
def test_the_columns_agree_with_the_hours(shapes, random):
    labels = [[int(septic and hour >= first) for hour in range(n)] for n, first, septic in shapes]
    alerts = [[random.random() < 0.4 for _ in stay] for stay in labels]
    observed, best, idle = np.sum(
        [slowly(lab, al) for lab, al in zip(labels, alerts, strict=True)], axis=0
    )
    assume(best - idle > 1e-9)

    found = normalised_utility(
        np.concatenate(labels),
        np.concatenate(alerts),
        np.repeat(np.arange(len(labels)), [len(stay) for stay in labels]),
    )

    assert found == pytest.approx((observed - idle) / (best - idle))


def test_without_a_septic_stay_the_utility_is_refused():
    with pytest.raises(Invalid, match="undefined"):
        normalised_utility(np.zeros(3, int), np.ones(3, bool), np.zeros(3, int))


@given(st.integers(0, 2**31))
def test_no_threshold_beats_the_chosen_one(seed):
    generator = np.random.default_rng(seed)
    label = np.tile(np.r_[np.zeros(20, int), np.ones(8, int)], 3)
    label[28:56] = 0
    subject = np.repeat(np.arange(3), 28)
    risk = np.round(generator.random(len(label)), 1)

    chosen = normalised_utility(label, risk >= best_threshold(label, risk, subject), subject)

    others = [normalised_utility(label, risk >= t, subject) for t in np.unique(risk)]
    assert chosen == pytest.approx(max(others))
