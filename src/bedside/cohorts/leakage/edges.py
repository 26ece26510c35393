"""Where the edges of a question's windows can lie, compared with the prediction time."""

import math
from dataclasses import dataclass

from bedside.core.records.question import RECORD_END, Question
from bedside.core.records.question_grammar import (
    TRIGGER,
    Edge,
    edges_in_order,
    index_edge,
    labelled_window,
)

__all__ = ["Place", "may_be_after", "places_of", "prediction_place", "reaches_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A moment: some hours from an anchor that only the data place.

    Args:
        anchor: `trigger`, or the edge that an event or the end of the record places.
        hours: From the anchor to this moment.
        low: The least hours that it can lie from the trigger.
        high: The most.
        through: The predicates whose events place it.
    """

    anchor: str = TRIGGER
    hours: float = 0.0
    low: float = 0.0
    high: float = 0.0
    through: tuple[str, ...] = ()

    @property
    def at_record_end(self) -> bool:
        """Whether the end of the record places it."""
        return RECORD_END in self.through


def places_of(question: Question) -> dict[str, Place]:
    """The place of the trigger, and of every edge by its name, `NAME.start` or `NAME.end`."""
    places = {TRIGGER: Place()}
    for name, edge in edges_in_order(question.windows).items():
        places[name] = _from(places[edge.of], edge, name)
    return places


def prediction_place(question: Question) -> Place:
    """Where the prediction time lies: at the edge that says so, or at the trigger."""
    return places_of(question)[index_edge(question)]


def may_be_after(place: Place, other: Place) -> bool:
    """Whether the one can lie after the other.

    >>> may_be_after(Place(hours=48, low=48, high=48), Place(hours=24, low=24, high=24))
    True
    """
    if place.anchor == other.anchor:
        return place.hours > other.hours
    return place.high > other.low


def reaches_back(question: Question) -> bool:
    """Whether the outcome is looked for at or before the prediction time as well."""
    labelled = labelled_window(question)
    if labelled is None:
        return False
    name, window = labelled
    moment, start = prediction_place(question), places_of(question)[f"{name}.start"]
    at_once = (start.anchor, start.hours) == (moment.anchor, moment.hours)
    return may_be_after(moment, start) or (at_once and window.start_inclusive)


def _from(base: Place, edge: Edge, name: str) -> Place:
    if edge.event is not None:
        return Place(
            anchor=name,
            low=base.low if edge.forward else -math.inf,
            high=math.inf if edge.forward else base.high,
            through=(*base.through, edge.event),
        )
    hours = edge.offset.total_seconds() / 3600
    return Place(
        anchor=base.anchor,
        hours=base.hours + hours,
        low=base.low + hours,
        high=base.high + hours,
        through=base.through,
    )
