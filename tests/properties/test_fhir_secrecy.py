"""Whatever a stranger sends as FHIR or CDS Hooks, only our errors come out, without the patient."""

import copy
import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError
from bedside.interop.cds_hooks.feedback import read_feedback
from bedside.interop.cds_hooks.request import read_call
from bedside.interop.fhir.reading import read_resources
from bedside.interop.open_inference.request import read_request
from served import (
    NOW,
    a_declaration,
    a_fhir_patient,
    a_hook_call,
    a_search,
    a_tensor,
    an_encounter,
    an_inference,
    an_observation,
)

DECLARATION = a_declaration()
HOUR = "2026-03-01T11:00:00Z"

FHIR = a_search(
    a_fhir_patient(),
    an_encounter(),
    an_observation("2524-7", 4.2, "mmol/L"),
    an_observation(
        "8867-4",
        90,
        "/min",
        effectiveDateTime=None,
        effectivePeriod={"start": "2026-03-01T10:00:00Z", "end": HOUR},
    ),
    an_observation(
        "85354-9",
        0,
        "1",
        valueQuantity=None,
        component=[
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                "valueQuantity": {"value": 91, "code": "mm[Hg]", "comparator": "<"},
            },
        ],
    ),
)
INFERENCE = an_inference(
    a_tensor("lactate", 4.2, unit="mmol/L", times=[HOUR], known_at=[HOUR]),
    a_tensor("sex", "male"),
    as_of=HOUR,
    subject="s-1",
)
FEEDBACK = {
    "feedback": [
        {
            "card": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "outcome": "overridden",
            "outcomeTimestamp": HOUR,
            "overrideReason": {"userComment": "no"},
        }
    ]
}

READERS = [
    (
        FHIR,
        lambda content: read_resources(
            DECLARATION, {"observations": content}, as_of=NOW, patient_id="pat-1"
        ),
    ),
    (a_hook_call(), lambda content: read_call(content, hook="patient-view")),
    (FEEDBACK, read_feedback),
    (INFERENCE, lambda content: read_request(content, DECLARATION, now=NOW)),
]

WORDS = sorted(
    {
        "resourceType",
        "Bundle",
        "Observation",
        "Patient",
        "Encounter",
        "entry",
        "resource",
        "status",
        "final",
        "code",
        "coding",
        "system",
        "http://loinc.org",
        "2524-7",
        "valueQuantity",
        "value",
        "unit",
        "effectiveDateTime",
        HOUR,
        "component",
        "inputs",
        "name",
        "lactate",
        "shape",
        "data",
        "datatype",
        "FP64",
        "parameters",
        "times",
        "hook",
        "patient-view",
        "context",
        "patientId",
        "prefetch",
        "feedback",
        "birthDate",
        "gender",
        "period",
        "start",
        "link",
        "relation",
        "subject",
    }
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=8)
    | st.sampled_from(WORDS)
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=6)
    ),
    max_leaves=25,
)


def error_of(reader: Callable[[bytes], Any], content: bytes) -> BedsideError | None:
    """The error of ours that a reader raises; whatever else it raises fails the test."""
    try:
        reader(content)
    except BedsideError as error:
        return error
    return None


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a JSON document, the root left out."""
    steps = (
        document.items()
        if isinstance(document, dict)
        else (enumerate(document) if isinstance(document, list) else ())
    )
    return [
        found for step, inner in steps for found in [(*path, step), *places(inner, (*path, step))]
    ]


def planted(document: Any, path: tuple[Any, ...], secret: Any, *, as_key: bool) -> bytes:
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    if as_key and isinstance(holder, dict):
        holder[str(secret)] = holder.pop(path[-1])
    else:
        holder[path[-1]] = secret
    return json.dumps(changed).encode()


@given(content=st.binary(max_size=60) | DOCUMENTS.map(lambda each: json.dumps(each).encode()))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_a_reader_returns_or_raises_an_error_of_ours(content):
    for _, reader in READERS:
        error = error_of(reader, content)
        assert error is None or error.fix


@given(
    chosen=st.sampled_from(
        [(document, reader, path) for document, reader in READERS for path in places(document)]
    ),
    secret=st.sampled_from(["Zachariasz-8841", "8841-Z", 88417731, -88417731.25, 88417731e300]),
    wrapped=st.sampled_from(["bare", "listed", "inside"]),
    as_key=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_an_error_about_a_planted_value_never_repeats_it(chosen, secret, wrapped, as_key):
    document, reader, path = chosen
    whole = {"bare": secret, "listed": [secret], "inside": {"value": secret, "code": secret}}
    content = planted(document, path, secret if as_key else whole[wrapped], as_key=as_key)

    error = error_of(reader, content)

    if error is not None:
        said = str(error) + error.code + repr(error.args) + repr(error.__cause__)
        assert "8841" not in said
        assert error.__suppress_context__ or error.__context__ is None


@given(depth=st.integers(min_value=100, max_value=200_000), opening=st.sampled_from(["[", '{"a":']))
@settings(max_examples=20, deadline=None)
def test_a_document_as_deep_as_it_likes_is_only_invalid(depth, opening):
    content = (opening * depth).encode()

    errors = [error_of(reader, content) for _, reader in READERS]

    assert None not in errors
