"""The runner for one patient in a request."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from bedside.core.clock import since_1970
from bedside.core.records.event import Event
from bedside.core.records.told_now import ToldNow
from bedside.features.definition import FeatureSet
from bedside.features.kernel import (
    ALWAYS,
    FEW,
    NEVER,
    EventColumns,
    Floats,
    Ints,
    compute_one,
    run,
)
from bedside.features.plan import Plan, plan_of

__all__ = ["features_of", "features_of_several", "label_of"]


def features_of(feature_set: FeatureSet, events: Sequence[Event], as_of: datetime) -> Floats:
    """The features of one patient, shape (k,), as the hospital knew them at `as_of`."""
    plan = plan_of(feature_set)
    return compute_one(plan, _columns(plan, events), since_1970(as_of))


def features_of_several(
    feature_set: FeatureSet, asked: Sequence[tuple[Sequence[Event], datetime]]
) -> list[Floats]:
    """The features of several patients, each of shape (k,); to the last bit as `features_of`.

    Values of one layout, told at once, share one run of the kernel.

    Args:
        feature_set: k features.
        asked: The events of each patient, and up to when they count.
    """
    first = asked[0][0] if asked else None
    told = [events for events, _ in asked if isinstance(events, ToldNow)]
    if (
        len(asked) < 2
        or len(told) < len(asked)
        or not isinstance(first, ToldNow)
        or len(first) > FEW
        or any(one.layout is not first.layout for one in told)
    ):
        return [features_of(feature_set, events, as_of) for events, as_of in asked]
    plan = plan_of(feature_set)
    rows, width = len(told), len(first.layout.once(_places, first, plan).codes)
    dense = np.empty((rows, plan.width))
    numbers = np.arange(rows + 1)
    ranges = np.empty((rows, 4), dtype=np.int64)
    ranges[:, 2], ranges[:, 3] = numbers[:-1], numbers[1:]
    ranges[:, :2] = ranges[:, 2:] * width
    moments = np.array([since_1970(as_of) for _, as_of in asked], dtype=np.int64)
    run(plan, _columns_now(plan, told), ranges, moments, dense)
    return list(dense)


def _columns(plan: Plan, events: Sequence[Event]) -> EventColumns:
    """One patient's clean events as columns; events of other codes are left out."""
    if isinstance(events, ToldNow):
        return _columns_now(plan, [events])
    replacing = [event for event in events if event.replaces]
    own = [event for event in events if event.code in plan.codes]
    if replacing:
        own = [event for event in own if says(event)]
    count = len(own)
    codes, time, known_at = _codes_and_times(plan, own)
    return EventColumns(
        subject=np.zeros(count, dtype=np.int64),
        code=codes,
        time=time,
        known_at=known_at,
        superseded_at=_superseded(replacing, own),
        value=_values(own) if plan.reads_values else np.full(count, np.nan),
        end=_ends(own) if plan.reads_ends else None,
        label=_labels(plan, own) if plan.labels else None,
    )


class _Places(NamedTuple):
    """Where the values of a layout go: which of them are read, their codes, which are static."""

    read: Ints | None  # None: all of them
    codes: Ints
    static: Any  # None: none of them
    never: Ints
    no_label: Ints


def _places(told: ToldNow, plan: Plan) -> _Places:
    layout = told.layout
    read = [place for place, code in enumerate(layout.codes) if code in plan.codes]
    static = np.array([layout.is_static[place] for place in read], dtype=bool)
    return _Places(
        None if len(read) == len(layout.codes) else np.array(read, np.int64),
        np.array([plan.codes[layout.codes[place]] for place in read], np.int64),
        static if static.any() else None,
        np.full(len(read), NEVER),
        np.full(len(read), -1),
    )


def _columns_now(plan: Plan, told: Sequence[ToldNow]) -> EventColumns:
    """The same columns of values that are told at once, without an event for each.

    Args:
        plan: Of the features.
        told: Of one layout, patient by patient.
    """
    places, count = told[0].layout.once(_places, told[0], plan), len(told)
    values = np.array([one.values for one in told], dtype=np.float64)
    if places.read is not None:
        values = values[:, places.read]
    width = len(places.codes)
    stamps = np.array([since_1970(one.as_of) for one in told], dtype=np.int64)
    time = known_at = stamps.repeat(width)
    if places.static is not None:
        time = np.where(_times(places.static, count), ALWAYS, known_at)
    never = _times(places.never, count)
    return EventColumns(
        subject=never,  # `run` is told by ranges whose each event is
        code=_times(places.codes, count),
        time=time,
        known_at=known_at,
        superseded_at=never,
        value=values.reshape(-1),
        end=never if plan.reads_ends else None,
        label=_times(places.no_label, count) if plan.labels else None,
    )


def _times(array: Any, count: int) -> Any:
    return array if count == 1 else np.tile(array, count)


def _codes_and_times(plan: Plan, events: Sequence[Event]) -> tuple[Ints, Ints, Ints]:
    """The code of each event, when it happened and when it was known.

    What is told without a time of its own holds when the question is asked: often one object is
    the time of many events, and is made a number once.
    """
    code_of = plan.codes
    codes: list[int] = []
    times: list[int] = []
    known: list[int] = []
    last: datetime | None = None
    stamp = 0
    for event in events:
        codes.append(code_of[event.code])
        time, known_at = event.time, event.known_at
        if time is None:
            times.append(ALWAYS)
        else:
            if time is not last:
                last, stamp = time, since_1970(time)
            times.append(stamp)
        if known_at is not last:
            last, stamp = known_at, since_1970(known_at)
        known.append(stamp)
    return np.array(codes, np.int64), np.array(times, np.int64), np.array(known, np.int64)


def _ends(events: Sequence[Event]) -> Ints:
    """When each ended; `NEVER` where it has not."""
    ends = [NEVER if event.end is None else since_1970(event.end) for event in events]
    return np.array(ends, np.int64)


def _superseded(replacing: Sequence[Event], own: Sequence[Event]) -> Ints:
    """When the first correction of each event could be seen."""
    if not replacing:
        return np.full(len(own), NEVER)
    first: dict[bytes, int] = {}
    for event in replacing:
        named = event.replaces or b""
        first[named] = min(since_1970(event.known_at), first.get(named, NEVER))
    return np.array([first.get(event.source_row, NEVER) for event in own], np.int64)


def _values(events: Sequence[Event]) -> Floats:
    """The number of each event; see `value_of`."""
    values = [event.value if event.value is not None else value_of(event) for event in events]
    return np.array(values, dtype=np.float64)


def _labels(plan: Plan, events: Sequence[Event]) -> Ints:
    """The place of each text among the labels; see `label_of`."""
    return np.array([label_of(plan, event.text) for event in events], np.int64)


def says(event: Event) -> bool:
    """Whether it is an event at all, and not only the end of another."""
    return (
        event.value is not None
        or not event.replaces
        or event.text is not None
        or event.end is not None
    )


def value_of(event: Event) -> float:
    """Its value, 1 for an event that has none and no text; NaN if only a text stands."""
    if event.value is not None:
        return event.value
    return 1.0 if event.text is None else float("nan")


def label_of(plan: Plan, text: str | None) -> int:
    """The place of a text among the labels, their number for another one, -1 for none."""
    return -1 if text is None else plan.labels.get(text, len(plan.labels))
