"""The one computation behind every runner: aggregates over what was visible before each moment.

Columns in, a matrix out. Events of one code and subject lie side by side in time order, so each
feature is a reduction over a contiguous segment. A segment holds the same values in the same
order whether it comes from a shard of a thousand patients or from one request, so the result is
equal to the bit.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.features.definition import Feature, FeatureSet

__all__ = ["ALWAYS", "NEVER", "EventColumns", "compute"]

ALWAYS = np.iinfo(np.int64).min
NEVER = np.iinfo(np.int64).max
HOUR = 3_600_000_000  # microseconds

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumns:
    """Events as columns of equal length n; times in microseconds since 1970 UTC.

    Args:
        subject: Index of the subject, from 0.
        code: Index into `FeatureSet.codes`.
        time: When it happened; `ALWAYS` for a static fact.
        known_at: When it could first be seen.
        superseded_at: When a correction of it could first be seen; `NEVER` if none.
        value: Finite, in the declared unit; the category index for a categorical signal.
    """

    subject: Ints
    code: Ints
    time: Ints
    known_at: Ints
    superseded_at: Ints
    value: Floats


def compute(
    feature_set: FeatureSet, events: EventColumns, subject: Ints, prediction_time: Ints
) -> Floats:
    """Feature matrix at each (subject, prediction time).

    An event counts when `time <= T`, `known_at <= T` and it is not superseded at T. A window of
    w hours holds the events with `T - w < time <= T`.

    Args:
        feature_set: k features.
        events: Any order.
        subject: Shape (m,), indices as in `events.subject`, ascending.
        prediction_time: Shape (m,), microseconds.

    Returns:
        Shape (m, k). NaN where a segment is empty, except `count`, which is then 0.
    """
    table = _Sorted(events, n_codes=len(feature_set.codes), n_subjects=int(subject.max()) + 1)
    codes = {code: index for index, code in enumerate(feature_set.codes)}
    matrix = np.empty((len(subject), len(feature_set.features)))
    by_window: dict[float | None, list[int]] = {}
    for column, feature in enumerate(feature_set.features):
        by_window.setdefault(feature.window_hours, []).append(column)
    for hours, columns in by_window.items():
        used = list(dict.fromkeys(codes[feature_set.features[c].codes[0]] for c in columns))
        segments = table.segments(np.array(used), subject, prediction_time, hours)
        place = {code: row for row, code in enumerate(used)}
        reduced: dict[str, Floats] = {}
        for column in columns:
            feature = feature_set.features[column]
            if feature.aggregate not in reduced:
                reduced[feature.aggregate] = _reduce(feature, segments, prediction_time)
            matrix[:, column] = reduced[feature.aggregate][place[codes[feature.codes[0]]]]
    return matrix


@dataclass(frozen=True, slots=True)
class _Segments:
    """Half-open ranges into `value` and `time`; all of shape (n_codes_used, m)."""

    start: Ints
    stop: Ints
    value: Floats
    time: Ints


class _Sorted:
    """Events in the order (code, subject, time, known_at, value), with rank keys to search."""

    def __init__(self, events: EventColumns, *, n_codes: int, n_subjects: int) -> None:
        self.n_subjects = n_subjects
        group = events.code * n_subjects + events.subject
        order = np.lexsort((events.value, events.known_at, events.time, group))
        self.group = group[order]
        self.time = events.time[order]
        self.known_at = events.known_at[order]
        self.superseded_at = events.superseded_at[order]
        self.value = events.value[order]
        self.times = np.unique(self.time)
        self.knowns = np.unique(self.known_at)
        self.time_key = self.group * (len(self.times) + 1) + np.searchsorted(self.times, self.time)
        known_rank = np.searchsorted(self.knowns, self.known_at)
        known_key = self.group * (len(self.knowns) + 1) + known_rank
        self.group_start = np.searchsorted(self.group, np.arange(n_codes * n_subjects + 1))
        late = np.zeros(len(order), dtype=bool)
        late[1:] = (known_key[1:] < known_key[:-1]) & (self.group[1:] == self.group[:-1])
        late |= self.superseded_at != NEVER
        self.irregular = np.zeros(n_codes * n_subjects, dtype=bool)
        self.irregular[self.group[late]] = True
        self.known_key = np.maximum.accumulate(known_key) if len(order) else known_key

    def segments(self, codes: Ints, subject: Ints, moment: Ints, hours: float | None) -> _Segments:
        group = codes[:, None] * self.n_subjects + subject[None, :]
        stop = self._until(group, self.times, self.time_key, moment)
        if hours is None:
            start = self.group_start[group]
        else:
            opened = moment - round(hours * HOUR)
            start = self._until(group, self.times, self.time_key, opened)
        seen = self._until(group, self.knowns, self.known_key, moment)
        irregular = self.irregular[group]
        start = np.minimum(start, stop)
        regular_stop = np.maximum(np.minimum(stop, seen), start)
        value = np.append(self.value, 0.0)  # so that a segment may end at the very end
        if not irregular.any():
            return _Segments(start, regular_stop, value, np.append(self.time, 0))
        return self._with_irregular(start, stop, regular_stop, irregular, moment)

    def _until(self, group: Ints, stamps: Ints, key: Ints, moment: Ints) -> Ints:
        """How far the sorted events reach that are stamped at or before each moment."""
        rank = np.searchsorted(stamps, moment, side="right")
        return np.searchsorted(key, group * (len(stamps) + 1) + rank[None, :], side="left")

    def _with_irregular(
        self, start: Ints, stop: Ints, regular_stop: Ints, irregular: Any, moment: Ints
    ) -> _Segments:
        """Copy the visible events of late-arriving or corrected groups behind the others."""
        rows, columns = np.nonzero(irregular)
        first, lengths = start[rows, columns], (stop - start)[rows, columns]
        owner = np.repeat(np.arange(len(rows)), lengths)
        offset = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        event = first[owner] + offset
        now = moment[columns][owner]
        visible = (self.known_at[event] <= now) & (now < self.superseded_at[event])
        event, owner = event[visible], owner[visible]
        counts = np.bincount(owner, minlength=len(rows))
        begin = len(self.value) + np.cumsum(counts) - counts
        start, regular_stop = start.copy(), regular_stop.copy()
        start[rows, columns], regular_stop[rows, columns] = begin, begin + counts
        value = np.concatenate([self.value, self.value[event], [0.0]])
        time = np.concatenate([self.time, self.time[event], [0]])
        return _Segments(start, regular_stop, value, time)


def _reduce(feature: Feature, segments: _Segments, moment: Ints) -> Floats:
    """One aggregate of every segment; shape (n_codes_used, m)."""
    count = segments.stop - segments.start
    if feature.aggregate == "count":
        return count.astype(np.float64)
    out = np.full(count.shape, np.nan)
    filled = count > 0
    start, stop = segments.start[filled], segments.stop[filled]
    now = np.broadcast_to(moment, count.shape)[filled]
    out[filled] = _of_filled(feature.aggregate, segments, start, stop, now)
    return out


def _of_filled(aggregate: str, segments: _Segments, start: Ints, stop: Ints, now: Ints) -> Any:  # noqa: PLR0911 - one return for each aggregate
    value = segments.value
    match aggregate:
        case "last":
            return value[stop - 1]
        case "hours_since":
            return (now - segments.time[stop - 1]) / HOUR
        case "change":
            return value[stop - 1] - value[start]
        case "min":
            return _reduceat(np.minimum, value, start, stop)
        case "max":
            return _reduceat(np.maximum, value, start, stop)
        case "sum":
            return _reduceat(np.add, value, start, stop)
        case "mean":
            return _reduceat(np.add, value, start, stop) / (stop - start)
        case _:
            raise AssertionError(f"unknown aggregate {aggregate}")  # the reader refuses it first


def _reduceat(operation: np.ufunc, value: Floats, start: Ints, stop: Ints) -> Any:
    """`operation.reduce(value[a:b])` for each pair; no segment is empty."""
    if len(start) == 0:
        return np.empty(0)
    return operation.reduceat(value, np.column_stack([start, stop]).ravel())[::2]
