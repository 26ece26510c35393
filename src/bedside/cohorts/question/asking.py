"""Answers a question shard by shard: the rows of a cohort, and the flow that led to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from bedside.cohorts.question.answering import Answered, Answerer
from bedside.cohorts.question.entries import ALWAYS, NEVER, Bools, Ints
from bedside.cohorts.question.flow import FlowCounter
from bedside.cohorts.question.judged import KNOWN, judged
from bedside.cohorts.question.reading import columns_of
from bedside.core.clock import parse_instant, since_1970
from bedside.core.errors import Invalid
from bedside.core.records.flow import FlowStep
from bedside.core.records.outcome import Outcome
from bedside.core.records.question import Question

__all__ = ["Cohort", "ask"]

_ROWS: dict[str, Any] = {
    "subject_id": pl.Int64,
    "encounter_id": pl.Int64,
    "trigger_time": pl.Datetime("us", "UTC"),
    "prediction_time": pl.Datetime("us", "UTC"),
    "label": pl.Int64,
}
_NEEDED = ("subject_id", "time", "known_at", "code")


@dataclass(frozen=True, slots=True)
class Cohort:
    """Who is asked about, when, and what came true.

    Args:
        rows: subject_id, encounter_id, trigger_time, prediction_time and label; then target (days
            of follow-up, or the value) for survival and regression, or event_time for a binary
            outcome; and with a time at risk event (1 outcome, 2 competing, 0 neither) and
            hours_at_risk. The label is 1 or 0, for levels the place of the level, for survival the
            event, for a regression 0; null where it is not known. One row for each subject and
            prediction time, in the order of the shards, and in each by subject and prediction time.
        flow: How many were left after each step; the last one counts the known labels.
    """

    rows: pl.DataFrame
    flow: tuple[FlowStep, ...]


def ask(
    question: Question,
    shards: pl.DataFrame | Iterable[pl.DataFrame],
    *,
    data_end: datetime | None = None,
    groups: pl.DataFrame | None = None,
) -> Cohort:
    """Answer a question over the event table.

    Args:
        question: What is asked.
        shards: Tables with at least `columns_of(question)`, and at least the rows that
            `where_of(question)` keeps; all rows of a subject lie in one of them. One is held in
            memory at a time.
        data_end: When the data end; without it, the question's own `data_end`; without either,
            the latest `known_at` among the rows given.
        groups: subject_id, and a column of levels for each subgroup, for the flow.

    Raises:
        Invalid: a column is absent, the question is wrong, or no subject has the trigger.
    """
    tables = [shards] if isinstance(shards, pl.DataFrame) else shards
    counter = FlowCounter(groups)
    answerer = Answerer(question, counter)
    parts: list[Answered] = []
    latest = ALWAYS
    for events in tables:
        _check(question, events)
        if events.height:
            latest = max(latest, since_1970(events["known_at"].max()))  # type: ignore[arg-type]
        parts.append(answerer.answer(events))
    if not counter.rows("trigger"):
        raise Invalid(
            f"No subject has an event of the trigger '{question.trigger}'.",
            fix="check the code of its predicate against the collected events.",
        )
    if data_end is not None:
        latest = since_1970(data_end)
    elif question.data_end is not None:
        latest = since_1970(parse_instant(question.data_end))
    rows = [_told(part, question.outcome, latest, counter, answerer.settles) for part in parts]
    whole = pl.concat([pl.DataFrame(schema=_schema(question)), *rows])
    return Cohort(rows=whole, flow=counter.steps(optional=answerer.optional))


def _check(question: Question, events: pl.DataFrame) -> None:
    absent = [
        name
        for name in columns_of(question)
        if name not in events.columns
        and (name in _NEEDED or name in columns_of(question, few=True))
    ]
    if absent:
        raise Invalid(
            f"The events have no column {', '.join(absent)}.",
            fix="read the columns that columns_of(question) names.",
            code="missing_column",
        )


def _schema(question: Question) -> dict[str, Any]:
    schema, kind = dict(_ROWS), question.outcome.kind
    if kind in ("survival", "regression"):
        schema["target"] = pl.Float64
    elif kind == "binary":
        schema["event_time"] = pl.Datetime("us", "UTC")
    if question.time_at_risk is not None:
        schema |= {"event": pl.Int64, "hours_at_risk": pl.Float64}
    return schema


def _told(
    part: Answered, outcome: Outcome, data_end: int, counter: FlowCounter, settles: int
) -> pl.DataFrame:
    """The rows of a shard, now that it is known when all the data end."""
    told = judged(part, outcome, data_end, settles)
    counter.shard(part.subjects)
    if outcome.kind == "survival":
        counter.step("followed", KNOWN["survival"], part.subject[told.known])
    else:
        counter.step("label known", KNOWN[outcome.kind], part.subject[told.known])
    columns = {
        "subject_id": pl.Series(part.subjects[part.subject]),
        "encounter_id": _where(part.has_encounter, part.encounter),
        "trigger_time": _times(part.trigger),
        "prediction_time": _times(part.prediction),
        "label": _where(told.known, told.label),
    }
    if told.target is not None:
        columns["target"] = pl.Series(told.target).fill_nan(None)
    if part.event_time is not None:
        there = part.event_time != NEVER
        columns["event_time"] = _times(np.where(there, part.event_time, 0)).set(
            pl.Series(~there), None
        )
    if told.event is not None and told.hours is not None:
        columns |= {"event": pl.Series(told.event), "hours_at_risk": pl.Series(told.hours)}
    rows = pl.DataFrame(columns)
    return rows.filter(pl.Series(told.known)) if outcome.kind == "survival" else rows


def _where(there: Bools, values: Ints) -> pl.Series:
    """The values, null where there is none."""
    told = pl.Series(values)
    return told if there.all() else told.set(pl.Series(~there), None)


def _times(micros: Ints) -> pl.Series:
    return pl.Series(micros, dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
