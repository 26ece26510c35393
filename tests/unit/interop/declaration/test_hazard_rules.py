"""A hazard whose control does not exist, or that nobody can judge, is refused with the place."""

import json

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.hazard import RISK_MATRIX, Hazard, acceptability, is_accepted
from bedside.interop.declaration import read_declaration
from bedside.metrics.names import metric_names
from bedside.usecases import folder_of

SHIPPED = (folder_of("early_warning") / "bedside.yaml").read_text().partition("\nhazards:")[0]


def a_hazard(**changed):
    return {
        "id": "missed",
        "hazard": "the risk is too low",
        "situation": ["the risk stays below the threshold", "nobody examines the patient"],
        "harm": "treatment begins late",
        "severity": "critical",
        "before": "probable",
        "after": "remote",
        "judged_by": "the clinical lead",
        "controls": [{"gate": "auroc"}],
    } | changed


def read(*hazards, matrix=None):
    told = {"hazards": list(hazards)} | ({} if matrix is None else {"risk_matrix": matrix})
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in told.items())
    return read_declaration(f"{SHIPPED}\n{text}\n".encode(), metrics=metric_names)


@pytest.mark.parametrize(
    "control",
    [
        {"gate": "auroc"},
        {"live_gate": "failure_rate"},
        {"guard": "failure_rate"},
        {"eligibility": "age"},
        {"monitor": "inputs"},
        {"channel": "cds_hooks"},
        {"text": "the answer does not rule sepsis out"},
    ],
)
def test_a_control_that_exists_is_read(control):
    read_back = read(a_hazard(controls=[control])).hazards[0].controls[0]

    assert {read_back.kind: read_back.name} == control


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"controls": [{"gate": "auroc_"}]}, "write 'auroc'"),
        ({"controls": [{"gate": "brier"}]}, "is not a gate"),
        ({"controls": [{"live_gate": "failure_rat"}]}, "write 'failure_rate'"),
        ({"controls": [{"guard": "latency"}]}, "is not a guard"),
        ({"controls": [{"eligibility": "aeg"}]}, "write 'age'"),
        ({"controls": [{"uncertainty": "coverage"}]}, "declare an option of uncertainty"),
        ({"controls": [{"monitor": "input"}]}, "controls.0.monitor"),
        ({"controls": [{"channel": "fhir"}]}, "use one of: cds_hooks, inference"),
        ({"controls": [{"text": " "}]}, "users are told nothing"),
        ({"controls": [{}]}, "not exactly one control"),
        ({"controls": [{"gate": "auroc", "guard": "failure_rate"}]}, "not exactly one control"),
        ({"controls": [{"gate": "auroc", "subgroup": "sex"}]}, "no gate on 'auroc' is of 'sex'"),
        ({"controls": [{"guard": "failure_rate", "subgroup": "sex"}]}, "belongs to a gate"),
        ({"controls": []}, "nothing is done about it"),
        ({"after": "frequent"}, "judge both again"),
        ({"severity": "sever"}, "severity"),
        ({"situation": []}, "no event leads to the harm"),
        ({"harm": ""}, "nothing is said here"),
        ({"severity": "minor", "benefit_risk": "it helps"}, "acceptable by itself"),
        ({"judge": "me"}, "judged_by"),
    ],
)
def test_a_hazard_that_cannot_be_judged_is_refused_with_the_place(changed, says):
    with pytest.raises(Invalid) as refused:
        read(a_hazard(**changed))

    assert says in str(refused.value)
    assert "hazards" in str(refused.value)


def test_two_hazards_of_one_id_are_refused():
    with pytest.raises(Invalid, match="another hazard has this id"):
        read(a_hazard(), a_hazard())


def test_a_hospital_declares_a_risk_matrix_of_its_own():
    strict = {name: ["unacceptable"] * 5 for name in RISK_MATRIX}

    declared = read(a_hazard(), matrix=strict)

    assert acceptability("negligible", "improbable", declared.risk_matrix) == "unacceptable"


@pytest.mark.parametrize(
    ("matrix", "says"),
    [
        ({"frequent": ["reduce"] * 5}, "not a row for each probability"),
        ({one: ["reduce"] * 4 for one in RISK_MATRIX}, "4 cells"),
        ({one: ["unacceptable", *["reduce"] * 4] for one in RISK_MATRIX}, "more acceptable"),
        (
            {one: ["reduce" if one == "improbable" else "acceptable"] * 5 for one in RISK_MATRIX},
            "more acceptable",
        ),
    ],
)
def test_a_risk_matrix_that_is_not_one_is_refused(matrix, says):
    with pytest.raises(Invalid, match=says):
        read(a_hazard(), matrix=matrix)


@pytest.mark.parametrize(
    ("after", "controls", "benefit_risk", "accepted"),
    [
        ("improbable", (), "", False),
        ("improbable", ({"gate": "auroc"},), "", True),
        ("probable", ({"gate": "auroc"},), "", False),
        ("probable", ({"gate": "auroc"},), "it saves more lives than it costs", True),
    ],
)
def test_a_residual_risk_is_accepted_only_where_it_is_low_or_outweighed(
    after, controls, benefit_risk, accepted
):
    hazard = Hazard(
        **a_hazard(after=after, before="probable", controls=controls, benefit_risk=benefit_risk)
    )

    assert is_accepted(hazard) is accepted
