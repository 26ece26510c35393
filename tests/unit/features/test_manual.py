"""The manual of features names every aggregate, encoding and part of the calendar."""

from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest
import yaml

from bedside.core.records.declaration import Signal
from bedside.core.records.features import (
    CALENDAR,
    Aggregate,
    ChosenCode,
    FeatureRule,
    Learnt,
    Vocabulary,
)
from bedside.features.definition import expand
from bedside.interop.declaration.rules import mistakes
from served import a_declaration

MANUAL = (Path(__file__).parents[3] / "docs" / "reference" / "features.md").read_text()
ENCODINGS = get_args(get_type_hints(FeatureRule)["encode"])
KEYS = [name for record in (FeatureRule, Vocabulary) for name in record.__slots__]


@pytest.mark.parametrize("word", [*get_args(Aggregate), *CALENDAR, *ENCODINGS])
def test_the_manual_says_what_it_is(word):
    assert f"`{word}`" in MANUAL


@pytest.mark.parametrize("key", KEYS)
def test_the_manual_names_every_key_of_a_rule(key):
    assert f"`{key}`" in MANUAL or f"{key}:" in MANUAL


def test_the_example_of_the_manual_is_a_declaration_that_makes_its_features():
    told = yaml.safe_load(MANUAL.partition("```yaml")[2].partition("```")[0])
    signals = msgspec.convert(told["signals"], dict[str, Signal])
    rules = msgspec.convert(told["features"], tuple[FeatureRule, ...])
    plain = a_declaration(signals=signals, features=rules, eligibility=())
    declaration = replace(plain, data=replace(plain.data, source="synthea_bulk", file=""))
    chosen = {5: (ChosenCode(code="LOINC//2823-3", unit="mmol/L"),)}

    names = expand(declaration, Learnt(codes=chosen, categories={"ward": ("icu", "other")})).names

    assert [one for one in mistakes(declaration, frozenset()) if one.path[0] == "signals"] == []
    assert {"lactate.max.6h", "age_band.max.all", "ward.last.is_other", "LOINC//2823-3.count.168h",
            "years_since.meds_BIRTH", "hour_of_day"} <= set(names)  # fmt: skip
