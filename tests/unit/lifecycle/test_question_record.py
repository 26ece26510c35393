"""From each reason of an answer to the bytes of the request that it rests on, on both wires."""

import json

from bedside.features.definition import expand
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.question_record import traced_reasons
from served import (
    HttpClient,
    a_declaration,
    a_hook_call,
    a_served_model,
    a_tensor,
    an_inference,
    an_observation,
    app_for,
)


def traced(path, body, channel):
    served = a_served_model()
    client = HttpClient(app_for(served.answerer))
    assert client.post(path, json=body).status_code == 200
    ((_, kept),) = served.ledger.kept
    sealed = opened_answer(kept)
    declaration = a_declaration()
    reasons = traced_reasons(declaration, expand(declaration), channel, sealed)
    return {reason.feature: reason for reason in reasons}, sealed["request"].encode()


def said(request, record):
    return json.loads(request[record.offset : record.offset + record.length])


def test_a_reason_of_a_card_leads_to_the_bytes_of_its_own_fhir_resource():
    earlier = an_observation(
        "2524-7", 5.1, "mmol/L", id="peak", effectiveDateTime="2026-03-01T09:00:00Z"
    )
    latest = an_observation("2524-7", 4.2, "mmol/L", id="latest")
    pulse = an_observation("8867-4", 118, "/min")

    reasons, request = traced(
        "/cds-services/sepsis-now", a_hook_call(earlier, latest, pulse), "cds_hooks"
    )

    (last,) = reasons["lactate.last"].records
    assert said(request, last)["id"] == "latest"
    assert last.name == "observations.entry[1].resource"
    assert "lactate.max.6h" not in reasons  # a signal has one reason, told by its strongest feature
    (age,) = reasons["age.last"].records
    assert said(request, age)["resourceType"] == "Patient"


def test_a_reason_of_an_inference_leads_to_the_bytes_of_its_own_input():
    tensors = (a_tensor("heart_rate", 118.0), a_tensor("lactate", 4.2), a_tensor("age", 71.0))

    reasons, request = traced(
        "/v2/models/sepsis/infer", an_inference(*tensors, subject="inputs"), "open_inference"
    )

    (record,) = reasons["lactate.last"].records
    assert record.name == "inputs[1]"
    assert said(request, record)["name"] == "lactate"


def test_a_reason_that_rests_on_nothing_names_no_record():
    declaration = a_declaration()
    absent = {"feature": "lactate.max.6h", "source_count": 0, "sources": []}
    sealed = {"request": json.dumps(an_inference()), "reasons": [absent]}

    (reason,) = traced_reasons(declaration, expand(declaration), "open_inference", sealed)

    assert (reason.events, reason.records) == (0, ())
    assert reason.title == "lactate, highest in 6 h"
