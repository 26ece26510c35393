"""What is kept of a run of events, and the figures that it gives; compiled.

Events are folded in one by one, from the oldest to the newest. A fold may stop and go on later:
the same events in the same order give the same bits. So a shard, a request and a stream that has
forgotten old events agree.
"""

from typing import Any

import numpy as np

from bedside.features.compiled import compiled

ALWAYS: int = np.iinfo(np.int64).min
NEVER: int = np.iinfo(np.int64).max
HOUR = 3_600_000_000  # microseconds

TIME, KNOWN, SUPERSEDED, END, EVENT = range(5)  # rows of `times`; EVENT is its place before

# An accumulator's real numbers, and its whole numbers: how many events, when the last was, the
# points of the line and where its x starts; of intervals what is covered, the one that still
# grows, and the last end; and how many events are folded in already.
SUM, LOW, HIGH, FIRST, LAST, MEAN, SQUARES, MEAN_X, MEAN_Y, SQUARES_X, PRODUCTS = range(11)
RUNNING, COVERS, BASELINE = range(11, 14)  # of one moment only
N_REALS = 14
EVENTS, EVENT_TIME, POINTS, ORIGIN, COVERED, SPAN_START, SPAN_END, LAST_END, DONE = range(9)
N_WHOLES = 9

MEANS, SPREADS, SLOPES, RUNS, SPANS = 1, 2, 4, 8, 16  # what a group needs besides its two ends
WINDOW, BASE, NEEDS, FROM, UNTIL = range(5)  # columns of `groups`; WINDOW is NEVER for all
BY_VALUE, BY_MARK = -1, -2  # how a series makes numbers, unless it has a row of labels
AGGREGATE, COLUMN = range(2)  # columns of `features`
AGGREGATES = (
    "count", "missing", "hours_since", "last", "last_is", "first", "change", "sum", "mean", "min",
    "max", "sd", "slope", "from_baseline", "active", "hours_active",
)  # fmt: skip
NUMBER_OF = {name: number for number, name in enumerate(AGGREGATES)}
(COUNT, MISSING, HOURS_SINCE, LAST_OF, LAST_IS, FIRST_OF, CHANGE, SUM_OF, MEAN_OF, MIN, MAX, SD,
 SLOPE, FROM_BASELINE, ACTIVE, HOURS_ACTIVE) = range(16)  # fmt: skip


NO_REALS, NO_WHOLES = np.zeros(N_REALS), np.zeros(N_WHOLES, dtype=np.int64)
NO_REALS[LOW], NO_REALS[HIGH] = np.inf, -np.inf
NO_WHOLES[[EVENT_TIME, SPAN_START, SPAN_END, LAST_END]] = ALWAYS


@compiled
def copy(reals: Any, wholes: Any, to_reals: Any, to_wholes: Any) -> None:
    """The same has been folded in."""
    for place in range(N_REALS):
        to_reals[place] = reals[place]
    for place in range(N_WHOLES):
        to_wholes[place] = wholes[place]


@compiled
def clear(reals: Any, wholes: Any) -> None:
    """Nothing has been folded in."""
    copy(NO_REALS, NO_WHOLES, reals, wholes)


@compiled
def fold(needs: int, time: Any, value: Any, low: int, high: int, reals: Any, wholes: Any) -> None:
    """Fold in the events low to high."""
    if high <= low:
        return
    before = wholes[EVENTS]
    wholes[EVENTS] = before + high - low
    wholes[EVENT_TIME] = time[high - 1]
    reals[LAST] = value[high - 1]
    if before == 0:
        reals[FIRST] = value[low]
    if needs & MEANS:
        _fold_means(value, low, high, reals)
    if needs & SPREADS:
        _fold_spread(value, low, high, reals, before)
    if needs & SLOPES:
        _fold_slope(time, value, low, high, reals, wholes)


@compiled
def _fold_means(value: Any, low: int, high: int, reals: Any) -> None:
    """The sum, the least and the most."""
    total, least, most = reals[SUM], reals[LOW], reals[HIGH]
    for at in range(low, high):
        number = value[at]
        total += number
        least = min(least, number)
        most = max(most, number)
    reals[SUM], reals[LOW], reals[HIGH] = total, least, most


@compiled
def _fold_spread(value: Any, low: int, high: int, reals: Any, count: int) -> None:
    """Mean and squared deviations, one by one (Welford, Technometrics 1962;4(3):419-420)."""
    mean, squares = reals[MEAN], reals[SQUARES]
    for at in range(low, high):
        count += 1
        away = value[at] - mean
        mean += away / count
        squares += away * (value[at] - mean)
    reals[MEAN], reals[SQUARES] = mean, squares


@compiled
def _fold_slope(time: Any, value: Any, low: int, high: int, reals: Any, wholes: Any) -> None:
    """The moments of a line through the events with a time; x is in hours since the first."""
    points, origin = wholes[POINTS], wholes[ORIGIN]
    mean_x, mean_y = reals[MEAN_X], reals[MEAN_Y]
    squares, products = reals[SQUARES_X], reals[PRODUCTS]
    for at in range(low, high):
        if time[at] == ALWAYS:
            continue
        if points == 0:
            origin = time[at]
        points += 1
        x = (time[at] - origin) / HOUR
        away = x - mean_x
        mean_x += away / points
        mean_y += (value[at] - mean_y) / points
        squares += away * (x - mean_x)
        products += away * (value[at] - mean_y)
    wholes[POINTS], wholes[ORIGIN] = points, origin
    reals[MEAN_X], reals[MEAN_Y] = mean_x, mean_y
    reals[SQUARES_X], reals[PRODUCTS] = squares, products


@compiled
def fold_spans(time: Any, end: Any, low: int, high: int, wholes: Any) -> None:
    """Fold in the intervals [time, end), by their starts; one without a start is none."""
    for at in range(low, high):
        if time[at] == ALWAYS or end[at] <= time[at]:
            continue
        wholes[LAST_END] = max(wholes[LAST_END], end[at])
        if wholes[SPAN_END] != ALWAYS and time[at] <= wholes[SPAN_END]:
            wholes[SPAN_END] = max(wholes[SPAN_END], end[at])
            continue
        if wholes[SPAN_END] != ALWAYS:
            wholes[COVERED] += wholes[SPAN_END] - wholes[SPAN_START]
        wholes[SPAN_START], wholes[SPAN_END] = time[at], end[at]


@compiled
def covers(time: Any, end: Any, low: int, high: int, opened: int, moment: int, folded: Any) -> Any:
    """The hours of (opened, moment] in any interval; the folded ones start before the others."""
    covered, start, stop = 0, ALWAYS, ALWAYS
    if opened == ALWAYS and folded[LAST_END] != ALWAYS:
        covered, start = folded[COVERED], folded[SPAN_START]
        stop = min(folded[SPAN_END], moment)
    elif folded[LAST_END] > opened:
        start, stop = opened, min(folded[LAST_END], moment)
    for at in range(low, high):
        begin, until = max(time[at], opened), min(end[at], moment)
        if time[at] == ALWAYS or until <= begin:
            continue
        if stop != ALWAYS and begin <= stop:
            stop = max(stop, until)
            continue
        if stop != ALWAYS:
            covered += stop - start
        start, stop = begin, until
    if stop != ALWAYS:
        covered += stop - start
    return covered / HOUR


@compiled
def runs(
    series: int, time: Any, end: Any, low: int, high: int, opened: int, moment: int, kept: Any
) -> float:
    """1 if an interval that began in (opened, moment] holds the moment, else 0."""
    for at in range(low, high):
        if end[at] > moment and time[at] != ALWAYS:
            return 1.0
    for row in range(kept.shape[0]):
        if kept[row, 0] == series and kept[row, 1] > opened and kept[row, 2] > moment:
            return 1.0
    return 0.0


@compiled
def figure_of(aggregate: int, parameter: float, moment: int, reals: Any, wholes: Any) -> Any:  # noqa: PLR0911, PLR0912 - one return for each aggregate
    """One aggregate of what was folded in; NaN where it has no answer."""
    if aggregate == COUNT:
        return float(wholes[EVENTS])
    if aggregate == MISSING:
        return 0.0 if wholes[EVENTS] > 0 else 1.0
    if aggregate == ACTIVE:
        return reals[RUNNING]
    if aggregate == HOURS_ACTIVE:
        return reals[COVERS]
    if aggregate == HOURS_SINCE:
        if wholes[EVENT_TIME] == ALWAYS:  # there is none, or it has no time
            return np.nan
        return (moment - wholes[EVENT_TIME]) / HOUR / parameter
    if wholes[EVENTS] == 0:
        return np.nan
    if aggregate == LAST_OF:
        return reals[LAST]
    if aggregate == MEAN_OF:
        return reals[SUM] / wholes[EVENTS]
    if aggregate == MIN:
        return reals[LOW]
    if aggregate == MAX:
        return reals[HIGH]
    if aggregate == SUM_OF:
        return reals[SUM]
    if aggregate == CHANGE:
        return reals[LAST] - reals[FIRST]
    if aggregate == FIRST_OF:
        return reals[FIRST]
    if aggregate == SD:
        return np.sqrt(reals[SQUARES] / (wholes[EVENTS] - 1)) if wholes[EVENTS] > 1 else np.nan
    if aggregate == SLOPE:
        return reals[PRODUCTS] / reals[SQUARES_X] if reals[SQUARES_X] > 0.0 else np.nan
    if aggregate == LAST_IS:
        return 1.0 if reals[LAST] == parameter else 0.0
    return reals[LAST] - reals[BASELINE]  # FROM_BASELINE
