"""Laws of monitoring: a reference keeps nobody's value, and order and strangers do not matter."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bedside.monitor.binning import count_in, describe_values
from bedside.monitor.disclosure import hide_small, merge_small, scaled
from bedside.monitor.sampling import one_row_each

values = arrays.arrays(
    np.float64,
    st.integers(11, 300),
    elements=st.one_of(
        st.just(float("nan")),
        st.integers(-3, 3).map(float),
        st.floats(-1e6, 1e6, allow_nan=False),
    ),
)
counts = st.lists(st.integers(0, 60), min_size=1, max_size=12)


@given(values)
def test_no_bin_of_a_reference_holds_one_to_ten_patients(column):
    kept = describe_values(column)

    held = kept["counts"]
    assert all(count > 10 for count in held)
    assert kept["edges"] == sorted(set(kept["edges"]))
    assert len(held) in {0, len(kept["edges"]) + 1}
    low, high = kept["missing"]
    assert low <= np.isnan(column).sum() <= high
    assert low == high or high - low >= 10


@given(values)
def test_every_patient_is_counted_once(column):
    kept = describe_values(column)

    low, high = kept["missing"]
    expected = column.size - (low if low == high else 0)
    assert kept["counts"] == [] or sum(kept["counts"]) == expected


@given(values, st.randoms(use_true_random=False))
def test_the_order_of_the_patients_does_not_change_what_is_kept(column, random):
    shuffled = list(column)
    random.shuffle(shuffled)

    assert describe_values(np.array(shuffled)) == describe_values(column)


@given(counts)
def test_nobody_finds_a_hidden_count_by_subtraction(given_counts):
    shown = hide_small(given_counts)

    hidden = [count for count in given_counts if 0 < count <= 10]
    left = sum(given_counts) - sum(count for count in shown if count is not None)
    assert shown.count(None) == len(hidden)
    assert all(count is None or count == 0 or count > 10 for count in shown)
    nothing_shown = all(count is None or count == 0 for count in shown)
    assert left == 0 or left > 10 or nothing_shown


@given(counts)
def test_merging_and_scaling_lose_nobody(given_counts):
    _, merged = merge_small([float(k) for k in range(len(given_counts) - 1)], given_counts)

    assert merged.sum() == sum(given_counts)
    assert merged.size == 1 or merged.min() > 10
    if sum(given_counts) > 0:
        assert scaled(np.array(given_counts), 1000).sum() == 1000


@given(st.lists(st.integers(-5, 40), min_size=1, max_size=120), st.integers(0, 2**63))
def test_each_patient_has_one_row_and_strangers_do_not_change_which(subjects, seed):
    given_rows = np.array(subjects)

    drawn = one_row_each(given_rows, seed=seed)
    with_strangers = one_row_each(np.concatenate([given_rows, [99, 99, 98]]), seed=seed)

    assert sorted(given_rows[drawn].tolist()) == sorted(set(subjects))
    assert set(drawn.tolist()) <= set(with_strangers.tolist())


@settings(max_examples=50)
@given(values)
def test_new_values_are_counted_where_the_edges_say(column):
    kept = describe_values(column)
    measured = column[~np.isnan(column)]

    held = count_in(kept["edges"], measured)

    bounds = [-np.inf, *kept["edges"], np.inf]
    for place, (low, high) in enumerate(pairwise(bounds)):
        assert held[place] == ((measured >= low) & (measured < high)).sum()
