"""`$predict`: what the FHIR wire answers, and what it says where there is no score."""

import pytest

from bedside.core.records.caller import Caller
from bedside.core.records.codes_seen import CodeSeen, codes_from_text
from bedside.core.records.declaration import Channels
from bedside.core.records.version import Stage
from bedside.interop.sealed_answer import opened_answer
from bedside.serve.app import create_app
from fhir_asking import (
    a_call,
    a_fhir_client,
    a_fhir_declaration,
    the_usual,
    validated,
)
from served import (
    HttpClient,
    a_fhir_patient,
    a_search,
    a_served_model,
    an_encounter,
    an_observation,
    app_for,
    service_for,
)

PATIENT = "/fhir/Patient/pat-1/$predict"
ENCOUNTER = "/fhir/Encounter/enc-1/$predict"
FHIR = "application/fhir+json"


def test_a_result_under_a_code_that_no_signal_has_is_sealed_by_its_code():
    served = a_served_model(declaration=a_fhir_declaration())
    patient, stay, _, rate = the_usual()
    other = an_observation("32693-4", 4.2, "mmol/L")

    response = HttpClient(app_for(served.answerer)).post(
        PATIENT, json=a_call(a_search(patient, stay, other, rate))
    )

    assert response.status_code == 200
    ((_, sealed),) = served.ledger.kept
    seen = codes_from_text(opened_answer(sealed)["codes"])
    assert CodeSeen("", "LOINC//32693-4", False) in seen


def issue_of(response):
    assert response.headers["content-type"] == FHIR
    told = validated(response.json())
    assert told["resourceType"] == "OperationOutcome"
    (issue,) = told["issue"]
    return issue


def test_a_score_comes_as_a_risk_assessment_with_its_device_card_and_provenance():
    response = a_fhir_client().post(PATIENT, json=a_call())

    assert response.status_code == 200
    assert response.headers["content-type"] == FHIR
    entries = validated(response.json())["entry"]
    kinds = [entry["resource"]["resourceType"] for entry in entries]
    assert kinds == ["RiskAssessment", "Device", "DocumentReference", "Provenance"]
    risk = entries[0]["resource"]
    assert risk["subject"] == {"reference": "Patient/pat-1"}
    assert "encounter" not in risk
    assert risk["basis"] == [
        {"reference": "Patient/pat-1"},
        {"reference": "Observation/obs-2524-7"},
        {"reference": "Observation/obs-8867-4"},
    ]
    (one,) = risk["prediction"]
    assert one["probabilityDecimal"] == pytest.approx(78.58, abs=0.01)
    assert one["qualitativeRisk"]["coding"][0]["code"] == "high"
    assert one["whenPeriod"] == {
        "start": "2026-03-01T12:00:00.000Z",
        "end": "2026-03-01T18:00:00.000Z",
    }


def test_the_content_type_of_fhir_is_taken_as_well():
    client = a_fhir_client()

    response = client.request("POST", PATIENT, json=a_call(), headers={"content-type": FHIR})

    assert response.status_code == 200


def test_for_an_encounter_the_patient_is_found_in_it_and_the_stay_is_told():
    response = a_fhir_client().post(ENCOUNTER, json=a_call())

    risk = response.json()["entry"][0]["resource"]
    assert risk["subject"] == {"reference": "Patient/pat-1"}
    assert risk["encounter"] == {"reference": "Encounter/enc-1"}


def test_without_its_encounter_nothing_is_said_of_a_stay():
    response = a_fhir_client().post(ENCOUNTER, json=a_call(a_fhir_patient()))

    assert response.status_code == 400
    assert issue_of(response)["code"] == "invalid"


def test_a_missing_value_is_an_abstention_as_information():
    response = a_fhir_client().post(PATIENT, json=a_call(a_fhir_patient(), an_encounter()))

    assert response.status_code == 200
    issue = issue_of(response)
    assert (issue["severity"], issue["code"]) == ("information", "incomplete")
    assert issue["details"]["coding"][0]["code"] == "abstention-missing"
    assert "heart rate has not been measured" in issue["diagnostics"]


def test_a_silent_version_withholds_its_answer_and_says_so():
    response = a_fhir_client(stage=Stage.SILENT).post(PATIENT, json=a_call())

    assert response.status_code == 200
    issue = issue_of(response)
    assert (issue["severity"], issue["code"]) == ("information", "suppressed")
    assert "RiskAssessment" not in response.text


def test_a_model_that_fails_is_an_error_and_never_an_empty_success():
    served = a_served_model(declaration=a_fhir_declaration())
    served.answerer.warm_up()
    client = HttpClient(
        create_app(service_for(served.answerer), authenticators=[Everybody("infer/*")])
    )
    served.model.mode = "raises"

    response = client.post(PATIENT, json=a_call())

    assert response.status_code == 500
    issue = issue_of(response)
    assert (issue["severity"], issue["code"]) == ("error", "exception")
    assert issue["details"]["coding"][0]["code"] == "failure-model_failed"


def test_a_model_without_the_channel_does_not_answer_here():
    client = a_fhir_client(declaration=a_fhir_declaration(channels=Channels()))

    response = client.post(PATIENT, json=a_call())

    assert response.status_code == 404
    assert issue_of(response)["code"] == "not-found"


class Everybody:
    """Knows every caller, with these scopes."""

    def __init__(self, *scopes):
        self.scopes = frozenset(scopes)

    def caller(self, scope, headers):
        return Caller(name="ehr", scopes=self.scopes)


@pytest.mark.parametrize("model", ["sepsis", "no_such_model"])
def test_who_may_not_ask_a_model_does_not_learn_whether_it_is_served(model):
    served = a_served_model(declaration=a_fhir_declaration())
    app = create_app(
        service_for(served.answerer), authenticators=[Everybody("infer/falls", "describe/falls")]
    )

    response = HttpClient(app).post(PATIENT, json=a_call(model=model))

    assert response.status_code == 403
    assert issue_of(response)["code"] == "forbidden"
    assert "sepsis." not in HttpClient(app).get("/fhir/metadata").text


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"resourceType": "Bundle", "parameter": []}, "not a Parameters"),
        ({"resourceType": "Parameters"}, "names no model"),
        (a_call(model=""), "parameter[0] is empty"),
        (a_call(modle="sepsis"), "parameter[1].name"),
        (a_call(asOf="2026-03-01"), "asOf is a date"),
        (a_call(requestId="x" * 201), "requestId is too long"),
        (a_call(None), "parameter[1].resource"),
        (a_call({"resourceType": "OperationOutcome"}), "OperationOutcome"),
        (a_call(a_search(*the_usual(), link=[{"relation": "next", "url": "x"}])), "pages"),
        (a_call(an_observation("8867-4", 90, "/min", subject={"reference": "Patient/2"})),
         "is not the patient"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_read_is_told_where(body, place):
    response = a_fhir_client().post(PATIENT, json=body)

    assert response.status_code == 400
    issue = issue_of(response)
    assert issue["severity"] == "error"
    assert place in issue["diagnostics"]


@pytest.mark.parametrize(
    ("path", "parts", "status", "code"),
    [
        ("/fhir/nothing", {"json": {}}, 404, "not-found"),
        ("/fhir/Patient/a_b/$predict", {"json": a_call()}, 400, "invalid"),
        (PATIENT, {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "structure"),
        (PATIENT, {"content": b"x" * (1024 * 1024 + 1)}, 413, "too-long"),
        (PATIENT, {"json": {}, "headers": {"Authorization": "Bearer wrong"}}, 401, "login"),
        (PATIENT, {"content": b"{", "headers": {"content-type": FHIR}}, 400, "invalid"),
    ],
)
def test_every_error_below_fhir_is_an_operation_outcome(path, parts, status, code):
    if "headers" not in parts:
        parts = parts | {"headers": {"content-type": FHIR}}
    response = a_fhir_client().post(path, **parts)

    assert response.status_code == status
    assert issue_of(response)["code"] == code


def test_the_record_counts_up_to_the_time_that_is_asked_about():
    client = a_fhir_client()

    before = client.post(PATIENT, json=a_call(asOf="2026-03-01T11:02:00Z"))

    assert issue_of(before)["details"]["coding"][0]["code"] == "abstention-missing"


def test_the_server_describes_itself_and_its_operation():
    client = a_fhir_client()

    statement = validated(client.get("/fhir/metadata").json())
    operation = validated(client.get("/fhir/OperationDefinition/predict").json())

    told = statement["rest"][0]["resource"]
    assert [one["type"] for one in told] == ["Encounter", "Patient"]
    assert told[0]["operation"][0]["definition"] == operation["url"]
    assert statement["fhirVersion"] == "4.0.1"
    assert "sepsis" in statement["implementation"]["description"]
    assert {one["name"] for one in operation["parameter"]} == {
        "model", "asOf", "requestId", "resource", "return",
    }  # fmt: skip
