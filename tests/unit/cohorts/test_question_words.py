"""A question in words: what a clinician must be able to check is there."""

from dataclasses import replace

import pytest

from bedside.cohorts.question_words import question_words
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

QUESTION = Question(
    ask="will sepsis begin?",
    predicates={
        "admission": Predicate(code=CodePattern(regex="ADM//.*")),
        "sepsis": Predicate(code="OUTCOME//sepsis"),
        "high": Predicate(code="LAB//lactate", value_min=2.0, value_min_inclusive=True),
        "death": Predicate(code="DEATH"),
        "either": Predicate(expr="or(sepsis, death)"),
    },
    trigger="admission",
    windows={
        "stay": Window(
            start="trigger",
            end="trigger + 24h",
            start_inclusive=False,
            has={"sepsis": "(None, 0)", "high": "(1, None)"},
            because="already septic",
            index_timestamp="end",
        )
    },
    prediction_times=PredictionTimes(every="1h", until="death", at_most="7 d", keep="first"),
    time_at_risk=TimeAtRisk(outcome="sepsis", end="48h", competing=("death",)),
    washout=(Washout(predicate="sepsis", span="30 d"),),
    settles_after="2 d",
)


def test_target_outcome_and_time_at_risk_are_all_said():
    text = "\n".join(question_words(QUESTION))

    for part in (
        "Target: each moment of admission (codes like ADM//.*).",
        "Asked at: the end of the window stay",
        "Asked again: every 1h until death, for at most 7 d.",
        "Kept: the first of each stay.",
        "Needed: sepsis not at all in stay, from trigger to trigger + 24h "
        "(its start not included) (already septic).",
        "Needed: high at least 1 time in stay",
        "Left out: who had sepsis in the 30 d before.",
        "Outcome: sepsis (code OUTCOME//sepsis).",
        "Time at risk: from 0 min to 48h after the prediction time; "
        "after death it can no longer happen.",
        "up to 2 d late",
    ):
        assert part in text


def test_a_value_bound_and_a_derived_predicate_are_said_in_words():
    asked = Question(
        ask="?",
        predicates=QUESTION.predicates,
        trigger="high",
        windows={"w": Window(start="trigger", end="trigger + 6h", label="either")},
    )

    text = "\n".join(question_words(asked))

    assert "high (code LAB//lactate, at least 2)" in text
    assert "Outcome: either (or(sepsis, death))." in text


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (
            Outcome(kind="survival", horizons=("365 d", "1826 d")),
            "Predicted: how likely death is by 1 year and 5 years; the risk by 5 years is the one "
            "that alerts.",
        ),
        (
            Outcome(kind="ordinal", levels=("none", "mild", "severe")),
            "Predicted: how likely death is none, mild or severe, each graver than the one before; "
            "none calls for nothing.",
        ),
        (
            Outcome(kind="multiclass", levels=("none", "viral", "bacterial")),
            "Predicted: how likely death is none, viral or bacterial; none calls for nothing.",
        ),
        (
            Outcome(kind="regression"),
            "Predicted: the value of death, in the unit of its signal.",
        ),
    ],
)
def test_what_is_predicted_is_said_in_words(outcome, said):
    asked = replace(QUESTION, outcome=outcome, time_at_risk=TimeAtRisk(outcome="death", end="5 d"))

    assert said in question_words(asked)
