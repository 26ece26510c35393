"""What a row says of an event when more is asked than whether it comes."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from bedside.cohorts.question import ask
from bedside.cohorts.question.primary import primary_label
from bedside.core.errors import Invalid
from bedside.core.records.outcome import Outcome
from bedside.core.records.question import (
    Predicate,
    PredictionTimes,
    Question,
    TimeAtRisk,
    Window,
)

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
SCHEMA = {
    "subject_id": pl.Int64,
    "time": TIME,
    "known_at": TIME,
    "code": pl.Categorical,
    "value": pl.Float64,
    "text": pl.String,
}
PREDICATES = {
    one: Predicate(code=one.upper()) for one in ("operation", "death", "relapse", "moved", "stage")
}
SURVIVAL = Outcome(kind="survival", horizons=("30 d", "90 d"))
RISK = TimeAtRisk(outcome="relapse", end="100 d", censored_by=("moved",), competing=("death",))
LEVELS = Outcome(kind="ordinal", levels=("none", "mild", "severe"))
WEEK = {"week": Window(start="trigger", end="trigger + 7 d", label="stage", start_inclusive=False)}


def day(number):
    return MIDNIGHT + timedelta(days=number)


def a_ward(*events, last=200):
    """One patient operated on at day 0, these events, and something else on the last day."""
    told = [("OPERATION", 0), *events, ("VISIT", last)]
    rows = [(1, day(at), day(at), code, *(said or [None, None])) for code, at, *said in told]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def a_question(**changes):
    told = {"ask": "?", "predicates": PREDICATES, "trigger": "operation"}
    return Question(**(told | changes))


@pytest.mark.parametrize(
    ("events", "label", "days"),
    [
        ([("RELAPSE", 30)], 1, 30),
        ([("RELAPSE", 100)], 1, 100),
        ([("RELAPSE", 101)], 0, 100),  # after the time at risk
        ([("MOVED", 40), ("RELAPSE", 60)], 0, 40),  # nobody saw it
        ([("DEATH", 40), ("RELAPSE", 60)], 2, 40),
        ([("RELAPSE", 40), ("DEATH", 40), ("MOVED", 40)], 1, 40),
        ([("DEATH", 40), ("MOVED", 40)], 2, 40),
        ([], 0, 100),
    ],
)
def test_a_subject_is_followed_to_whatever_comes_first(events, label, days):
    question = a_question(time_at_risk=RISK, outcome=SURVIVAL)

    row = ask(question, a_ward(*events)).rows.row(0, named=True)

    assert (row["label"], row["target"]) == (label, days)


def test_nobody_is_followed_into_the_days_in_which_an_event_may_not_be_written_down_yet():
    question = a_question(time_at_risk=RISK, outcome=SURVIVAL, settles_after="10 d")

    early = ask(question, a_ward(("RELAPSE", 50), last=60)).rows.row(0, named=True)
    late = ask(question, a_ward(("RELAPSE", 51), last=60)).rows.row(0, named=True)

    assert (early["label"], early["target"]) == (1, 50)
    assert (late["label"], late["target"]) == (0, 50)


@pytest.mark.parametrize(
    ("code", "step"),
    [("RELAPSE", "outcome before the time at risk"), ("MOVED", "followed"), ("DEATH", "followed")],
)
def test_who_was_not_followed_beyond_the_prediction_time_is_left_out_by_name(code, step):
    cohort = ask(a_question(time_at_risk=RISK, outcome=SURVIVAL), a_ward((code, 0)))

    assert cohort.rows.is_empty()
    assert next(one.name for one in cohort.flow if not one.rows and one.name != "subjects") == step


@pytest.mark.parametrize(
    ("events", "label"),
    [
        ([("STAGE", 2, None, "mild"), ("STAGE", 3, None, "severe")], 1),
        ([("STAGE", 2, None, "mild"), ("STAGE", 2, None, "severe")], 2),
        ([("STAGE", 2, None, "none")], 0),
        ([("STAGE", 2, None, None)], None),
        ([("STAGE", 9, None, "severe")], None),
    ],
)
def test_the_level_is_what_the_first_event_of_the_window_says(events, label):
    question = a_question(windows=WEEK, outcome=LEVELS)

    assert ask(question, a_ward(*events)).rows["label"].to_list() == [label]


def test_a_text_that_is_no_level_is_refused_and_not_repeated():
    question = a_question(windows=WEEK, outcome=LEVELS)

    with pytest.raises(Invalid, match="none of its levels") as error:
        ask(question, a_ward(("STAGE", 2, None, "SECRET")))

    assert "SECRET" not in str(error.value)


@pytest.mark.parametrize(
    ("events", "label", "target"),
    [
        ([("STAGE", 2, 4.5, None), ("STAGE", 3, 9.0, None)], 0, 4.5),
        ([("STAGE", 2, 4.5, None), ("STAGE", 2, 6.0, None)], 0, 6.0),
        ([("STAGE", 2, None, None)], None, None),
        ([], None, None),
    ],
)
def test_the_target_of_a_regression_is_the_value_of_the_first_event(events, label, target):
    question = a_question(windows=WEEK, outcome=Outcome(kind="regression"))

    row = ask(question, a_ward(*events)).rows.row(0, named=True)

    assert (row["label"], row["target"]) == (label, target)


@pytest.mark.parametrize(("at", "came"), [(3, 3), (20, 20), (None, None)])
def test_every_row_of_a_stay_says_when_its_event_came_even_where_its_window_ends_before(at, came):
    question = a_question(
        windows={"day": Window(start="trigger", end="trigger + 1 d", label="death")},
        prediction_times=PredictionTimes(every="1 d", at_most="5 d"),
    )
    ward = a_ward(*([] if at is None else [("DEATH", at)]))

    rows = ask(question, ward).rows.filter(pl.col("prediction_time") <= day(at or 5))

    assert set(rows["event_time"]) == {None if came is None else day(came)}


def test_an_event_after_the_next_trigger_is_not_that_of_this_one():
    question = a_question(
        windows={"w": Window(start="trigger", end="trigger + 1 d", label="death")}
    )
    ward = a_ward(("OPERATION", 50), ("DEATH", 60))

    assert ask(question, ward).rows["event_time"].to_list() == [None, day(60)]


def test_a_value_counts_as_yes_above_the_median_of_the_training_rows():
    rows = pl.DataFrame(
        {
            "label": [0, 0, 0, 0, None],
            "target": [1.0, 2.0, 3.0, 9.0, None],
            "side": ["train", "train", "train", "held_out", None],
        }
    )

    once = primary_label(rows, Outcome(kind="regression"))

    assert once.to_list() == [0, 0, 1, 1, None]
    again = primary_label(rows.with_columns(once), Outcome(kind="regression"))
    assert again.equals(once)
