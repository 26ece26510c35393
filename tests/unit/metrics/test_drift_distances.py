"""Distances between two samples, over bins and from the values, against SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from bedside.core.errors import Invalid
from bedside.metrics.drift import (
    chi_squared,
    jensen_shannon_distance,
    kolmogorov_smirnov_p_value,
    wasserstein_from_bins,
)
from bedside.metrics.sample_drift import (
    category_counts,
    sample_kolmogorov_smirnov,
    sample_wasserstein,
)

values = st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 1)), min_size=2, max_size=40)
tables = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=8).filter(
    lambda pairs: sum(a for a, _ in pairs) > 0 and sum(b for _, b in pairs) > 0
)


def binned(edges, sample):
    place = np.searchsorted(edges, sample, side="right")
    bins = len(edges) + 1
    return np.bincount(place, minlength=bins), np.bincount(place, sample, minlength=bins)


@given(values, values)
def test_distances_of_samples_are_scipys(then, now):
    assert sample_kolmogorov_smirnov(then, now) == pytest.approx(
        stats.ks_2samp(then, now, method="asymp").statistic, abs=1e-12
    )
    assert sample_wasserstein(then, now) == pytest.approx(
        stats.wasserstein_distance(then, now), abs=1e-9, rel=1e-9
    )


@given(values, values, st.floats(-50, 50))
def test_distances_are_symmetric_zero_on_themselves_and_blind_to_a_shift_of_both(then, now, by):
    for distance in (sample_kolmogorov_smirnov, sample_wasserstein):
        assert distance(then, then) == 0
        assert distance(then, now) == pytest.approx(distance(now, then), abs=1e-9)
    moved = sample_wasserstein(np.array(then) + by, np.array(now) + by)
    assert moved == pytest.approx(sample_wasserstein(then, now), abs=1e-9)


@given(values, values, st.lists(st.integers(-900, 900), max_size=6, unique=True))
def test_a_wasserstein_distance_over_bins_is_never_above_that_of_the_values(then, now, edges):
    edges = np.sort(np.array(edges, dtype=float))

    over_bins = wasserstein_from_bins(
        edges, binned(edges, np.array(then)), binned(edges, np.array(now))
    )

    assert over_bins <= sample_wasserstein(then, now) + 1e-9
    assert over_bins >= abs(np.mean(then) - np.mean(now)) - 1e-9


def test_a_wasserstein_distance_over_bins_is_exact_where_each_value_has_its_bin():
    rng = np.random.default_rng(5)
    then, now = rng.integers(0, 9, 300).astype(float), rng.integers(1, 12, 200).astype(float)
    edges = np.arange(12) + 0.5

    over_bins = wasserstein_from_bins(edges, binned(edges, then), binned(edges, now))

    assert over_bins == pytest.approx(stats.wasserstein_distance(then, now), abs=1e-12)


@given(tables)
def test_the_jensen_shannon_distance_is_scipys_and_symmetric(pairs):
    then, now = np.array(pairs, dtype=float).T

    distance = jensen_shannon_distance(then, now)

    assert distance == pytest.approx(np.nan_to_num(jensenshannon(then, now, base=2)), abs=1e-7)
    assert distance == pytest.approx(jensen_shannon_distance(now, then), abs=1e-12)
    assert jensen_shannon_distance(then, 3 * then) == pytest.approx(0, abs=1e-7)


@given(tables)
def test_chi_squared_is_scipys_without_its_correction(pairs):
    table = np.array(pairs, dtype=float).T
    used = table[:, table.sum(axis=0) > 0]

    statistic, freedom, p = chi_squared(*table)

    oracle = stats.chi2_contingency(used, correction=False)
    assert (statistic, freedom) == (pytest.approx(oracle.statistic, abs=1e-9), oracle.dof)
    assert p is None if freedom == 0 else p == pytest.approx(oracle.pvalue, abs=1e-9)


def test_categories_are_counted_level_by_level():
    then, now = np.array(["a", "b", "a"]), np.array(["c", "b", "b"])

    levels, *counts = category_counts(then, now)

    assert levels.tolist() == ["a", "b", "c"]
    oracle = stats.contingency.crosstab([0, 0, 0, 1, 1, 1], np.concatenate([then, now])).count
    assert np.array(counts).tolist() == oracle.tolist()


def test_the_p_value_of_a_distance_is_scipys_for_large_samples():
    rng = np.random.default_rng(2)
    then, now = rng.normal(size=900), rng.normal(0.05, 1, size=700)
    oracle = stats.ks_2samp(then, now, method="asymp")

    p = kolmogorov_smirnov_p_value(sample_kolmogorov_smirnov(then, now), then.size, now.size)

    assert p == pytest.approx(oracle.pvalue, rel=0.05)  # SciPy adds a correction for small samples


@pytest.mark.parametrize(
    ("then", "now"), [([], [1]), ([1], []), ([1, np.nan], [1]), ([1], [np.inf])]
)
def test_a_sample_that_is_empty_or_not_finite_is_refused(then, now):
    for distance in (sample_kolmogorov_smirnov, sample_wasserstein):
        with pytest.raises(Invalid):
            distance(then, now)


@pytest.mark.parametrize(
    ("edges", "then", "now"),
    [
        ([1.0], ([1], [1.0]), ([1], [1.0])),
        ([2.0, 1.0], ([1, 1, 1], [1.0, 1, 1]), ([1, 1, 1], [1.0, 1, 1])),
        ([1.0], ([1, 1], [np.nan, 1.0]), ([1, 1], [1.0, 1.0])),
        ([1.0], ([0, 0], [0.0, 0.0]), ([1, 1], [1.0, 1.0])),
        ([1.0], ([-1, 2], [0.0, 0.0]), ([1, 1], [1.0, 1.0])),
    ],
)
def test_bins_that_do_not_fit_are_refused(edges, then, now):
    with pytest.raises(Invalid):
        wasserstein_from_bins(edges, then, now)


@pytest.mark.parametrize("arguments", [(1.5, 10, 10), (np.nan, 10, 10), (0.5, 0, 10)])
def test_a_distance_that_is_none_has_no_p_value(arguments):
    with pytest.raises(Invalid):
        kolmogorov_smirnov_p_value(*arguments)
