"""The runner for one patient in a request."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from bedside.core.records.event import Event
from bedside.features.definition import FeatureSet
from bedside.features.kernel import ALWAYS, NEVER, EventColumns, Floats, compute
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
    superseded: dict[bytes, int] = {}
    for event in events:
        if event.replaces:
            seen = microseconds(event.known_at)
            superseded[event.replaces] = min(seen, superseded.get(event.replaces, NEVER))
    own = [event for event in events if event.code in codes and says(event)]
    whole = np.empty((6, len(own)), dtype=np.int64)
    whole[0] = [codes[event.code] for event in own]
    whole[1] = [ALWAYS if event.time is None else microseconds(event.time) for event in own]
    whole[2] = [microseconds(event.known_at) for event in own]
    whole[3] = NEVER
    if superseded:
        whole[3] = [superseded.get(event.source_row, NEVER) for event in own]
    if plan.reads_ends:
        whole[4] = [NEVER if event.end is None else microseconds(event.end) for event in own]
    if plan.labels:
        whole[5] = [label_of(plan, event.text) for event in own]
    return EventColumns(
        subject=np.zeros(len(own), dtype=np.int64),
        code=whole[0],
        time=whole[1],
        known_at=whole[2],
        superseded_at=whole[3],
        value=np.array([value_of(event) for event in own], dtype=np.float64),
        end=whole[4] if plan.reads_ends else None,
        label=whole[5] if plan.labels else None,
    )


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
