"""Both wires over HTTP: the same outcomes, each in its own words."""

import json
import logging
from typing import Any

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.version import Stage
from bedside.interop.sealed_answer import opened_answer
from served import (
    VERSION,
    HttpClient,
    Served,
    a_declaration,
    a_fhir_patient,
    a_hook_call,
    a_search,
    a_served_model,
    a_tensor,
    an_inference,
    an_observation,
    app_for,
)

INFER = "/v2/models/sepsis/infer"
HOOK = "/cds-services/sepsis-now"


def a_client(served: Served) -> HttpClient:
    return HttpClient(app_for(served.answerer))


def outputs(body: dict[str, Any]) -> dict[str, Any]:
    return {tensor["name"]: tensor["data"][0] for tensor in body["outputs"]}


def test_inference_gives_a_score_with_risk_alert_and_reasons():
    served = a_served_model()

    response = a_client(served).post(INFER, json=an_inference())

    body = response.json()
    assert response.status_code == 200
    assert outputs(body)["outcome"] == "score"
    assert outputs(body)["alert"] is True
    assert 0.3 <= outputs(body)["risk"] <= 1
    assert body["model_version"] == VERSION
    assert body["parameters"]["threshold"] == 0.3
    reason = body["parameters"]["reasons"][0]
    assert reason["text"] == "lactate 4.2 mmol/L, measured just now"
    assert reason["measured_at"] == "2026-03-01T12:00:00.000000Z"
    assert served.ledger.kept[0][0].details["prediction_id"] == body["parameters"]["prediction_id"]


@pytest.mark.parametrize(("path", "body"), [(INFER, an_inference()), (HOOK, a_hook_call())])
def test_a_reason_goes_out_without_the_digests_of_its_raw_records(path, body):
    served = a_served_model()

    response = a_client(served).post(path, json=body)

    ((_, sealed),) = served.ledger.kept
    reasons = opened_answer(sealed)["answer"]["outcome"]["reasons"]
    sources = [one for reason in reasons for one in reason["sources"]]
    assert {one["code"] for one in sources} >= {"LOINC//2524-7", "LOINC//8867-4"}
    rows = {one["row"] for one in sources if one["row"]}
    assert len(rows) >= (2 if path == HOOK else 0)
    assert not any(row in response.text for row in rows)


def test_a_reason_says_from_which_events_it_comes_and_when_they_happened():
    lactate = a_tensor("lactate", 3.1, 4.2, times=["2026-03-01T08:00:00Z", "2026-03-01T09:00:00Z"])
    asked = an_inference(lactate, a_tensor("heart_rate", 118.0), a_tensor("age", 71.0))

    body = a_client(a_served_model()).post(INFER, json=asked).json()

    told = {reason["feature"]: reason for reason in body["parameters"]["reasons"]}
    assert told["lactate.last"] == {
        "feature": "lactate.last",
        "text": "lactate 4.2 mmol/L, measured 3 h ago",
        "contribution": pytest.approx((0.6 + 0.4) * (4.2 - 1.5)),
        "measured_at": "2026-03-01T09:00:00.000000Z",
        "sources": [{"code": "LOINC//2524-7", "time": "2026-03-01T09:00:00.000000Z"}],
        "source_count": 1,
    }


def test_inference_gives_an_abstention_with_its_reason_and_no_risk():
    served = a_served_model()

    response = a_client(served).post(INFER, json=an_inference(a_tensor("age", 71.0)))

    assert response.status_code == 200
    assert outputs(response.json()) == {"outcome": "abstention"}
    assert response.json()["parameters"]["reason"] == "missing"
    assert "heart rate" in response.json()["parameters"]["text"]


def test_a_card_for_a_high_risk_warns_and_says_why_in_words_and_units():
    response = a_client(a_served_model()).post(HOOK, json=a_hook_call())

    (card,) = response.json()["cards"]
    assert response.status_code == 200
    assert card["indicator"] == "warning"
    assert card["summary"].startswith("Sepsis in intensive care: risk ")
    assert "lactate 4.2 mmol/L, measured 1 h ago (raises the risk)" in card["detail"]
    assert "Not for: Children." in card["detail"]


def test_a_card_for_a_low_risk_informs_and_is_not_an_empty_list():
    well = (an_observation("2524-7", 0.9, "mmol/L"), an_observation("8867-4", 70, "/min"))

    response = a_client(a_served_model()).post(HOOK, json=a_hook_call(*well))

    (card,) = response.json()["cards"]
    assert card["indicator"] == "info"
    assert "below the alert threshold" in card["summary"]


def test_a_card_for_an_abstention_says_no_score_and_why():
    only = an_observation("2524-7", 4.2, "mmol/L")

    response = a_client(a_served_model()).post(HOOK, json=a_hook_call(only))

    (card,) = response.json()["cards"]
    assert card["indicator"] == "info"
    assert "no score. Heart rate has not been measured" in card["summary"]
    assert response.json()["extension"]["bedside"]["outcome"] == "abstention"


@pytest.mark.parametrize("mode", ["raises", "nan", "unexplained"])
@pytest.mark.parametrize(("path", "body"), [(INFER, an_inference()), (HOOK, a_hook_call())])
def test_a_broken_model_is_a_failure_with_a_code_on_both_wires_and_is_recorded(mode, path, body):
    served = a_served_model()
    served.model.mode = mode

    response = a_client(served).post(path, json=body)

    assert response.status_code == 500
    assert response.json()["code"] in ("model_failed", "model_returned_nonsense")
    assert "error" in response.json()
    details = served.ledger.kept[0][0].details
    assert details["outcome"] == "failure"
    assert details["prediction_id"] == response.json()["prediction_id"]


@pytest.mark.parametrize(("path", "body"), [(INFER, an_inference()), (HOOK, a_hook_call())])
def test_a_ledger_that_is_full_gives_503_and_no_answer(path, body):
    served = a_served_model()
    served.ledger.full = True

    response = a_client(served).post(path, json=body)

    assert response.status_code == 503
    assert set(response.json()) == {"error", "code"}
    assert response.json()["code"] == "ledger_unavailable"


@pytest.mark.parametrize(("path", "body"), [(INFER, an_inference()), (HOOK, a_hook_call())])
def test_a_silent_version_records_its_answer_and_shows_nothing_of_it(path, body):
    served = a_served_model(stage=Stage.SILENT)

    response = a_client(served).post(path, json=body)

    ((entry, _),) = served.ledger.kept
    assert response.status_code == 200
    assert entry.details["outcome"] == "score"
    assert entry.details["stage"] == "silent"
    assert "withheld" in response.text
    assert "silent mode" in response.text
    assert entry.details["prediction_id"] in response.text
    assert "risk" not in response.text
    assert "lactate" not in response.text


def test_a_silent_version_still_says_that_it_failed():
    served = a_served_model(stage=Stage.SILENT)
    served.model.mode = "raises"

    response = a_client(served).post(HOOK, json=a_hook_call())

    assert response.status_code == 500


@pytest.mark.parametrize(
    ("prefetch", "missing"),
    [
        ({"observations": None}, ["observations"]),
        ({"patient": None, "encounters": None}, ["patient", "encounters"]),
        ({"observations": {"resourceType": "OperationOutcome", "issue": []}}, ["observations"]),
        ({"observations": a_search(link=[{"relation": "next", "url": "x"}])}, ["observations"]),
    ],
)
def test_needed_prefetch_that_is_null_failed_or_cut_off_is_412_and_named(prefetch, missing):
    served = a_served_model()

    response = a_client(served).post(HOOK, json=a_hook_call(**prefetch))

    assert response.status_code == 412
    assert response.json()["missing"] == missing
    assert response.json()["code"] == "prefetch_missing"
    assert served.ledger.kept == []


def test_a_call_without_any_prefetch_is_412():
    call = a_hook_call()
    del call["prefetch"]

    response = a_client(a_served_model()).post(HOOK, json=call)

    assert response.status_code == 412
    assert response.json()["missing"] == ["patient", "observations", "encounters"]


def test_both_wires_give_the_same_patient_the_same_risk():
    client = a_client(a_served_model())
    hour = "2026-03-01T11:00:00Z"
    tensors = (
        a_tensor("lactate", 4.2, times=[hour], known_at=["2026-03-01T11:05:00Z"]),
        a_tensor("heart_rate", 118, times=[hour]),
        a_tensor("age", 71),
        a_tensor("sex", "female"),
        {
            "name": "icu",
            "shape": [1],
            "datatype": "BOOL",
            "data": [True],
            "parameters": {"times": ["2026-02-28T12:00:00Z"]},
        },
    )

    card = client.post(HOOK, json=a_hook_call()).json()["cards"][0]
    body = client.post(INFER, json=an_inference(*tensors)).json()

    assert f"risk {outputs(body)['risk'] * 100:.0f} %" in card["summary"]


def test_discovery_lists_the_service_and_what_to_send_along():
    (service,) = a_client(a_served_model()).get("/cds-services").json()["services"]

    assert service["hook"] == "patient-view"
    assert service["id"] == "sepsis-now"
    assert set(service["prefetch"]) == {"patient", "observations", "encounters"}


def test_feedback_on_a_card_is_kept_with_its_free_text_sealed():
    served = a_served_model()
    card = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
    feedback = {
        "feedback": [
            {
                "card": card,
                "outcome": "overridden",
                "outcomeTimestamp": "2026-03-01T12:01:00Z",
                "overrideReason": {"userComment": "Mrs Planted is palliative"},
            }
        ]
    }

    response = a_client(served).post(f"{HOOK}/feedback", json=feedback)

    ((entry, sealed),) = served.ledger.kept
    assert response.json() == {"recorded": 1}
    assert entry.action == "feedback"
    assert (entry.details["card"], entry.details["outcome"]) == (card, "overridden")
    assert "Planted" not in json.dumps(entry.details)
    assert b"Planted" in sealed


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/models/other", "not_found"),
        ("/v2/nothing", "not_found"),
        ("/", "not_found"),
    ],
)
def test_what_does_not_exist_is_404_with_a_json_body(path, code):
    response = a_client(a_served_model()).get(path)

    assert response.status_code == 404
    assert response.json()["code"] == code


def test_an_unknown_cds_service_is_404():
    response = a_client(a_served_model()).post("/cds-services/other", json=a_hook_call())

    assert response.status_code == 404


def test_two_models_may_not_declare_the_same_cds_service():
    again = a_served_model(declaration=a_declaration(name="again"))

    with pytest.raises(Invalid, match="sepsis-now"):
        app_for(a_served_model().answerer, again.answerer)


def test_no_patient_value_is_in_any_error_or_log_line(caplog, capfd):
    served = a_served_model()
    client = a_client(served)
    secret = "Zachariasz-8841"  # noqa: S105 - stands for a patient
    bodies = [
        (INFER, an_inference(a_tensor(secret, 1.0))),
        (INFER, an_inference(a_tensor("lactate", secret))),
        (INFER, an_inference(a_tensor("lactate", 4.2, unit=secret))),
        (INFER, an_inference(a_tensor("lactate", 4.2, times=[secret]))),
        (INFER, an_inference() | {"parameters": {secret: 1}}),
        (HOOK, a_hook_call(patient=a_fhir_patient(birthDate=secret))),
        (HOOK, a_hook_call(patient=a_fhir_patient(gender=secret))),
        (HOOK, a_hook_call(patient=a_fhir_patient(id=secret))),
        (HOOK, a_hook_call(an_observation("8867-4", 1, secret))),
        (HOOK, a_hook_call(an_observation("8867-4", 1, "/min", status=secret))),
        (HOOK, a_hook_call(an_observation("8867-4", 1, "/min", effectiveDateTime=secret))),
        (HOOK, a_hook_call() | {"hookInstance": secret}),
        (HOOK, a_hook_call() | {"hook": secret}),
    ]

    with caplog.at_level(logging.DEBUG):
        responses = [client.post(path, json=body) for path, body in bodies]

    written = capfd.readouterr()
    assert [each.status_code for each in responses] == [400] * len(bodies)
    for each in responses:
        assert secret not in each.text
    assert secret not in caplog.text + written.out + written.err
    assert served.ledger.kept == []


def test_an_error_inside_the_server_says_nothing_of_the_patient(caplog):
    served = a_served_model()
    served.answerer.make = lambda *_, **__: {}["the lactate was 4.2173"]

    with caplog.at_level(logging.DEBUG, logger="bedside"):
        response = a_client(served).post(INFER, json=an_inference())

    assert response.status_code == 500
    assert response.json()["code"] == "internal"
    assert "4.2173" not in response.text + caplog.text
    assert "KeyError" in caplog.text
