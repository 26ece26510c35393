"""What was opened of answers stays what it was, whatever it is joined with and written to."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedside.core.errors import Refused
from bedside.monitor.judged.opened import Opened, OpenedAnswer, OpenedOutcome

GROUPS = ("sex", "ward")
numbers = st.floats(allow_infinity=False, allow_nan=False, width=64)
levels = st.sampled_from(["", "female", "male", "Ä|^\n", "ICU"])
answers = st.builds(
    OpenedAnswer,
    sequence=st.integers(1, 2**40),
    named=st.booleans(),
    risk=st.none() | numbers,
    threshold=st.none() | numbers,
    alert=st.booleans(),
    outputs=st.lists(numbers, max_size=3).map(tuple),
    groups=st.dictionaries(st.sampled_from(GROUPS), levels),
)
outcomes = st.builds(
    OpenedOutcome,
    sequence=st.integers(1, 2**40),
    answer=st.integers(1, 2**40),
    value=numbers,
    event_hours=st.just(float("nan")) | numbers,
    days=st.just(float("nan")) | numbers,
)
some_answers = st.lists(answers, max_size=6, unique_by=lambda one: one.sequence)
some_outcomes = st.lists(outcomes, max_size=6, unique_by=lambda one: one.sequence)


def rows_of(one):
    """Every answer and outcome as it was given, by its entry."""
    parts = np.split(one.outputs, np.cumsum(one.width)[:-1]) if len(one.width) else []
    told = {
        int(entry): (
            bool(one.named[at]), str(one.risk[at]), str(one.threshold[at]), bool(one.alert[at]),
            tuple(parts[at].tolist()), tuple(str(one.level(name)[at]) for name in GROUPS),
        )
        for at, entry in enumerate(one.sequence)
    }  # fmt: skip
    columns = [getattr(one, name) for name in ("answer", "value", "event_hours", "days")]
    came = {
        int(entry): tuple(str(column[at]) for column in columns)
        for at, entry in enumerate(one.outcome)
    }
    return told, came


def plain(some, came):
    """The same from what was given, without columns."""
    told = {
        one.sequence: (
            one.named, str(np.nan if one.risk is None else one.risk),
            str(np.nan if one.threshold is None else one.threshold), one.alert, one.outputs,
            tuple(one.groups.get(name, "") for name in GROUPS),
        )
        for one in some
    }  # fmt: skip
    return told, {
        one.sequence: (str(one.answer), str(one.value), str(one.event_hours), str(one.days))
        for one in came
    }


@given(some_answers, some_outcomes)
def test_columns_and_bytes_hold_what_was_given(some, came):
    made = Opened.of(some, came, GROUPS)

    again = Opened.from_bytes(made.to_bytes())

    assert rows_of(made) == rows_of(again) == plain(some, came)
    assert again.to_bytes() == made.to_bytes()
    assert (np.diff(made.sequence) > 0).all()


@given(st.lists(st.tuples(some_answers, some_outcomes), max_size=3))
def test_joined_days_hold_each_entry_once_and_as_it_was_read_last(days):
    made = Opened.joined([Opened.of(some, came, GROUPS) for some, came in days], GROUPS)

    told, notes = {}, {}
    for some, came in days:
        new, more = plain(some, came)
        told, notes = told | new, notes | more
    assert rows_of(made) == (told, notes)
    kept = np.flatnonzero(made.sequence % 2 == 0)
    half = made.take(kept, np.zeros(0, dtype=np.int64))
    assert rows_of(half) == ({entry: one for entry, one in told.items() if entry % 2 == 0}, {})


def test_a_level_that_nobody_has_any_more_is_not_kept():
    some = [
        OpenedAnswer(sequence=at, named=True, groups={"ward": ward})
        for at, ward in ((1, "ICU"), (2, "MED"))
    ]
    made = Opened.of(some, [], GROUPS).take(np.array([1]), np.zeros(0, dtype=np.int64))

    assert Opened.from_bytes(made.to_bytes()).levels["ward"] == ("MED",)


def test_another_form_is_opened_again_and_what_is_none_is_refused(monkeypatch):
    made = Opened.of([OpenedAnswer(sequence=1, named=True, risk=0.5, groups={})], [], GROUPS)
    written = made.to_bytes()
    monkeypatch.setattr("bedside.monitor.judged.opened.FORM", "bedside.opened-answers/0")

    assert Opened.from_bytes(written) is None
    for broken in (b"", written[:-3], b"y" + written[1:]):
        with pytest.raises(Refused) as refused:
            Opened.from_bytes(broken)
        assert refused.value.code == "opened_unreadable"


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(content):
    with pytest.raises(Refused):
        Opened.from_bytes(content)


def test_columns_of_different_lengths_are_refused():
    made = Opened.of([OpenedAnswer(sequence=1, named=True, risk=0.5, groups={})], [], GROUPS)
    for one in fields(Opened):
        if one.name in ("groups", "levels"):
            continue
        column = getattr(made, one.name)
        longer = np.concatenate([column, np.zeros(1, dtype=column.dtype)])
        told = {f.name: getattr(made, f.name) for f in fields(Opened)} | {one.name: longer}
        with pytest.raises(Refused):
            Opened.from_bytes(Opened(**told).to_bytes())
