"""A feature set as the arrays that the compiled walk reads, made once for each."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.features import CALENDAR
from bedside.features import figures
from bedside.features.definition import Feature, FeatureSet

__all__ = ["Plan", "columns_of", "plan_of"]

Ints = npt.NDArray[np.int64]
NEEDS = {
    **dict.fromkeys(("sum", "mean", "min", "max"), figures.MEANS),
    "sd": figures.SPREADS,
    "slope": figures.SLOPES,
    "active": figures.RUNS,
    "hours_active": figures.SPANS,
}
IMPLIED = {"count": 0.0, "missing": 1.0, "active": 0.0, "hours_active": 0.0}
OF_THE_LATEST = ("last", "last_is", "hours_since", "missing", "active")
PER_UNIT = {"d": 24.0, "a": 24 * 365.25}
KEPT = 16  # feature sets whose plans are kept


@dataclass(frozen=True, slots=True)
class Series:
    """The events of some codes, made numbers in one way."""

    codes: tuple[str, ...]
    labels: tuple[str, ...]
    has_other: bool
    mark: bool


class Plan:
    """The features grouped by series, and within it by window.

    Args:
        feature_set: k features.
    """

    def __init__(self, feature_set: FeatureSet) -> None:
        self.feature_set = feature_set
        self.width = len(feature_set.features)
        self.calendar = [
            (column, feature)
            for column, feature in enumerate(feature_set.features)
            if feature.aggregate in CALENDAR
        ]
        groups: dict[Series, dict[tuple[int, int], list[tuple[int, Feature]]]] = {}
        for column, feature in enumerate(feature_set.features):
            if feature.aggregate not in CALENDAR:
                own = groups.setdefault(_series(feature), {})
                own.setdefault(_window(feature), []).append((column, feature))
        self.series = tuple(groups)
        self.codes = {code: index for index, code in enumerate(feature_set.codes)}
        self.labels = {label: at for at, label in enumerate(_labels(self.series))}
        self.mapping = self._mapping()
        self.arrays = _arrays(groups)
        self.fixed_columns = np.array([column for column, _ in self.calendar], dtype=np.int64)

    @cached_property
    def most_series(self) -> int:
        """Of one code."""
        return int(np.diff(self.mapping[0]).max(initial=0))

    def series_of(self, code: int) -> list[int]:
        """The series of which a code's events are."""
        return self._series_by_code[code]

    def number(self, series: int, label: int, value: float) -> float:
        """What an event's number is in a series; NaN if it is none of its events.

        Args:
            series: Which one.
            label: As in `EventColumns`.
            value: As in `EventColumns`.
        """
        _, _, row_of, numbers = self.mapping
        row = int(row_of[series])
        if row == figures.BY_VALUE:
            return value + 0.0  # there is one zero
        if row == figures.BY_MARK:
            return 1.0
        return float(numbers[row, label]) if label >= 0 else math.nan

    @cached_property
    def own_mapping(self) -> tuple[Any, ...]:
        """The mapping for events that are series and numbers already."""
        count = len(self.series)
        place = np.arange(count + 1, dtype=np.int64)
        by_value = np.full(count, figures.BY_VALUE, dtype=np.int64)
        return place, place[:count].copy(), by_value, np.empty((0, 1))

    @cached_property
    def folds(self) -> Ints:
        """By series, what must be kept of events that are forgotten: the window of all asks it."""
        series, groups = self.arrays[0], self.arrays[1]
        folds = np.zeros(len(series), dtype=np.int64)
        for number, (start, stop) in enumerate(series):
            for window, _, needs, *_ in groups[start:stop]:
                if window == figures.NEVER:
                    folds[number] |= needs
        return folds

    @cached_property
    def implied(self) -> npt.NDArray[np.float64]:
        """Shape (k,): what a feature is where there is no event."""
        features = self.feature_set.features
        return np.array([IMPLIED.get(feature.aggregate, np.nan) for feature in features])

    @cached_property
    def longest(self) -> int:
        """The longest finite window with its baseline, in microseconds.

        Windows of which only the latest event is asked are left out: it is never forgotten.
        """
        return max(
            (
                window + baseline
                for feature in self.feature_set.features
                if feature.aggregate not in (*OF_THE_LATEST, *CALENDAR)
                for window, baseline in (_window(feature),)
                if window != figures.NEVER
            ),
            default=0,
        )

    @cached_property
    def reads_ends(self) -> bool:
        """Whether a feature asks how long an event lasts."""
        aggregates = {feature.aggregate for feature in self.feature_set.features}
        return bool(aggregates & {"active", "hours_active"})

    @cached_property
    def reads_values(self) -> bool:
        """Whether the events of a series are numbers by their value."""
        return any(not series.labels and not series.mark for series in self.series)

    def _mapping(self) -> tuple[Any, ...]:
        """Where the series of each code start, the series, how each makes numbers, the numbers."""
        by_code: list[list[int]] = [[] for _ in self.codes]
        row_of = np.full(len(self.series), figures.BY_VALUE, dtype=np.int64)
        rows: list[list[float]] = []
        for number, series in enumerate(self.series):
            for code in dict.fromkeys(series.codes):
                by_code[self.codes[code]].append(number)
            if series.mark:
                row_of[number] = figures.BY_MARK
            elif series.labels:
                row_of[number] = len(rows)
                other = float(len(series.labels) - 1) if series.has_other else np.nan
                index = {label: float(at) for at, label in enumerate(series.labels)}
                rows.append([*(index.get(label, other) for label in self.labels), other])
        self._series_by_code = by_code
        starts = np.cumsum([0, *map(len, by_code)], dtype=np.int64)
        flat = np.array([one for own in by_code for one in own], dtype=np.int64)
        numbers = np.array(rows, dtype=np.float64).reshape(len(rows), len(self.labels) + 1)
        return starts, flat, row_of, numbers


def _series(feature: Feature) -> Series:
    labels = () if feature.mark else feature.categories
    return Series(feature.codes, labels, bool(labels) and feature.has_other, feature.mark)


def _window(feature: Feature) -> tuple[int, int]:
    hours, base = feature.window_hours, feature.baseline_hours or 0.0
    window = figures.NEVER if hours is None else round(hours * figures.HOUR)
    return window, round(base * figures.HOUR) if feature.aggregate == "from_baseline" else 0


def _labels(series: Iterable[Series]) -> list[str]:
    return list(dict.fromkeys(label for one in series for label in one.labels))


def _arrays(groups: dict[Series, dict[tuple[int, int], list[tuple[int, Feature]]]]) -> Any:
    """The rows of series, groups, features and of their parameter and implied value."""
    series_rows: list[tuple[int, ...]] = []
    group_rows: list[tuple[int, ...]] = []
    feature_rows: list[tuple[int, int]] = []
    figure_rows: list[tuple[float, float]] = []
    for own in groups.values():
        series_rows.append((len(group_rows), len(group_rows) + len(own)))
        for (window, baseline), features in own.items():
            needs = 0
            at = len(feature_rows)
            for column, feature in features:
                needs |= NEEDS.get(feature.aggregate, 0)
                feature_rows.append((figures.NUMBER_OF[feature.aggregate], column))
                figure_rows.append((_parameter(feature), IMPLIED.get(feature.aggregate, np.nan)))
            group_rows.append((window, baseline, needs, at, len(feature_rows)))
    return (
        np.array(series_rows, dtype=np.int64).reshape(-1, 2),
        np.array(group_rows, dtype=np.int64).reshape(-1, 5),
        np.array(feature_rows, dtype=np.int64).reshape(-1, 2),
        np.array(figure_rows, dtype=np.float64).reshape(-1, 2),
    )


def _parameter(feature: Feature) -> float:
    if feature.aggregate == "hours_since":
        return PER_UNIT.get(feature.unit or "h", 1.0)
    if feature.category is not None:
        return float(feature.categories.index(feature.category))
    return 0.0


_plans: dict[int, Plan] = {}
_lock = Lock()


def plan_of(feature_set: FeatureSet) -> Plan:
    """The plan of a feature set; that of the same object is made once."""
    kept = _plans.get(id(feature_set))
    if kept is not None and kept.feature_set is feature_set:
        return kept
    plan = Plan(feature_set)
    with _lock:
        while len(_plans) >= KEPT:
            del _plans[next(iter(_plans))]
        _plans[id(feature_set)] = plan
    return plan


def columns_of(feature_set: FeatureSet) -> list[str]:
    """The columns of the event table that the features need, whatever the shard holds.

    Where a row replaces another and has none of `value`, `text` and `end`, it says nothing itself:
    those of the three that are not among these columns are needed as well where a row may be one.
    """
    plan = plan_of(feature_set)
    columns = ["subject_id", "time", "known_at", "code", "source_row", "replaces"]
    if plan.reads_values:
        columns.append("value")
    if plan.reads_values or plan.labels:
        columns.append("text")
    if plan.reads_ends:
        columns.append("end")
    return columns
