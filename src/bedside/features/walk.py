"""One walk over each subject's events and prediction times, oldest first; compiled.

A subject's events are laid side by side by series, in the order of time, known_at and value, and
each figure is folded from them in that order, whatever brought them: a shard, a request, a stream.
"""

from typing import Any

import numpy as np

from bedside.features import figures
from bedside.features import gather as gathering
from bedside.features.compiled import compiled, entry
from bedside.features.figures import (
    AGGREGATE,
    ALWAYS,
    BASE,
    BASELINE,
    COLUMN,
    COVERS,
    DONE,
    END,
    EVENT,
    EVENT_TIME,
    EVENTS,
    FROM,
    KNOWN,
    LAST,
    MEANS,
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
    fold_spans,
    runs,
)  # fmt: skip
from bedside.features.gather import gather, visible

__all__ = ["at_moment", "forget", "walk"]


@compiled
def _moment_of_series(
    series: int, moment: int, time: Any, end: Any, value: Any, low: int, high: int, hints: Any,
    goes_on: bool, plan: Any, reals: Any, wholes: Any, kept: Any, work: Any, found: int,
) -> int:  # fmt: skip
    """Put every figure of one series at one moment behind the `found` ones; their number now.

    Args:
        series: Which one.
        moment: The prediction time.
        time: With `end` and `value`: what is visible lies from low to high.
        end: Of the intervals.
        value: NaN without a number.
        low: See `time`.
        high: See `time`.
        hints: Where each group's window began last time.
        goes_on: The next moment of this subject is later and sees more of the same events.
        plan: Of the features (series, groups, features, figures).
        reals: What is folded in already of this series.
        wholes: The same, whole numbers.
        kept: Intervals that still run, of events that were folded in: series, time, end.
        work: An accumulator, one for baselines, and where the figures are put.
        found: Figures so far.
    """
    rows, groups, features, settings = plan
    now, counts, before, counts_before, columns, results = work
    for group in range(rows[series, 0], rows[series, 1]):
        window, needs = groups[group, WINDOW], groups[group, NEEDS]
        opened, at, first = ALWAYS, low, low + wholes[DONE]
        if window == NEVER:
            copy(reals, wholes, now, counts)
        else:
            opened = moment - window
            at = hints[group] if goes_on else low
            while at < high and time[at] <= opened:
                at += 1
            hints[group] = first = at
            clear(now, counts)
        fold(needs, time, value, first, high, now, counts)
        if window == NEVER and goes_on:
            counts[DONE] = high - low
            copy(now, counts, reals, wholes)
        elif counts[EVENTS] == 0 and wholes[EVENT_TIME] > opened:  # only what is last is asked
            counts[EVENTS], counts[EVENT_TIME], now[LAST] = 1, wholes[EVENT_TIME], reals[LAST]
        if counts[EVENTS] == 0 and not needs & (RUNS | SPANS):
            continue  # everything is as implied
        if groups[group, BASE] > 0:
            since = opened - groups[group, BASE]
            now[BASELINE] = _mean_since(since, time, value, low, at, before, counts_before)
        if needs & RUNS:
            now[RUNNING] = runs(series, time, end, at, high, opened, moment, kept)
        if needs & SPANS:
            now[COVERS] = covers(time, end, low, high, opened, moment, wholes)
        for place in range(groups[group, FROM], groups[group, UNTIL]):
            aggregate = features[place, AGGREGATE]
            figure = figure_of(aggregate, settings[place, 0], moment, now, counts)
            if not np.isnan(figure) and figure != settings[place, 1]:
                columns[found], results[found] = features[place, COLUMN], figure
                found += 1
    return found


@compiled
def _mean_since(
    since: int, time: Any, value: Any, low: int, high: int, reals: Any, wholes: Any
) -> Any:
    """The mean of the values after a time, up to but without `high`; NaN without any."""
    first = high
    while first > low and time[first - 1] > since:
        first -= 1
    if first == high:
        return np.nan
    clear(reals, wholes)
    fold(MEANS, time, value, first, high, reals, wholes)
    return reals[SUM] / (high - first)


@entry(figures, gathering)
def walk(
    events: Any, ranges: Any, moments: Any, mapping: Any, plan: Any, room: Any, fixed: Any,
    fixed_columns: Any, dense: Any,
) -> Any:  # fmt: skip
    """The figures of every asked row.

    Args:
        events: Columns: code, time, known_at, superseded_at, end, label, value. The columns
            end and label may be empty: then nobody asks.
        ranges: Shape (subjects, 4): first event, one past the last, and the same of the rows.
        moments: Prediction times, ascending within a subject.
        mapping: From codes to series, and from labels to numbers.
        plan: Series, groups, features and their figures (see `bedside.features.plan`).
        room: The most events of a subject, and the columns of the matrix.
        fixed: Shape (rows, c): figures that need no event.
        fixed_columns: Their columns.
        dense: Where the figures are put; with no row in it, they are returned.

    Returns:
        Where each row starts, the columns, and the values; empty when `dense` is filled.
    """
    capacity, width = room
    n_series, n_rows = len(plan[0]), len(moments)
    times, value = np.empty((5, capacity), np.int64), np.empty(capacity)
    seen, numbers = np.empty((2, capacity), np.int64), np.empty(capacity)
    bounds = np.zeros((4, n_series), np.int64)
    present = np.empty(n_series, np.int64)
    hints = np.empty(len(plan[1]), np.int64)
    reals = np.empty((n_series, N_REALS))
    wholes = np.empty((n_series, N_WHOLES), np.int64)
    kept = np.empty((0, 3), np.int64)
    work = _room(width)
    starts = np.zeros(n_rows + 1, np.int64)
    size = 0 if len(dense) else max(width, 16 * n_rows)
    columns, results = np.empty(size, np.int32), np.empty(size)
    filled = 0
    for subject in range(len(ranges)):
        low, high = ranges[subject, 0], ranges[subject, 1]
        first, last = ranges[subject, 2], ranges[subject, 3]
        if first == last:
            continue
        count = gather(events, low, high, moments[last - 1], mapping, times, value, bounds, present)
        _begin(count, present, bounds, plan, hints, reals, wholes)
        for row in range(first, last):
            found = _row(
                moments[row], count, present, bounds, times, value, seen, numbers, hints, plan,
                reals, wholes, kept, work,
            )  # fmt: skip
            for place in range(len(fixed_columns)):
                work[4][found], work[5][found] = fixed_columns[place], fixed[row, place]
                found += 1
            if len(dense):
                for place in range(found):
                    dense[row, work[4][place]] = work[5][place]
                continue
            if filled + found > size:
                size = 2 * size + width
                columns, results = _grown(columns, size), _grown(results, size)
            for place in range(found):
                columns[filled], results[filled] = work[4][place], work[5][place]
                filled += 1
            starts[row + 1] = filled
        for place in range(count):
            bounds[1, present[place]] = 0
    return starts, columns[:filled], results[:filled]


@compiled
def _room(width: int) -> Any:
    """Two accumulators, and where the figures of one row are put: columns and values."""
    return (
        np.empty(N_REALS), np.empty(N_WHOLES, np.int64), np.empty(N_REALS),
        np.empty(N_WHOLES, np.int64), np.empty(width, np.int32), np.empty(width),
    )  # fmt: skip


@compiled
def _grown(array: Any, size: int) -> Any:
    more = np.empty(size, array.dtype)
    for place in range(len(array)):
        more[place] = array[place]
    return more


@compiled
def _begin(
    count: int, present: Any, bounds: Any, plan: Any, hints: Any, reals: Any, wholes: Any
) -> None:
    """Nothing of this subject has been seen yet."""
    for place in range(count):
        series = present[place]
        bounds[3, series] = bounds[0, series]
        for group in range(plan[0][series, 0], plan[0][series, 1]):
            hints[group] = bounds[0, series]
        clear(reals[series], wholes[series])


@compiled
def _row(
    moment: int, count: int, present: Any, bounds: Any, times: Any, value: Any, seen: Any,
    numbers: Any, hints: Any, plan: Any, reals: Any, wholes: Any, kept: Any, work: Any,
) -> int:  # fmt: skip
    """All figures of one subject at one moment; how many there are."""
    found = 0
    for place in range(count):
        series = present[place]
        low, stop = bounds[0, series], bounds[1, series]
        plain = bounds[2, series] != 0
        time, end, own = times[TIME], times[END], value
        if plain:
            high = bounds[3, series]
            while high < stop and times[TIME, high] <= moment and times[KNOWN, high] <= moment:
                high += 1
            bounds[3, series] = high
        else:
            time, end, own = seen[0], seen[1], numbers
            high = visible(times, value, low, stop, moment, seen, numbers)
            low = 0
        if high > low:
            found = _moment_of_series(
                series, moment, time, end, own, low, high, hints, plain, plan, reals[series],
                wholes[series], kept, work, found,
            )  # fmt: skip
    return found


@entry(figures, gathering)
def at_moment(
    events: Any, moment: int, mapping: Any, plan: Any, folded: Any, kept: Any, dense: Any
) -> None:
    """The figures of one subject from the events that are held and those folded in before.

    Args:
        events: As for `walk`, by time; the code is the series.
        moment: The prediction time.
        mapping: As for `walk`.
        plan: As for `walk`.
        folded: By series: real numbers, shape (n, N_REALS), and whole ones, (n, N_WHOLES).
        kept: Intervals that still run, of events that were folded in: series, time, end.
        dense: Shape (k,), holding what is implied; the figures are put into it.
    """
    n_series, capacity = len(plan[0]), len(events[0])
    times, value = np.empty((5, capacity), np.int64), np.empty(capacity)
    seen, numbers = np.empty((2, capacity), np.int64), np.empty(capacity)
    bounds = np.zeros((4, n_series), np.int64)
    present = np.empty(n_series, np.int64)
    hints = np.empty(len(plan[1]), np.int64)
    work = _room(len(dense))
    gather(events, 0, capacity, moment, mapping, times, value, bounds, present)
    for series in range(n_series):
        reals, wholes = folded[0][series], folded[1][series]
        high = visible(times, value, bounds[0, series], bounds[1, series], moment, seen, numbers)
        if high > 0 or wholes[EVENTS] > 0:
            found = _moment_of_series(
                series, moment, seen[0], seen[1], numbers, 0, high, hints, False, plan, reals,
                wholes, kept, work, 0,
            )  # fmt: skip
            for place in range(found):
                dense[work[4][place]] = work[5][place]


@entry(figures, gathering)
def forget(
    events: Any, boundary: int, moment: int, mapping: Any, needs: Any, folded: Any, gone: Any
) -> None:
    """Fold in the events up to a boundary that nothing can change any more.

    A series is folded in from its oldest event on, up to the first that is not yet known at the
    moment, or is corrected later. What is corrected already is dropped.

    Args:
        events: As for `at_moment`.
        boundary: The latest time of an event that is folded in.
        moment: The latest prediction time so far; no earlier one is asked again.
        mapping: As for `walk`.
        needs: By series, what is to be kept.
        folded: As for `at_moment`; it is changed.
        gone: Shape (events,): 1 for what was folded in, 2 for what was dropped.
    """
    n_series, capacity = len(needs), len(events[0])
    times, value = np.empty((5, capacity), np.int64), np.empty(capacity)
    bounds = np.zeros((4, n_series), np.int64)
    present = np.empty(n_series, np.int64)
    count = gather(events, 0, capacity, NEVER, mapping, times, value, bounds, present)
    for place in range(count):
        series = present[place]
        reals, wholes = folded[0][series], folded[1][series]
        for at in range(bounds[0, series], bounds[1, series]):
            if times[TIME, at] > boundary or times[KNOWN, at] > moment:
                break
            if times[SUPERSEDED, at] <= moment:
                gone[times[EVENT, at]] = 2
                continue
            if times[SUPERSEDED, at] != NEVER:
                break
            fold(needs[series], times[TIME], value, at, at + 1, reals, wholes)
            fold_spans(times[TIME], times[END], at, at + 1, wholes)
            gone[times[EVENT, at]] = 1
