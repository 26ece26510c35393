"""Placements: their means and variances, beside ranks and every pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from bedside.metrics.placements import placements

VALUES = st.lists(st.integers(0, 6), min_size=1, max_size=30)


@given(VALUES, VALUES)
def test_placements_are_those_of_every_pair_and_of_ranks(some, others):
    cases, controls = np.array(some, dtype=float), np.array(others, dtype=float)

    of_cases, of_controls = placements(cases, controls)

    beats = (cases[:, None] > controls) + (cases[:, None] == controls) / 2
    assert of_cases == pytest.approx(beats.mean(axis=1))
    assert of_controls == pytest.approx(beats.mean(axis=0))
    ranks = rankdata(np.concatenate([cases, controls]))
    by_ranks = (ranks[: cases.size] - rankdata(cases)) / controls.size
    assert of_cases.tolist() == by_ranks.tolist()
    below = (ranks[cases.size :] - rankdata(controls)) / cases.size
    assert of_controls.tolist() == (1 - below).tolist()
