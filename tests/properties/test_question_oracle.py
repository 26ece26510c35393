"""The engine that answers questions in columns equals a slow evaluator, row for row."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.cohorts.question import Cohort, ask
from bedside.core.errors import Invalid
from bedside.core.records.event import TAKEN_BACK, Event
from bedside.core.records.outcome import Outcome
from bedside.core.records.question import (
    CodePattern,
    Predicate,
    PredictionTimes,
    Question,
    TimeAtRisk,
    Washout,
    Window,
)
from question_oracle import Row, answers, is_triggered

ORIGIN = datetime(2026, 3, 1, tzinfo=UTC)
UTC_US = pl.Datetime("us", "UTC")
SCHEMA = {
    "subject_id": pl.Int64,
    "time": UTC_US,
    "known_at": UTC_US,
    "end": UTC_US,
    "code": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "text": pl.String,
    "encounter_id": pl.Int64,
    "source_row": pl.Binary,
    "replaces": pl.Binary,
}
PREDICATES = {
    "t": Predicate(code="T//t"),
    "o": Predicate(code="O//o"),
    "m": Predicate(code="M//m"),
    "high": Predicate(code="LAB//a", value_min=2.0, value_min_inclusive=True),
    "low": Predicate(code="LAB//a", value_max=2.0),
    "between": Predicate(code="LAB//a", value_min=1.0, value_max=3.0, value_max_inclusive=True),
    "told": Predicate(code="LAB//a", other_cols={"text": "x"}),
    "listed": Predicate(code=CodePattern(any=("LAB//a", "M//m"))),
    "matched": Predicate(code=CodePattern(regex="[TO]//")),
    "man": Predicate(code="SEX//m", static=True),
    "either": Predicate(expr="or(o, m)"),
    "both": Predicate(expr="and(t, listed)"),
    "nested": Predicate(expr="or(either, high)"),
    "man_with_o": Predicate(expr="and(man, o)"),
}
TIMED = [*(name for name in PREDICATES if name != "man"), "_ANY_EVENT"]
TIMED_BUT_ANY = st.sampled_from(TIMED[:-1])
hours = st.integers(0, 14)


def hour(number: float) -> datetime:
    return ORIGIN + timedelta(hours=number)


# Histories -------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """A few facts of a few subjects: same moments, late news, corrections, facts without a time."""
    events: list[Event] = []
    for number in range(draw(st.integers(1, 12))):
        subject = draw(st.integers(1, 3))
        kind = draw(st.sampled_from(["fact"] * 5 + ["static", "correction", "back", "same"]))
        code = draw(st.sampled_from(["T//t", "T//t", "O//o", "M//m", "LAB//a", "LAB//a"]))
        is_lab = code == "LAB//a"
        own = [event for event in events if event.subject_id == subject]
        before = draw(st.sampled_from(own)) if own else None
        time = hour(draw(hours))
        known_at = time + timedelta(hours=draw(st.sampled_from([0, 0, 0, 1, 3, 9])))
        told = {
            "subject_id": subject,
            "time": time,
            "known_at": known_at,
            "code": code,
            "value": draw(st.sampled_from([1.0, 2.0, 3.0, None])) if is_lab else None,
            "text": draw(st.sampled_from(["x", "x", "y", None])) if is_lab else None,
            "encounter_id": draw(st.sampled_from([None, 7, 8])),
            "source_row": bytes([number]),
        }
        if kind == "static":
            told |= {"time": None, "code": "SEX//m", "value": None, "text": None}
        elif kind == "correction" and before is not None:
            told["replaces"] = before.source_row
        elif kind == "same" and before is not None:
            told["source_row"] = before.source_row
        elif kind == "back":
            replaces = before.source_row if before is not None and draw(st.booleans()) else None
            told |= {"code": TAKEN_BACK, "value": None, "text": None, "replaces": replaces}
        events.append(Event(**told))
    return events


# Questions -------------------------------------------------------------------------------------


@st.composite
def chains(draw: st.DrawFn, *, labelled: bool) -> dict[str, Window]:
    """Windows that hang together as a tree from the trigger."""
    windows: dict[str, Window] = {}
    near = ["trigger"]
    count = draw(st.integers(1 if labelled else 0, 3))
    label, index = draw(st.integers(0, max(count - 1, 0))), draw(st.integers(0, 3))
    for number in range(count):
        anchor, span = draw(st.sampled_from(near)), f"{draw(st.integers(1, 8))}h"
        forward = [f"start + {span}", f"start -> {draw(TIMED_BUT_ANY)}", None]
        back = [f"end - {span}", f"end <- {draw(TIMED_BUT_ANY)}", None]
        start, end = draw(
            st.sampled_from([*((anchor, one) for one in forward), *((one, anchor) for one in back)])
        )
        windows[f"w{number}"] = Window(
            start=start,
            end=end,
            start_inclusive=draw(st.booleans()),
            end_inclusive=draw(st.booleans()),
            has=draw(bounds),
            label=draw(TIMED_BUT_ANY) if labelled and number == label else None,
            index_timestamp=draw(st.sampled_from(["start", "end"])) if number == index else None,
        )
        near += [f"w{number}.start", f"w{number}.end"]
    return windows


bounds = st.dictionaries(
    st.sampled_from(TIMED),
    st.sampled_from(["(1, None)", "(None, 0)", "(None, 1)", "(2, None)", "(1, 2)"]),
    max_size=1,
)
times = st.one_of(
    st.just(PredictionTimes()),
    st.builds(
        PredictionTimes,
        every=st.sampled_from(["2h", "90 min"]),
        until=st.none() | TIMED_BUT_ANY,
        at_most=st.sampled_from(["0 min", "4h", "5h", "20h"]),
        keep=st.sampled_from(["all", "all", "first", "last"]),
        per=st.sampled_from(["subject", "stay"]),
        seen=st.sampled_from(["known_at", "time"]),
    ),
    st.builds(
        PredictionTimes,
        keep=st.sampled_from(["all", "first", "last"]),
        per=st.sampled_from(["subject", "stay"]),
        seen=st.sampled_from(["known_at", "time"]),
    ),
    st.builds(
        PredictionTimes,
        each=TIMED_BUT_ANY,
        until=st.none() | TIMED_BUT_ANY,
        at_most=st.sampled_from([None, "4h"]),
        keep=st.sampled_from(["all", "first", "last"]),
        per=st.sampled_from(["subject", "stay"]),
        seen=st.sampled_from(["known_at", "time"]),
    ),
)
risks = st.builds(
    TimeAtRisk,
    outcome=TIMED_BUT_ANY,
    start=st.sampled_from(["0 min", "1h", "2h"]),
    end=st.sampled_from(["3h", "6h"]),
    censored_by=st.lists(TIMED_BUT_ANY, max_size=2, unique=True).map(tuple),
    competing=st.lists(TIMED_BUT_ANY, max_size=2, unique=True).map(tuple),
)
LEVELS = ("w", "x", "y")
outcomes = st.sampled_from(
    [
        Outcome(),
        Outcome(kind="survival", horizons=("2h", "3h")),
        Outcome(kind="multiclass", levels=LEVELS),
        Outcome(kind="ordinal", levels=LEVELS),
        Outcome(kind="regression"),
    ]
)
triggers = st.sampled_from(["t", "t", "either", "both", "high", "man_with_o", "_ANY_EVENT"])
washouts = st.lists(
    st.builds(Washout, predicate=TIMED_BUT_ANY, span=st.sampled_from([None, "2h", "4h"])),
    max_size=1,
).map(tuple)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Small questions of every kind."""
    risk = draw(st.none() | risks)
    outcome = draw(outcomes)
    if outcome.kind == "survival":
        risk = replace(draw(risks), start="0 min")
    return Question(
        outcome=outcome,
        ask="?",
        predicates=PREDICATES,
        trigger=draw(triggers),
        windows=draw(chains(labelled=risk is None)),
        patient_demographics=draw(
            st.sampled_from([{}, {}, {}, {"male": Predicate(code="SEX//m", static=True)}])
        ),
        prediction_times=draw(times),
        time_at_risk=risk,
        washout=draw(washouts),
        settles_after=draw(st.sampled_from(["0 min", "0 min", "3h"])),
        data_end=draw(st.sampled_from([None, None, "2026-03-01T12:00:00Z"])),
    )


def is_silent(event: Event) -> bool:
    """Whether it takes back what it replaces, and says nothing instead."""
    return event.replaces is not None and event.value is None and event.text is None


# Both sides ------------------------------------------------------------------------------------


def table(events: list[Event]) -> pl.DataFrame:
    rows = sorted(
        (asdict(event) for event in events),
        key=lambda row: (row["subject_id"], row["time"] is not None, row["time"], row["known_at"]),
    )
    frame = pl.DataFrame(rows, schema=SCHEMA)
    return frame.with_columns(pl.col("code", "unit").cast(pl.Categorical))


def told(cohort: Cohort) -> list[Row]:
    return [Row(**row) for row in cohort.rows.to_dicts()]


def in_order(rows: list[Row]) -> list[tuple[object, ...]]:
    return sorted((tuple(asdict(row).values()) for row in rows), key=repr)


def cohort_of(question: Question, events: list[Event], **more: Any) -> Cohort | None:
    """What the engine answers; None where it says that no subject has the trigger."""
    said = ""
    try:
        return ask(question, table(events), **more)
    except Invalid as error:
        said = error.problem
    assert "No subject has" in said
    assert not is_triggered(question, events)
    return None


def answered(question: Question, events: list[Event], **more: Any) -> list[tuple[object, ...]]:
    """The engine's rows, in an order of their own."""
    cohort = cohort_of(question, events, **more)
    return [] if cohort is None else in_order(told(cohort))


@settings(max_examples=600, deadline=None)
@given(questions(), histories())
def test_the_engine_equals_the_slow_evaluator_row_for_row(
    question: Question, events: list[Event]
) -> None:
    assert answered(question, events) == in_order(answers(question, events))


@settings(max_examples=100, deadline=None)
@given(questions(), histories())
def test_a_question_that_is_asked_again_is_answered_as_before(
    question: Question, events: list[Event]
) -> None:
    first = answered(question, events)

    assert answered(question, events) == first


@settings(max_examples=150, deadline=None)
@given(questions(), histories(), st.randoms(use_true_random=False))
def test_shuffled_rows_and_shards_of_subjects_change_no_answer(
    question: Question, events: list[Event], order: Random
) -> None:
    whole = answered(question, events)
    if not whole:
        return
    shuffled = list(events)
    order.shuffle(shuffled)
    subjects = sorted({event.subject_id for event in events}, reverse=True)
    shards = [table([e for e in shuffled if e.subject_id == subject]) for subject in subjects]

    assert in_order(told(ask(question, shards))) == whole


@settings(max_examples=150, deadline=None)
@given(questions(), histories(), histories())
def test_another_subject_changes_nobody_elses_rows(
    question: Question, events: list[Event], others: list[Event]
) -> None:
    end = datetime(2026, 3, 2, tzinfo=UTC)
    guest = [replace(event, subject_id=99) for event in others]

    alone = answered(question, events, data_end=end)
    beside = answered(question, [*events, *guest], data_end=end)

    assert [row for row in beside if row[0] != 99] == alone


@settings(max_examples=150, deadline=None)
@given(questions(), histories())
def test_the_flow_loses_rows_step_by_step_and_ends_at_the_rows_that_are_learnt_from(
    question: Question, events: list[Event]
) -> None:
    cohort = cohort_of(question, events)
    if cohort is None:
        return
    steps = list(cohort.flow)
    after = next(i for i, step in enumerate(steps) if step.name == "prediction times")
    known = cohort.rows.filter(pl.col("label").is_not_null())

    facts = [event for event in events if event.code != TAKEN_BACK and not is_silent(event)]
    assert steps[0].subjects == len({event.subject_id for event in facts})
    for before, then in pairwise(steps):
        assert then.subjects <= before.subjects
    for before, then in pairwise(steps[after:]):
        assert then.rows <= before.rows
    if question.outcome.kind == "survival":
        assert (steps[-1].name, steps[-1].rows) == ("followed", cohort.rows.height)
    else:
        assert (steps[-1].name, steps[-2].rows) == ("label known", cohort.rows.height)
    assert steps[-1].rows == known.height
    assert steps[-1].subjects == known["subject_id"].n_unique()
