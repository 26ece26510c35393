"""What the windows of each row hold: bounds, the washout, the label."""

from collections.abc import Iterator

import numpy as np

from bedside.cohorts.question.edges import EdgeTimes
from bedside.cohorts.question.entries import ALWAYS, Bools, Ints
from bedside.cohorts.question.predicates import Shard
from bedside.core.clock import microseconds, parse_duration
from bedside.core.records.question import Washout, Window
from bedside.core.records.question_grammar import parse_bounds

__all__ = ["bounds_met", "labelled", "washed_out"]


def bounds_met(
    shard: Shard,
    window: Window,
    edges: tuple[EdgeTimes, EdgeTimes],
    subject: Ints,
    prediction: Ints,
) -> Iterator[tuple[str, str, Bools]]:
    """Each bound of a window: its predicate, the bound, and which rows keep it; shape (rows,).

    In a window that ends by the prediction time, events count as they were known then.
    """
    start, end = edges
    closed = (window.start_inclusive, window.end_inclusive)
    for name, text in window.has.items():
        low, high = parse_bounds(text)
        is_past = end.found & start.found & (end.time <= prediction)
        past, other = np.flatnonzero(is_past), np.flatnonzero(~is_past)
        count = np.zeros(len(subject), np.int64)
        if len(past):
            count[past] = shard.history(name).known(
                subject[past], start.time[past], end.time[past], closed=closed, at=prediction[past]
            )
        if len(other):
            count[other] = shard.moments(name).count(
                subject[other], start.time[other], end.time[other], closed=closed
            )
        met = np.ones(len(count), np.bool_)
        if low is not None:
            met &= count >= low
        if high is not None:
            met &= count <= high
        yield name, text, met


def labelled(
    shard: Shard, window: Window, edges: tuple[EdgeTimes, EdgeTimes], subject: Ints, settles: int
) -> tuple[Ints, Ints]:
    """When the label's predicate first holds in the window, and when its absence is known."""
    start, end = edges
    first = shard.moments(str(window.label)).first(
        subject,
        start.time,
        end.time,
        closed=(window.start_inclusive, window.end_inclusive),
    )
    known = np.full(len(subject), ALWAYS) if end.happened else end.time + settles
    return first, known


def washed_out(shard: Shard, washout: Washout, subject: Ints, prediction: Ints) -> Bools:
    """Rows with the predicate in the span up to the prediction time, as it was known then."""
    start = np.full_like(prediction, ALWAYS)
    if washout.span is not None:
        start = prediction - microseconds(parse_duration(washout.span))
    counted = shard.history(washout.predicate).known(
        subject, start, prediction, closed=(True, True), at=prediction
    )
    return counted > 0
