"""Mistakes in a question: each is told with its place and its fix."""

from dataclasses import replace

import pytest

from bedside.core.records.question import (
    CodePattern,
    Predicate,
    PredictionTimes,
    Question,
    TimeAtRisk,
    Washout,
    Window,
)
from bedside.interop.declaration.question_rules import question_mistakes

PREDICATES = {
    "admission": Predicate(code="ADMISSION"),
    "death": Predicate(code="DEATH"),
    "discharge": Predicate(code="DISCHARGE"),
    "gone": Predicate(expr="or(death, discharge)"),
}
WINDOWS = {
    "input": Window(start=None, end="trigger + 24h", index_timestamp="end"),
    "gap": Window(start="input.end", end="start + 2 days", has={"gone": "(None, 0)"}),
    "target": Window(start="gap.end", end="start -> gone", label="death"),
}
RIGHT = Question(ask="?", predicates=PREDICATES, trigger="admission", windows=WINDOWS)
AT_RISK = replace(RIGHT, windows={}, time_at_risk=TimeAtRisk(outcome="death", end="7 d"))


def windows(**changes):
    """The question with a window changed, or one more."""
    return replace(RIGHT, windows=WINDOWS | changes)


def predicates(**more):
    return replace(RIGHT, predicates=PREDICATES | more)


def target(start, end):
    return windows(target=Window(start=start, end=end, label="death"))


def test_a_question_that_breaks_no_rule_is_read():
    assert [list(question_mistakes(one)) for one in (RIGHT, AT_RISK)] == [[], []]


@pytest.mark.parametrize(
    ("question", "place", "says"),
    [
        (replace(RIGHT, trigger="admision"), "trigger", "write 'admission'"),
        (target("gap.end", "start => death"), "windows.target.end", "not a window edge"),
        (target("gap.end", "start -> deth"), "windows.target.end", "write 'death'"),
        (target("gaps.end", "start + 1h"), "windows.target.start", "write 'gap'"),
        (target("gap.end", "start - 1h"), "windows.target.end", "ends before the start"),
        (target("end + 1h", "trigger"), "windows.target.start", "starts after the end"),
        (target("gap.end", "start + 1 month"), "windows.target.end", "not a duration"),
        (target("gap.end", "start -> _RECORD_START"), "windows.target.end", "turn the arrow"),
        (target("end - 1h", "start + 1h"), "windows", "measured from itself"),
        (target(None, None), "windows", "measured from itself"),
        (
            windows(gap=Window(start="target.end", end="start + 1h")),
            "windows",
            "measured from itself",
        ),
        (
            windows(gap=Window(start="input.end", end="start + 1h", has={"death": "(2, 1)"})),
            "windows.gap.has.death",
            "empty range",
        ),
        (
            windows(gap=Window(start="input.end", end="start + 1h", has={"deth": "(1, None)"})),
            "windows.gap.has.deth",
            "write 'death'",
        ),
        (
            windows(gap=Window(start="input.end", end="start + 1h", label="gone")),
            "windows",
            "2 windows carry a label",
        ),
        (
            windows(gap=Window(start="input.end", end="start + 1h", index_timestamp="start")),
            "windows",
            "2 windows carry an index_timestamp",
        ),
        (replace(RIGHT, time_at_risk=AT_RISK.time_at_risk), "time_at_risk", "keep one"),
        (replace(RIGHT, windows={}), "windows", "0 windows carry a label"),
        (predicates(x=Predicate()), "predicates.x", "needs a code or an expr"),
        (predicates(x=Predicate(expr="death")), "predicates.x.expr", "not an expression"),
        (predicates(x=Predicate(expr="or(x, death)")), "predicates.x.expr", "made of itself"),
        (predicates(x=Predicate(expr="or(deth, gone)")), "predicates.x.expr", "write 'death'"),
        (
            predicates(x=Predicate(expr="or(death, gone)", value_min=1)),
            "x.value_min",
            "nothing but",
        ),
        (predicates(x=Predicate(code=CodePattern())), "predicates.x.code", "one of regex, any"),
        (predicates(x=Predicate(code=CodePattern(regex="("))), "x.code.regex", "not a regular"),
        (predicates(x=Predicate(code="A", other_cols={"txt": "a"})), "other_cols.txt", "'text'"),
        (
            replace(predicates(x=Predicate(code="A", static=True)), trigger="x"),
            "trigger",
            "holds for a whole subject",
        ),
        (
            replace(RIGHT, prediction_times=PredictionTimes(every="0 h", at_most="1 d")),
            "every",
            "too short",
        ),
        (
            replace(RIGHT, prediction_times=PredictionTimes(every="1h", each="death")),
            "prediction_times.each",
            "both given",
        ),
        (
            replace(RIGHT, prediction_times=PredictionTimes(every="1h", until="gone")),
            "prediction_times.at_most",
            "asked about for ever; add at_most, such as 30 d",
        ),
        (
            replace(RIGHT, prediction_times=PredictionTimes(until="death")),
            "prediction_times",
            "add every or each",
        ),
        (
            replace(AT_RISK, time_at_risk=TimeAtRisk(outcome="death", start="2h", end="1h")),
            "time_at_risk.end",
            "is empty",
        ),
        (
            replace(AT_RISK, time_at_risk=TimeAtRisk(outcome="death", end="1h", competing=("x",))),
            "competing.0",
            "not a predicate",
        ),
        (replace(RIGHT, washout=(Washout(predicate="death", span="x"),)), "washout.0.span", "dur"),
        (replace(RIGHT, settles_after="-1h"), "settles_after", "too short"),
        (replace(RIGHT, data_end="2026-01-01"), "data_end", "no zone"),
    ],
)
def test_a_mistake_in_a_question_is_told_with_its_place_and_fix(question, place, says):
    told = [
        (".".join(map(str, one.path)), f"{one.problem}; {one.fix}")
        for one in question_mistakes(question)
    ]

    assert len(told) == 1, told
    assert told[0][0].endswith(place)
    assert says in told[0][1]
