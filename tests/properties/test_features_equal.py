"""One feature definition: a shard, a request, a stream and a slow reading agree."""

import math
import statistics
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.event import TAKEN_BACK, Event
from bedside.data.store.layout import EVENT_SCHEMA
from bedside.features.batch import features_at, rows_of, sparse_features_at
from bedside.features.definition import Feature, FeatureSet
from bedside.features.plan import columns_of
from bedside.features.single import features_of
from bedside.features.stream import SubjectState

ORIGIN = datetime(2026, 3, 28, tzinfo=UTC)  # the clocks of Berlin change a day later
HOURS = (0, 4, 9, 30)
NUMBERS = (
    "count", "missing", "last", "first", "min", "max", "mean", "sum", "sd", "slope", "change",
    "hours_since", "hours_active", "active",
)  # fmt: skip
LABELS = ("low", "high", "other")


def a_feature(aggregate, codes, hours, **more):
    told = {"signal": "x", "label": "x", "unit": "1", **more}
    name = f"{codes}.{aggregate}.{hours}.{more}"
    return Feature(name=name, codes=codes, aggregate=aggregate, window_hours=hours, **told)


def every_feature():
    for codes in (("A//1",), ("B//2",), ("A//1", "B//2")):
        for hours in (3.0, 8.0, 87600.0, None):
            yield from (a_feature(aggregate, codes, hours) for aggregate in NUMBERS)
        yield a_feature("from_baseline", codes, 3.0, baseline_hours=5.0)
        yield a_feature("hours_since", codes, None, unit="d")
        yield a_feature("hours_since", codes, None, unit="a")
    for hours in (8.0, None):
        yield a_feature("count", ("B//2",), hours, mark=True)
        for other in (True, False):
            for aggregate in ("last", "first", "count", "missing", "active"):
                more = {"categories": LABELS, "has_other": other}
                yield a_feature(aggregate, ("B//2",), hours, **more)
            yield a_feature("last_is", ("B//2", "C//3"), hours, category="high", **more)
        yield a_feature("last", ("B//2",), hours, categories=LABELS[1::-1])
    for part in ("hour_of_day", "day_of_week", "month"):
        for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu"):
            yield a_feature(part, (), None, timezone=zone)


def forgets(feature):
    """Whether a stream can forget an event that this feature has seen."""
    latest = ("last", "last_is", "missing", "hours_since", "active")
    return feature.window_hours != 87600.0 or feature.aggregate in latest


FEATURES = FeatureSet(features=tuple(every_feature()))
SHORT = FeatureSet(features=tuple(f for f in FEATURES.features if forgets(f)))


@st.composite
def histories(draw):
    """Events of up to three subjects: late, without a time, corrected, taken back, with an end."""
    made = []
    minutes = (
        st.integers(0, 12 * 60) if draw(st.booleans()) else st.integers(0, 12).map((60).__mul__)
    )
    for number in range(draw(st.integers(1, 25))):
        subject, at = draw(st.integers(1, 3)), ORIGIN + timedelta(minutes=draw(minutes))
        own = [e.source_row for e in made if e.subject_id == subject]
        lasts = draw(st.none() | st.integers(-1, 9))
        kind = draw(st.sampled_from(["value"] * 5 + ["text", "bare", "both", "taken back"]))
        made.append(
            Event(
                subject_id=subject,
                time=None if draw(st.integers(0, 9)) == 0 else at,
                known_at=at + timedelta(hours=draw(st.sampled_from([0, 0, 0, 1, 2, 5]))),
                code=draw(st.sampled_from(["A//1", "B//2", "C//3"])),
                value=draw(st.floats(-1e6, 1e6)) if kind in ("value", "both") else None,
                text=draw(st.sampled_from(["low", "high", "else"]))
                if kind in ("text", "both")
                else None,
                end=None if lasts is None else at + timedelta(hours=lasts),
                source_row=bytes([number]),
                replaces=draw(st.sampled_from(own))
                if own and draw(st.integers(0, 4)) == 0
                else None,
            )
        )
        if kind == "taken back" and own:
            made[-1] = replace(
                made[-1], code=TAKEN_BACK, end=None, replaces=draw(st.sampled_from(own))
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


def hours_of(span):
    return span / timedelta(hours=1)


def number_slowly(feature, event):
    if event.replaces and event.value is None and event.text is None and event.end is None:
        return None
    if feature.mark:
        return 1.0
    if feature.categories:
        if event.text in feature.categories:
            return float(feature.categories.index(event.text))
        return float(len(LABELS) - 1) if feature.has_other and event.text else None
    if event.value is None:
        return None if event.text else 1.0
    return event.value


def slowly(feature, events, now):  # noqa: PLR0911, PLR0912
    """The obvious reading of what a feature is, one event at a time."""
    if feature.aggregate in ("hour_of_day", "day_of_week", "month"):
        there = now.astimezone(ZoneInfo(feature.timezone))
        parts = {"hour_of_day": there.hour, "day_of_week": there.weekday(), "month": there.month}
        return float(parts[feature.aggregate])
    replaced = {e.replaces for e in events if e.replaces and e.known_at <= now}
    begin = datetime.min.replace(tzinfo=UTC)
    seen = [
        (e.time or begin, e.known_at, number, e)
        for e in events
        if e.code in feature.codes
        and e.source_row not in replaced
        and (e.time or begin) <= now
        and e.known_at <= now
        and (number := number_slowly(feature, e)) is not None
    ]
    seen.sort(key=lambda row: row[:3])
    opened = begin - timedelta(0)
    if feature.window_hours is not None:
        opened = max(begin, now - timedelta(hours=feature.window_hours))
    inside = [r for r in seen if feature.window_hours is None or r[0] > opened]
    values = [row[2] for row in inside]
    spans = [(e.time, e.end or datetime.max.replace(tzinfo=UTC)) for *_, e in seen if e.time]
    match feature.aggregate:
        case "count":
            return float(len(values))
        case "missing":
            return 0.0 if values else 1.0
        case "active":
            return float(any(opened < start <= now < end for start, end in spans))
        case "hours_active":
            edges = sorted({opened, now, *(m for span in spans for m in span if opened < m < now)})
            return math.fsum(
                hours_of(b - a)
                for a, b in pairwise(edges)
                if any(start <= a and b <= end for start, end in spans)
            )
    if not values:
        return math.nan
    timed = [(hours_of(row[0] - ORIGIN), row[2]) for row in inside if row[0] > begin]
    match feature.aggregate:
        case "hours_since":
            per = {"1": 1, "d": 24, "a": 24 * 365.25}[feature.unit]
            return hours_of(now - inside[-1][0]) / per if timed else math.nan
        case "sd":
            return statistics.stdev(values) if len(values) > 1 else math.nan
        case "slope":
            x, y = [t for t, _ in timed], [v for _, v in timed]
            if len(set(x)) < 2:
                return math.nan
            return statistics.linear_regression([t - x[0] for t in x], y).slope
        case "from_baseline":
            base = timedelta(hours=feature.baseline_hours)
            before = [row[2] for row in seen if opened - base < row[0] <= opened]
            return values[-1] - statistics.fmean(before) if before else math.nan
        case "last_is":
            return float(feature.categories[int(values[-1])] == feature.category)
    return {
        "last": values[-1],
        "first": values[0],
        "min": min(values),
        "max": max(values),
        "sum": math.fsum(values),
        "mean": statistics.fmean(values),
        "change": values[-1] - values[0],
    }[feature.aggregate]


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=50, deadline=None)
def test_a_shard_and_a_request_give_the_same_bits(events, random):
    subjects = {event.subject_id for event in events}
    asked = asked_of(subjects, HOURS)
    shuffled = random.sample(events, len(events))

    batch = features_at(FEATURES, table(shuffled), asked)
    sparse = sparse_features_at(FEATURES, table(events).select, asked)

    assert sparse.dense().tobytes() == batch.tobytes()
    for row, (subject, moment) in enumerate(asked.iter_rows()):
        own = [event for event in shuffled if event.subject_id == subject]
        assert features_of(FEATURES, own, moment).tobytes() == batch[row].tobytes()


@given(st.lists(histories(), min_size=8, max_size=20), st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_many_events_in_any_order_give_the_bits_of_the_shard(several, random):
    events = [
        replace(event, subject_id=1, source_row=bytes([number]) + event.source_row, replaces=None)
        for number, some in enumerate(several)
        for event in some
    ]
    shuffled = random.sample(events, len(events))
    asked = asked_of({1}, HOURS)

    batch = features_at(FEATURES, table(events), asked)

    for row, (_, moment) in enumerate(asked.iter_rows()):
        assert features_of(FEATURES, shuffled, moment).tobytes() == batch[row].tobytes()


@given(histories())
@settings(max_examples=50, deadline=None)
def test_the_rows_and_columns_that_are_needed_give_the_bits_of_the_whole_shard(events):
    whole = table(events)
    asked = asked_of({event.subject_id for event in events}, HOURS)
    for codes in (("A//1",), ("B//2",)):
        wanted = FeatureSet(features=tuple(f for f in FEATURES.features if f.codes == codes))
        few = whole.filter(rows_of(wanted)).select(columns_of(wanted))

        assert set(few.filter(pl.col("replaces").is_null())["code"]) <= set(codes)
        of_few = features_at(wanted, few, asked)
        assert of_few.tobytes() == features_at(wanted, whole, asked).tobytes()


@given(histories())
@settings(max_examples=50, deadline=None)
def test_a_feature_is_what_the_slow_reading_says(events):
    own = [event for event in events if event.subject_id == 1]
    for hour in HOURS:
        now = ORIGIN + timedelta(hours=hour)

        fast = features_of(FEATURES, own, now)

        for feature, value in zip(FEATURES.features, fast, strict=True):
            slow = slowly(feature, own, now)
            np.testing.assert_allclose(
                value, slow, rtol=1e-6, atol=2e-3, equal_nan=True, err_msg=feature.name
            )


@given(histories())
@settings(max_examples=40, deadline=None)
def test_what_becomes_known_later_changes_nothing(events):
    own = [event for event in events if event.subject_id == 1]
    now = ORIGIN + timedelta(hours=6)

    known = [event for event in own if event.known_at <= now]

    whole, cut = features_of(FEATURES, own, now), features_of(FEATURES, known, now)
    assert whole.tobytes() == cut.tobytes()


@st.composite
def streams(draw):
    """One subject's events with the moment at which each comes, and moments of asking."""
    made = [replace(event, subject_id=1) for event in draw(histories()) + draw(histories())]
    rows = [replace(e, source_row=bytes([n])) for n, e in enumerate(made)]
    late = st.sampled_from([0, 0, 0, 0, 1, 3, 8])
    comes = [(e.known_at + timedelta(hours=draw(late)), n, e) for n, e in enumerate(rows)]
    again = [
        (at + timedelta(hours=draw(late)), n, e) for at, n, e in draw(st.just(comes)) if draw(late)
    ]
    hours = draw(st.lists(st.integers(0, 40), max_size=12))
    asks = [(ORIGIN + timedelta(hours=hour), 1000, None) for hour in hours]
    return sorted([*comes, *again, *asks], key=lambda step: step[:2]), draw(late)


@given(streams())
@settings(max_examples=70, deadline=None)
def test_a_stream_gives_the_bits_of_the_record_or_says_that_it_cannot(stream):
    steps, lateness = stream
    state = SubjectState(SHORT, timedelta(hours=lateness), at_least=1)
    arrived = {}
    for moment, _, event in steps:
        if event is not None:
            state.add(event)
            arrived[event.source_row] = event
        elif not state.needs_rebuild:
            state = SubjectState.from_bytes(SHORT, state.to_bytes())
            whole = features_of(SHORT, list(arrived.values()), moment)
            assert state.features(moment).tobytes() == whole.tobytes()


def on_time(number):
    return 0 if number % 3 else 1


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(-9, 9)), min_size=60, max_size=200))
@settings(max_examples=30, deadline=None)
def test_a_stream_that_is_on_time_forgets_and_never_needs_a_rebuild(facts):
    state, events = SubjectState(SHORT, timedelta(hours=2)), []
    most = 0
    for number, (minute, value) in enumerate(sorted(facts)):
        at = ORIGIN + timedelta(minutes=10 * minute)
        event = Event(
            subject_id=1, time=at - timedelta(hours=on_time(number)), known_at=at, code="A//1",
            value=value, source_row=number.to_bytes(2, "big"),
        )  # fmt: skip
        state.add(event)
        events.append(event)
        assert state.features(at).tobytes() == features_of(SHORT, events, at).tobytes()
        most = max(most, state.held)

    assert not state.needs_rebuild
    window = timedelta(hours=8 + 2)
    busiest = max(
        sum(0 <= (e.known_at - other.known_at) / window <= 1 for other in events) for e in events
    )
    assert most <= 2 * (busiest * 4 / 3 + 33)
