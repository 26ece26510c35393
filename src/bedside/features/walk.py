"""One walk over each subject's events and prediction times, oldest first; compiled.

A subject's events are laid side by side by series, in the order of time, known_at and value, and
each figure is folded from them in that order, whatever brought them: a shard, a request, a stream.
"""

from typing import Any

import numpy as np

from bedside.features import figures
from bedside.features import gather as gathering
from bedside.features.compiled import allocating, compiled, entry
from bedside.features.figures import (
    AGGREGATE,
    ALWAYS,
    BASE,
    BASELINE,
    COLUMN,
    COVERS,
    DONE,
    EVENT,
    EVENT_TIME,
    EVENTS,
    FROM,
    KNOWN,
    LAST,
    N_REALS,
    N_WHOLES,
    NEEDS,
    NEVER,
    RUNNING,
    RUNS,
    SPANS,
    SUM,
    SUPERSEDED,
    TIME,
    UNTIL,
    WINDOW,
    clear,
    copy,
    covers,
    figure_of,
    fold,
    fold_means,
    fold_spans,
    runs,
)  # fmt: skip
from bedside.features.gather import gather, visible

__all__ = ["at_moment", "forget", "walk"]


@compiled
def _moment_of_series(
    series: int, moment: int, times: Any, value: Any, low: int, high: int, goes_on: bool,
    room: Any, plan: Any, kept: Any, found: int,
) -> int:  # fmt: skip
    """Put every figure of one series at one moment behind the `found` ones; their number now.

    Args:
        series: Which one.
        moment: The prediction time.
        times: With `value`: what is visible lies from low to high.
        value: NaN without a number.
        low: See `times`.
        high: See `times`.
        goes_on: The next moment of this subject is later and sees more of the same events.
        room: The accumulators of the series, then one for a window and one for a baseline: their
            real numbers, and the whole ones; where each group's window began last time; and
            where the columns and the values of the figures are put.
        plan: Of the features (series, groups, features, figures).
        kept: Intervals that still run, of events that were folded in: series, time, end.
        found: Figures so far.
    """
    reals, wholes, hints, columns, results = room
    rows, groups, features, settings = plan
    scratch = len(rows)
    for group in range(rows[series, 0], rows[series, 1]):
        window, needs = groups[group, WINDOW], groups[group, NEEDS]
        opened, at, own = ALWAYS, low, scratch
        if window == NEVER:
            if goes_on:
                own = series
            else:
                copy(reals, wholes, series, scratch)
            fold(needs, times, value, low + wholes[own, DONE], high, reals, wholes, own)
            wholes[own, DONE] = high - low
        else:
            opened = moment - window
            at = _first_after(opened, times, hints[group] if goes_on else low, high)
            hints[group] = at
            if at == high and wholes[series, EVENT_TIME] <= opened and not needs & (RUNS | SPANS):
                continue  # everything is as implied
            clear(reals, wholes, scratch)
            fold(needs, times, value, at, high, reals, wholes, scratch)
            if at == high and wholes[series, EVENT_TIME] > opened:  # only what is last is asked
                wholes[own, EVENTS] = 1
                wholes[own, EVENT_TIME] = wholes[series, EVENT_TIME]
                reals[own, LAST] = reals[series, LAST]
        if groups[group, BASE] > 0:
            since = opened - groups[group, BASE]
            reals[own, BASELINE] = _mean_since(since, times, value, low, at, reals, scratch + 1)
        if needs & RUNS:
            reals[own, RUNNING] = runs(series, times, at, high, opened, moment, kept)
        if needs & SPANS:
            reals[own, COVERS] = covers(times, low, high, opened, moment, wholes, series)
        for place in range(groups[group, FROM], groups[group, UNTIL]):
            aggregate = features[place, AGGREGATE]
            figure = figure_of(aggregate, settings[place, 0], moment, reals, wholes, own)
            if not np.isnan(figure) and figure != settings[place, 1]:
                columns[found], results[found] = features[place, COLUMN], figure
                found += 1
    return found


@compiled
def _first_after(moment: int, times: Any, low: int, high: int) -> int:
    """The first event from `low` on that is after a moment; looked for in steps that double."""
    step = 1
    while low + step <= high and times[TIME, low + step - 1] <= moment:
        low += step
        step *= 2
    high = min(high, low + step - 1)
    while low < high:
        middle = (low + high) // 2
        if times[TIME, middle] <= moment:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _mean_since(
    since: int, times: Any, value: Any, low: int, high: int, reals: Any, row: int
) -> float:
    """The mean of the values after a time, up to but without `high`; NaN without any."""
    first = high
    while first > low and times[TIME, first - 1] > since:
        first -= 1
    if first == high:
        return np.nan
    reals[row, SUM] = 0.0
    fold_means(value, first, high, reals, row)
    mean: float = reals[row, SUM] / (high - first)
    return mean


@entry(figures, gathering)
def walk(
    events: Any, ranges: Any, moments: Any, mapping: Any, plan: Any, size: Any, fixed: Any,
    fixed_columns: Any, implied: Any, dense: Any,
) -> Any:  # fmt: skip
    """The figures of every asked row.

    Args:
        events: Columns: code, time, known_at, superseded_at, end, label, value. The columns
            end and label may be empty: then nobody asks.
        ranges: Shape (subjects, 4): first event, one past the last, and the same of the rows.
        moments: Prediction times, ascending within a subject.
        mapping: From codes to series, and from labels to numbers.
        plan: Series, groups, features and their figures (see `bedside.features.plan`).
        size: The most events of a subject, and the columns of the matrix.
        fixed: Shape (rows, c): figures that need no event.
        fixed_columns: Their columns.
        implied: By column, what a figure is without an event.
        dense: Where the figures and what is implied are put; with no row in it, the figures are
            returned.

    Returns:
        Where each row starts, the columns, and the values; empty when `dense` is filled.
    """
    most, width = size
    n_series, n_rows, fills = len(plan[0]), len(moments), len(dense) > 0
    times, value = np.empty((5, 2 * most), np.int64), np.empty(2 * most)
    bounds = np.zeros((4, n_series), np.int64)
    present = np.empty(n_series, np.int64)
    hints = np.empty(len(plan[1]), np.int64)
    reals = np.empty((n_series + 2, N_REALS))
    wholes = np.empty((n_series + 2, N_WHOLES), np.int64)
    kept = np.empty((0, 3), np.int64)
    starts = np.zeros(n_rows + 1, np.int64)
    columns = np.empty(width if fills else width + 16 * n_rows, np.int32)
    results = np.empty(len(columns))
    found = 0
    for subject in range(len(ranges)):
        low, high = ranges[subject, 0], ranges[subject, 1]
        first, last = ranges[subject, 2], ranges[subject, 3]
        if first == last:
            continue
        count = gather(events, low, high, moments[last - 1], mapping, times, value, bounds, present)
        _begin(count, present, bounds, plan, hints, reals, wholes)
        for row in range(first, last):
            if found + width > len(columns):
                columns, results = _grown(columns, found, width), _grown(results, found, width)
            room = (reals, wholes, hints, columns, results)
            found = _row(
                moments[row], count, present, bounds, times, value, most, room, plan, kept, found
            )
            for place in range(len(fixed_columns)):
                columns[found], results[found] = fixed_columns[place], fixed[row, place]
                found += 1
            if fills:
                for place in range(width):
                    dense[row, place] = implied[place]
                for place in range(found):
                    dense[row, columns[place]] = results[place]
                found = 0
            starts[row + 1] = found
        for place in range(count):
            bounds[1, present[place]] = 0
    return starts, columns[:found], results[:found]


@allocating
def _grown(array: Any, filled: int, width: int) -> Any:
    """Twice as long, and one row of the matrix more."""
    more = np.empty(2 * len(array) + width, array.dtype)
    for place in range(filled):
        more[place] = array[place]
    return more


@compiled
def _begin(
    count: int, present: Any, bounds: Any, plan: Any, hints: Any, reals: Any, wholes: Any
) -> None:
    """Nothing of this subject has been seen yet."""
    rows = plan[0]
    for place in range(count):
        series = present[place]
        bounds[3, series] = bounds[0, series]
        for group in range(rows[series, 0], rows[series, 1]):
            hints[group] = bounds[0, series]
        clear(reals, wholes, series)


@compiled
def _row(
    moment: int, count: int, present: Any, bounds: Any, times: Any, value: Any, most: int,
    room: Any, plan: Any, kept: Any, found: int,
) -> int:  # fmt: skip
    """Put all figures of one subject at one moment behind the `found` ones; their number now."""
    for place in range(count):
        series = present[place]
        low, stop = bounds[0, series], bounds[1, series]
        plain = bounds[2, series] != 0
        if plain:
            high = bounds[3, series]
            while high < stop and times[TIME, high] <= moment and times[KNOWN, high] <= moment:
                high += 1
            bounds[3, series] = high
        else:
            high = visible(times, value, low, stop, moment, most)
            low = most
        if high > low:
            found = _moment_of_series(
                series, moment, times, value, low, high, plain, room, plan, kept, found
            )
    return found


@allocating
def _columns(held: Any, values: Any, size: int) -> Any:
    """The events that a stream holds as those of `walk`; the series is the code."""
    nobody_asks = np.empty(0, np.int64)
    return (
        held[0, :size], held[1, :size], held[2, :size], held[3, :size], held[4, :size], nobody_asks,
        values[:size],
    )  # fmt: skip


@entry(figures, gathering)
def at_moment(
    held: Any, values: Any, size: int, moment: int, mapping: Any, plan: Any, folded: Any,
    kept: Any, dense: Any,
) -> None:  # fmt: skip
    """The figures of one subject from the events that are held and those folded in before.

    Args:
        held: Shape (6, n), by time: series, time, known_at, superseded_at, end, record.
        values: Shape (n,): the numbers of the events.
        size: How many events there are; the places from there on are empty.
        moment: The prediction time.
        mapping: As for `walk`.
        plan: As for `walk`.
        folded: By series, and two rows more to work in: real numbers, shape (n + 2, N_REALS), and
            whole ones, (n + 2, N_WHOLES).
        kept: Intervals that still run, of events that were folded in: series, time, end.
        dense: Shape (k,), holding what is implied; the figures are put into it.
    """
    n_series, most = len(plan[0]), size
    events = _columns(held, values, size)
    times, value = np.empty((5, 2 * most), np.int64), np.empty(2 * most)
    bounds = np.zeros((4, n_series), np.int64)
    present = np.empty(n_series, np.int64)
    columns, results = np.empty(len(dense), np.int32), np.empty(len(dense))
    room = (folded[0], folded[1], np.empty(len(plan[1]), np.int64), columns, results)
    wholes = folded[1]
    gather(events, 0, most, moment, mapping, times, value, bounds, present)
    found = 0
    for series in range(n_series):
        high = visible(times, value, bounds[0, series], bounds[1, series], moment, most)
        if high > most or wholes[series, EVENTS] > 0:
            found = _moment_of_series(
                series, moment, times, value, most, high, False, room, plan, kept, found
            )
    for place in range(found):
        dense[columns[place]] = results[place]


@entry(figures, gathering)
def forget(
    held: Any, values: Any, size: int, boundary: int, moment: int, mapping: Any, needs: Any,
    folded: Any, gone: Any,
) -> None:  # fmt: skip
    """Fold in the events up to a boundary that nothing can change any more.

    A series is folded in from its oldest event on, up to the first that is not yet known at the
    moment, or is corrected later. What is corrected already is dropped.

    Args:
        held: As for `at_moment`.
        values: As for `at_moment`.
        size: As for `at_moment`.
        boundary: The latest time of an event that is folded in.
        moment: The latest prediction time so far; no earlier one is asked again.
        mapping: As for `walk`.
        needs: By series, what is to be kept.
        folded: As for `at_moment`; it is changed.
        gone: Shape (events,): 1 for what was folded in, 2 for what was dropped.
    """
    n_series, capacity = len(needs), size
    events = _columns(held, values, size)
    reals, wholes = folded
    times, value = np.empty((5, capacity), np.int64), np.empty(capacity)
    bounds = np.zeros((4, n_series), np.int64)
    present = np.empty(n_series, np.int64)
    count = gather(events, 0, capacity, NEVER, mapping, times, value, bounds, present)
    for place in range(count):
        series = present[place]
        for at in range(bounds[0, series], bounds[1, series]):
            if times[TIME, at] > boundary or times[KNOWN, at] > moment:
                break
            if times[SUPERSEDED, at] <= moment:
                gone[times[EVENT, at]] = 2
                continue
            if times[SUPERSEDED, at] != NEVER:
                break
            fold(needs[series], times, value, at, at + 1, reals, wholes, series)
            fold_spans(times, at, at + 1, wholes, series)
            gone[times[EVENT, at]] = 1
