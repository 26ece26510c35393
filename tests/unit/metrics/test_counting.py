"""Counts of days: how unusual one is, given the others, and how much they differ."""

import numpy as np
import pytest
from scipy.stats import betabinom, binom, chi2

from bedside.core.errors import Invalid
from bedside.metrics.counting import count_tails, dispersion


def test_poisson_counts_are_split_like_a_coin():
    low, high = count_tails(12, [20, 19, 22, 21], spread=0.0, least=0.8, most=1.25)

    assert low == pytest.approx(binom.cdf(12, 94, 0.8 / 4.8), rel=1e-4)
    assert high == pytest.approx(binom.sf(11, 94, 1.25 / 5.25), rel=1e-4)


def test_counts_that_differ_beyond_chance_are_less_surprising():
    low, high = count_tails(12, [20, 19, 22, 21], spread=0.05, least=0.8, most=1.25)

    assert low == pytest.approx(betabinom.cdf(12, 94, 16, 80), rel=1e-6)
    assert high == pytest.approx(betabinom.sf(11, 94, 25, 80), rel=1e-6)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_as_before_a_chance_of_one_in_twenty_comes_at_most_so_often(spread):
    rng = np.random.default_rng(1)
    rates = np.full((2_000, 5), 20.0)
    if spread:
        rates = rng.gamma(1 / spread, spread * rates)
    counts = rng.poisson(rates)

    tails = np.array(
        [count_tails(int(a[0]), a[1:], spread=spread, least=1.0, most=1.0) for a in counts]
    )

    assert ((tails <= 0.05).mean(axis=0) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2_000)).all()
    assert ((tails <= 0.05).mean(axis=0) >= 0.02).all()


def test_the_spread_is_found_from_above():
    rng = np.random.default_rng(2)
    groups = rng.poisson(rng.gamma(1 / 0.04, 0.04 * 50, (7, 500)))

    assert dispersion(groups, sure=0.5) == pytest.approx(0.04, rel=0.15)
    assert dispersion(groups, sure=0.05) > dispersion(groups, sure=0.5)
    free, mean = 7 * 499, groups.mean()
    slow = (groups.var(axis=1, ddof=1).mean() * free / chi2.ppf(0.5, free) - mean) / mean**2
    assert dispersion(groups, sure=0.5) == pytest.approx(slow, rel=0.01)


def test_what_says_nothing_is_no_surprise():
    assert count_tails(3, [], spread=0.0, least=0.8, most=1.25) == (1.0, 1.0)
    assert count_tails(0, [0, 0], spread=0.0, least=0.8, most=1.25) == (1.0, 1.0)
    assert dispersion([[4]]) == dispersion([]) == dispersion([[0, 0]]) == 0.0


def test_what_is_no_count_is_refused():
    with pytest.raises(Invalid):
        count_tails(-1, [1], spread=0.0, least=0.8, most=1.25)
    with pytest.raises(Invalid):
        count_tails(1, [1], spread=0.0, least=1.2, most=0.8)
    with pytest.raises(Invalid):
        dispersion([[1, 2]], sure=1.0)
