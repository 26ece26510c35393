"""The table of drift: each column against SciPy on the values, and columns that say little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bedside.core.errors import Invalid
from bedside.monitor.column_bins import count_columns, prepare_reference
from bedside.monitor.drift_of import drift_of

NAMES = ["lactate", "sodium", "count", "ward"]
WARDS = {"ward": ("medical", "surgical", "intensive care")}


def patients(rng, n, *, lactate=1.0, missing=0.1):
    matrix = np.column_stack(
        [
            rng.lognormal(np.log(lactate), 0.5, n),
            rng.normal(139, 4, n),
            rng.poisson(2, n),
            rng.choice(3, n, p=[0.5, 0.3, 0.2]),
        ]
    )
    matrix[rng.random(n) < missing, 1] = np.nan
    return matrix


def by_name(rows):
    return {row.name: row for row in rows}


def test_what_moved_is_told_and_what_did_not_is_not():
    rng = np.random.default_rng(1)
    then, now = patients(rng, 6000), patients(rng, 4000, lactate=1.1, missing=0.2)
    now[:400, 3] = 2

    rows = by_name(drift_of(then, now, NAMES, WARDS))

    assert {name for name, row in rows.items() if row.p_adjusted < 0.01} == {
        "lactate",
        "sodium",
        "ward",
    }
    assert rows["sodium"].p_missing < 1e-6 < rows["sodium"].p_ks
    assert rows["ward"].ks is None
    assert rows["ward"].wasserstein is None


def test_distances_over_bins_are_close_to_those_of_the_values_and_not_above():
    rng = np.random.default_rng(2)
    then, now = patients(rng, 30_000), patients(rng, 20_000, lactate=1.2)

    rows = by_name(drift_of(then, now, NAMES, WARDS))

    for column, name in enumerate(NAMES[:3]):
        a, b = (one[~np.isnan(one[:, column]), column] for one in (then, now))
        ks, w1 = stats.ks_2samp(a, b).statistic, stats.wasserstein_distance(a, b)
        assert ks - 0.005 <= rows[name].ks <= ks + 1e-12
        assert w1 * 0.97 - 0.002 <= rows[name].wasserstein <= w1 + 1e-9
        assert rows[name].wasserstein_scaled == pytest.approx(
            rows[name].wasserstein / a.std(), rel=0.05
        )
    assert rows["count"].ks == pytest.approx(
        stats.ks_2samp(then[:, 2], now[:, 2]).statistic, abs=1e-12
    )
    table = np.array([np.bincount(one[:, 3].astype(int), minlength=3) for one in (then, now)])
    oracle = stats.chi2_contingency(table, correction=False)
    assert (rows["ward"].chi2, rows["ward"].freedom) == (pytest.approx(oracle.statistic), 2)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.sampled_from(["C", "F"]))
@settings(max_examples=30, deadline=None)
def test_counts_and_sums_are_those_of_numpy_whatever_the_layout(seed, n, layout):
    rng = np.random.default_rng(seed)
    odd = rng.choice([0.0, -1.5, 2.0, 1e9, np.nan, np.inf, -np.inf], (n, 3))
    given_ = np.asarray(
        np.where(rng.random((n, 3)) < 0.5, odd, rng.normal(size=(n, 3))), order=layout
    )
    reference = prepare_reference(rng.normal(size=(40, 3)).round(1), ["a", "b", "c"])

    counted = count_columns(reference, given_)

    for column in range(3):
        values = given_[:, column]
        finite = values[np.isfinite(values)]
        edges = reference.edges[column, : reference.bins[column] - 1]
        place = np.searchsorted(edges, finite, side="right")
        width = counted.counts.shape[1]
        assert counted.counts[column].tolist() == np.bincount(place, minlength=width).tolist()
        assert counted.sums[column] == pytest.approx(np.bincount(place, finite, minlength=width))
        assert counted.missing[column] == np.isnan(values).sum()
        assert counted.infinite[column] == np.isinf(values).sum()


def test_equal_samples_lie_nowhere_apart():
    then = patients(np.random.default_rng(3), 2000)

    for row in drift_of(then, then, NAMES, WARDS):
        assert (row.psi, row.js) == (pytest.approx(0, abs=1e-12), pytest.approx(0, abs=1e-7))
        assert row.ks in (None, 0)
        assert row.wasserstein is None or row.wasserstein == pytest.approx(0, abs=1e-12)
        assert row.p_adjusted == 1


def test_a_change_of_unit_and_the_order_of_rows_change_nothing_but_the_distance_in_that_unit():
    rng = np.random.default_rng(4)
    then, now = patients(rng, 3000), patients(rng, 3000, lactate=1.3)

    before = drift_of(then[:, :2], now[:, :2], NAMES[:2])
    other = drift_of(then[::-1, :2] * 4, now[::-1, :2] * 4, NAMES[:2])

    for a, b in zip(before, other, strict=True):
        assert (a.psi, a.ks, a.js) == pytest.approx((b.psi, b.ks, b.js))
        assert 4 * a.wasserstein == pytest.approx(b.wasserstein)
        assert a.wasserstein_scaled == pytest.approx(b.wasserstein_scaled)


def test_a_prepared_reference_answers_as_the_matrix_does():
    rng = np.random.default_rng(5)
    then, now = patients(rng, 500), patients(rng, 400)

    assert drift_of(prepare_reference(then, NAMES, WARDS), now) == drift_of(then, now, NAMES, WARDS)


def test_a_constant_column_that_changes_its_value_is_told_in_either_direction():
    for now in (4.0, 6.0):
        (row,) = drift_of(np.full((300, 1), 5.0), np.full((300, 1), now), ["fio2"])
        assert (row.ks, row.wasserstein, row.beyond) == (1, pytest.approx(1.0), 1)
        assert row.psi > 5
        assert row.wasserstein_scaled is None
        assert row.p_adjusted < 1e-6


def test_a_level_that_nobody_knew_is_counted_as_beyond():
    then = np.zeros((100, 1))
    now = np.array([[0.0], [7.0]] * 50)

    (row,) = drift_of(then, now, ["ward"], WARDS)

    assert row.beyond == 0.5


def test_a_column_without_any_value_is_compared_by_what_is_missing_alone():
    then, now = np.full((200, 2), 1.0), np.full((200, 2), np.nan)
    now[:, 1] = np.inf

    for row in drift_of(then, now, ["a", "b"]):
        assert (row.psi, row.ks, row.wasserstein, row.p_counts) == (None, None, None, None)
        assert (row.missing_then, row.missing_now) == (0, 1)
        assert row.p_adjusted < 1e-6
    (never,) = drift_of(now[:, :1], now[:, :1], ["a"])
    assert never.p_adjusted == 1


def test_single_precision_is_counted_as_double():
    rng = np.random.default_rng(6)
    then, now = (rng.normal(size=(900, 2)).astype(np.float32) for _ in range(2))

    assert drift_of(then, now, ["a", "b"]) == drift_of(
        then.astype(np.float64), now.astype(np.float64), ["a", "b"]
    )


def test_no_drift_is_called_no_more_often_than_promised():
    rng = np.random.default_rng(7)
    runs = 200
    called = sum(
        min(
            row.p_adjusted for row in drift_of(patients(rng, 400), patients(rng, 150), NAMES, WARDS)
        )
        <= 0.05
        for _ in range(runs)
    )

    assert called <= stats.binom.ppf(0.999, runs, 0.05)


@pytest.mark.parametrize(
    ("then", "now", "names", "categories"),
    [
        (np.empty((0, 1)), np.ones((1, 1)), ["a"], None),
        (np.ones((1, 1)), np.empty((0, 1)), ["a"], None),
        (np.ones((1, 2)), np.ones((1, 2)), ["a"], None),
        (np.ones((1, 2)), np.ones((1, 1)), ["a", "b"], None),
        (np.ones((1, 2)), np.ones((1, 2)), ["a", "a"], None),
        (np.ones((1, 1)), np.ones((1, 1)), ["a"], {"b": ("x",)}),
        (np.ones((1, 1)), np.ones((1, 1)), None, None),
        (np.ones(3), np.ones(3), ["a"], None),
    ],
)
def test_samples_that_do_not_fit_are_refused(then, now, names, categories):
    with pytest.raises(Invalid):
        drift_of(then, now, names, categories)
