"""What a model accepts: units made equal under every code of a signal, impossible values aside."""

from dataclasses import replace

import pytest

from bedside.core.errors import WrongUnit
from bedside.core.records.declaration import Signal
from bedside.core.records.features import ChosenCode, FeatureRule, Learnt, Vocabulary
from bedside.features.definition import expand
from bedside.features.inputs import as_served, clean_events, plausible_ranges
from served import a_declaration, an_event

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
