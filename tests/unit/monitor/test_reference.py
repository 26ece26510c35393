"""What a bundle keeps to be watched by: enough to compare, and nobody's value."""

import json

import numpy as np
import pytest

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.monitor.binning import describe_values
from bedside.monitor.cohort import one_row_cohort
from bedside.monitor.disclosure import hide_small, merge_small
from bedside.monitor.inputs import effective_counts
from bedside.monitor.sampling import one_row_each
from watched import THRESHOLD, a_reference, halves, held_out_biopsies, stays


def test_the_same_patients_make_the_same_bytes():
    then, _ = halves(1)

    first, second = canonical_json(a_reference(then)), canonical_json(a_reference(then))

    assert first == second


def test_no_smallest_or_largest_value_of_a_feature_is_kept():
    then = held_out_biopsies()

    reference = a_reference(then)

    for column, feature in enumerate(reference["features"]):
        values = then.matrix[:, column]
        assert values.min() < min(feature["edges"])
        assert max(feature["edges"]) < values.max()


def test_every_edge_and_median_has_three_significant_digits_at_most():
    reference = a_reference(held_out_biopsies())

    kept = [
        figure
        for feature in reference["features"]
        for figure in (*feature["edges"], feature["median"])
    ]

    assert [figure for figure in kept if float(f"{figure:.2e}") != figure] == []


@pytest.mark.parametrize("patients", [30, 60, 400])
def test_no_count_of_one_to_ten_is_kept_anywhere(patients):
    then = stays(2, patients=patients, rows=1)
    rare = np.where(np.arange(patients) < 5, np.nan, then.column("signal 1"))
    then = then.with_column("signal 1", rare)

    reference = a_reference(then)

    counts = [
        count
        for feature in (*reference["features"], reference["risk"])
        for count in feature["counts"]
    ]
    counts += [group["n"] for part in reference["subgroups"].values() for group in part["groups"]]
    assert min(counts) > 10


def test_few_missing_values_cannot_be_found_by_subtraction():
    values = np.random.default_rng(4).normal(size=(2, 200))
    values[0, :7] = np.nan

    seven, none = describe_values(values[0]), describe_values(values[1])

    assert seven["missing"] == none["missing"] == [0, 10]
    assert sum(seven["counts"]) == sum(none["counts"]) == 200


def test_a_feature_that_ten_patients_or_fewer_have_is_kept_as_missing():
    values = np.full(200, np.nan)
    values[:9] = 4.2

    kept = describe_values(values)

    assert kept == {
        "edges": [],
        "counts": [],
        "missing": [190, 200],
        "median": None,
        "usual": False,
    }


def test_heavy_ties_stay_on_one_side_of_an_edge():
    values = np.repeat([0.0, 1.0, 2.0], [120, 50, 30])

    kept = describe_values(values)

    assert kept["edges"] == [0.5, 1.5]
    assert kept["counts"] == [120, 50, 30]


def test_merging_keeps_every_patient_and_drops_the_edge_between():
    edges, counts = merge_small([1.0, 2.0, 3.0], [4, 30, 12, 3])

    assert edges == [2.0]
    assert counts.tolist() == [34, 15]


def test_a_single_hidden_count_is_not_the_difference_to_the_total():
    shown = hide_small([60, 37, 3])

    assert shown[2] is None
    assert sum(count for count in shown if count is not None) == 100


def test_a_group_of_three_is_neither_named_nor_left_to_be_subtracted():
    then = stays(3, patients=200, rows=1)
    sex = then.groups["sex"].copy().astype("<U8")
    sex[:3] = "unstated"

    kept = a_reference(then, groups={"sex": sex})["subgroups"]["sex"]

    assert [group["group"] for group in kept["groups"]] == ["female", "male"]
    assert sum(group["n"] for group in kept["groups"]) == 200
    assert kept["others"] == [0, 10]


def test_performance_is_not_kept_when_ten_patients_have_the_outcome():
    then = stays(4, patients=200, rows=1)
    label = np.zeros(200)
    label[:10] = 1

    reference = a_reference(then, label=label)

    assert reference["performance"] is None
    assert reference["outcomes"] == [0, 10]


def test_one_row_of_each_patient_is_counted():
    then = stays(5, patients=120, rows=9)

    reference = a_reference(then)

    assert reference["n_subjects"] == 120
    assert sum(reference["risk"]["counts"]) == 120


def test_another_seed_draws_other_rows_but_the_same_patients():
    subject = np.repeat(np.arange(50), 8)

    one, other = one_row_each(subject, seed=1), one_row_each(subject, seed=2)

    assert subject[one].tolist() == subject[other].tolist() == list(range(50))
    assert one.tolist() != other.tolist()


def test_ten_patients_are_too_few_to_describe_without_telling_who_they_are():
    then = stays(6, patients=10, rows=5)

    with pytest.raises(Invalid, match="only 10 held-out subjects"):
        a_reference(then)


def test_an_infinite_value_is_refused_by_the_name_of_its_feature():
    then = stays(7, patients=60, rows=1)
    broken = then.with_column("signal 3", np.full(60, np.inf))

    with pytest.raises(Invalid, match="'signal 3' holds an infinite value"):
        a_reference(broken)


def test_a_feature_named_twice_is_refused():
    then = stays(7, patients=60, rows=1)

    with pytest.raises(Invalid, match="'signal 0' is named twice"):
        one_row_cohort(
            then.matrix,
            feature_names=["signal 0"] * 6,
            risk=then.risk,
            label=None,
            subject_index=then.subject,
            groups={},
            seed=1,
        )


def test_the_reference_says_its_threshold_and_draw():
    reference = json.loads(canonical_json(a_reference(halves(1)[0])))

    assert (reference["threshold"], reference["seed"]) == (THRESHOLD, 7)


def test_a_test_counts_fewer_patients_where_missing_ones_may_have_been_spread_over_the_bins():
    exact = {"counts": [60, 40], "missing": [100, 100]}
    spread = {"counts": [120, 80], "missing": [0, 10]}

    assert effective_counts(exact, 200).sum() == 100
    assert effective_counts(spread, 200).tolist() == [114, 76]
