"""The label and the target of each row, now that it is known when all the data end."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.cohorts.question.answering import Answered
from bedside.cohorts.question.entries import Bools, Ints
from bedside.core.records.outcome import Outcome

__all__ = ["KNOWN", "Judged", "judged"]

Floats = npt.NDArray[np.float64]

KNOWN = {
    "binary": "The label is known.",
    "survival": "Followed for some time after the prediction time.",
    "multiclass": "The level is known.",
    "ordinal": "The level is known.",
    "regression": "The value is known.",
}
"""What the last step of the flow says, by kind of outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came true of the rows of a shard; shape (rows,) each.

    Args:
        label: As `core.records.outcome` numbers it.
        known: Whether the label is.
        target: Days of follow-up, or the value; None where the kind has none.
        event: With a time at risk: 1 outcome, 2 competing, 0 neither.
        hours: With a time at risk: until what came first.
    """

    label: Ints
    known: Bools
    target: Floats | None = None
    event: Ints | None = None
    hours: Floats | None = None


def judged(part: Answered, outcome: Outcome, data_end: int, settles: int) -> Judged:
    """Label each row of a shard.

    Args:
        part: The rows.
        outcome: What is asked of the event.
        data_end: Microseconds since 1970 UTC.
        settles: Microseconds for which what happened may still be written down.
    """
    event = hours = None
    if part.follow_up is None:
        positive, known = part.positive, part.positive | (part.known_from <= data_end)
    elif outcome.kind == "survival":
        event, hours = part.follow_up.followed(data_end - settles)
        return Judged(label=event, known=hours > 0, target=hours / 24, event=event, hours=hours)
    else:
        positive, known, event, hours = part.follow_up.judged(data_end, settles)
    if part.content is None:
        return Judged(label=positive.astype(np.int64), known=known, event=event, hours=hours)
    known = positive & ~np.isnan(part.content)
    if outcome.kind == "regression":
        label, target = np.zeros(len(known), np.int64), np.where(known, part.content, np.nan)
        return Judged(label=label, known=known, target=target, event=event, hours=hours)
    label = np.where(known, part.content, 0).astype(np.int64)
    return Judged(label=label, known=known, event=event, hours=hours)
