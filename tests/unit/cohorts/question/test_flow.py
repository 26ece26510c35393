"""The flow: everybody who was there at the start is counted at the step that left them out."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.cohorts.question import ask
from bedside.core.errors import Invalid
from bedside.core.records.question import Predicate, PredictionTimes, Question, Washout, Window

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
SCHEMA = {"subject_id": pl.Int64, "time": TIME, "known_at": TIME, "code": pl.String}
QUESTION = Question(
    ask="?",
    predicates={one: Predicate(code=one.upper()) for one in ("admission", "death", "fall")},
    trigger="admission",
    windows={
        "first_day": Window(
            start="trigger",
            end="start + 4h",
            has={"death": "(None, 0)"},
            because="who dies at once needs no prediction",
        ),
        "week": Window(start="first_day.end", end="start + 8h", label="death"),
    },
    prediction_times=PredictionTimes(keep="first", per="subject"),
    washout=(Washout(predicate="fall", span="2h"),),
)
events = st.lists(
    st.tuples(
        st.integers(1, 6),
        st.integers(0, 30),
        st.sampled_from(["ADMISSION", "ADMISSION", "DEATH", "FALL"]),
    ),
    min_size=1,
    max_size=40,
)


def a_ward(rows):
    made = [
        (s, MIDNIGHT + timedelta(hours=h), MIDNIGHT + timedelta(hours=h), c) for s, h, c in rows
    ]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


@settings(deadline=None)
@given(events, st.integers(0, 6))
def test_the_steps_only_lose_and_groups_and_shards_add_up(rows, cut):
    ward = a_ward([*rows, (9, 1, "ADMISSION")])
    sex = pl.DataFrame({"subject_id": range(1, 6), "sex": ["f", "m", "f", "m", None]})
    shards = [ward.filter(pl.col("subject_id") <= cut), ward.filter(pl.col("subject_id") > cut)]

    whole = ask(QUESTION, ward, groups=sex)
    parts = ask(QUESTION, iter(shards), groups=sex)

    assert parts.flow == whole.flow
    assert parts.rows.equals(whole.rows)
    steps = whole.flow
    assert steps[0].subjects == ward["subject_id"].n_unique()
    assert [step.name for step in steps] == [
        "subjects",
        "trigger",
        "prediction times",
        "first_day: death",
        "washout: fall",
        "first or last",
        "label known",
    ]
    for before, after in pairwise(steps[1:]):
        assert after.rows <= before.rows
        assert after.subjects <= before.subjects <= before.rows
    for step in steps:
        assert sum(step.groups["sex"].values()) == step.subjects
    assert steps[-2].rows == whole.rows.height
    assert steps[-1].rows == whole.rows["label"].count()


def test_a_step_says_why_and_groups_say_who():
    ward = a_ward([(1, 0, "ADMISSION"), (1, 2, "DEATH"), (2, 0, "ADMISSION"), (3, 0, "FALL")])
    sex = pl.DataFrame({"subject_id": [1, 2], "sex": ["f", "m"]})

    flow = ask(QUESTION, ward, groups=sex).flow

    assert [step.groups["sex"] for step in flow[:4]] == [
        {"f": 1, "m": 1, "unknown": 1},
        {"f": 1, "m": 1, "unknown": 0},
        {"f": 1, "m": 1, "unknown": 0},
        {"f": 0, "m": 1, "unknown": 0},
    ]
    assert flow[3].because == "who dies at once needs no prediction"


def test_groups_with_two_rows_for_a_subject_are_refused():
    groups = pl.DataFrame({"subject_id": [1, 1], "sex": ["f", "m"]})

    with pytest.raises(Invalid, match="one row for each subject"):
        ask(QUESTION, a_ward([(1, 0, "ADMISSION")]), groups=groups)
