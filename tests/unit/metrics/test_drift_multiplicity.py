"""Holm's step-down: few false alarms among many tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.metrics.multiplicity import holm

p_values = st.lists(st.floats(0, 1), max_size=30)


def test_the_example_of_three_tests_is_as_worked_out_by_hand():
    adjusted = holm([0.01, 0.04, 0.03])

    assert adjusted.tolist() == pytest.approx([0.03, 0.06, 0.06])


@given(p_values)
def test_holm_lies_between_the_raw_p_value_and_bonferroni(given_p):
    adjusted = holm(given_p)

    raw = np.array(given_p)
    assert (adjusted >= raw).all()
    assert (adjusted <= np.minimum(raw * len(given_p), 1.0) + 1e-12).all()


@given(p_values)
def test_holm_keeps_the_order_of_the_tests(given_p):
    adjusted = holm(given_p)

    assert (np.diff(adjusted[np.argsort(given_p, kind="stable")]) >= 0).all()


def test_one_false_call_in_a_hundred_runs_of_fifty_dependent_tests_is_kept():
    rng = np.random.default_rng(5)
    runs = 4000
    shared = rng.random((runs, 1))
    p = np.where(rng.random((runs, 50)) < 0.5, shared, rng.random((runs, 50)))

    any_call = np.mean([holm(row).min() <= 0.01 for row in p])

    assert any_call <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / runs)


@pytest.mark.parametrize("broken", [[0.5, float("nan")], [1.5], [-0.1]])
def test_what_is_no_p_value_is_refused(broken):
    with pytest.raises(Invalid):
        holm(broken)
