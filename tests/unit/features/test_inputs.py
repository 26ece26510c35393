"""What a model accepts: units made equal under every code of a signal, impossible values aside."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import WrongUnit
from bedside.core.records.declaration import Signal
from bedside.core.records.features import ChosenCode, FeatureRule, Learnt, Vocabulary
from bedside.features.definition import expand
from bedside.features.inputs import (
    as_served,
    check_inputs,
    clean_events,
    plausible_ranges,
    visible_at,
)
from served import NOW, a_declaration, an_event, hours_ago

WEIGHT = Signal(
    label="weight", code="LOINC//29463-7", also=("LOCAL//w",), unit="kg", plausible=(1.0, 300.0)
)


@pytest.mark.parametrize("code", WEIGHT.codes)
def test_every_code_of_a_signal_is_converted_and_bounded_alike(code):
    heavy, impossible = an_event(code, 150_000.0, unit="g"), an_event(code, 400.0, unit="kg")

    kept, aside = clean_events({"weight": WEIGHT}, [heavy, impossible])

    assert [(event.value, event.unit) for event in kept] == [(150.0, "kg")]
    assert aside == ("weight",)


def test_a_signal_whose_categories_are_learnt_has_no_range():
    ward = Signal(label="ward", code="WARD//name", learn_categories=True)

    assert plausible_ranges({"ward": ward}) == {}


def test_a_number_without_a_unit_takes_none():
    ratio = Signal(label="LAB//r", code="LAB//r")

    assert clean_events({"r": ratio}, [an_event("LAB//r", 2.0, unit="1")])[0][0].value == 2.0
    with pytest.raises(WrongUnit, match="needs no unit"):
        clean_events({"r": ratio}, [an_event("LAB//r", 2.0, unit="mg")])


def test_a_served_declaration_names_what_was_chosen_and_leaves_nothing_open():
    plain = a_declaration()
    ward = Signal(label="ward", code="WARD//name", learn_categories=True)
    rules = (
        FeatureRule(signals=("ward",)),
        FeatureRule(vocabulary=Vocabulary(prefixes=("LAB//",)), aggregates=("last", "count"),
                    windows=("6h",)),
    )  # fmt: skip
    declaration = replace(plain, signals=plain.signals | {"ward": ward}, features=rules)
    chosen = (
        ChosenCode(code="LAB//k", unit="mmol/L"),
        ChosenCode(code="LAB//group", static=True),
        ChosenCode(code="LAB//drawn", mark=True),
    )

    features = expand(declaration, Learnt(codes={1: chosen}, categories={"ward": ("icu", "other")}))
    served = as_served(declaration, features)

    assert served.signals["ward"].categories == {"icu": "icu", "other": "other"}
    assert served.signals["LAB//k"] == Signal(label="LAB//k", code="LAB//k", unit="mmol/L")
    assert served.signals["LAB//group"].role == "static"
    assert served.signals["LAB//drawn"].role == "attribute"
    assert [rule.signals for rule in served.features] == [
        ("ward",), (), ("LAB//k", "LAB//group"), (),
    ]  # fmt: skip
    assert served.features[-1].since == "LAB//drawn"
    assert not any(rule.vocabulary for rule in served.features)
    assert as_served(plain, expand(plain)) == plain


moments = st.integers(-2, 9).map(hours_ago)


@st.composite
def heart_rates_and_ages(draw):
    """Of several times, late, without a time, corrected."""
    made = []
    for number in range(draw(st.integers(0, 8))):
        rows = [event.source_row for event in made]
        made.append(
            an_event(
                draw(st.sampled_from(["LOINC//8867-4", "AGE//years", "OTHER//x"])),
                float(draw(st.integers(10, 30))),
                time=draw(st.none() | moments),
                known_at=draw(moments),
                source_row=bytes([number]),
                replaces=draw(st.sampled_from(rows)) if rows and draw(st.booleans()) else None,
            )
        )
    return made


@settings(max_examples=200, deadline=None)
@given(heart_rates_and_ages())
def test_the_newest_visible_event_of_a_signal_decides_whether_there_is_a_score(events):
    def newest(code):
        order = lambda e: (e.time is not None, e.time or e.known_at, e.known_at)  # noqa: E731
        seen = [event for event in visible_at(events, NOW) if event.code == code]
        return sorted(seen, key=order)[-1] if seen else None

    found = check_inputs(a_declaration(), events, (), NOW)

    rate, age = newest("LOINC//8867-4"), newest("AGE//years")
    if rate is None:
        expected = ("missing", "heart_rate")
    elif rate.time is not None and NOW - rate.time > timedelta(hours=6):
        expected = ("stale", "heart_rate")
    elif age is None:
        expected = ("missing", "age")
    else:
        expected = ("not_eligible", "age") if age.value < 18 else None
    assert (found and (str(found.reason), found.signal)) == expected


def test_what_is_clean_already_is_left_as_it_is():
    event = an_event("LOINC//2524-7", 4.2, unit="mmol/L")

    kept, aside = clean_events(a_declaration().signals, [event])

    assert kept[0] is event
    assert aside == ()
