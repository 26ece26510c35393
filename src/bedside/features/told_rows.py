"""Values of many patients, each told at once, as columns: checks and features without events.

Each row is what `ToldNow` is of one patient: finite values in their declared units, and the labels
of categories, that hold when the question is asked. No event is made of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.features.definition import Feature, FeatureSet
from bedside.features.kernel import ALWAYS, NEVER, EventColumns, run
from bedside.features.plan import Plan, plan_of

__all__ = ["RowFeatures", "ToldColumn", "ToldRows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
_OF_ONE = frozenset({"last", "first", "min", "max", "sum", "mean"})
"""What is, of one value in the window, that value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldColumn:
    """What a column tells: the values of one input.

    Args:
        name: Of the input.
        code: Of its events.
        unit: Its declared UCUM unit, if it has one.
        is_static: Whether it is a fact without a time.
        labels: Of a category; each value is then the index of its label, or their number where a
            text is none of them. A row with such a text gets no score.
    """

    name: str
    code: str
    unit: str | None = None
    is_static: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldRows:
    """The values of n patients; who tells what later stands in a later column.

    Args:
        columns: Which inputs are told.
        values: Of each column, shape (n,); NaN where the input is left out.
        as_of: Shape (n,). When each is asked about, in microseconds since 1970 UTC.
    """

    columns: tuple[ToldColumn, ...]
    values: tuple[Floats, ...]
    as_of: Ints

    def taken(self, rows: Ints) -> "ToldRows":
        """These rows alone."""
        some = tuple(column[rows] for column in self.values)
        return replace(self, values=some, as_of=self.as_of[rows])

    def part(self, start: int, end: int) -> "ToldRows":
        """The rows from `start` up to `end`, without a copy."""
        some = tuple(column[start:end] for column in self.values)
        return replace(self, values=some, as_of=self.as_of[start:end])


class RowFeatures:
    """The features of rows of these columns.

    A feature that is the value of one column is copied; all others are made by the kernel.

    Args:
        feature_set: k features.
        columns: As the rows have them.
    """

    def __init__(self, feature_set: FeatureSet, columns: Sequence[ToldColumn]) -> None:
        self._width, self._columns = len(feature_set.features), tuple(columns)
        self._copied: list[tuple[int, int]] = []
        rest: list[int] = []
        for at, feature in enumerate(feature_set.features):
            source = self._source(feature)
            if source is None:
                rest.append(at)
            else:
                self._copied.append((at, source))
        self._rest = np.array(rest, dtype=np.int64)
        others = FeatureSet(features=tuple(feature_set.features[at] for at in rest))
        self._plan = plan_of(others) if rest else None

    def of(self, rows: ToldRows) -> Floats:
        """The feature matrix, shape (n, k); to the last bit what `features_of` makes of each."""
        matrix = np.empty((len(rows.as_of), self._width))
        for at, source in self._copied:
            np.add(rows.values[source], 0.0, out=matrix[:, at])  # there is one zero
        if self._plan is not None and len(matrix):
            matrix[:, self._rest] = _computed(self._plan, rows)
        return matrix

    def _source(self, feature: Feature) -> int | None:
        """The one column whose value a feature is; None: it takes more to know it."""
        given = [at for at, one in enumerate(self._columns) if one.code in feature.codes]
        if len(given) != 1 or feature.aggregate not in _OF_ONE:
            return None
        column = self._columns[given[0]]
        if column.labels or feature.categories or feature.mark:
            return None
        window = feature.window_hours
        reaches = window is None or (window >= 1 / 3600 and not column.is_static)
        return given[0] if reaches else None


def _computed(plan: Plan, rows: ToldRows) -> Floats:
    """The features of a plan, by the kernel; shape (n, k)."""
    dense = np.empty((len(rows.as_of), plan.width))
    ranges = np.zeros((len(dense), 4), dtype=np.int64)
    numbers = np.arange(len(dense) + 1)
    ranges[:, 2], ranges[:, 3] = numbers[:-1], numbers[1:]
    read = [at for at, one in enumerate(rows.columns) if one.code in plan.codes]
    told = np.empty((len(dense), len(read)))
    for place, at in enumerate(read):
        told[:, place] = rows.values[at]
    there = np.nonzero(~np.isnan(told))
    ends = np.cumsum(np.bincount(there[0], minlength=len(dense)))
    ranges[1:, 0], ranges[:, 1] = ends[:-1], ends
    run(plan, _events(plan, rows, read, told, there), ranges, rows.as_of, dense)
    return dense


def _events(
    plan: Plan, rows: ToldRows, read: Sequence[int], told: Floats, there: tuple[Any, ...]
) -> EventColumns:
    """The values that are told, row by row, as the kernel reads them.

    Args:
        plan: Of the features.
        rows: All rows.
        read: The columns that the plan reads.
        told: Their values, shape (n, r).
        there: Row and column of each value that is not left out.
    """
    row, place = there
    columns = [rows.columns[at] for at in read]
    static = np.array([one.is_static for one in columns], dtype=np.bool_)
    known_at = rows.as_of[row]
    number = told[row, place]
    label = np.full(len(row), -1, dtype=np.int64)
    for at, column in enumerate(columns):
        if column.labels:
            own = place == at
            labels = [plan.labels.get(text, len(plan.labels)) for text in (*column.labels, "")]
            label[own] = np.array(labels, dtype=np.int64)[number[own].astype(np.int64)]
            number[own] = np.nan
    never = np.full(len(row), NEVER)
    return EventColumns(
        subject=never,  # `run` is told by ranges whose each value is
        code=np.array([plan.codes[one.code] for one in columns], dtype=np.int64)[place],
        time=np.where(static[place], ALWAYS, known_at),
        known_at=known_at,
        superseded_at=never,
        value=number,
        end=never if plan.reads_ends else None,
        label=label if plan.labels else None,
    )
