"""The runner for one patient in a request."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from bedside.core.records.event import Event
from bedside.features.definition import FeatureSet
from bedside.features.kernel import ALWAYS, NEVER, EventColumns, Floats, compute
from bedside.features.table import encodings, number_of

__all__ = ["columns_of", "features_of", "microseconds"]

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC, exactly.

    >>> from datetime import UTC
    >>> microseconds(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - _EPOCH) // timedelta(microseconds=1)


def features_of(feature_set: FeatureSet, events: Sequence[Event], as_of: datetime) -> Floats:
    """The features of one patient, shape (k,), as the hospital knew them at `as_of`."""
    columns = columns_of(feature_set, events)
    subject = np.zeros(1, dtype=np.int64)
    moment = np.array([microseconds(as_of)], dtype=np.int64)
    row: Floats = compute(feature_set, columns, subject, moment)[0]
    return row


def columns_of(feature_set: FeatureSet, events: Sequence[Event]) -> EventColumns:
    """One patient's clean events as columns; events of other codes are left out."""
    codes = {code: index for index, code in enumerate(feature_set.codes)}
    encoded = encodings(feature_set)
    superseded: dict[bytes, int] = {}
    for event in events:
        if event.replaces:
            seen = microseconds(event.known_at)
            superseded[event.replaces] = min(seen, superseded.get(event.replaces, NEVER))
    rows = [
        (
            codes[event.code],
            ALWAYS if event.time is None else microseconds(event.time),
            microseconds(event.known_at),
            superseded.get(event.source_row, NEVER) if event.source_row else NEVER,
            value,
        )
        for event in events
        if event.code in codes and (value := number_of(event, encoded.get(event.code))) is not None
    ]
    whole = np.array([row[:4] for row in rows], dtype=np.int64).reshape(len(rows), 4)
    return EventColumns(
        subject=np.zeros(len(rows), dtype=np.int64),
        code=whole[:, 0],
        time=whole[:, 1],
        known_at=whole[:, 2],
        superseded_at=whole[:, 3],
        value=np.array([row[4] for row in rows], dtype=np.float64),
    )
