"""What a signal must say depends on where the data lie, and what it says must not contradict."""

from dataclasses import replace

import pytest

from bedside.core.records.declaration import Signal
from bedside.interop.declaration.rules import mistakes
from served import a_declaration

TABLE = a_declaration().data
SOURCE = replace(TABLE, source="synthea_bulk", file="", subject="")


def found(*, data=TABLE, **signals):
    """What is wrong with these signals, as PLACE: PROBLEM."""
    told = mistakes(a_declaration(data=data, signals=signals), frozenset())
    return [
        f"{'.'.join(map(str, one.path[2:]))}: {one.problem}"
        for one in told
        if one.path[0] == "signals"
    ]


def a_signal(**changes):
    parts = {
        "label": "x",
        "code": "LAB//x",
        "column": "X",
        "visible_after": "60 min",
        "unit": "mmol/L",
    }
    return Signal(**parts | changes)


def test_a_signal_of_a_table_needs_a_column_and_a_delay_and_one_of_a_source_neither():
    bare = a_signal(column="", visible_after="")

    assert found(x=bare) == [
        ": a signal of a table without a column",
        ": a signal of a table without a delay until it can be seen",
    ]
    assert found(x=bare, data=SOURCE) == []
    assert found(x=a_signal(visible_after="-1 h"), data=SOURCE) == [
        "visible_after: the delay is negative: nothing is seen before it is"
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"unit": None}, ": a number without a unit, or a text without categories"),
        ({"unit": None, "learn_categories": True}, None),
        ({"unit": None, "categories": {"a": "b"}}, None),
        ({"unit": None, "role": "attribute"}, None),
        (
            {"unit": None, "categories": {"a": "b"}, "learn_categories": True},
            "learn_categories: the categories are both declared and to be learnt",
        ),
        ({"also": ("LAB//y", "OLD//x")}, None),
        ({"also": ("potassium",)}, "also: 'potassium' is not a code"),
        ({"also": ("LAB//x",)}, "also: one code is named twice"),
    ],
)
def test_what_a_signal_says_must_be_enough_and_not_contradict(changes, problem):
    assert found(x=a_signal(**changes)) == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("role", "also", "refused"),
    [
        ("input", ("LAB//x",), True),
        ("static", ("LAB//x",), True),
        ("outcome", ("LAB//x",), False),
        ("input", ("LAB//z",), False),
    ],
)
def test_a_code_belongs_to_one_signal_that_is_read(role, also, refused):
    other = a_signal(code="LAB//y", also=also, role=role)

    told = found(x=a_signal(), y=other)

    expected = ["code: 'x' has this code too, so one of the two would never be read"]
    assert told == (expected if refused else [])
