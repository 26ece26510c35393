"""Fairness as declared: a mistake is named when it is read, with the fix."""

from pathlib import Path

import pytest

import bedside.usecases
from bedside.core.errors import Invalid
from bedside.features.definition import expand
from bedside.interop.declaration import declaration_from_json, declaration_to_json
from bedside.interop.declaration.reading import read_declaration
from bedside.metrics.names import metric_names

SOURCE = (Path(bedside.usecases.__file__).parent / "early_warning" / "bedside.yaml").read_text()
BY_BAND = "fairness: {subgroup: age_band, mitigation: thresholds_by_group}"
UNSEEN = SOURCE.replace("signals: [age, sex, hours_before_icu]", "signals: [age, hours_before_icu]")


def read(text):
    return read_declaration(
        text.encode(),
        metrics=metric_names,
        features=lambda declaration: expand(declaration).features,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (SOURCE + "fairness: {subgroup: sec, mitigation: reweighing}", "write 'sex'"),
        (SOURCE + "fairness: {subgroup: sex, mitigation: prayer}", "Invalid enum value"),
        (SOURCE + BY_BAND, "bands of a number are none"),
        (
            SOURCE.replace(
                "age_band: {signal: age, edges: [45, 65, 80]}", "age_band: {signal: age}"
            )
            + "fairness: {subgroup: age_band}",
            "add edges: to evaluation.subgroups.age_band",
        ),
        (
            UNSEEN + "fairness: {subgroup: sex, mitigation: recalibration_by_group}",
            "add a feature rule with signals: [sex]",
        ),
        (
            SOURCE
            + "fairness: {subgroup: sex, mitigation: reductions}\n"
            + "augmentation: [{resample: {method: random_over}}]",
            "remove augmentation",
        ),
        (
            SOURCE.replace("learner:\n", "learner:\n  positive_weight: 2\n")
            + "fairness: {subgroup: sex, mitigation: reductions}",
            "remove learner.positive_weight",
        ),
        (
            SOURCE.replace("gates:\n", "gates:\n  - {metric: tpr_gap, at_most: 0.1}\n"),
            "add subgroup: one of evaluation.subgroups",
        ),
    ],
)
def test_a_mistake_names_the_fix(text, says):
    with pytest.raises(Invalid) as caught:
        read(text)

    assert says in str(caught.value)


@pytest.mark.parametrize(
    "said",
    [
        "{subgroup: age_band}",
        "{subgroup: age_band, mitigation: reweighing}",
        "{subgroup: sex, mitigation: reductions, constraint: demographic_parity}",
        "{subgroup: sex, mitigation: thresholds_by_group, constraint: equalized_odds}",
        "{subgroup: sex, mitigation: recalibration_by_group}",
    ],
)
def test_what_can_be_done_is_read_and_kept(said):
    gate = "gates:\n  - {metric: tpr_gap, subgroup: sex, at_most: 0.1, bound: high}\n"

    read_again = read(SOURCE.replace("gates:\n", gate) + f"fairness: {said}\n")

    assert declaration_from_json(declaration_to_json(read_again)) == read_again
    assert read_again.fairness is not None
