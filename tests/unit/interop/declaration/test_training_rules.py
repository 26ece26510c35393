"""Imputation and augmentation as declared: a mistake is named when it is read, with the fix."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import bedside.usecases
from bedside.core.errors import BedsideError, Invalid
from bedside.features.definition import expand
from bedside.interop.declaration import declaration_from_json, declaration_to_json, json_schema
from bedside.interop.declaration.reading import read_declaration
from bedside.metrics.names import metric_names

SOURCE = (Path(bedside.usecases.__file__).parent / "early_warning" / "bedside.yaml").read_text()
WHOLE = """
imputation:
  default: {method: median}
  signals: {sex: {method: most_frequent}}
"""


def read(more):
    return read_declaration(
        (SOURCE + more).encode(),
        metrics=metric_names,
        features=lambda declaration: expand(declaration).features,
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("imputation:\n  default: {method: median}", "'sex.last' is a category"),
        ("imputation:\n  signals: {hart_rate: {method: mean}}", "write 'heart_rate'"),
        ("imputation:\n  features: {heart_rate.lst: {method: mean}}", "write 'heart_rate.last'"),
        ("imputation:\n  aggregates: {hours_sinse: {method: mean}}", "write 'hours_since'"),
        ("imputation:\n  signals: {sex: {method: constant, value: femal}}", "write 'female'"),
        ("imputation:\n  signals: {lactate: {method: constant}}", "give both or neither"),
        ("imputation:\n  signals: {lactate: {method: mean, value: 1}}", "give both or neither"),
        ("imputation:\n  features: {ph.last: {method: constant, value: .inf}}", "a finite number"),
        ("imputation:\n  features: {ph.last: {method: constant, value: x}}", "a finite number"),
        ("imputation:\n  features: {ph.last: {method: normal}}", "add normal: to the signal"),
        ("imputation:\n  aggregates: {hours_since: {method: normal}}", "no value is normal for"),
        ("imputation:\n  signals: {ph: {indicator: true}}", "give a method, or remove it"),
        ("imputation:\n  signals: {ph: {method: most_frequent}}", "'ph.last' is a number"),
        ("imputation:\n  signals: {ph: {metod: mean}}", "write 'method'"),
        ("augmentation: [{resample: {method: smote}}]", "cannot interpolate what may be missing"),
        (WHOLE + "augmentation: [{resample: {method: adasyn}}]", "between categories"),
        (
            "augmentation: [{resample: {method: random_over, ratio: .nan}}]",
            "ratio is out of bounds",
        ),
        ("augmentation: [{resample: {method: random_over, seed: -1}}]", "seed is out of bounds"),
        ("augmentation: [{jitter: {signals: [hart_rate]}}]", "write 'heart_rate'"),
        ("augmentation: [{jitter: {signals: [sex]}}]", "not a numeric input"),
        ("augmentation: [{jitter: {copies: 0}}]", "give 1 to 20"),
        ("augmentation: [{time_warp: {sd: 0.6}}]", "up to 0.5"),
        ("augmentation: [{}]", "exactly one of jitter, time_warp, resample"),
        (
            "augmentation: [{resample: {method: random_over}}, {jitter: {}}]",
            "before the first resample",
        ),
    ],
)
def test_a_mistake_names_its_line_and_the_fix(more, says):
    with pytest.raises(Invalid) as caught:
        read("\n" + more + "\n")

    assert says in str(caught.value)
    line = int(str(caught.value).split("line ")[1].split(",")[0])
    assert SOURCE.count("\n") < line <= SOURCE.count("\n") + 2 + more.count("\n")


def test_a_normal_value_outside_what_is_plausible_is_refused():
    told = SOURCE.replace("plausible: [6.5, 8]", "plausible: [6.5, 8], normal: 74")

    with pytest.raises(Invalid, match="the normal value is not plausible"):
        read_declaration(
            told.encode(),
            metrics=metric_names,
            features=lambda declaration: expand(declaration).features,
        )


def test_the_closest_name_decides_what_a_feature_takes():
    told = read(
        WHOLE
        + """
  aggregates: {hours_since: {method: constant, value: 72, indicator: true}}
  features: {ph.last: {method: constant, value: 7.4}}
augmentation:
  - jitter: {sd: 0.05, copies: 2}
  - resample: {method: smote, ratio: 0.5}
"""
    )

    assert told.imputation.fill_of("ph.last", "last", "ph").value == 7.4
    assert told.imputation.fill_of("ph.hours_since", "hours_since", "ph").value == 72
    assert told.imputation.fill_of("sex.last", "last", "sex").method == "most_frequent"
    assert told.imputation.fill_of("map.last", "last", "map").method == "median"
    assert declaration_from_json(declaration_to_json(told)) == told
    tree = yaml.safe_load(SOURCE + WHOLE)
    assert Draft202012Validator(json_schema()).is_valid(tree)
    tree["imputation"]["default"]["unheard_of"] = 1
    assert not Draft202012Validator(json_schema()).is_valid(tree)


WORDS = st.sampled_from(
    ["method", "value", "median", "smote", "heart_rate", "ph.last", "age", "sex", "resample", "sd",
     "jitter", "copies", "signals", "default", "features", "normal", "constant", "female"]
)  # fmt: skip
LEAVES = WORDS | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(ANYTHING, ANYTHING)
def test_whatever_stands_there_is_read_or_refused_in_words(imputation, augmentation):
    more = yaml.safe_dump({"imputation": imputation, "augmentation": augmentation})

    with suppress(BedsideError):
        read("\n" + more)
