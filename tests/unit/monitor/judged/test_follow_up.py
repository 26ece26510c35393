"""Follow-up is made even up to the last horizon, and told by horizon."""

import numpy as np

from bedside.metrics.survival.brier import brier_over
from bedside.metrics.survival.concordance import uno_c
from bedside.monitor.judged.follow_up import FOLLOWED, follow_up, followed_to


def some_patients(n=4_000, seed=3):
    random = np.random.default_rng(seed)
    days = random.exponential(400, n).round(1)
    cause = random.choice([0, 1, 2], n, p=[0.4, 0.5, 0.1])
    return cause.astype(float), days, random.random(n)


def test_no_figure_of_a_horizon_changes_when_later_follow_up_is_left_out():
    cause, days, risk = some_patients()

    even, kept = followed_to(cause, days, 365.0)

    assert kept.max() == 366.0
    assert (even[days > 365] == 0).all()
    for at in (100.0, 365.0):
        whole = brier_over(days, cause, risk[:, None], [at])
        np.testing.assert_allclose(brier_over(kept, even, risk[:, None], [at]), whole)
    assert uno_c(kept, even, risk, until=365.0) == uno_c(days, cause, risk, until=365.0)


def test_everybody_is_in_one_state_at_each_horizon_and_few_are_hidden():
    cause, days, _ = some_patients()

    told = follow_up(cause, days, (100.0, 365.0))

    for one in told:
        assert sum(one[name] for name in FOLLOWED) == 4_000
        assert one["event"] == sum((cause == 1) & (days <= one["days"]))
        assert one["censored"] == sum((cause == 0) & (days < one["days"]))
    assert follow_up(np.zeros(0), np.zeros(0), (100.0,)) == []
    few = follow_up(np.array([1.0] * 3 + [0.0] * 40), np.full(43, 200.0), (100.0, 300.0))
    assert few[0] == {"days": 100.0, "event": 0, "other_event": 0, "past": 43, "censored": 0}
    assert few[1] == {"days": 300.0, "event": None, "other_event": 0, "past": 0, "censored": 43}
