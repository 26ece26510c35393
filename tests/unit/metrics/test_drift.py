"""Distances and tests between two samples, against SciPy and against hand computation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from bedside.core.errors import Invalid
from bedside.metrics.drift import (
    counts_p_value,
    estimates_p_value,
    kolmogorov_smirnov_distance,
    means_p_value,
    pool_sparse,
    population_stability_index,
    proportions_p_value,
)

tables = (
    st.integers(2, 8)
    .flatmap(
        lambda bins: st.tuples(*[st.lists(st.integers(0, 200), min_size=bins, max_size=bins)] * 2)
    )
    .filter(lambda pair: sum(pair[0]) > 0 and sum(pair[1]) > 0)
)


def test_the_stability_index_is_the_sum_worked_out_by_hand():
    then, now = [30, 70], [60, 40]

    index = population_stability_index(then, now)

    a, b = (30.5 / 101, 70.5 / 101), (60.5 / 101, 40.5 / 101)
    by_hand = sum((q - p) * math.log(q / p) for p, q in zip(a, b, strict=True))
    assert index == pytest.approx(by_hand, abs=1e-12)
    assert index == pytest.approx(0.369, abs=0.001)


def test_an_empty_bin_does_not_make_the_stability_index_infinite():
    assert population_stability_index([100, 0], [0, 100]) < 12


@given(tables)
def test_the_stability_index_is_never_negative_and_does_not_care_which_sample_came_first(pair):
    then, now = pair

    forth, back = population_stability_index(then, now), population_stability_index(now, then)

    assert forth >= 0
    assert forth == pytest.approx(back, abs=1e-9)


def test_the_binned_distance_is_that_of_the_raw_samples_when_every_value_has_its_bin():
    rng = np.random.default_rng(3)
    then, now = rng.integers(0, 9, 200), rng.integers(2, 9, 150)

    distance = kolmogorov_smirnov_distance(np.bincount(then, minlength=9), np.bincount(now))

    assert distance == pytest.approx(stats.ks_2samp(then, now).statistic, abs=1e-12)


@pytest.mark.parametrize(
    "pair", [([50, 60, 70], [70, 55, 40]), ([30, 90, 20, 60], [10, 40, 9, 31])]
)
def test_counts_are_judged_by_the_less_sure_of_pearson_and_the_likelihood_ratio(pair):
    p = counts_p_value(*pair)

    pearson = stats.chi2_contingency(pair, correction=False).pvalue
    likelihood = stats.chi2_contingency(pair, correction=False, lambda_="log-likelihood").pvalue
    assert p == pytest.approx(max(pearson, likelihood), rel=1e-9)


@given(tables)
def test_joining_sparse_bins_loses_nobody_and_leaves_no_sparse_bin(pair):
    then, now = pool_sparse(*pair)

    assert (then.sum(), now.sum()) == (sum(pair[0]), sum(pair[1]))
    smallest = (then + now) * min(then.sum(), now.sum()) / (then.sum() + now.sum())
    assert then.size == 1 or smallest.min() >= 5 - 1e-9


def test_two_samples_too_small_for_two_bins_are_not_judged():
    assert counts_p_value([3, 3], [3, 3]) is None


@pytest.mark.parametrize(("then", "now"), [(100, 1000), (170, 170), (400, 50)])
def test_counts_in_quantiles_of_the_reference_are_not_called_too_often(then, now):
    rng = np.random.default_rng(11)
    bins = then // 20
    held = np.full(bins, then / bins)
    # The exact law of new counts between the order statistics of the reference.
    drawn = rng.multinomial(now, rng.dirichlet(held, size=4000))

    p = np.array([counts_p_value(held, counts) for counts in drawn])

    limit = 0.01 + 3 * math.sqrt(0.01 * 0.99 / 4000)
    assert (p <= 0.01).mean() <= limit


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_shares_are_judged_by_twice_the_smaller_tail_of_fishers_test(k, rest, other, other_rest):
    table = [[k, rest], [other, other_rest]]
    less = stats.fisher_exact(table, alternative="less").pvalue
    greater = stats.fisher_exact(table, alternative="greater").pvalue

    p = proportions_p_value(k, k + rest, other, other + other_rest)

    assert float(p) == pytest.approx(min(1.0, 2 * min(less, greater)), rel=1e-6, abs=1e-12)


def test_means_are_judged_by_the_pooled_t_test():
    p = means_p_value((0.12, 0.3, 80), (0.2, 0.4, 60))

    oracle = stats.ttest_ind_from_stats(0.12, 0.3, 80, 0.2, 0.4, 60, equal_var=True).pvalue
    assert p == pytest.approx(oracle, rel=1e-9)


def test_estimates_are_judged_by_the_normal_tail():
    p = estimates_p_value(0.9, 0.03, 0.8, 0.04)

    assert p == pytest.approx(2 * stats.norm.sf(2.0), rel=1e-9)


def test_two_estimates_without_any_error_differ_surely_or_not_at_all():
    assert estimates_p_value(1.0, 0.0, 1.0, 0.0) == 1.0
    assert estimates_p_value(1.0, 0.0, 0.9, 0.0) == 0.0
    assert means_p_value((1.0, 0.0, 5), (1.0, 0.0, 5)) == 1.0


@pytest.mark.parametrize(
    "call",
    [
        lambda: population_stability_index([1, 2], [1, 2, 3]),
        lambda: population_stability_index([0, 0], [1, 2]),
        lambda: counts_p_value([1, -2], [1, 2]),
        lambda: kolmogorov_smirnov_distance([], []),
        lambda: proportions_p_value(5, 4, 1, 2),
        lambda: proportions_p_value(0, 0, 1, 2),
        lambda: means_p_value((0.0, 1.0, 1), (0.0, 1.0, 9)),
        lambda: estimates_p_value(float("nan"), 0.1, 0.5, 0.1),
    ],
)
def test_samples_that_cannot_be_compared_are_refused(call):
    with pytest.raises(Invalid):
        call()
