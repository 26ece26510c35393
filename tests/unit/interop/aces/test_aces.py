"""Tasks of ACES: every form in which its users write them, and what ACES cannot say."""

import re

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.question import (
    CodePattern,
    Predicate,
    PredictionTimes,
    Question,
    TimeAtRisk,
    Washout,
    Window,
)
from bedside.interop.aces import read_aces, unused, write_aces
from data_folder import data_folder

TASK = """
description: Who dies?
metadata: {author: somebody}
predicates:
  admission: {code: {regex: "^ADMISSION//"}}
  death: {code: DEATH}
  low: {code: {any: [LAB//a, LAB//b]}, value_min: 1, value_max: 2.5, value_max_inclusive: True}
  told: {code: NOTE, text_value: "yes", static: no}
  either: {expr: "or( death , low )"}
patient_demographics:
  male: {code: SEX//male}
trigger: admission
windows:
  input:
    start: NULL
    end: trigger + 24h
    start_inclusive: True
    end_inclusive: True
    has: {_ANY_EVENT: "(5, None)", low: [null, 3]}
    index_timestamp: end
  gap: {start: input.end, end: start + 1 day 2 hours, start_inclusive: off, end_inclusive: on}
  before: {start: end <- admission, end: gap.start, start_inclusive: True, end_inclusive: False}
  target:
    start: gap.end
    end: start -> either
    start_inclusive: False
    end_inclusive: True
    label: death
"""


def read(text, **more):
    return read_aces(text.encode(), **more)


def test_a_task_is_read_with_every_form_that_its_users_write():
    asked = read(TASK)

    assert asked.ask == "Who dies?"
    assert asked.predicates == {
        "admission": Predicate(code=CodePattern(regex="ADMISSION//")),
        "death": Predicate(code="DEATH"),
        "low": Predicate(
            code=CodePattern(any=("LAB//a", "LAB//b")),
            value_min=1.0,
            value_max=2.5,
            value_max_inclusive=True,
        ),
        "told": Predicate(code="NOTE", other_cols={"text_value": "yes"}),
        "either": Predicate(expr="or(death, low)"),
    }
    assert asked.patient_demographics == {"male": Predicate(code="SEX//male", static=True)}
    assert asked.windows == {
        "input": Window(
            start=None,
            end="trigger + 1 d",
            has={"_ANY_EVENT": "(5, None)", "low": "(None, 3)"},
            index_timestamp="end",
        ),
        "gap": Window(start="input.end", end="start + 26 h", start_inclusive=False),
        "before": Window(start="end <- admission", end="gap.start", end_inclusive=False),
        "target": Window(
            start="gap.end", end="start -> either", start_inclusive=False, label="death"
        ),
    }


def test_the_words_that_are_given_win_over_the_description():
    assert read(TASK, ask="Who does not live?").ask == "Who does not live?"


def test_what_says_nothing_about_the_question_is_named():
    text = TASK.replace("  death: {", "  later: ???\n  death: {")

    assert unused(text.encode()) == ("metadata", "predicates.later")
    assert "later" not in read(text).predicates


def test_a_file_of_predicates_wins_over_the_task():
    task = TASK.replace("{code: DEATH}", "???")
    here = b"predicates: {death: {code: MEDS_DEATH}}\ndescription: our data"

    with pytest.raises(Invalid, match=r"line 6, predicates.death: not defined for this data set"):
        read(task)
    assert read(task, predicates=here).predicates["death"].code == "MEDS_DEATH"
    assert unused(task.encode(), predicates=here) == ("metadata", "description")


@pytest.mark.parametrize("null", ["NULL", "null", "Null", "~", "None", ""])
def test_an_open_edge_is_read_however_it_is_written(null):
    assert read(TASK.replace("start: NULL", f"start: {null}")).windows["input"].start is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("30 days", "30 d"),
        ("2 hours", "2 h"),
        ("90m", "90 min"),
        ("90 min", "90 min"),
        ("1w", "7 d"),
        ("1 day, 02:00:00", "26 h"),
        ("1h30m", "90 min"),
        ("1.5 hours", "90 min"),
        ("0.5s", "0.5 s"),
        ("365 days", "365 d"),
    ],
)
def test_a_duration_is_read_however_it_is_written(written, meant):
    text = TASK.replace("start + 1 day 2 hours", f"'start + {written}'")

    assert read(text).windows["gap"].end == f"start + {meant}"


def test_a_file_that_merges_keys_is_read():
    text = TASK.replace(
        "gap: {start: input.end, end: start + 1 day 2 hours, start_inclusive: off,",
        "near: &near {start: trigger, end: start + 2d, start_inclusive: off, end_inclusive: on}\n"
        "  gap: {<<: *near, start: input.end,",
    )

    assert read(text).windows["gap"].end == "start + 2 d"
    assert read(text).windows["gap"].start_inclusive is False


WRONG = [
    ("trigger: admission", "trigger: admissio", "'admissio' is not a predicate. Fix: write 'adm"),
    ("trigger: admission", "", "there is no trigger"),
    ("trigger: admission", "triger: admission", "unknown key 'triger'. Fix: write 'trigger'"),
    ("value_min: 1", "value_mn: 1", "unknown key 'value_mn'. Fix: write 'value_min'"),
    ("value_min: 1", "value_min: high", "not a number"),
    ("value_min: 1", "value_min: .nan", "not a number"),
    ("value_max_inclusive: True", "value_max_inclusive: 2", "neither true nor false"),
    ('"^ADMISSION//"', '"(ADMISSION"', "not a regular expression"),
    ("{any: [LAB//a, LAB//b]}", "{any: []}", "an empty list"),
    ("{any: [LAB//a, LAB//b]}", "{all: [x]}", "neither a code, a regex nor a list"),
    ("{code: DEATH}", "{value_min: 2}", "neither a code nor an expr"),
    ("{code: DEATH}", "{code: DEATH, code: DIED}", "the key 'code' stands twice"),
    ("or( death , low )", "or(death)", "not an expression"),
    ("or( death , low )", "not(death, low)", "not an expression"),
    ("or( death , low )", "or(death, lo)", "'lo' is not a predicate. Fix: write 'low'"),
    ("or( death , low )", "or(death, either)", "derived from itself"),
    ("male: {code: SEX//male}", 'male: {expr: "or(death, low)"}', "derived from others"),
    ("end: trigger + 24h", "end: trigger + soon", "not an edge of a window"),
    ("end: trigger + 24h", "end: NULL", "both edges are open"),
    ("end: trigger + 24h", "end: start + 24h", "both edges lean on each other"),
    ("end: trigger + 24h", "end: target.end", "an edge leans on itself"),
    ("end: trigger + 24h", "end: targe.end", "there is no window 'targe'"),
    ("end: start -> either", "end: start -> eithr", "'eithr' is not a predicate"),
    ('"(5, None)"', '"(5)"', "not bounds"),
    ('"(5, None)"', '"(None, None)"', "not bounds"),
    ('"(5, None)"', '"(5, 4)"', "not bounds"),
    ("index_timestamp: end", "index_timestamp: middle", "neither start nor end"),
    ("label: death", "label: deth", "'deth' is not a predicate. Fix: write 'death'"),
    ("    label: death", "    label: death\n    because: so", "unknown key 'because'"),
    ("start_inclusive: off, end", "label: death, end", "a second label"),
    ("  told:", "  _ANY_EVENT:", "is ACES' own"),
    ("  told:", '  "told him":', "not a name"),
]


@pytest.mark.parametrize(
    ("old", "new", "problem"), WRONG, ids=[new or "none" for _, new, _ in WRONG]
)
def test_a_mistake_names_its_line_and_its_fix(old, new, problem):
    text = TASK.replace(old, new, 1)
    assert text != TASK

    with pytest.raises(Invalid) as raised:
        read(text)

    assert problem in str(raised.value)
    assert raised.value.fix
    assert "The task file line " in str(raised.value)


def test_predicates_that_are_derived_in_a_circle_are_refused():
    circle = 'either: {expr: "or(both, low)"}\n  both: {expr: "and(either, low)"}'

    with pytest.raises(Invalid, match="derived from itself, over others"):
        read(TASK.replace('either: {expr: "or( death , low )"}', circle))


def test_a_mistake_in_the_file_of_predicates_names_that_file():
    with pytest.raises(Invalid, match=r"The predicates file line 2, windows: unknown key"):
        read(TASK, predicates=b"predicates: {}\nwindows: {}")


@pytest.mark.parametrize("content", [b"", b"[]", b"a", b"\xff", b"a: [", b"a: \x00", b"- " * 3000])
def test_what_is_no_task_is_refused(content):
    with pytest.raises(Invalid):
        read_aces(content)


def test_a_file_that_is_too_large_is_refused():
    with pytest.raises(Invalid, match="larger than 256 KiB"):
        read_aces(b"#" * ((1 << 18) + 1))


@pytest.mark.parametrize(
    ("aces", "ours", "code", "found"),
    [
        ("ADMISSION//.*", ".*ADMISSION//.*", "HOSPITAL_ADMISSION//x", True),
        ("^ADMISSION//.*", "ADMISSION//.*", "HOSPITAL_ADMISSION//x", False),
        ("^A|B", ".*(?:^A|B)", "xB", True),
        ("^A|B", ".*(?:^A|B)", "xA", False),
        ("(?i)^adm", "(?i)adm", "ADMISSION", True),
        ("^(?:A|B)", "A|B", "xB", False),
        ("^(?:a)|(?:b)", ".*(?:^(?:a)|(?:b))", "xb", True),
    ],
)
def test_a_pattern_finds_the_same_codes_on_both_sides(aces, ours, code, found):
    asked = read(TASK.replace("^ADMISSION//", aces))

    assert asked.predicates["admission"].code == CodePattern(regex=ours)
    assert (re.match(ours, code) is not None) is (re.search(aces, code) is not None) is found
    assert read_aces(write_aces(asked)[0]) == asked


def test_the_sample_tasks_of_aces_are_read_and_written_without_loss():
    for path in sorted((data_folder("aces-meds-samples") / "sample_configs").glob("*.yaml")):
        asked = read_aces(path.read_bytes())

        content, losses = write_aces(asked)

        assert not losses
        assert read_aces(content) == asked


def a_question(**more):
    plain = {
        "ask": "?",
        "predicates": {"a": Predicate(code="A//a"), "d": Predicate(code="D//d")},
        "trigger": "a",
        "windows": {"target": Window(start="trigger", end="start + 24h", label="d")},
    }
    return Question(**{**plain, **more})


@pytest.mark.parametrize(
    ("more", "lost"),
    [
        ({"settles_after": "2 d"}, "settles_after"),
        ({"data_end": "2026-01-01T00:00:00Z"}, "data_end"),
        ({"prediction_times": PredictionTimes(every="1h")}, "prediction_times.every"),
        ({"prediction_times": PredictionTimes(each="d", until="d")}, "prediction_times.until"),
        ({"prediction_times": PredictionTimes(keep="first")}, "prediction_times.keep"),
        ({"prediction_times": PredictionTimes(seen="time")}, "prediction_times.seen"),
        ({"washout": (Washout(predicate="d", because="it was so"),)}, "washout.because"),
        (
            {"windows": {"w": Window(start="trigger", end="start + 1 d", because="so")}},
            "windows.w.because",
        ),
        ({"windows": {"w": Window(start="trigger", end="trigger -> d")}}, "windows.w: left out"),
        ({"windows": {"w": Window(start="trigger", end="start")}}, "windows.w: left out"),
    ],
)
def test_what_aces_cannot_say_is_named(more, lost):
    content, losses = write_aces(a_question(**more))

    assert any(line.startswith(lost) for line in losses), losses
    read_aces(content)


def test_two_edges_that_lean_on_the_trigger_are_written_as_one_that_leans_on_the_other():
    asked = a_question(windows={"w": Window(start="trigger - 6h", end="trigger + 6h", label="d")})

    content, losses = write_aces(asked)

    window = read_aces(content).windows["w"]
    assert not losses
    assert (window.start, window.end) == ("trigger - 6 h", "start + 12 h")


def test_a_window_that_leans_on_one_that_is_left_out_is_left_out_too():
    windows = {
        "gone": Window(start="trigger", end="trigger -> d", index_timestamp="end"),
        "target": Window(start="gone.end", end="start + 1 d", label="d"),
    }

    content, losses = write_aces(a_question(windows=windows, washout=(Washout(predicate="d"),)))

    assert not read_aces(content).windows
    assert len(losses) == 3
    assert "the label" in losses[1]


def test_a_washout_and_a_time_at_risk_become_windows():
    asked = a_question(
        windows={"seen": Window(start=None, end="trigger + 1 d", index_timestamp="end")},
        washout=(Washout(predicate="d", span="30 d"), Washout(predicate="a")),
        time_at_risk=TimeAtRisk(outcome="d", start="1 d", end="7 d", competing=("a",)),
    )

    content, losses = write_aces(asked)

    windows = read_aces(content).windows
    assert windows["washout"] == Window(start="end - 30 d", end="seen.end", has={"d": "(None, 0)"})
    assert windows["washout_2"].start is None
    assert windows["time_at_risk"] == Window(
        start="seen.end + 1 d", end="start + 6 d", start_inclusive=False, label="d"
    )
    assert any("competing" in line for line in losses)


def test_a_name_that_aces_cannot_read_is_refused():
    with pytest.raises(Invalid, match="a name that ACES cannot read"):
        write_aces(a_question(trigger="a b"))
