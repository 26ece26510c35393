"""Each signal has one reason, with what all its features gave, told by the strongest of them."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from bedside.core.records.features import CALENDAR, Aggregate
from bedside.core.records.outcome import Outcome
from bedside.core.records.told_now import Layout, ToldNow
from bedside.features.definition import expand
from bedside.interop.score_words import moved
from bedside.serve.reasons import top_reasons
from served import NOW, a_declaration, an_event

FEATURES = expand(a_declaration())


def reasons_of(**gave):
    given = {name.replace("__", "."): part for name, part in gave.items()}
    contributions = np.array([given.get(name, 0.0) for name in FEATURES.names])
    row = np.full(len(contributions), 4.2)
    events = [an_event("LOINC//2524-7", 4.2, unit="mmol/L")]
    return top_reasons(FEATURES, row, contributions, events, NOW)


def test_features_of_a_signal_take_one_place_with_what_they_gave_together():
    told = reasons_of(lactate__last=0.5, lactate__max__6h=0.4, age__last=0.8)

    assert [(one.feature, one.contribution) for one in told] == [
        ("lactate.last", pytest.approx(0.9)),
        ("age.last", 0.8),
    ]


def test_a_signal_is_told_by_a_feature_that_moves_the_score_the_way_the_signal_does():
    told = reasons_of(lactate__last=-0.4, lactate__max__6h=0.6)

    ((feature, total),) = [(one.feature, one.contribution) for one in told]
    assert feature == "lactate.max.6h"
    assert total == pytest.approx(0.2)


def test_a_signal_whose_features_cancel_out_is_no_reason():
    told = reasons_of(lactate__last=-0.5, lactate__max__6h=0.5, age__last=0.1)

    assert [one.feature for one in told] == ["age.last"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("binary", "risk"),
        ("survival", "risk"),
        ("regression", "value"),
        ("ordinal", "predicted level"),
        ("multiclass", "chance of anything but none"),
    ],
)
def test_a_reason_raises_or_lowers_what_is_predicted(kind, words):
    usual = a_declaration()
    asked = replace(usual.question, outcome=Outcome(kind=kind, levels=("none", "some")))

    assert moved(replace(usual, question=asked)) == words


LAYOUT = Layout(
    codes=("LOINC//2524-7", "LOINC//8867-4", "MEDS_BIRTH", "LOINC//1", "LOINC//1"),
    units=("mmol/L", "/min", None, None, None),
    is_static=(False, False, True, False, False),
    rows=(b"\x01", b"\x02", b"\x03", b"\x04", b"\x05"),
)
SOME = [
    replace(
        one,
        name=f"{one.signal}.{aggregate}.{hours}",
        aggregate=aggregate,
        window_hours=hours,
        unit={"hours_since": "h", "hours_active": "h"}.get(aggregate, one.unit),
    )
    for one in {feature.signal: feature for feature in FEATURES.features}.values()
    for aggregate in get_args(Aggregate)
    for hours in (None, 6.0)
    if aggregate not in CALENDAR and (aggregate != "last_is" or one.categories)
]
OTHERS = [
    replace(SOME[0], name="several", codes=("LOINC//2524-7", "LOINC//8867-4")),
    replace(SOME[0], name="twice", codes=("LOINC//1",)),
    replace(SOME[0], name="absent", codes=("LOINC//0",)),
    replace(SOME[0], name="fixed", codes=("MEDS_BIRTH",)),
]


@pytest.mark.parametrize("feature", [*SOME, *OTHERS], ids=lambda one: one.name)
def test_a_value_told_with_the_question_gives_the_same_reason_as_its_event(feature):
    features, given = replace(FEATURES, features=(feature,)), np.array([0.5])
    told = ToldNow(LAYOUT, [4.2, 118.0, 71.0, 1.0, 2.0], NOW, 7)

    for value in np.array([[4.2], [0.0], [1.0], [-3.0], [1326.4], [4.12e-5], [np.nan]]):
        at_once = top_reasons(features, value, given, told, NOW)
        assert at_once == top_reasons(features, value, given, list(told), NOW)


APART = replace(
    FEATURES,
    features=tuple(
        replace(SOME[0], name=f"f{at}", signal=f"s{at}", codes=(f"X//{at}",)) for at in range(9)
    ),
)


@drawn(st.lists(st.sampled_from([0.0, -0.0, 0.5, -0.5, 0.25, 1e-9, -3.0]), min_size=9, max_size=9))
def test_the_five_that_moved_most_come_first_and_of_two_alike_the_first(parts):
    told = top_reasons(APART, np.full(9, 1.0), np.array(parts), [], NOW)

    moved = [at for at, part in enumerate(parts) if part]
    expected = sorted(moved, key=lambda at: (-abs(parts[at]), at))[:5]
    assert [one.feature for one in told] == [f"f{at}" for at in expected]
    assert [one.contribution for one in told] == [parts[at] for at in expected]
