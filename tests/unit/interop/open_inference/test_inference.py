"""Open Inference Protocol v2 requests, responses and errors."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable, WrongUnit
from bedside.interop.open_inference.metadata import model_metadata
from bedside.interop.open_inference.request import InferenceRequest, read_request
from bedside.interop.open_inference.response import error_body, status_of
from served import NOW, START, a_declaration, a_tensor, an_inference, hours_ago


def read(body: Any) -> InferenceRequest:
    return read_request(json.dumps(body).encode(), a_declaration(), now=NOW)


def read_one(tensor: dict[str, Any], **parameters: Any) -> InferenceRequest:
    return read(an_inference(tensor, **parameters))


def test_metadata_names_each_clinical_input_with_its_unit_label_and_code():
    body = model_metadata(a_declaration(), version="sepsis@1", stage="live")

    inputs = {each["name"]: each for each in body["inputs"]}
    assert inputs["lactate"] == {
        "name": "lactate",
        "datatype": "FP64",
        "shape": [-1],
        "parameters": {
            "unit": "mmol/L",
            "label": "lactate",
            "code": "LOINC//2524-7",
            "plausible": [0.1, 40.0],
        },
    }
    assert inputs["sex"]["datatype"] == "BYTES"
    assert inputs["sex"]["parameters"]["categories"] == ["female", "male"]
    assert inputs["icu"]["datatype"] == "BOOL"
    assert [each["name"] for each in body["outputs"]] == ["outcome", "risk", "alert"]


def test_an_outcome_is_never_an_input():
    body = model_metadata(a_declaration(), version="sepsis@1", stage="live")

    assert "sepsis" not in [each["name"] for each in body["inputs"]]


def test_a_value_without_a_time_holds_at_the_time_of_the_question():
    (event,) = read_one(a_tensor("lactate", 4.2), as_of="2026-03-01T10:00:00Z").events

    assert event.time == event.known_at == hours_ago(2)
    assert (event.value, event.unit) == (4.2, "mmol/L")


def test_a_value_with_a_time_is_known_after_the_declared_delay_or_when_it_says():
    hour = "2026-03-01T10:00:00Z"

    (delayed,) = read_one(a_tensor("lactate", 4.2, times=[hour])).events
    (stated,) = read_one(
        a_tensor("lactate", 4.2, times=[hour], known_at=["2026-03-01T11:30:00+01:00"])
    ).events

    assert delayed.known_at == hours_ago(2) + timedelta(minutes=90)
    assert stated.known_at == hours_ago(2) + timedelta(minutes=30)


def test_several_values_come_with_several_times():
    hours = ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"]

    first, second = read_one(a_tensor("heart_rate", 90, 110, times=hours)).events

    assert (first.time, first.value) == (hours_ago(2), 90.0)
    assert (second.time, second.value) == (hours_ago(1), 110.0)
    assert first.source_row != second.source_row


@pytest.mark.parametrize("word", ["female", "FEMALE", "0"])
def test_a_category_is_given_by_its_label_or_its_source_key(word):
    (event,) = read_one(a_tensor("sex", word)).events

    assert (event.text, event.value, event.time) == ("female", None, None)


def test_a_start_event_is_a_mark_at_its_time():
    tensor = {
        "name": "icu",
        "datatype": "BOOL",
        "shape": [1],
        "data": [True],
        "parameters": {"times": ["2026-03-01T10:00:00Z"]},
    }

    (event,) = read_one(tensor).events

    assert (event.code, event.value, event.time) == (START, None, hours_ago(2))


def test_the_subject_becomes_a_pseudonym():
    known = read_one(a_tensor("lactate", 4.2), subject="MRN-1")

    assert known.subject_id == known.events[0].subject_id
    assert known.subject_id not in (None, 0)


def test_whoever_has_no_identifier_any_more_names_the_pseudonym():
    named = read_one(a_tensor("lactate", 4.2), pseudonym=2**63 - 1)

    assert named.subject_id == 2**63 - 1
    for wrong in (-1, 2**63, "7", 7.5):
        with pytest.raises(Invalid, match=r"parameters\.pseudonym"):
            read_one(a_tensor("lactate", 4.2), pseudonym=wrong)
    with pytest.raises(Invalid, match="stands beside a subject"):
        read_one(a_tensor("lactate", 4.2), pseudonym=7, subject="MRN-1")


def test_reasons_are_told_unless_the_request_wants_none():
    assert read_one(a_tensor("lactate", 4.2)).reasons
    assert read_one(a_tensor("lactate", 4.2), subject="MRN-1").reasons
    assert not read_one(a_tensor("lactate", 4.2), reasons=False).reasons
    with pytest.raises(Invalid, match=r"parameters\.reasons must be bool"):
        read_one(a_tensor("lactate", 4.2), reasons="no")


@pytest.mark.parametrize(
    ("tensor", "problem"),
    [
        (a_tensor("lactat", 4.2), r"inputs\[0\]\.name is not an input .* did you mean 'lactate'"),
        (a_tensor("lactate", 4.2) | {"shape": [2]}, "has a shape that does not fit"),
        (a_tensor("lactate", 4.2) | {"shape": [1, 1]}, "has a shape that does not fit"),
        (a_tensor("lactate", 4.2) | {"datatype": "BYTES"}, "another datatype. Fix: send FP64"),
        (a_tensor("sex", "female") | {"datatype": "FP64"}, "another datatype. Fix: send BYTES"),
        (a_tensor("lactate", None), r"data\[0\] is null"),
        (a_tensor("lactate", "4.2"), r"data\[0\] is not a finite number"),
        (a_tensor("lactate", True), r"data\[0\] is not a finite number"),
        (a_tensor("lactate", [4.2]), r"inputs\[0\]\.data\[0\] must be"),
        (a_tensor("lactate", 1, 2), "needs a time for each value"),
        (a_tensor("lactate", 1, times=[]), "has 1 values but 0 times"),
        (
            a_tensor("lactate", 1, times=["2026-03-01T10:00:00"]),
            r"times\[0\] is not a time",
        ),
        (a_tensor("lactate", 1, known_at=["2026-03-01T10:00:00Z"]), "needs a time for each value"),
        (a_tensor("lactate", 1, unit="apples"), "is not a UCUM unit"),
        (a_tensor("lactate", 1, time=["2026-03-01T10:00:00Z"]), "holds a field that is not known"),
        (a_tensor("sex", 1.0), r"data\[0\] is not a category .* one of: female, male"),
        (a_tensor("sepsis", 1), "is not an input of this model"),
    ],
)
def test_a_tensor_that_does_not_fit_is_refused_with_the_fix(tensor, problem):
    with pytest.raises(Invalid, match=problem):
        read_one(tensor)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"{",
        b"\xff",
        b'{"inputs": [' * 5000,
        b'{"inputs":[{"name":"lactate","shape":[1],"datatype":"FP64","data":[NaN]}]}',
        b'{"inputs":[{"name":"lactate","shape":[1],"datatype":"FP64","data":[1e999]}]}',
    ],
)
def test_what_is_not_a_request_is_refused(content):
    with pytest.raises(Invalid):
        read_request(content, a_declaration(), now=NOW)


def test_an_input_given_twice_is_refused():
    with pytest.raises(Invalid, match="gives 'lactate' again"):
        read(an_inference(a_tensor("lactate", 1), a_tensor("lactate", 2)))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Invalid("x", fix="y"), 400),
        (WrongUnit("x", got="a", expected="b"), 400),
        (NotFound("x", fix="y"), 404),
        (Refused("x", fix="y"), 403),
        (Unavailable("x", fix="y"), 503),
        (BedsideError("x", fix="y"), 500),
    ],
)
def test_each_kind_of_error_has_its_status(error, status):
    assert status_of(error) == status
    assert error_body(error) == {"error": str(error), "code": error.code}
