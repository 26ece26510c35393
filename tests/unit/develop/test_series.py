"""Changed copies of a record: order, delays and the prediction time are kept."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.develop.train.series import Change, changed_features, spreads, warped
from bedside.features.batch import features_at
from bedside.features.definition import Feature, FeatureSet
from bedside.features.kernel import ALWAYS

MINUTE = 60_000_000
records = st.lists(
    st.tuples(st.integers(0, 3000), st.sampled_from([0, 0, 5, 60, 600])), min_size=1, max_size=25
)


@settings(max_examples=150, deadline=None)
@given(records, st.integers(0, 4000), st.lists(st.floats(-3, 3), min_size=2, max_size=2))
def test_a_warp_keeps_order_delays_start_and_the_prediction_time(events, until, bends):
    seen = sorted((t * MINUTE, (t + d) * MINUTE) for t, d in events if t + d <= until)
    if not seen:
        return
    time, known_at = (np.array(part, dtype=np.int64) for part in zip(*seen, strict=True))
    moment = np.array([until * MINUTE])

    new, new_known = warped(
        time, known_at, np.zeros(len(time), dtype=np.int64), moment, np.array(bends).reshape(2, 1)
    )

    assert (new_known - new == known_at - time).all()
    assert (new_known <= moment).all()
    assert new[0] == time[0]
    assert (np.sign(np.diff(new)) == np.sign(np.diff(time))).all()


def test_a_static_fact_has_no_time_to_move():
    time = np.array([ALWAYS, 0, 30 * MINUTE])

    new, known_at = warped(
        time, np.array([0, 0, 30 * MINUTE]), np.zeros(3, dtype=np.int64),
        np.array([60 * MINUTE]), np.array([[0.2], [0.0]]),
    )  # fmt: skip

    assert new[0] == ALWAYS
    assert known_at[0] == 0
    assert new[2] > 30 * MINUTE


def a_feature(aggregate, code="LAB//x", hours=24.0):
    return Feature(
        name=f"{code}.{aggregate}", signal="x", codes=(code,), label="x", aggregate=aggregate,
        window_hours=hours, unit="1",
    )  # fmt: skip


FEATURES = FeatureSet(
    features=(
        a_feature("last"),
        a_feature("hours_since"),
        a_feature("mean"),
        a_feature("last", "LAB//y"),
    )
)


def a_ward(seed=0, subjects=12):
    """Events (one in five corrected later) and hourly questions."""
    generator = np.random.default_rng(seed)
    origin = datetime(2000, 1, 1, tzinfo=UTC)
    rows = []
    for subject in range(subjects):
        for number in range(int(generator.integers(2, 30))):
            at = origin + timedelta(minutes=int(generator.integers(0, 1200)))
            value, row = float(generator.normal(5)), f"{subject}/{number}".encode()
            code = "LAB//x" if generator.random() < 0.7 else "LAB//y"
            seen = at + timedelta(minutes=int(generator.integers(0, 90)))
            rows.append((subject, at, seen, code, value, row, None))
            if generator.random() < 0.2:
                later = seen + timedelta(minutes=45)
                rows.append((subject, at, later, code, value + 3, row + b"'", row))
    names = ["subject_id", "time", "known_at", "code", "value", "source_row", "replaces"]
    events = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    events = events.with_columns(text=pl.lit(None, dtype=pl.String))
    hours = [origin + timedelta(hours=hour) for hour in (5, 10, 15, 20)]
    asked = pl.DataFrame(
        {"subject_id": np.repeat(np.arange(subjects), 4), "prediction_time": hours * subjects}
    )
    return events, asked


def a_change(kind, **more):
    told = {"seed": 1, "copy": 0, "sd": 0.1, "spread": {"LAB//x": 0.5}, "low": {}, "high": {}}
    return Change(kind=kind, **(told | more))


def test_no_change_at_all_gives_the_features_as_they_were():
    events, asked = a_ward()
    plain = features_at(FEATURES, events, asked)

    for kind in ("jitter", "time_warp"):
        same = changed_features(FEATURES, events, asked, a_change(kind, sd=0.0, spread={}))
        assert same.tobytes() == plain.tobytes()


def test_a_copy_does_not_depend_on_row_order_or_on_who_else_is_there():
    events, asked = a_ward()
    few = asked.filter(pl.col("subject_id") >= 6)

    for kind in ("jitter", "time_warp"):
        whole = changed_features(FEATURES, events, asked, a_change(kind))
        other_order = events.sample(fraction=1, shuffle=True, seed=3)
        shuffled = changed_features(FEATURES, other_order, asked, a_change(kind))
        part = changed_features(FEATURES, events, few, a_change(kind))
        assert shuffled.tobytes() == whole.tobytes()
        assert part.tobytes() == whole[24:].tobytes()
        other = changed_features(FEATURES, events, asked, a_change(kind, copy=1))
        assert other.tobytes() != whole.tobytes()


def test_a_jitter_moves_only_its_signals_by_its_spread_and_stays_plausible():
    events, asked = a_ward(subjects=300)
    plain = features_at(FEATURES, events, asked)

    moved = changed_features(FEATURES, events, asked, a_change("jitter"))
    held = changed_features(FEATURES, events, asked, a_change("jitter", low={"LAB//x": 5.0}))

    difference = (moved - plain)[:, 0]
    assert 0.45 < np.nanstd(difference) < 0.55
    assert abs(np.nanmean(difference)) < 0.05
    assert np.array_equal(moved[:, [1, 3]], plain[:, [1, 3]], equal_nan=True)
    assert np.nanmin(held[:, 0]) == 5.0


def test_a_time_warp_moves_ages_and_never_what_is_known():
    events, asked = a_ward(subjects=100)
    plain = features_at(FEATURES, events, asked)

    moved = changed_features(FEATURES, events, asked, a_change("time_warp"))

    assert np.array_equal(np.isnan(moved), np.isnan(plain))
    assert np.array_equal(moved[:, [0, 3]], plain[:, [0, 3]], equal_nan=True)
    assert 0.1 < np.nanstd(moved[:, 1] - plain[:, 1]) < 3
    assert np.nanmin(moved[:, 1]) >= 0


def test_the_spread_of_values_is_by_code_and_in_any_order():
    code, value = pl.Series(["a", "b", "a", "a"]), pl.Series([1.0, 4.0, 3.0, None])

    assert spreads(code, value) == {"a": 1.0, "b": 0.0} == spreads(code[::-1], value[::-1])
