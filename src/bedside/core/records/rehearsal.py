"""A year of a model in use that is rehearsed: what happens on which day, and what must follow."""

from dataclasses import dataclass, field
from typing import Any, Literal

from bedside.core.records.watch import Cause

__all__ = ["OF_EVENTS", "Expected", "Happening", "Rehearsal", "RehearsalEvent"]

Happening = Literal[
    "rescale",
    "drop",
    "mix",
    "quiet",
    "silent",
    "live",
    "hold",
    "resume",
    "resolve",
    "recalibrate",
    "retrain",
    "retrain_badly",
    "promote",
    "rollback",
]
"""`rescale` and `drop` change the events of a signal from that day on, `mix` who comes; in `quiet`
nothing happens, and no alarm should come; the others are verbs."""

OF_EVENTS = ("rescale", "drop")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must follow an event, or the rehearsal has failed.

    Args:
        cause: An alarm with one of these causes is raised.
        within: So many days after the event.
        stage: A version that was made since the event comes to this stage.
        refused: The act itself must be refused, as by a gate.
    """

    cause: tuple[Cause, ...] = ()
    within: int = 7
    stage: Literal["", "silent", "canary", "live"] = ""
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalEvent:
    """What happens on a day.

    Args:
        day: Counted from 0; it happens before that day's first question.
        then: What.
        signal: Of `rescale`, `drop` and `mix`, and of `retrain_badly`.
        factor: Of `rescale`: what each value is multiplied by, as in another unit. Of `mix`: how
            many times as likely those patients come. Of `retrain_badly`: as of `rescale`, in the
            table from which it learns.
        at_least: Of `mix`: it is about patients whose signal is at least so high once.
        share: Of `rescale` and `drop`: the share of the patients whom it hits; of `retrain_badly`:
            the share of the outcomes that stand wrong in the data.
        until: Of `rescale`, `drop`, `mix` and `quiet`: the day on which it ends; None: never.
        of: Of `silent` and `live`: the version in use, or the newest that was made.
        recent: Of `recalibrate`: on the patients of so many days.
        because: Why, as the ledger keeps it.
        expect: What must follow.
    """

    day: int
    then: Happening
    signal: str = ""
    factor: float = 1.0
    at_least: float | None = None
    share: float = 1.0
    until: int | None = None
    of: Literal["in_use", "newest"] = "in_use"
    recent: int = 60
    because: str = "rehearsed"
    expect: Expected | None = None


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
        asked_every: Only every so manieth row of a patient is asked about. Where that is more
            than 1, the table gets a column `asked` that is 1 in those rows, for `overrides` to
            ask at, so that versions learn from the same moments.
        known_after: How long after a question its outcome becomes known.
        seed: Who comes when, and whom a change hits.
        overrides: What is otherwise than in the declaration, by its dotted place, such as
            `learner.rounds`; null leaves it out.
        lighter: What that means, in words; they stand on every page.
        events: What happens beside it.
    """

    begins: str = "2026-01-01"
    days: int = 365
    built_from: float = 0.5
    patients_per_day: int = 40
    questions_per_patient: int = 3
    asked_every: int = 1
    known_after: str = "3 d"
    seed: int = 1
    overrides: dict[str, Any] = field(default_factory=dict)
    lighter: str = ""
    events: tuple[RehearsalEvent, ...] = ()
