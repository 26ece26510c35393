"""The compiled walk: the order does not matter, only what is asked is read, and what is kept."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from bedside.core.errors import Invalid
from bedside.data.store.layout import EVENT_SCHEMA
from bedside.features.batch import features_at, sparse_features_at
from bedside.features.definition import Feature, FeatureSet
from bedside.features.kernel import ALWAYS, NEVER, EventColumns, compute
from bedside.features.plan import columns_of

HOUR = 3_600_000_000
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def features(*told, codes=("LAB//k",), **more):
    return FeatureSet(
        features=tuple(
            Feature(
                name=f"{aggregate}.{hours}", signal="k", codes=codes, label="k",
                aggregate=aggregate, window_hours=hours, unit="1", **more,
            )
            for aggregate, hours in told
        )
    )  # fmt: skip


def columns(hours, values, subject=0):
    time = np.array(hours) * HOUR
    return EventColumns(
        subject=np.full(len(time), subject), code=np.zeros(len(time), dtype=np.int64), time=time,
        known_at=time, superseded_at=np.full(len(time), NEVER), value=np.array(values),
    )  # fmt: skip


def a_table(hours, **more):
    times = [ORIGIN + timedelta(hours=hour) for hour in hours]
    rows = {"subject_id": 1, "time": times, "known_at": times, "code": "LAB//k", "value": 1.0}
    empty = {name: pl.lit(None, dtype=kind) for name, kind in EVENT_SCHEMA.items()}
    named = [str(hour).encode() for hour in hours]
    table = pl.DataFrame({**rows, "source_row": named, **more}, strict=False)
    return table.with_columns(
        **{name: kind for name, kind in empty.items() if name not in table.columns}
    ).select(pl.col(name).cast(kind) for name, kind in EVENT_SCHEMA.items())


def asked(*hours):
    times = [ORIGIN + timedelta(hours=hour) for hour in hours]
    return pl.DataFrame({"subject_id": [1] * len(hours), "prediction_time": times})


def test_prediction_times_in_any_order_are_answered_in_that_order():
    wanted = features(("sum", None), ("count", 2.0))
    moments = np.array([5, 1, 3]) * HOUR

    matrix = compute(wanted, columns([0, 2, 4], [1.0, 10.0, 100.0]), np.zeros(3), moments)

    assert matrix.tolist() == [[111.0, 1.0], [1.0, 1.0], [11.0, 1.0]]


def test_a_fact_without_a_time_counts_only_in_the_window_of_all():
    events = columns([0], [7.0])
    events.time[:] = ALWAYS
    wanted = features(("last", None), ("last", 87600.0), ("hours_since", None), ("slope", None))

    row = compute(wanted, events, np.zeros(1), np.array([HOUR]))[0]

    np.testing.assert_equal(row, [7.0, np.nan, np.nan, np.nan])


def test_subjects_and_codes_without_events_have_what_is_implied():
    wanted = features(("count", 2.0), ("missing", 2.0), ("active", 2.0), ("mean", 2.0))

    matrix = features_at(wanted, a_table([]), asked(1))

    np.testing.assert_equal(matrix, [[0.0, 1.0, 0.0, np.nan]])
    assert features_at(wanted, a_table([1]), asked()).shape == (0, 4)


def test_a_sparse_matrix_holds_only_what_is_not_implied():
    wanted = features(("count", 2.0), ("missing", 2.0), ("mean", 2.0), ("sd", 2.0))

    found = sparse_features_at(wanted, a_table([1]), asked(0, 1))

    assert found.row.tolist() == [1, 1, 1]
    assert found.column.tolist() == [0, 1, 2]
    assert found.value.tolist() == [1.0, 0.0, 1.0]


def test_a_sparse_matrix_of_rows_in_no_order_is_refused():
    with pytest.raises(Invalid, match="not by subject"):
        sparse_features_at(features(("count", 2.0)), a_table([1]), asked(2, 1))


@pytest.mark.parametrize(
    ("more", "reads", "count"),
    [
        ({"replaces": [None, None]}, 1, 2.0),
        ({"replaces": [None, b"1"]}, 1, 1.0),
        ({"replaces": [None, b"1"], "value": [1.0, None]}, 2, 0.0),
        ({"replaces": [None, b"1"], "value": [1.0, None], "text": [None, "a"]}, 1, 0.0),
    ],
)
def test_ends_are_read_only_where_a_correction_may_say_nothing(more, reads, count):
    table, read = a_table([1, 2], **more), []

    def reader(names):
        read.append(tuple(names))
        return table.select(names)

    row = features_at(features(("count", None)), reader, asked(3))[0]

    assert [("end" in names) for names in read] == [False, True][:reads]
    assert row.tolist() == [count]


@pytest.mark.parametrize(
    ("wanted", "more"),
    [
        (features(("count", None)), {"value", "text"}),
        (features(("count", None), mark=True), set()),
        (features(("last", None), categories=("a", "b")), {"text"}),
        (features(("active", None), mark=True), {"end"}),
    ],
)
def test_only_the_columns_that_the_features_need_are_asked_for(wanted, more):
    always = {"subject_id", "time", "known_at", "code", "source_row", "replaces"}

    assert set(columns_of(wanted)) == always | more


def test_a_correction_reaches_no_other_subject():
    other = a_table([1], subject_id=2, replaces=[b"1"], source_row=[b"x"])
    table = pl.concat([a_table([1]), other])

    assert features_at(features(("count", None)), table, asked(3)).tolist() == [[1.0]]


def test_without_a_place_to_keep_the_code_it_is_compiled_all_the_same(tmp_path):
    program = "from bedside.features.walk import walk; print(walk.stats.cache_path or None)"

    def kept(**told):
        done = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **told}, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout.strip()

    assert kept(NUMBA_CACHE_DIR=str(tmp_path)).startswith(str(tmp_path))
    assert kept(NUMBA_CACHE_LOCATOR_CLASSES="ZipCacheLocator") == "None"
