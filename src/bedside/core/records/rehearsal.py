"""A year of a model in use that is rehearsed: what happens on which day."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Happening", "Rehearsal", "RehearsalEvent"]

Happening = Literal[
    "rescale",
    "drop",
    "live",
    "resume",
    "resolve",
    "retrain",
    "retrain_badly",
    "promote",
    "rollback",
]
"""`rescale` and `drop` change the events of a signal from that day on; the others are verbs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalEvent:
    """What happens on a day.

    Args:
        day: Counted from 0; it happens before that day's first question.
        then: What.
        signal: Of `rescale` and `drop`.
        factor: Of `rescale`: what each value is multiplied by, as in another unit.
        share: Of `rescale` and `drop`: the share of the patients whom it hits; of `retrain_badly`:
            the share of the outcomes that stand wrong in the data.
        until: Of `rescale` and `drop`: the day on which it is mended; None: never.
        because: Why, as the ledger keeps it.
    """

    day: int
    then: Happening
    signal: str = ""
    factor: float = 1.0
    share: float = 1.0
    until: int | None = None
    because: str = "rehearsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What `rehearsal.yaml` says.

    Args:
        begins: The first day (ISO date) of the clock that is simulated.
        days: How many days.
        built_from: The share of the patients from whom the first version learns; the others come
            in the course of the year.
        patients_per_day: So many come each day, each once, until none is left.
        questions_per_patient: At most so many, spread over the patient's stay.
        known_after: How long after a question its outcome becomes known.
        seed: Who comes when, and whom a change hits.
        events: What happens beside it.
    """

    begins: str = "2026-01-01"
    days: int = 365
    built_from: float = 0.5
    patients_per_day: int = 40
    questions_per_patient: int = 3
    known_after: str = "3 d"
    seed: int = 1
    events: tuple[RehearsalEvent, ...] = ()
