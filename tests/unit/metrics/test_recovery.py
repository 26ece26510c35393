"""Evidence that a mean is back: against the bets one by one, and its error by simulation."""

import math

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.metrics.recovery import returned, won_back
from bedside.metrics.sequential import STAKES

ERROR, EACH, DAYS = 0.05, 20, 90


def sums(days):
    """n, total, squares of each day, and which day it is."""
    counted = [(len(one), one.sum(), (one**2).sum()) for one in days]
    return *np.array(counted, dtype=np.float64).reshape(-1, 3).T, np.arange(1, len(days) + 1)


def slow(days, edge, *, is_up):
    """The mixture over beginnings and stakes, value by value, in plain Python."""
    odds = [0.0] * len(STAKES)  # the sum over beginnings, of each stake
    for number, day in enumerate(days, 1):
        odds = [one + 1 / (number * (number + 1)) for one in odds]
        for value in day:
            x, m = (value, edge) if is_up else (1 - value, 1 - edge)
            odds = [
                one * (1 + stake * (m - x) / (1 - m))
                for one, stake in zip(odds, STAKES, strict=True)
            ]
    return math.log(sum(odds) / len(STAKES))


@pytest.mark.parametrize("is_up", [True, False])
def test_of_values_of_0_and_1_the_evidence_is_that_of_the_bets_one_by_one(is_up):
    rng = np.random.default_rng(1)
    days = [(rng.random(rng.integers(0, 9)) < 0.3).astype(float) for _ in range(25)]

    found = returned(*sums(days), edge=0.4, is_up=is_up)

    assert found.log_evidence == pytest.approx(slow(days, 0.4, is_up=is_up), abs=1e-9)


@pytest.mark.parametrize("is_up", [True, False])
def test_of_other_values_the_sums_of_a_day_never_claim_more_than_the_values_show(is_up):
    rng = np.random.default_rng(2)
    for _ in range(30):
        edge, a, b = rng.uniform(0.05, 0.95), *rng.uniform(0.3, 3, 2)
        days = [rng.beta(a, b, rng.integers(0, 9)) for _ in range(12)]
        assert returned(*sums(days), edge=edge, is_up=is_up).log_evidence <= (
            slow(days, edge, is_up=is_up) + 1e-9
        )


def at_all_times(values, edge):
    """Whether each of r runs, shape (r, days, each), was ever told to be back."""
    n = np.full(values.shape[1], float(values.shape[2]))
    number = np.arange(1, values.shape[1] + 1)
    ever = np.zeros(len(values), bool)
    for run, one in enumerate(values):
        total, squares = one.sum(axis=1), (one**2).sum(axis=1)
        ever[run] = any(
            returned(
                n[:day], total[:day], squares[:day], number[:day], edge=edge, is_up=True
            ).log_evidence
            >= -math.log(ERROR)
            for day in range(3, len(n) + 1, 3)
        )
    return ever


@pytest.mark.parametrize("kind", ["share", "rank"])
def test_a_stream_at_the_edge_of_its_range_is_told_to_be_back_no_oftener_than_declared(kind):
    rng, shape = np.random.default_rng(3), (60, DAYS, EACH)
    edge = 0.12 if kind == "share" else 0.53
    values = (
        (rng.random(shape) < edge) * 1.0 if kind == "share" else rng.beta(edge, 1 - edge, shape)
    )

    assert at_all_times(values, edge).mean() <= ERROR


@pytest.mark.parametrize("kind", ["share", "rank"])
def test_a_stream_that_is_back_where_it_was_is_told_so(kind):
    rng, shape = np.random.default_rng(4), (20, DAYS, EACH)
    values = (rng.random(shape) < 0.1) * 1.0 if kind == "share" else rng.random(shape)
    edge = 0.15 if kind == "share" else 0.55

    assert at_all_times(values, edge).mean() >= 0.95


def test_it_says_since_when_and_of_how_many():
    away, back = [np.full(20, 0.9)] * 5, [np.full(20, 0.5)] * 6

    found = returned(*sums([*away, *back]), edge=0.6, is_up=True)

    assert (found.began, found.n) == (5, 120)
    assert found.mean == pytest.approx(0.5)


def test_days_without_values_and_no_days_say_nothing():
    nobody = [np.zeros(0)] * 4

    assert returned(*sums(nobody), edge=0.5, is_up=True).began == -1
    assert returned(*sums([]), edge=0.5, is_up=True).log_evidence == -math.inf
    with pytest.raises(Invalid):
        won_back(np.ones(1), np.ones(1), np.ones(1), edge=1.0, is_up=True)
