"""A feature's sources are enough for its value, and none of it is left without them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.records.event import Event
from bedside.features.definition import Feature, FeatureSet
from bedside.features.provenance import sources_of
from bedside.features.single import features_of

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = ORIGIN + timedelta(hours=9)
RHYTHMS = ("sinus", "atrial fibrillation")
ONE_EVENT = ("last", "first", "min", "max", "hours_since")
FROM_SEVERAL = ("change", "mean", "sum", "sd", "slope", "count", "from_baseline")
OF_SPANS = ("active", "hours_active")
LAB = Feature(
    name="lab",
    signal="lab",
    codes=("LAB//1", "LAB//2"),
    label="lactate",
    aggregate="last",
    window_hours=5.0,
    unit="mmol/L",
)
OXYGEN = replace(LAB, name="oxygen", codes=("DRUG//O2",), label="oxygen", unit="1")
RHYTHM = replace(LAB, name="rhythm", codes=("RHYTHM//1",), categories=RHYTHMS, unit=None)
LEARNT = replace(RHYTHM, has_other=True)
MARK = replace(RHYTHM, categories=(), mark=True)


def features_over(
    aggregates: tuple[str, ...], feature: Feature = LAB
) -> st.SearchStrategy[Feature]:
    windows = st.sampled_from([2.0, 5.0, None])
    return st.builds(
        lambda aggregate, hours: replace(
            feature,
            aggregate=aggregate,
            window_hours=5.0 if aggregate == "from_baseline" else hours,
            baseline_hours=3.0 if aggregate == "from_baseline" else None,
            category=RHYTHMS[1] if aggregate == "last_is" else None,
        ),
        st.sampled_from(aggregates),
        windows,
    )


@st.composite
def records(
    draw: st.DrawFn, codes: tuple[str, ...] = ("LAB//1", "LAB//2", "DRUG//O2", "RHYTHM//1", "X//1")
) -> list[Event]:
    """One patient: late arrivals, corrections, facts without a time, and intervals."""
    made: list[Event] = []
    for number in range(draw(st.integers(1, 16))):
        code = draw(st.sampled_from(codes))
        time = ORIGIN + timedelta(hours=draw(st.integers(0, 10)))
        late = draw(st.sampled_from([0, 0, 0, 1, 4]))
        corrected = draw(st.sampled_from([number, number, number, max(0, number - 1), 0]))
        lasts = draw(st.one_of(st.none(), st.integers(0, 6)))
        made.append(
            Event(
                subject_id=1,
                time=None if code == "LAB//1" and draw(st.integers(0, 9)) == 0 else time,
                known_at=time + timedelta(hours=late),
                code=code,
                value=float(draw(st.integers(-50, 50))) if code.startswith("LAB") else None,
                text=draw(st.sampled_from([*RHYTHMS, "paced"])) if code[0] == "R" else None,
                end=time + timedelta(hours=lasts) if code == "DRUG//O2" and lasts else None,
                source_row=bytes([number]),
                replaces=bytes([corrected]) if corrected < number else None,
            )
        )
    return made


def value_of(feature: Feature, events: list[Event]) -> float:
    return float(features_of(FeatureSet(features=(feature,)), events, NOW)[0])


def alone(sources: tuple[Event, ...]) -> list[Event]:
    """The sources by themselves: what they corrected is not there."""
    return [replace(event, replaces=None) for event in sources]


ANY = st.one_of(
    features_over((*ONE_EVENT, *FROM_SEVERAL, "missing")),
    features_over(("last", "first", "last_is", "hours_since", "count"), RHYTHM),
    features_over(("last", "first", "count"), LEARNT),
    features_over(("count", "hours_since", "missing"), MARK),
    features_over((*OF_SPANS, "hours_since", "count"), OXYGEN),
)


@pytest.mark.parametrize(
    ("aggregate", "feature"),
    [
        *((one, LAB) for one in (*ONE_EVENT, *FROM_SEVERAL, "missing")),
        *((one, OXYGEN) for one in (*OF_SPANS, "hours_since", "count")),
        *((one, RHYTHM) for one in ("last", "first", "last_is", "count")),
        *((one, LEARNT) for one in ("last", "count")),
        *((one, MARK) for one in ("count", "hours_since")),
    ],
)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_the_sources_alone_give_the_same_value_to_the_bit(aggregate, feature, data):
    events = data.draw(records(feature.codes))
    asked = data.draw(features_over((aggregate,), feature))
    value = value_of(asked, events)

    again = value_of(asked, alone(sources_of(asked, events, NOW)))

    assert np.float64(again).tobytes() == np.float64(value).tobytes()


def test_of_equally_high_values_the_newest_is_named():
    highest = replace(LAB, aggregate="max", window_hours=5.0)
    times = [NOW - timedelta(hours=hours) for hours in (4, 2, 1)]
    events = [
        Event(subject_id=1, time=time, known_at=time, code="LAB//1", value=value)
        for time, value in zip(times, (3.8, 3.8, 1.0), strict=True)
    ]

    assert sources_of(highest, events, NOW) == (events[1],)


@given(records(), ANY)
@settings(max_examples=300, deadline=None)
def test_a_value_without_sources_is_what_an_empty_record_gives(events, feature):
    if sources_of(feature, events, NOW):
        return

    value = value_of(feature, events)

    assert np.isnan(value) or value == value_of(feature, [])


def without_them(events, sources):
    """The events but for some, and for all that these correct, which would count again."""
    gone = list(sources)
    for event in gone:
        corrected = [one for one in events if event.replaces and one.source_row == event.replaces]
        gone += [one for one in corrected if one not in gone]
    return [event for event in events if event not in gone]


@given(records(), features_over((*ONE_EVENT, *FROM_SEVERAL, "missing")))
@settings(max_examples=300, deadline=None)
def test_without_its_sources_a_value_is_another_or_comes_from_an_equal_event(events, feature):
    sources = sources_of(feature, events, NOW)
    if not sources:
        return
    value = value_of(feature, events)
    rest = without_them(events, sources)

    without = value_of(feature, rest)

    if without == value:
        others = sources_of(feature, rest, NOW)
        assert feature.aggregate in (*ONE_EVENT, "change", "missing")
        assert others
        assert not set(others) & set(sources)


@given(records(LAB.codes), features_over((*ONE_EVENT, *FROM_SEVERAL)))
@settings(max_examples=300, deadline=None)
def test_every_source_could_be_seen_and_they_come_newest_first(events, feature):
    sources = sources_of(feature, events, NOW)

    times = [event.time or ORIGIN - timedelta(days=1) for event in sources]
    corrected = {e.replaces for e in events if e.replaces and e.known_at <= NOW}
    assert times == sorted(times, reverse=True)
    for event in sources:
        assert event.code in feature.codes
        assert event.known_at <= NOW
        assert event.time is None or event.time <= NOW
        assert event.source_row not in corrected
        if feature.window_hours is not None and feature.aggregate != "hours_active":
            far = timedelta(hours=feature.window_hours + (feature.baseline_hours or 0.0))
            assert event.time is not None
            assert event.time > NOW - far


@given(records(), ANY, st.randoms())
@settings(max_examples=100, deadline=None)
def test_the_order_in_which_events_are_given_says_nothing(events, feature, random):
    distinct = list({(e.time, e.known_at, e.value, e.code): e for e in events}.values())
    shuffled = random.sample(distinct, len(distinct))

    assert set(sources_of(feature, shuffled, NOW)) == set(sources_of(feature, distinct, NOW))
