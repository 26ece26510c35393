"""A category that nobody declared: no score, and the monitor hears of it; no other place does."""

import logging
from dataclasses import replace

import pytest

from bedside.core.records.codes_seen import LONGEST, MOST, CodeSeen, codes_from_text
from bedside.core.records.declaration import Signal
from bedside.core.records.features import FeatureRule
from bedside.interop.sealed_answer import opened_answer
from fhir_asking import a_call, a_fhir_declaration
from served import (
    HttpClient,
    a_declaration,
    a_fhir_patient,
    a_hook_call,
    a_search,
    a_served_model,
    a_tensor,
    an_encounter,
    an_inference,
    an_observation,
    app_for,
)

INFER, HOOK = "/v2/models/sepsis/infer", "/cds-services/sepsis-now"
PREDICT = "/fhir/Patient/pat-1/$predict"
STRANGE = "Wechselstrom-7"  # in no log, no open part, no answer
LOINC = "3151-8"


def declared(declaration):
    """With how a patient breathes, which is one of three."""
    breathing = Signal(
        label="breathing",
        code=f"LOINC//{LOINC}",
        column="Breathing",
        visible_after="0 min",
        categories={"0": "room air", "1": "mask", "2": "tube"},
    )
    return replace(
        declaration,
        signals=declaration.signals | {"breathing": breathing},
        features=(*declaration.features, FeatureRule(signals=("breathing",))),
    )


@pytest.fixture
def served():
    return a_served_model(
        declaration=declared(a_fhir_declaration(channels=a_declaration().channels))
    )


def inferred(*texts):
    breathing = a_tensor("breathing", *texts) | {"datatype": "BYTES"}
    if len(texts) > 1:
        breathing["parameters"] = {
            "times": [f"2026-03-01T{9 + at // 60:02}:{at % 60:02}:00Z" for at in range(len(texts))]
        }
    known = [a_tensor("lactate", 4.2), a_tensor("heart_rate", 118.0), a_tensor("age", 71.0)]
    return INFER, an_inference(*known, breathing)


def observed(**value):
    return [
        an_observation("2524-7", 4.2, "mmol/L"),
        an_observation("8867-4", 118, "/min"),
        an_observation(LOINC, 0, "1", valueQuantity=None, **value),
    ]


def hooked(text):
    return HOOK, a_hook_call(*observed(valueString=text))


def predicted(text):
    coded = {"coding": [{"system": "http://hospital.example/breathing", "display": text}]}
    found = observed(valueCodeableConcept=coded)
    return PREDICT, a_call(a_search(a_fhir_patient(), an_encounter(), *found))


def asked(served, request):
    path, body = request
    return HttpClient(app_for(served.answerer)).post(path, json=body)


def told(served):
    """The open part of the one answer, and what lies sealed of it."""
    ((entry, content),) = [one for one in served.ledger.kept if one[0].action == "answer"]
    return entry.details, opened_answer(content)


def codes(sealed, signal="breathing"):
    return [one for one in codes_from_text(sealed["codes"]) if one.signal == signal]


@pytest.mark.parametrize("wire", [inferred, hooked, predicted], ids=["inference", "hook", "fhir"])
def test_it_is_an_abstention_that_is_counted_and_says_the_text_nowhere_in_the_open(
    served, wire, caplog
):
    caplog.set_level(logging.DEBUG)

    answer = asked(served, wire(STRANGE))

    details, sealed = told(served)
    assert answer.status_code == 200
    assert (details["outcome"], details["reason"]) == ("abstention", "out_of_range")
    outcome = sealed["answer"]["outcome"]
    assert outcome["signal"] == "breathing"
    assert "mask, room air, tube" in outcome["text"]
    assert codes(sealed) == [CodeSeen("breathing", STRANGE, False)]
    for open_part in (str(details), caplog.text, answer.text, outcome["text"]):
        assert STRANGE not in open_part


@pytest.mark.parametrize("wire", [inferred, hooked, predicted], ids=["inference", "hook", "fhir"])
def test_a_declared_one_is_scored_by_its_label_or_its_key(served, wire):
    asked(served, wire("MASK"))

    details, sealed = told(served)
    assert details["outcome"] == "score"
    assert codes(sealed) == [CodeSeen("breathing", "mask", True, True)]


def test_a_text_that_is_longer_than_a_code_is_not_kept_as_one(served):
    asked(served, inferred("Mrs Canary " * 500))

    _, sealed = told(served)
    (one,) = codes(sealed)
    assert (one.known, "Canary" in one.code, len(one.code) <= LONGEST) == (False, False, True)


def test_of_many_texts_only_so_many_are_kept(served):
    asked(served, inferred(*(f"text {at}" for at in range(100))))

    _, sealed = told(served)
    assert len(codes(sealed)) == MOST


def test_what_the_hospital_could_not_see_yet_withholds_no_score(served):
    path, body = inferred(STRANGE)
    body["inputs"][-1]["parameters"] = {"times": ["2026-03-01T13:00:00Z"]}

    asked(served, (path, body))

    assert told(served)[0]["outcome"] == "score"


@pytest.mark.parametrize("value", [7.0, True, None])
def test_what_is_no_text_is_refused_as_before(served, value):
    answer = asked(served, inferred(value))

    assert (answer.status_code, served.ledger.kept) == (400, [])
