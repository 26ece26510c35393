"""The signals that moved a score most, in clinical words and units, with what they rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from bedside.core.clock import iso
from bedside.core.kept import Kept
from bedside.core.records.answer import Reason, ReasonSource
from bedside.core.records.event import Event
from bedside.core.records.told_now import ToldNow
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
    plan = _plan_of(feature_set)
    leading = _leading(plan, contributions)
    if not leading:
        return ()
    codes = {code for column, _ in leading for code in plan.codes[column]}
    if isinstance(events, ToldNow):
        events = events.of(codes)
    record = Record(events, as_of, codes)
    told = _Times()
    return tuple(
        _reason(feature, float(row[column]), total, record.sources(feature), as_of, told)
        for column, total in leading
        for feature in (feature_set.features[column],)
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """Of each feature: the number of its signal, and the codes that it reads.

    `apart`: no two are of the same signal.
    """

    signal: tuple[int, ...]
    codes: tuple[tuple[str, ...], ...]
    apart: bool


def _plan(feature_set: FeatureSet) -> _Plan:
    numbers: dict[str, int] = {}
    features = feature_set.features
    signal = tuple(numbers.setdefault(group_key(one), len(numbers)) for one in features)
    return _Plan(signal, tuple(one.codes for one in features), len(numbers) == len(features))


_plan_of = Kept(_plan)


def _leading(plan: _Plan, contributions: npt.NDArray[np.float64]) -> list[tuple[int, float]]:
    """The strongest feature of each leading signal, and what the signal gave in all."""
    given = contributions.tolist()
    if plan.apart:
        every = [(column, part) for column, part in enumerate(given) if part]
        return sorted(every, key=_strength)[:MOST]
    moved: dict[int, list[int]] = {}
    for column, part in enumerate(given):
        if part:
            moved.setdefault(plan.signal[column], []).append(column)
    told = []
    for columns in moved.values():
        first = columns[0]
        if len(columns) == 1:
            told.append((first, given[first]))
            continue
        parts = contributions[columns]
        if total := float(parts.sum()):
            told.append((columns[int((parts * np.sign(total)).argmax())], total))
    return sorted(told, key=_strength)[:MOST]


def _strength(one: tuple[int, float]) -> float:
    """The strongest first."""
    return -abs(one[1])


class _Times:
    """Times in ISO 8601; what is one object is written once."""

    def __init__(self) -> None:
        self._last: datetime | None = None
        self._text: str | None = None

    def __call__(self, moment: datetime | None) -> str | None:
        if moment is None:
            return None
        if moment is not self._last:
            self._last, self._text = moment, iso(moment)
        return self._text


def _reason(
    feature: Feature,
    value: float,
    contribution: float,
    sources: tuple[Event, ...],
    as_of: datetime,
    told: _Times,
) -> Reason:
    measured = sources[0].time if sources else None
    return Reason(
        feature=feature.name,
        text=describe(feature, value, measured=measured, as_of=as_of, events=len(sources)),
        contribution=contribution,
        measured_at=told(measured),
        sources=tuple(
            ReasonSource(code=event.code, time=told(event.time), row=event.source_row.hex())
            for event in sources[:MOST_SOURCES]
        ),
        source_count=len(sources),
    )
