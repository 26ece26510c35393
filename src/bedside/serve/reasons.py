"""The features that moved a score most, in clinical words and units, with what they rest on."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from bedside.core.clock import iso
from bedside.core.records.answer import Reason, ReasonSource
from bedside.core.records.event import Event
from bedside.features.definition import Feature, FeatureSet
from bedside.features.provenance import Record
from bedside.features.wording import describe

__all__ = ["MOST_SOURCES", "top_reasons"]

MOST = 5
MOST_SOURCES = 20
"""So many events behind a reason are named, the newest; how many there are is always told."""


def top_reasons(
    feature_set: FeatureSet,
    row: npt.NDArray[np.float64],
    contributions: npt.NDArray[np.float64],
    events: Sequence[Event],
    as_of: datetime,
) -> tuple[Reason, ...]:
    """Up to five reasons, the largest first; a feature that moved nothing is none.

    Args:
        feature_set: k features.
        row: Shape (k,). Their values; NaN = missing.
        contributions: Shape (k,). Log-odds.
        events: The clean events that the values were computed from.
        as_of: The time of the question.
    """
    order = np.argsort(-np.abs(contributions), kind="stable")[:MOST]
    record = Record(events, as_of)
    return tuple(
        _reason(
            feature_set.features[column],
            float(row[column]),
            float(contributions[column]),
            record.sources(feature_set.features[column]),
            as_of,
        )
        for column in order
        if contributions[column] != 0
    )


def _reason(
    feature: Feature,
    value: float,
    contribution: float,
    sources: tuple[Event, ...],
    as_of: datetime,
) -> Reason:
    measured = sources[0].time if sources else None
    return Reason(
        feature=feature.name,
        text=describe(feature, value, measured=measured, as_of=as_of, events=len(sources)),
        contribution=contribution,
        measured_at=_told(measured),
        sources=tuple(
            ReasonSource(code=event.code, time=_told(event.time), row=event.source_row.hex())
            for event in sources[:MOST_SOURCES]
        ),
        source_count=len(sources),
    )


def _told(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)
