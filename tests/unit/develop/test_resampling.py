"""Rows made by class: real rows stay as they are, order does not matter, categories stay whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.training import Resample
from bedside.develop.train.resampling import REAL, SYNTHETIC, TrainingRows, resampled

METHODS = ["random_over", "random_under", "smote", "borderline_smote", "adasyn"]
CLEANED = ["smote_enn", "smote_tomek"]


def some_rows(seed, n=160, categories=False):
    generator = np.random.default_rng(seed)
    matrix = np.round(generator.normal(size=(n, 4)) * [1, 100, 0.01, 1], 3)
    if categories:
        matrix[:, 3] = generator.integers(0, 3, n)
    label = (generator.random(n) < 0.25).astype(np.int64)
    matrix[label == 1, 0] += 1
    return TrainingRows(features=matrix, label=label, origin=np.zeros(n, dtype=np.int64))


def as_set(rows):
    return {row.tobytes() for row in np.column_stack([rows.features, rows.label]) + 0.0}


@pytest.mark.parametrize("method", METHODS + CLEANED)
def test_real_rows_are_never_changed_and_the_ratio_is_reached(method):
    rows = some_rows(1)

    made = resampled(rows, Resample(method=method, ratio=0.8), np.zeros(4, dtype=bool))

    real = made.at(made.origin != SYNTHETIC)
    assert as_set(real) <= as_set(rows)
    if method not in CLEANED:
        assert made.label.sum() == pytest.approx(0.8 * (made.label == 0).sum(), abs=8)
    if method == "random_under":
        assert (made.origin == REAL).all()
    else:
        assert (made.label[made.origin != REAL] == 1).all()
        assert (made.origin != REAL).any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 500), st.sampled_from(METHODS + CLEANED), st.integers(0, 9))
def test_the_order_of_the_rows_does_not_matter(seed, method, number):
    rows = some_rows(seed)
    other = rows.at(np.random.default_rng(seed).permutation(160))
    plan = Resample(method=method, ratio=0.9, seed=number)

    first, second = (resampled(one, plan, np.zeros(4, dtype=bool)) for one in (rows, other))

    assert first.features.tobytes() == second.features.tobytes()
    assert first.label.tobytes() == second.label.tobytes()


def test_a_new_row_has_a_category_and_lies_between_two_real_ones():
    rows = some_rows(2, categories=True)

    made = resampled(rows, Resample(method="smote"), np.array([False, False, False, True]))

    new = made.features[made.origin == SYNTHETIC]
    ill = rows.features[rows.label == 1]
    assert set(new[:, 3]) <= {0.0, 1.0, 2.0}
    assert (new[:, :3] >= ill[:, :3].min(axis=0) - 1e-9).all()
    assert (new[:, :3] <= ill[:, :3].max(axis=0) + 1e-9).all()
    assert len(np.unique(new[:, 0])) > 10


def test_another_seed_makes_other_rows():
    one, two = (
        resampled(some_rows(3), Resample(method="smote", seed=seed), np.zeros(4, dtype=bool))
        for seed in (1, 2)
    )

    assert as_set(one) != as_set(two)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (Resample(method="smote", ratio=0.1), "already have"),
        (Resample(method="smote", neighbours=90), "needs more than 90 training rows"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(plan, says):
    with pytest.raises(Invalid, match=says):
        resampled(some_rows(4), plan, np.zeros(4, dtype=bool))
