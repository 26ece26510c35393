"""The evaluation as declared: a mistake is named when it is read, with the fix."""

import re
from pathlib import Path

import pytest

import bedside.usecases
from bedside.core.errors import Invalid
from bedside.features.definition import expand
from bedside.interop.declaration.reading import read_declaration
from bedside.metrics.names import metric_names

SHIPPED = Path(bedside.usecases.__file__).parent / "early_warning" / "bedside.yaml"
SOURCE = re.sub(r"  alerts: .*\n", "", SHIPPED.read_text())


def declared(line: str = "", gate: str = "") -> str:
    text = SOURCE.replace("  burden_per: day\n", f"  burden_per: day\n  {line}\n")
    return text.replace("gates:\n", f"gates:\n  - {gate}\n") if gate else text


def read(text):
    return read_declaration(
        text.encode(),
        metrics=metric_names,
        features=lambda declaration: expand(declaration).features,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (declared("intersections: [[sex, ward]]"), "'ward' is not a declared subgroup"),
        (declared("intersections: [[sex, sex]]"), "not two different subgroups"),
        (declared("intersections: [[sex]]"), "not two different subgroups"),
        (declared("intersections: [[sex, age_band], [age_band, sex]]"), "stands here twice"),
        (declared("minimum_subgroup: 10"), "give at least 11"),
        (SOURCE.replace("bootstrap: 500", "bootstrap: 20"), "give a number from 100 to 20000"),
        (declared("alerts: {lead: soon}"), "'soon' is not a duration"),
        (declared("alerts: {lead: 0 h}"), "give at least 1 min"),
        (declared("alerts: {capacity: 0}"), "there is no capacity"),
        (declared("alerts: {beds: 0}"), "there are no beds"),
        (
            declared("alerts: {beds: 9}").replace("burden_per: day", "burden_per: subject"),
            "add burden_per: day",
        ),
        (declared(gate="{metric: auroc, at_least: 0.7, subgroup: sec}"), "write 'sex'"),
        (
            declared(
                "intersections: [[sex, age_band]]",
                "{metric: tpr_gap, at_most: 0.1, subgroup: sex × age_band}",
            ),
            "is not a declared subgroup",
        ),
    ],
)
def test_a_mistake_is_named_with_its_fix(text, says):
    with pytest.raises(Invalid) as refused:
        read(text)

    assert says in f"{refused.value.problem} {refused.value.fix}"


def test_alerts_intersections_and_gates_on_them_can_be_declared():
    text = declared(
        'intersections: [[sex, age_band]]\n  alerts: {lead: 8 h, snooze: "6 h", capacity: 10}',
        "{metric: auroc, at_least: 0.7, subgroup: sex × age_band}",
    )

    made = read(text)

    assert made.evaluation.alerts.snooze == "6 h"
    assert made.gates[0].subgroup == "sex × age_band"
    assert read(declared(gate="{metric: event_sensitivity, at_least: 0.5}")).gates
