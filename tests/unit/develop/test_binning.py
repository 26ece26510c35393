"""Cuts between which somebody lies, also where risks are tied."""

import numpy as np
import pytest

from bedside.develop.evaluate.binning import even_cuts, place_of


@pytest.mark.parametrize("bins", [2, 5, 10])
def test_no_bin_is_empty_however_few_values_differ(bins):
    """Quantiles of tied values differ by rounding, and two may lie between the same neighbours."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        values = rng.choice(rng.uniform(0, 1, rng.integers(1, 9)), rng.integers(1, 60))
        cuts = even_cuts(values, bins)
        assert np.bincount(place_of(values, cuts), minlength=len(cuts) + 1).min() > 0


def test_values_that_all_differ_have_the_quantiles_between_them():
    values = np.random.default_rng(4).uniform(0, 1, 300)

    assert even_cuts(values, 10).tolist() == np.quantile(values, np.arange(1, 10) / 10).tolist()
