"""Mistakes in a declaration: one readable error, its line and the fix."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import bedside.usecases
from bedside.core.errors import BedsideError, Invalid
from bedside.interop.declaration import (
    declaration_from_json,
    declaration_to_json,
    json_schema,
    read_declaration,
)
from bedside.metrics.names import metric_names

SOURCE = (Path(bedside.usecases.__file__).parent / "early_warning" / "bedside.yaml").read_text()


def read(text):
    return read_declaration(text.encode(), metrics=metric_names)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("trigger: icu_hour", "triger: icu_hour", "write 'trigger'"),
        ("unit: mmol/L", "unit: mmol/L", None),
        ('unit: "Cel"', 'unit: "celsius"', "not a UCUM code"),
        ("metric: auroc", "metric: aurok", "write 'auroc'"),
        ("visible_after: 60 min", "visible_after: -60 min", "the delay is negative"),
        ("rounds: 500", "rounds: many", "Expected `int`"),
        ("end: trigger + 6h", "end: six hours later", "not a window edge"),
    ],
)
def test_a_mistake_names_its_line_and_the_fix(old, new, says):
    broken = SOURCE.replace(old, new, 1)
    if says is None:
        assert read(SOURCE).name == "early_warning"
        return
    line = next(n for n, text in enumerate(broken.split("\n"), 1) if new in text)

    with pytest.raises(Invalid) as caught:
        read(broken)

    assert says in str(caught.value)
    assert f"line {line}" in str(caught.value)


def test_what_is_written_is_read_back():
    declaration = read(SOURCE)

    assert declaration_from_json(declaration_to_json(declaration)) == declaration


def test_the_published_schema_accepts_the_use_case_and_refuses_an_unknown_key():
    tree = yaml.safe_load(SOURCE)
    validator = Draft202012Validator(json_schema())

    assert validator.is_valid(tree)
    assert not validator.is_valid({**tree, "unheard_of": 1})


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_our_errors(content):
    with suppress(BedsideError):
        read_declaration(content, metrics=lambda declaration: frozenset())
