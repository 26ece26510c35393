"""Each kind of outcome needs what it needs, and has nothing that is another's."""

from dataclasses import replace

import pytest

from bedside.core.records.declaration import Learner, Signal
from bedside.core.records.outcome import Outcome
from bedside.core.records.question import Predicate, Question, TimeAtRisk, Window
from bedside.interop.declaration.outcome_rules import outcome_mistakes
from bedside.interop.declaration.rules import mistakes
from served import a_declaration

SURVIVAL = Outcome(kind="survival", horizons=("365 d", "1826 d"))
LEVELS = Outcome(kind="ordinal", levels=("none", "mild"))
RISK = TimeAtRisk(outcome="death", end="3650 d", censored_by=("lost",))
PREDICATES = {
    "visit": Predicate(code="VISIT//v"),
    "death": Predicate(code="OUTCOME//death"),
    "lost": Predicate(code="OUTCOME//lost"),
    "relapse": Predicate(code="OUTCOME//relapse"),
}
WINDOW = {"target": Window(start="trigger", end="trigger + 30 d", label="death")}


def found(outcome, *, risk=RISK, windows=None, learner="cox", **signals):
    """What is wrong, as PLACE: PROBLEM."""
    question = Question(
        ask="?",
        predicates=PREDICATES,
        trigger="visit",
        windows=windows or {},
        time_at_risk=risk,
        outcome=outcome,
    )
    told = a_declaration(question=question, learner=Learner(kind=learner), signals=signals)
    return [f"{'.'.join(map(str, one.path))}: {one.problem}" for one in outcome_mistakes(told)]


def an_outcome(**changes):
    parts = {
        "label": "death",
        "code": "OUTCOME//death",
        "column": "died",
        "visible_after": "0 min",
        "role": "outcome",
    }
    return Signal(**parts | changes)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        (
            {"risk": None, "windows": WINDOW},
            "question.outcome: survival needs a time at risk, which says for how long a subject is "
            "followed",
        ),
        (
            {"risk": replace(RISK, start="1 d")},
            "question.time_at_risk.start: a survival outcome is waited for from the prediction "
            "time on",
        ),
        (
            {"risk": replace(RISK, end="1000 d")},
            "question.outcome.horizons.1: the last horizon lies beyond the time at risk, which "
            "ends after 1000 d",
        ),
        (
            {"risk": replace(RISK, competing=("relapse",))},
            "learner.kind: 'cox' would take competing events for censoring, and the risks would be "
            "too high",
        ),
        ({"risk": replace(RISK, competing=("relapse",)), "learner": "competing_risks"}, None),
        (
            {"learner": "competing_risks"},
            "learner.kind: no event competes with the outcome",
        ),
    ],
)
def test_survival_needs_a_time_at_risk_that_holds_its_horizons(changes, problem):
    assert found(SURVIVAL, **changes) == ([] if problem is None else [problem])


@pytest.mark.parametrize(
    ("horizons", "problem"),
    [
        ((), "question.outcome: survival has no horizon"),
        (("soon",), "question.outcome.horizons.0: 'soon' is not a duration"),
        (
            ("30 d", "30 d"),
            "question.outcome.horizons.1: the horizons do not ascend from above 0",
        ),
        (("0 d",), "question.outcome.horizons.0: the horizons do not ascend from above 0"),
    ],
)
def test_horizons_are_durations_that_ascend(horizons, problem):
    assert found(replace(SURVIVAL, horizons=horizons)) == [problem]


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (LEVELS, None),
        (Outcome(kind="multiclass", levels=("one",)), "levels: fewer than two levels"),
        (replace(LEVELS, levels=("a", "a")), "levels: a level is named twice, or is empty"),
        (
            replace(LEVELS, horizons=("1 d",)),
            "horizons: an outcome of the kind ordinal has no horizons",
        ),
        (Outcome(horizons=("1 d",)), "horizons: an outcome of the kind binary has no horizons"),
        (
            Outcome(kind="regression", levels=("a", "b")),
            "levels: an outcome of the kind regression has no levels",
        ),
    ],
)
def test_levels_are_of_outcomes_that_have_some_and_horizons_of_survival(outcome, problem):
    wrong = [] if problem is None else [f"question.outcome.{problem}"]

    assert found(outcome, risk=None, windows=WINDOW) == wrong


@pytest.mark.parametrize(
    ("outcome", "changes", "problem"),
    [
        (LEVELS, {"categories": {"0": "none", "1": "mild"}}, None),
        (
            LEVELS,
            {"categories": {"0": "none", "1": "severe"}},
            ".categories: 'severe' is not a level of the outcome",
        ),
        (
            LEVELS,
            {},
            ": an outcome of the kind ordinal is a text, and this signal has no categories",
        ),
        (Outcome(kind="regression"), {"unit": "{score}"}, None),
        (
            Outcome(kind="regression"),
            {},
            ": the outcome is a number, and this signal has no unit",
        ),
    ],
)
def test_the_signal_of_an_outcome_says_what_its_kind_asks(outcome, changes, problem):
    wrong = [] if problem is None else [f"signals.death{problem}"]

    assert found(outcome, risk=None, windows=WINDOW, death=an_outcome(**changes)) == wrong


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"happens_after_column": "days"}, None),
        ({"column": "", "happens_after_column": "days", "happens_after_unit": "month"}, None),
        ({"equals": "dead"}, None),
        ({"column": ""}, ": a signal of a table without a column"),
        (
            {"role": "input", "unit": "1", "equals": "2"},
            "equals: this belongs to an outcome of one wide table",
        ),
        (
            {"happens_after": "1 d", "happens_after_column": "days"},
            "happens_after: both a duration and a column say how long after the row it happens",
        ),
        ({"happens_after_unit": "month"}, "happens_after_unit: no column is in this unit"),
        (
            {"equals": "2", "categories": {"2": "dead"}},
            "equals: this outcome is not a mark: each row says what it is",
        ),
        (
            {"unit": "furlong"},
            "unit: 'furlong', the unit of 'death', is not a UCUM code that Bedside knows.",
        ),
    ],
)
def test_a_signal_says_once_whether_and_when_an_outcome_happens(changes, problem):
    declaration = a_declaration(signals={"death": an_outcome(**changes)})

    told = [
        f"{'.'.join(map(str, one.path[2:]))}: {one.problem}"
        for one in mistakes(declaration, frozenset())
        if one.path[:2] == ("signals", "death")
    ]

    assert told == ([] if problem is None else [problem])
