"""The signals that moved a score most, in clinical words and units, with what they rest on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bedside.core.clock import iso
from bedside.core.kept import Kept
from bedside.core.records.answer import Reason, reason_of, source_of
from bedside.core.records.event import Event
from bedside.core.records.told_now import ToldNow
from bedside.features.definition import Feature, FeatureSet
from bedside.features.grouping import group_key
from bedside.features.provenance import OF_ONE, Record
from bedside.features.wording import describe, describe_now

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
    told, features = _Times(), feature_set.features
    if isinstance(events, ToldNow) and events.as_of is as_of:
        only = events.layout.once(_only_sources, events, feature_set)
        if all(only[column] is not None for column, _ in leading):
            return tuple(
                [
                    _reason_now(features[column], float(row[column]), total, one, told(as_of))
                    for column, total in leading
                    if (one := only[column]) is not None
                ]
            )
    codes = {code for column, _ in leading for code in plan.codes[column]}
    if isinstance(events, ToldNow):
        events = events.of(codes)
    record = Record(events, as_of, codes)
    return tuple(
        _reason(feature, float(row[column]), total, record.sources(feature), as_of, told)
        for column, total in leading
        for feature in (features[column],)
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
        size = list(map(abs, given))
        order = sorted(range(len(given)), key=size.__getitem__, reverse=True)[:MOST]
        return [(column, given[column]) for column in order if given[column]]
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


class _Only(NamedTuple):
    """The one event that a feature rests on, whatever its value; `is_static`: it has no time."""

    code: str
    row: str
    is_static: bool
    text: Callable[[float], str]


def _only_sources(told: ToldNow, feature_set: FeatureSet) -> tuple[_Only | None, ...]:
    """For each feature the one value of a layout that it rests on; None: not so simple."""
    layout, found = told.layout, list[_Only | None]()
    for feature in feature_set.features:
        codes = feature.codes
        one = len(codes) == 1 and layout.codes.count(codes[0]) == 1 and not feature.categories
        place = layout.codes.index(codes[0]) if one else 0
        static = one and layout.is_static[place]
        fits = one and feature.aggregate in OF_ONE and not (static and feature.window_hours)
        if not fits:
            found.append(None)
            continue
        text = partial(describe, feature) if static else describe_now(feature)
        found.append(_Only(codes[0], layout.rows[place].hex(), static, text))
    return tuple(found)


def _reason_now(
    feature: Feature, value: float, contribution: float, only: _Only, now: str | None
) -> Reason:
    """As `_reason`, of a value that is told as the question is asked."""
    at = None if only.is_static else now
    source = source_of(only.code, at, only.row)
    return reason_of(feature.name, only.text(value), contribution, at, (source,), 1)


def _reason(
    feature: Feature,
    value: float,
    contribution: float,
    sources: tuple[Event, ...],
    as_of: datetime,
    told: _Times,
) -> Reason:
    measured = sources[0].time if sources else None
    return reason_of(
        feature.name,
        describe(feature, value, measured=measured, as_of=as_of, events=len(sources)),
        contribution,
        told(measured),
        tuple(
            [
                source_of(event.code, told(event.time), event.source_row.hex())
                for event in sources[:MOST_SOURCES]
            ]
        ),
        len(sources),
    )
