"""Intervals of shares and counts, beside published values and SciPy's own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2

from bedside.core.errors import Invalid
from bedside.metrics.intervals import clopper_pearson, garwood, wilson

SHARES = st.integers(1, 5000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))

NEWCOMBE = [
    # hits, of, the score interval, the exact one
    (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
    (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
    (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
    (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
]
"""Newcombe, Stat Med 1998;17:857-872, table I."""


@pytest.mark.parametrize(("hits", "of", "score", "exact"), NEWCOMBE)
def test_shares_have_the_intervals_that_were_published(hits, of, score, exact):
    assert wilson(hits / of, of) == pytest.approx(score, abs=5e-5)
    assert clopper_pearson(hits, of) == pytest.approx(exact, abs=5e-5)


@given(SHARES)
def test_shares_have_the_intervals_of_scipy(share):
    hits, of = share
    told = binomtest(hits, of)
    exact, score = told.proportion_ci(method="exact"), told.proportion_ci(method="wilson")

    assert clopper_pearson(hits, of) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert wilson(hits / of, of) == pytest.approx((score.low, score.high), abs=1e-9)


@given(st.integers(0, 5000))
def test_counts_have_the_interval_of_chi_square(events):
    low, high = garwood(events)

    assert high == pytest.approx(chi2.ppf(0.975, 2 * events + 2) / 2)
    assert low == pytest.approx(chi2.ppf(0.025, 2 * events) / 2 if events else 0.0)


def test_a_one_sided_bound_has_its_whole_error_at_one_end():
    below = binomtest(7, 90, alternative="greater").proportion_ci(0.95, method="exact")

    assert clopper_pearson(7, 90, tail=0.05)[0] == pytest.approx(below.low)
    assert garwood(0, tail=0.05)[1] == pytest.approx(2.9957, abs=5e-5)  # the rule of three


def test_nothing_looked_at_may_be_any_share():
    assert clopper_pearson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: clopper_pearson(2, 1),
        lambda: clopper_pearson(1, 2, tail=0.0),
        lambda: garwood(-1),
        lambda: garwood(float("nan")),
        lambda: wilson(1.5, 10),
        lambda: wilson(0.5, 0),
    ],
)
def test_what_has_no_interval_is_refused(ask):
    with pytest.raises(Invalid):
        ask()
