"""One feature definition: a shard, a single request and a slow reading agree."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.event import Event
from bedside.data.store.layout import EVENT_SCHEMA
from bedside.features.batch import features_at
from bedside.features.definition import Feature, FeatureSet
from bedside.features.single import features_of

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
AGGREGATES = ("last", "hours_since", "min", "max", "mean", "sum", "count", "change")
FEATURES = FeatureSet(
    features=tuple(
        Feature(
            name=f"{code}.{aggregate}.{hours}",
            signal=code,
            codes=(code,),
            label=code,
            aggregate=aggregate,
            window_hours=hours,
            unit="1",
        )
        for code in ("A//1", "B//2")
        for aggregate in AGGREGATES
        for hours in (3.0, None)
    )
)


@st.composite
def histories(draw):
    """Events of up to three subjects, with late arrivals and corrections."""
    made = []
    for number in range(draw(st.integers(1, 25))):
        hour = draw(st.integers(0, 12))
        corrected = draw(st.integers(0, number)) if draw(st.booleans()) else number
        made.append(
            Event(
                subject_id=draw(st.integers(1, 3)),
                time=ORIGIN + timedelta(hours=hour),
                known_at=ORIGIN + timedelta(hours=hour + draw(st.integers(0, 5))),
                code=draw(st.sampled_from(["A//1", "B//2", "C//3"])),
                value=draw(st.floats(-1e6, 1e6)),
                unit="1",
                source_row=bytes([number]),
                replaces=bytes([corrected]) if corrected < number else None,
            )
        )
    return made


def table(events):
    names = list(EVENT_SCHEMA)
    return pl.DataFrame(
        [{name: getattr(event, name) for name in names} for event in events], schema=EVENT_SCHEMA
    )


def asked_of(subjects, hours):
    rows = [(s, ORIGIN + timedelta(hours=h)) for s in sorted(subjects) for h in hours]
    return pl.DataFrame(
        rows,
        orient="row",
        schema={"subject_id": pl.Int64, "prediction_time": pl.Datetime("us", "UTC")},
    )


def slowly(feature, events, now):
    """The obvious reading of what a feature is, one event at a time."""
    replaced = {e.replaces for e in events if e.replaces and e.known_at <= now}
    seen = [
        e
        for e in events
        if e.code in feature.codes
        and e.time <= now
        and e.known_at <= now
        and e.source_row not in replaced
        and (feature.window_hours is None or e.time > now - timedelta(hours=feature.window_hours))
    ]
    seen.sort(key=lambda e: (e.time, e.known_at, e.value))
    values = [e.value for e in seen]
    if feature.aggregate == "count":
        return float(len(values))
    if not values:
        return float("nan")
    return {
        "last": values[-1],
        "hours_since": (now - seen[-1].time) / timedelta(hours=1),
        "min": min(values),
        "max": max(values),
        "sum": sum(values),
        "mean": sum(values) / len(values),
        "change": values[-1] - values[0],
    }[feature.aggregate]


@given(histories())
@settings(max_examples=60, deadline=None)
def test_a_shard_and_a_single_request_give_the_same_bits(events):
    subjects = {event.subject_id for event in events}
    asked = asked_of(subjects, (0, 4, 9, 20))

    batch = features_at(FEATURES, table(events), asked)

    for row, (subject, moment) in enumerate(asked.iter_rows()):
        own = [event for event in events if event.subject_id == subject]
        others = {e.source_row for e in events if e.subject_id != subject}
        if any(e.replaces in others for e in own) or any(
            e.replaces in {o.source_row for o in own} for e in events if e.subject_id != subject
        ):
            continue  # a correction never crosses subjects in a hospital
        single = features_of(FEATURES, own, moment)
        assert single.tobytes() == batch[row].tobytes()


@given(histories())
@settings(max_examples=60, deadline=None)
def test_a_feature_is_what_the_slow_reading_says(events):
    own = [event for event in events if event.subject_id == 1]
    for hour in (0, 4, 9, 20):
        now = ORIGIN + timedelta(hours=hour)

        fast = features_of(FEATURES, own, now)

        slow = [slowly(feature, own, now) for feature in FEATURES.features]
        np.testing.assert_allclose(fast, slow, rtol=1e-9, atol=1e-4, equal_nan=True)


@given(histories())
@settings(max_examples=40, deadline=None)
def test_what_becomes_known_later_changes_nothing(events):
    own = [event for event in events if event.subject_id == 1]
    now = ORIGIN + timedelta(hours=6)

    known = [event for event in own if event.known_at <= now]

    whole, cut = features_of(FEATURES, own, now), features_of(FEATURES, known, now)
    assert whole.tobytes() == cut.tobytes()
