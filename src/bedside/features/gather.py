"""One subject's events, side by side by series, by time, known_at and value; compiled."""

from typing import Any

import numpy as np

from bedside.features.compiled import compiled
from bedside.features.figures import (
    BY_MARK,
    BY_VALUE,
    END,
    EVENT,
    KNOWN,
    NEVER,
    SUPERSEDED,
    TIME,
)  # fmt: skip

__all__ = ["gather", "number_in", "sort", "visible"]


@compiled
def visible(times: Any, value: Any, low: int, stop: int, moment: int, to: int) -> int:
    """Copy what could be seen at the moment to the places from `to` on; the one behind them."""
    for at in range(low, stop):
        if times[TIME, at] > moment:
            break
        if times[KNOWN, at] <= moment < times[SUPERSEDED, at]:
            times[TIME, to], times[END, to], value[to] = times[TIME, at], times[END, at], value[at]
            to += 1
    return to


@compiled
def sort(times: Any, value: Any, low: int, stop: int) -> bool:
    """Sort by time, known_at and value; whether what is known grows with the time alone."""
    plain = True
    for at in range(low, stop):
        to = at
        while to > low and _before(times, value, to, to - 1):
            for row in range(5):
                times[row, to], times[row, to - 1] = times[row, to - 1], times[row, to]
            value[to], value[to - 1] = value[to - 1], value[to]
            to -= 1
    for at in range(low, stop):
        if times[SUPERSEDED, at] != NEVER:
            plain = False
        if at > low and times[KNOWN, at] < times[KNOWN, at - 1]:
            plain = False
    return plain


@compiled
def _before(times: Any, value: Any, one: int, other: int) -> Any:
    if times[TIME, one] != times[TIME, other]:
        return times[TIME, one] < times[TIME, other]
    if times[KNOWN, one] != times[KNOWN, other]:
        return times[KNOWN, one] < times[KNOWN, other]
    return value[one] < value[other]


@compiled
def number_in(row: int, number_of_label: Any, label: int, value: float) -> Any:
    """What an event's number is in a series; NaN if it is none of its events."""
    if row == BY_VALUE:
        return value + 0.0  # there is one zero
    if row == BY_MARK:
        return 1.0
    return number_of_label[row, label] if label >= 0 else np.nan


@compiled
def gather(
    events: Any, low: int, high: int, latest: int, mapping: Any, times: Any, value: Any,
    bounds: Any, present: Any,
) -> int:  # fmt: skip
    """Lay one subject's events side by side by series; the number of series that have any.

    `bounds` has, by series: start, stop, and whether it is plain (see `sort`).
    """
    code, time, known, superseded, end, label, number = events
    code_start, code_series, label_row, number_of_label = mapping
    count = 0
    for at in range(low, high):
        if code[at] >= 0 and time[at] <= latest and known[at] <= latest:
            for place in range(code_start[code[at]], code_start[code[at] + 1]):
                series = code_series[place]
                if bounds[1, series] == 0:
                    present[count] = series
                    count += 1
                bounds[1, series] += 1
    for place in range(1, count):
        to, series = place, present[place]
        while to > 0 and present[to - 1] > series:
            present[to] = present[to - 1]
            to -= 1
        present[to] = series
    start = 0
    for place in range(count):
        series = present[place]
        size = bounds[1, series]
        bounds[0, series] = bounds[1, series] = start
        start += size
    for at in range(low, high):
        if code[at] >= 0 and time[at] <= latest and known[at] <= latest:
            told = label[at] if len(label) else -1
            for place in range(code_start[code[at]], code_start[code[at] + 1]):
                series = code_series[place]
                one = number_in(label_row[series], number_of_label, told, number[at])
                if not np.isnan(one):
                    to = bounds[1, series]
                    bounds[1, series] += 1
                    times[TIME, to], times[KNOWN, to] = time[at], known[at]
                    times[SUPERSEDED, to] = superseded[at]
                    times[END, to] = end[at] if len(end) else NEVER
                    times[EVENT, to] = at
                    value[to] = one
    for place in range(count):
        series = present[place]
        bounds[2, series] = sort(times, value, bounds[0, series], bounds[1, series])
    return count
