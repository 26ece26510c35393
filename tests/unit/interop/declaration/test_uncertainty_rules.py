"""Uncertainty and calibration as declared: a mistake is named when it is read, with the fix."""

from dataclasses import replace

import pytest

from bedside.core.records.declaration import Uncertainty
from bedside.core.records.outcome import Outcome
from bedside.interop.declaration.uncertainty_rules import uncertainty_mistakes
from trained import a_declaration


def declared(*, kind="binary", calibration="platt", **uncertainty):
    plain = a_declaration()
    return replace(
        plain,
        question=replace(plain.question, outcome=Outcome(kind=kind)),
        learner=replace(plain.learner, calibration=calibration),
        uncertainty=Uncertainty(**uncertainty),
    )


@pytest.mark.parametrize(
    ("parts", "place", "says"),
    [
        ({"coverage": 0.5}, ("uncertainty", "coverage"), "between 0.5 and 1"),
        ({"coverage": 1.0}, ("uncertainty", "coverage"), "between 0.5 and 1"),
        ({"coverage": 90.0}, ("uncertainty", "coverage"), "between 0.5 and 1"),
        ({"coverage": 0.0}, ("uncertainty", "coverage"), "between 0.5 and 1"),
        ({"domain": 0.9}, ("uncertainty", "domain"), "between 0.9 and 1"),
        ({"domain": 1.0}, ("uncertainty", "domain"), "between 0.9 and 1"),
        ({"domain": 0.0}, ("uncertainty", "domain"), "between 0.9 and 1"),
        ({"kind": "survival", "coverage": 0.9}, ("uncertainty", "coverage"), "no conformal set"),
        (
            {"kind": "multiclass", "calibration": "isotonic"},
            ("learner", "calibration"),
            "yes or no",
        ),
        ({"kind": "ordinal", "calibration": "beta"}, ("learner", "calibration"), "yes or no"),
        (
            {"kind": "regression", "calibration": "venn_abers"},
            ("learner", "calibration"),
            "yes or no",
        ),
    ],
)
def test_a_mistake_is_named_at_its_place_with_its_fix(parts, place, says):
    (mistake,) = uncertainty_mistakes(declared(**parts))

    assert mistake.path == place
    assert says in mistake.problem
    assert mistake.fix


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"coverage": 0.9, "domain": 0.999},
        {"calibration": "venn_abers", "coverage": 0.8},
        {"kind": "regression", "coverage": 0.9},
        {"kind": "multiclass", "coverage": 0.9, "domain": 0.99},
        {"kind": "survival", "domain": 0.99},
        {"kind": "survival", "calibration": "none"},
    ],
)
def test_what_can_be_is_accepted(parts):
    assert list(uncertainty_mistakes(declared(**parts))) == []
