"""Whatever a stranger sends to `$predict`, only our errors come out, and never the patient."""

import contextlib
import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import BedsideError
from bedside.interop.fhir.reading import read_resources
from bedside.interop.fhir_out.checking import faults_in_bundle
from bedside.interop.fhir_out.parameters import PredictCall, read_parameters
from bedside.interop.fhir_out.sent import each_resource, patient_of_encounter
from fhir_asking import a_call, a_fhir_declaration
from served import NOW

DECLARATION = a_fhir_declaration()
WORDS = (
    "Parameters", "parameter", "name", "resource", "resourceType", "model", "asOf", "requestId",
    "valueString", "valueCode", "valueDateTime", "valueInstant", "Bundle", "entry", "Encounter",
    "enc-1", "subject", "reference", "Patient/pat-1", "sepsis", "2026-03-01T12:00:00Z", "",
)  # fmt: skip
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text(max_size=8) | st.sampled_from(WORDS)
)  # fmt: skip
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=20,
)


def read(content: bytes) -> PredictCall:
    call = read_parameters(content)
    list(each_resource(call.resources))
    patient_of_encounter("enc-1", call.resources)
    read_resources(DECLARATION, call.resources, as_of=NOW, patient_id="pat-1")
    return call


def spots(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a document."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        inner = list(document.items())
    elif isinstance(document, list):
        inner = list(enumerate(document))
    return [path, *(spot for key, part in inner for spot in spots(part, (*path, key)))]


@given(content=st.binary(max_size=80) | DOCUMENTS.map(lambda one: json.dumps(one).encode()))
@settings(max_examples=300, deadline=None)
def test_a_call_of_anything_is_read_or_refused_in_our_words(content):
    with contextlib.suppress(BedsideError):
        read(content)


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_call_with_a_part_replaced_never_repeats_it(data):
    document = copy.deepcopy(a_call())
    path = data.draw(st.sampled_from([spot for spot in spots(document) if spot]))
    secret = data.draw(DOCUMENTS | st.just("SECRET-Jane-Roe"))
    part: Any = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = secret

    said = ""
    try:
        read(json.dumps(document).encode())
    except BedsideError as error:
        said = f"{error} {error.fix} {error.code}"

    assert "SECRET" not in said


@given(document=DOCUMENTS)
@settings(max_examples=200, deadline=None)
def test_our_checks_say_what_is_wrong_with_a_bundle_of_one_odd_resource(document):
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": {}}]}
    bundle["entry"][0]["resource"] = {"resourceType": "Condition", "x": document}  # type: ignore[index]

    assert faults_in_bundle(bundle)
