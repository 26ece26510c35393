"""Bets on a mean, the detectors that add them up, and how much days differ."""

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.metrics.sequential import (
    STAKES,
    advanced,
    between_day_sd,
    evidence,
    wealth,
    wealth_by,
)
from detected import slow_evidence, slow_wealth


def test_wealth_is_the_sum_of_the_bets_one_by_one():
    values = np.random.default_rng(1).uniform(0, 1, 50)

    won = wealth(values, 0.4, 0.55)

    assert won == pytest.approx(np.array(slow_wealth(values, 0.4, 0.55)), abs=1e-10)


def test_many_streams_at_once_win_what_each_wins_alone():
    rng = np.random.default_rng(2)
    values, stream = rng.uniform(0, 1, 300), rng.integers(0, 5, 300)
    least, most = np.array([0.0, 0.1, 0.4, 0.5, 0.9]), np.array([0.1, 0.3, 0.6, 0.5, 1.0])

    won = wealth_by(values, stream, least, most)

    alone = [wealth(values[stream == s], least[s], most[s]) for s in range(5)]
    assert won == pytest.approx(np.array(alone), abs=1e-10)


def test_no_values_and_missing_values_win_nothing():
    assert not wealth([], 0.1, 0.2).any()
    assert not wealth([np.nan] * 9, 0.1, 0.2).any()
    assert wealth([0.3, np.nan], 0.1, 0.2) == pytest.approx(wealth([0.3], 0.1, 0.2))


def test_values_as_before_lose_and_nothing_can_be_won_beyond_what_a_value_can_be():
    assert (wealth([0.5] * 100, 0.48, 0.52) < 0).all()
    assert (wealth([0.0, 1.0] * 10, 0.0, 1.0) <= 0).all()


@pytest.mark.parametrize(
    ("values", "least", "most"),
    [([1.2], 0.1, 0.2), ([-0.1], 0.1, 0.2), ([0.5], 0.3, 0.2), ([0.5], 1.0, 1.0), ([0.5], 0, 0)],
)
def test_values_and_ranges_that_cannot_be_bet_on_are_refused(values, least, most):
    with pytest.raises(Invalid, match="Fix:") as refused:
        wealth(values, least, most)

    assert str(values[0]) not in str(refused.value)


def test_a_value_of_no_stream_is_refused():
    with pytest.raises(Invalid, match="none of the 1 streams"):
        wealth_by([0.5], [1], [0.4], [0.6])
    with pytest.raises(Invalid, match="1 values and 2 streams"):
        wealth_by([0.5], [0, 0], [0.4], [0.6])


def test_the_evidence_is_the_sum_over_every_day_on_which_a_change_could_have_begun():
    rng = np.random.default_rng(3)
    days = [wealth(rng.uniform(0, 1, rng.integers(1, 9)), 0.45, 0.5)[0] for _ in range(40)]
    state, seen = np.zeros(len(STAKES)), []
    for day in days:
        state = advanced(state, day)
        seen.append(float(evidence(state)))

    assert seen == pytest.approx(slow_evidence(days), abs=1e-9)


def test_a_day_without_values_changes_nothing_and_a_fresh_detector_has_no_evidence():
    state = np.array([[0.0] * len(STAKES), [2.0] * len(STAKES)])

    assert np.array_equal(advanced(state, np.zeros_like(state)), state)
    assert evidence(state)[0] == -np.inf


def test_evidence_does_not_overflow_when_everything_changes_for_years():
    state = np.zeros(len(STAKES))
    for _ in range(1000):
        state = advanced(state, wealth(np.ones(500), 0.005, 0.01)[0])

    assert np.isfinite(state).all()
    assert evidence(state) > 1e6


def test_weights_of_the_stakes_are_those_of_the_mean():
    rng = np.random.default_rng(3)
    state, weights = rng.exponential(5, (4, 2, len(STAKES))), rng.dirichlet(np.ones(len(STAKES)))

    found = evidence(state, weights)

    assert found == pytest.approx(np.log((np.expm1(state) * weights).sum(axis=-1)))
    assert evidence(state) == pytest.approx(evidence(state, np.full(len(STAKES), 1 / 6)))


def test_the_spread_between_days_is_found_and_is_zero_where_chance_explains_it():
    rng = np.random.default_rng(4)
    n = rng.integers(20, 60, (400, 3)).astype(float)
    level = np.column_stack(
        [np.full(400, 0.2), rng.beta(20, 80, 400), 0.2 + 0.1 * np.sin(np.arange(400))]
    )
    total = rng.binomial(n.astype(int), level).astype(float)

    spread = between_day_sd(n, total, total)

    assert spread[0] < 0.03
    assert spread[1] == pytest.approx(0.04, abs=0.006)
    assert spread[2] == pytest.approx(0.1 / np.sqrt(2), abs=0.006)
    assert not between_day_sd(n[:1], total[:1], total[:1]).any()
    assert not between_day_sd(n * 0, n * 0, n * 0).any()
