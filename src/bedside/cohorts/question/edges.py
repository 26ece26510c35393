"""When the windows of each row start and end."""

from dataclasses import dataclass

import numpy as np

from bedside.cohorts.question.entries import ALWAYS, NEVER, Bools, Ints
from bedside.cohorts.question.predicates import Shard
from bedside.cohorts.question.prediction_times import Anchors
from bedside.core.clock import microseconds
from bedside.core.records.question import Question
from bedside.core.records.question_grammar import TRIGGER, Edge, edges_in_order

__all__ = ["EdgeTimes", "edge_times"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeTimes:
    """One edge of a window in each row; shape (rows,).

    Args:
        time: Microseconds since 1970 UTC; anything where it was not found.
        found: Whether there is one.
        seen: When the trigger, and the events that the edge hangs on, could all be seen.
        happened: The edge is an event, so that it is over when it is there.
    """

    time: Ints
    found: Bools
    seen: Ints
    happened: bool


def edge_times(question: Question, shard: Shard, anchors: Anchors) -> dict[str, EdgeTimes]:
    """Every edge of the question, and `trigger`, by name."""
    known = {
        TRIGGER: EdgeTimes(
            time=anchors.time,
            found=np.ones(len(anchors), np.bool_),
            seen=anchors.seen,
            happened=False,
        )
    }
    for name, edge in edges_in_order(question.windows).items():
        known[name] = _edge(edge, known[edge.of], shard, anchors.subject)
    return known


def _edge(edge: Edge, of: EdgeTimes, shard: Shard, subject: Ints) -> EdgeTimes:
    if edge.event is None:
        offset = microseconds(edge.offset)
        return EdgeTimes(
            time=of.time + offset,
            found=of.found,
            seen=of.seen,
            happened=of.happened and not offset,
        )
    moments = shard.moments(edge.event)
    search = moments.next if edge.forward else moments.previous
    time, seen = search(subject, of.time, inclusive=edge.inclusive)
    found = of.found & (time != (NEVER if edge.forward else ALWAYS))
    return EdgeTimes(
        time=np.where(found, time, 0), found=found, seen=np.maximum(of.seen, seen), happened=True
    )
