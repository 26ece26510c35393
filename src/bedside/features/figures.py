"""What is kept of a run of events, and the figures that it gives; compiled.

Events are folded in one by one, from the oldest to the newest. A fold may stop and go on later:
the same events in the same order give the same bits. So a shard, a request and a stream that has
forgotten old events agree.
"""

from typing import Any

import numpy as np

from bedside.features.compiled import compiled, inlined

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
def copy(reals: Any, wholes: Any, row: int, to: int) -> None:
    """The accumulator in the row `to` becomes that in `row`."""
    for place in range(N_REALS):
        reals[to, place] = reals[row, place]
    for place in range(N_WHOLES):
        wholes[to, place] = wholes[row, place]


@compiled
def clear(reals: Any, wholes: Any, row: int) -> None:
    """Nothing has been folded in."""
    for place in range(N_REALS):
        reals[row, place] = 0.0
    for place in range(N_WHOLES):
        wholes[row, place] = 0
    reals[row, LOW], reals[row, HIGH] = np.inf, -np.inf
    wholes[row, EVENT_TIME] = wholes[row, LAST_END] = ALWAYS
    wholes[row, SPAN_START] = wholes[row, SPAN_END] = ALWAYS


@compiled
def fold(
    needs: int, times: Any, value: Any, low: int, high: int, reals: Any, wholes: Any, row: int
) -> None:
    """Fold the events low to high into the accumulator of a row."""
    if high <= low:
        return
    before = wholes[row, EVENTS]
    wholes[row, EVENTS] = before + high - low
    wholes[row, EVENT_TIME] = times[TIME, high - 1]
    reals[row, LAST] = value[high - 1]
    if before == 0:
        reals[row, FIRST] = value[low]
    if needs & MEANS:
        fold_means(value, low, high, reals, row)
    if needs & SPREADS:
        _fold_spread(value, low, high, reals, row, before)
    if needs & SLOPES:
        _fold_slope(times, value, low, high, reals, wholes, row)


@compiled
def fold_means(value: Any, low: int, high: int, reals: Any, row: int) -> None:
    """The sum, the least and the most."""
    total, least, most = reals[row, SUM], reals[row, LOW], reals[row, HIGH]
    for at in range(low, high):
        number = value[at]
        total += number
        least = min(least, number)
        most = max(most, number)
    reals[row, SUM], reals[row, LOW], reals[row, HIGH] = total, least, most


@compiled
def _fold_spread(value: Any, low: int, high: int, reals: Any, row: int, count: int) -> None:
    """Mean and squared deviations, one by one (Welford, Technometrics 1962;4(3):419-420)."""
    mean, squares = reals[row, MEAN], reals[row, SQUARES]
    for at in range(low, high):
        count += 1
        away = value[at] - mean
        mean += away / count
        squares += away * (value[at] - mean)
    reals[row, MEAN], reals[row, SQUARES] = mean, squares


@compiled
def _fold_slope(
    times: Any, value: Any, low: int, high: int, reals: Any, wholes: Any, row: int
) -> None:
    """The moments of a line through the events with a time; x is in hours since the first."""
    points, origin = wholes[row, POINTS], wholes[row, ORIGIN]
    mean_x, mean_y = reals[row, MEAN_X], reals[row, MEAN_Y]
    squares, products = reals[row, SQUARES_X], reals[row, PRODUCTS]
    for at in range(low, high):
        time = times[TIME, at]
        if time == ALWAYS:
            continue
        if points == 0:
            origin = time
        points += 1
        x = (time - origin) / HOUR
        away = x - mean_x
        mean_x += away / points
        mean_y += (value[at] - mean_y) / points
        squares += away * (x - mean_x)
        products += away * (value[at] - mean_y)
    wholes[row, POINTS], wholes[row, ORIGIN] = points, origin
    reals[row, MEAN_X], reals[row, MEAN_Y] = mean_x, mean_y
    reals[row, SQUARES_X], reals[row, PRODUCTS] = squares, products


@compiled
def fold_spans(times: Any, low: int, high: int, wholes: Any, row: int) -> None:
    """Fold in the intervals [time, end), by their starts; one without a start is none."""
    for at in range(low, high):
        time, end = times[TIME, at], times[END, at]
        if time == ALWAYS or end <= time:
            continue
        wholes[row, LAST_END] = max(wholes[row, LAST_END], end)
        if wholes[row, SPAN_END] != ALWAYS and time <= wholes[row, SPAN_END]:
            wholes[row, SPAN_END] = max(wholes[row, SPAN_END], end)
            continue
        if wholes[row, SPAN_END] != ALWAYS:
            wholes[row, COVERED] += wholes[row, SPAN_END] - wholes[row, SPAN_START]
        wholes[row, SPAN_START], wholes[row, SPAN_END] = time, end


@compiled
def covers(
    times: Any, low: int, high: int, opened: int, moment: int, folded: Any, row: int
) -> float:
    """The hours of (opened, moment] in any interval; the folded ones start before the others."""
    covered, start, stop = 0, ALWAYS, ALWAYS
    if opened == ALWAYS and folded[row, LAST_END] != ALWAYS:
        covered, start = folded[row, COVERED], folded[row, SPAN_START]
        stop = min(folded[row, SPAN_END], moment)
    elif folded[row, LAST_END] > opened:
        start, stop = opened, min(folded[row, LAST_END], moment)
    for at in range(low, high):
        begin, until = max(times[TIME, at], opened), min(times[END, at], moment)
        if times[TIME, at] == ALWAYS or until <= begin:
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
    series: int, times: Any, low: int, high: int, opened: int, moment: int, kept: Any
) -> float:
    """1 if an interval that began in (opened, moment] holds the moment, else 0."""
    for at in range(low, high):
        if times[END, at] > moment and times[TIME, at] != ALWAYS:
            return 1.0
    for place in range(kept.shape[0]):
        if kept[place, 0] == series and kept[place, 1] > opened and kept[place, 2] > moment:
            return 1.0
    return 0.0


@inlined
def figure_of(  # noqa: PLR0911, PLR0912 - one return for each aggregate
    aggregate: int, parameter: float, moment: int, reals: Any, wholes: Any, row: int
) -> Any:
    """One aggregate of what was folded in; NaN where it has no answer."""
    if aggregate == COUNT:
        return float(wholes[row, EVENTS])
    if aggregate == MISSING:
        return 0.0 if wholes[row, EVENTS] > 0 else 1.0
    if aggregate == ACTIVE:
        return reals[row, RUNNING]
    if aggregate == HOURS_ACTIVE:
        return reals[row, COVERS]
    if aggregate == HOURS_SINCE:
        if wholes[row, EVENT_TIME] == ALWAYS:  # there is none, or it has no time
            return np.nan
        return (moment - wholes[row, EVENT_TIME]) / HOUR / parameter
    if wholes[row, EVENTS] == 0:
        return np.nan
    if aggregate == LAST_OF:
        return reals[row, LAST]
    if aggregate == MEAN_OF:
        return reals[row, SUM] / wholes[row, EVENTS]
    if aggregate == MIN:
        return reals[row, LOW]
    if aggregate == MAX:
        return reals[row, HIGH]
    if aggregate == SUM_OF:
        return reals[row, SUM]
    if aggregate == CHANGE:
        return reals[row, LAST] - reals[row, FIRST]
    if aggregate == FIRST_OF:
        return reals[row, FIRST]
    if aggregate == SD:
        return (
            np.sqrt(reals[row, SQUARES] / (wholes[row, EVENTS] - 1))
            if wholes[row, EVENTS] > 1
            else np.nan
        )
    if aggregate == SLOPE:
        return (
            reals[row, PRODUCTS] / reals[row, SQUARES_X] if reals[row, SQUARES_X] > 0.0 else np.nan
        )
    if aggregate == LAST_IS:
        return 1.0 if reals[row, LAST] == parameter else 0.0
    return reals[row, LAST] - reals[row, BASELINE]  # FROM_BASELINE
