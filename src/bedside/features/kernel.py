"""The one computation behind every runner: columns of events in, figures out.

An event counts at a prediction time T when `time <= T`, `known_at <= T` and it is not superseded
at T: `superseded_at` is the earliest known_at of a row about the same subject that names its
`source_row` in `replaces`. A row that replaces another and says nothing itself (no value, text or
end) is no event. A window of w hours holds the events with `T - w < time <= T`; an event without a
time is in the window of all, and in no other.

- `count`; `missing`: 1 if the window is empty, else 0;
- `first`, `last`, `min`, `max`, `sum`, `mean`; `change`: last less first;
- `last_is`: whether the last category is `category`, 1 or 0;
- `sd`: of the sample (ddof 1), from two events on;
- `slope`: least squares, per hour, from two different times on;
- `from_baseline`: the last value of the window less the mean over `T - w - b < time <= T - w`;
- `hours_since`: the hours since the latest event; in days (24 h) or years (365.25 d) by its unit;
- `active`: 1 if an interval [time, end) that began in the window holds T, else 0; an interval
  without an end is still open;
- `hours_active`: the length of the union of all intervals inside (T - w, T];
- `hour_of_day`, `day_of_week` (Monday is 0), `month`: of T in the feature's time zone.

What has no answer is NaN, never 0; `count`, `missing`, `active` and `hours_active` always have
one. The codes of a feature are one series. Events of the same time are in the order of known_at
and value, so the order of arrival never matters. Each sum runs from the oldest to the newest.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.features.calendar_parts import calendar_parts
from bedside.features.definition import FeatureSet
from bedside.features.figures import ALWAYS, NEVER
from bedside.features.plan import Plan, plan_of
from bedside.features.walk import walk

__all__ = [
    "ALWAYS",
    "NEVER",
    "EventColumns",
    "SparseFeatures",
    "compute",
    "compute_one",
    "compute_sparse",
    "fixed",
    "run",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
NONE = np.empty(0, dtype=np.int64)
FEW = 64  # events that are soon ordered one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumns:
    """Events as columns of equal length n; times in microseconds since 1970 UTC.

    Args:
        subject: Which subject; any numbers.
        code: Index into `FeatureSet.codes`; under 0 for an event of another code.
        time: When it happened; `ALWAYS` for a static fact.
        known_at: When it could first be seen.
        superseded_at: When a correction of it could first be seen; `NEVER` if none.
        value: Finite, in the declared unit, or 1 for an event without value and text; NaN where
            only a text stands.
        end: Of an interval; `NEVER` where it is still open. None: nobody asks.
        label: Place of the text in `Plan.labels`, their number for another text, -1 for none.
            None: nobody asks.
    """

    subject: Ints
    code: Ints
    time: Ints
    known_at: Ints
    superseded_at: Ints
    value: Floats
    end: Ints | None = None
    label: Ints | None = None

    def taken(self, rows: Any) -> "EventColumns":
        """The same columns, of these rows in this order."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        some: dict[str, Any] = {
            name: column if column is None else column[rows] for name, column in given
        }
        return EventColumns(**some)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseFeatures:
    """A feature matrix without what is implied.

    Where nothing stands, `count`, `active` and `hours_active` are 0, `missing` is 1, and every
    other feature is NaN: `implied` says it by column. A value that equals what is implied is left
    out as well. The entries lie row by row; within a row in no stated, but always the same, order.

    Args:
        starts: Shape (rows + 1,). Row i has the entries starts[i] to starts[i + 1].
        column: Shape (n,), int32. Index of the feature.
        value: Shape (n,).
        implied: Shape (k,).
    """

    starts: Ints
    column: npt.NDArray[np.int32]
    value: Floats
    implied: Floats

    @property
    def row(self) -> npt.NDArray[np.int32]:
        """Shape (n,): the row of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))

    def dense(self) -> Floats:
        """The whole matrix, shape (rows, k)."""
        matrix = np.tile(self.implied, (len(self.starts) - 1, 1))
        matrix[self.row, self.column] = self.value
        return matrix


def compute(
    feature_set: FeatureSet, events: EventColumns, subject: Ints, prediction_time: Ints
) -> Floats:
    """Feature matrix, shape (m, k), at each (subject, prediction time).

    Args:
        feature_set: k features.
        events: Any order; soonest done when by subject and time.
        subject: Shape (m,), as in `events.subject`; soonest done when ascending.
        prediction_time: Shape (m,), microseconds; soonest done when ascending within a subject.
    """
    plan = plan_of(feature_set)
    order = _order(subject, prediction_time, prediction_time)
    rows = slice(None) if order is None else order
    dense = np.empty((len(subject), plan.width))
    given, ranges = _by_subject(events, subject[rows])
    run(plan, given, ranges, prediction_time[rows], dense)
    if order is None:
        return dense
    matrix = np.empty_like(dense)
    matrix[order] = dense
    return matrix


def compute_one(plan: Plan, events: EventColumns, moment: int) -> Floats:
    """The features of one subject at one moment, shape (k,); the same as one row of `compute`.

    Args:
        plan: Of k features.
        events: Of this subject alone, in any order: `walk` orders what it reads, and is only
            spared the time for it where there is much to order.
        moment: Prediction time, in microseconds.
    """
    count = len(events.code)
    if count > FEW:
        order = _order(events.subject, events.time, events.known_at)
        events = events if order is None else events.taken(order)
    dense = np.empty((1, plan.width))
    moments = np.array([moment], dtype=np.int64)
    run(plan, events, np.array([[0, count, 0, 1]], dtype=np.int64), moments, dense)
    row: Floats = dense[0]
    return row


def compute_sparse(
    feature_set: FeatureSet, events: EventColumns, subject: Ints, prediction_time: Ints
) -> SparseFeatures:
    """What is not implied of the matrix of `compute`; both must be ascending."""
    plan = plan_of(feature_set)
    given, ranges = _by_subject(events, subject)
    starts, column, value = run(plan, given, ranges, prediction_time, None)
    return SparseFeatures(starts=starts, column=column, value=value, implied=plan.implied)


def run(
    plan: Plan, events: EventColumns, ranges: Ints, moments: Ints, dense: Floats | None
) -> tuple[Ints, npt.NDArray[np.int32], Floats]:
    """Fill `dense`, or return what is not implied: starts, columns and values.

    Args:
        plan: Of the features.
        events: By subject and time.
        ranges: Shape (subjects, 4): the first event, one past the last, and the same of the rows.
        moments: Shape (m,). Prediction times, ascending within a subject.
        dense: Shape (m, k), to be filled; None to return the figures.
    """
    longest = ranges[0, 1] if len(ranges) == 1 else (ranges[:, 1] - ranges[:, 0]).max(initial=0)
    most = int(longest) * plan.most_series
    columns = tuple(
        _given(column)
        for column in (
            events.code,
            events.time,
            events.known_at,
            events.superseded_at,
            events.end,
            events.label,
        )
    )
    done: tuple[Ints, npt.NDArray[np.int32], Floats] = walk(
        (*columns, fixed(events.value, np.float64)),
        fixed(ranges, np.int64),
        fixed(moments, np.int64),
        plan.mapping,
        plan.arrays,
        (most, plan.width),
        calendar_parts(plan.calendar, moments),
        plan.fixed_columns,
        plan.implied,
        np.empty((0, 0)) if dense is None else dense,
    )
    return done


def _given(column: Ints | None) -> Any:
    return fixed(NONE if column is None else column, np.int64)


def fixed(array: Any, dtype: Any) -> Any:
    """A contiguous view that cannot be written to, so that one compiled version serves all."""
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.setflags(write=False)
    return view


def _by_subject(events: EventColumns, subject: Ints) -> tuple[EventColumns, Ints]:
    """The events by subject and time, and the ranges of each asked subject."""
    order = _order(events.subject, events.time, events.known_at)
    ordered = events if order is None else events.taken(order)
    first = np.flatnonzero(np.append(True, subject[1:] != subject[:-1])[: len(subject)])
    asked = subject[first]
    ranges = np.column_stack(
        [
            np.searchsorted(ordered.subject, asked, side="left"),
            np.searchsorted(ordered.subject, asked, side="right"),
            first,
            np.append(first[1:], len(subject))[: len(first)],
        ]
    )
    return ordered, ranges


def _order(subject: Ints, time: Ints, known_at: Ints) -> Ints | None:
    """The order by all three, or None if they are in it as far as it matters."""
    if len(subject) < 2:
        return None
    same = subject[1:] == subject[:-1]
    if (subject[1:] >= subject[:-1]).all() and (~same | (time[1:] >= time[:-1])).all():
        return None
    order: Ints = np.lexsort((known_at, time, subject))
    return order
