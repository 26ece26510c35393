"""The signals that moved a score most, in clinical words and units, with what they rest on."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt

from bedside.core.clock import iso
from bedside.core.records.answer import Reason, ReasonSource
from bedside.core.records.event import Event
from bedside.features.definition import Feature, FeatureSet
from bedside.features.grouping import group_key
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
    """Up to five reasons, one for a signal, the largest first; what moved nothing is none.

    What the features of a signal gave is added up, so that one signal does not take all places.
    It is told by its feature that gave most in the same direction.

    Args:
        feature_set: k features.
        row: Shape (k,). Their values; NaN = missing.
        contributions: Shape (k,). Log-odds.
        events: The clean events that the values were computed from.
        as_of: The time of the question.
    """
    record = Record(events, as_of)
    return tuple(
        _reason(
            feature_set.features[column],
            float(row[column]),
            total,
            record.sources(feature_set.features[column]),
            as_of,
        )
        for column, total in _leading(feature_set, contributions)
    )


def _leading(
    feature_set: FeatureSet, contributions: npt.NDArray[np.float64]
) -> list[tuple[int, float]]:
    """The strongest feature of each leading signal, and what the signal gave in all."""
    moved: dict[str, list[int]] = {}
    for column in np.flatnonzero(contributions).tolist():
        moved.setdefault(group_key(feature_set.features[column]), []).append(column)
    told = []
    for columns in moved.values():
        parts = contributions[columns]
        if total := float(parts.sum()):
            told.append((columns[int((parts * np.sign(total)).argmax())], total))
    return sorted(told, key=lambda one: -abs(one[1]))[:MOST]


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
