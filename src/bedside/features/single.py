"""The runner for one patient in a request."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from bedside.core.records.event import Event
from bedside.features.definition import FeatureSet
from bedside.features.kernel import ALWAYS, NEVER, EventColumns, Floats, Ints, compute
from bedside.features.plan import Plan, plan_of

__all__ = ["event_columns", "features_of", "features_of_columns", "label_of", "microseconds"]

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exactly.

    >>> from datetime import UTC
    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def features_of(feature_set: FeatureSet, events: Sequence[Event], as_of: datetime) -> Floats:
    """The features of one patient, shape (k,), as the hospital knew them at `as_of`."""
    return features_of_columns(feature_set, event_columns(feature_set, events), as_of)


def features_of_columns(feature_set: FeatureSet, events: EventColumns, as_of: datetime) -> Floats:
    """The features of one patient, shape (k,), from columns whose subject is 0."""
    moment = np.array([microseconds(as_of)], dtype=np.int64)
    row: Floats = compute(feature_set, events, np.zeros(1, dtype=np.int64), moment)[0]
    return row


def event_columns(feature_set: FeatureSet, events: Sequence[Event]) -> EventColumns:
    """One patient's clean events as columns; events of other codes are left out."""
    plan = plan_of(feature_set)
    codes = plan.codes
    own = [event for event in events if event.code in codes]
    replacing = [event for event in events if event.replaces]
    if replacing:
        own = [event for event in own if says(event)]
    count = len(own)
    code = np.fromiter([codes[event.code] for event in own], np.int64, count)
    return EventColumns(
        subject=np.zeros(count, dtype=np.int64),
        code=code,
        time=_stamps([event.time for event in own], ALWAYS),
        known_at=_stamps([event.known_at for event in own], ALWAYS),
        superseded_at=_superseded(replacing, own),
        value=_values(own) if plan.reads_values else np.full(count, np.nan),
        end=_stamps([event.end for event in own], NEVER) if plan.reads_ends else None,
        label=_labels(plan, own) if plan.labels else None,
    )


def _stamps(moments: Sequence[datetime | None], empty: int) -> Ints:
    """Microseconds since 1970 UTC, exactly; whole columns of days, seconds and microseconds."""
    since = [moment - _EPOCH for moment in moments if moment is not None]
    count = len(since)
    days = np.fromiter([one.days for one in since], np.int64, count)
    seconds = np.fromiter([one.seconds for one in since], np.int64, count)
    micros = np.fromiter([one.microseconds for one in since], np.int64, count)
    stamps: Ints = (days * 86_400 + seconds) * 1_000_000 + micros
    if count == len(moments):
        return stamps
    every = np.full(len(moments), empty, dtype=np.int64)
    every[[moment is not None for moment in moments]] = stamps
    return every


def _superseded(replacing: Sequence[Event], own: Sequence[Event]) -> Ints:
    """When the first correction of each event could be seen."""
    if not replacing:
        return np.full(len(own), NEVER)
    first: dict[bytes, int] = {}
    for event in replacing:
        named = event.replaces or b""
        first[named] = min(microseconds(event.known_at), first.get(named, NEVER))
    return np.fromiter([first.get(event.source_row, NEVER) for event in own], np.int64, len(own))


def _values(events: Sequence[Event]) -> Floats:
    """The number of each event; see `value_of`."""
    values = [event.value for event in events]
    number: Floats = np.array(values, dtype=np.float64)  # NaN for none
    for at in np.flatnonzero(np.isnan(number)).tolist():
        number[at] = value_of(events[at])
    return number


def _labels(plan: Plan, events: Sequence[Event]) -> Ints:
    """The place of each text among the labels; see `label_of`."""
    place, other = plan.labels | {None: -1}, len(plan.labels)
    return np.fromiter([place.get(event.text, other) for event in events], np.int64, len(events))


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
