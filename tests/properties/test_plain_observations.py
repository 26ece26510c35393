"""The short way of reading an ordinary Observation gives what the long way gives, to the bit."""

import json
from copy import copy
from dataclasses import FrozenInstanceError, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.event import Event
from bedside.interop.fhir import reading
from bedside.interop.fhir.entries import EntryEvent, SentEntries
from bedside.interop.fhir.observation import ObservationReader
from bedside.interop.fhir.plain import PlainReader, plain_bundle
from bedside.interop.fhir.reading import read_resources
from served import NOW, a_declaration, a_search, an_observation

DECLARATION = a_declaration()
LONG_WORDS = {"valueString": "high", "valueInteger": 7, "valueBoolean": True, "valueTime": "10:00"}
ODD: list[dict[str, Any]] = [
    {},
    {"id": None},
    {"id": "same"},
    {"issued": None},
    {"issued": "2026-03-01T11:05:00.123+01:00"},
    {"issued": "2026-03-01"},
    {"effectiveDateTime": "2026-03-01T10:59:59.999999-05:00"},
    {"effectiveDateTime": "2026-03-01"},
    {"effectiveDateTime": "1066-03-01T11:00:00Z"},
    {"effectiveDateTime": "9999-12-31T23:59:59-12:00"},
    {"effectiveDateTime": None, "effectiveInstant": "2026-03-01T11:00:00Z"},
    {"effectiveInstant": "2026-03-01T11:00:00Z"},
    {"effectivePeriod": {"start": "2026-03-01T10:00:00Z", "end": "2026-03-01T11:00:00Z"}},
    {"effectiveTiming": None},
    {"subject": None},
    {"subject": {"reference": "Patient/other"}},
    {"subject": {"reference": "https://ehr.example.org/fhir/Patient/pat-1/_history/2"}},
    {"subject": {"display": "x"}},
    {"status": "cancelled"},
    {"status": "nonsense"},
    {"code": {"coding": []}},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}]}},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}]}, "valueQuantity": None},
    {"code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": 5}]}},
    {
        "code": {
            "coding": [
                {"system": "http://loinc.org", "code": "8867-4"},
                {"system": "http://loinc.org", "code": "2524-7"},
            ]
        }
    },
    {"component": [{"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}}]},
    {
        "component": [
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
                "valueQuantity": {"value": 80, "code": "mm[Hg]"},
            }
            for loinc in ("8480-6", "8462-4")
        ],
        "valueQuantity": None,
    },
    {"hasMember": [{"reference": "Observation/1"}]},
    {"dataAbsentReason": {"text": "unknown"}},
    {"dataAbsentReason": {"text": "unknown"}, "valueQuantity": None},
    {"resourceType": "Device"},
    {"resourceType": None},
    *({name: value} for name, value in LONG_WORDS.items()),
    *({name: value, "valueQuantity": None} for name, value in LONG_WORDS.items()),
]
QUANTITY = st.fixed_dictionaries(
    {"value": st.floats(-1e6, 1e6) | st.integers(-9, 9)},
    optional={
        "unit": st.sampled_from(["/min", "mmol/L", "mg/dL", "bpm", "1"]),
        "code": st.sampled_from(["/min", "mmol/L", "mg/dL", "{beats}/min", "x"]),
        "system": st.sampled_from(["http://unitsofmeasure.org", "urn:other"]),
        "comparator": st.just("<"),
    },
)
BESIDE: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "pat-1", "birthDate": "1960-06-16"},
    {"resourceType": "Patient", "id": "other"},
    {"resourceType": "OperationOutcome", "issue": []},
    {"resourceType": "Encounter", "id": "e1", "status": "planned"},
    {"resourceType": "Device", "status": 7},
    {},
]
LOINCS = [("8867-4", "/min"), ("2524-7", "mmol/L"), ("8480-6", "mm[Hg]")]


@st.composite
def observations(draw: st.DrawFn) -> dict[str, Any]:
    loinc, unit = draw(st.sampled_from(LOINCS))
    told = an_observation(loinc, draw(st.floats(1, 300)), unit, id=f"o{draw(st.integers(0, 30))}")
    if draw(st.booleans()):
        told["valueQuantity"] = draw(QUANTITY)
    told |= draw(st.sampled_from(ODD))
    return {key: part for key, part in told.items() if part is not None}


def told_by(searches: dict[str, bytes]) -> Any:
    try:
        return read_resources(DECLARATION, searches, as_of=NOW, patient_id="pat-1")
    except Invalid as error:
        return type(error), str(error), error.code


class Never(PlainReader):
    def odd(self, bundle: Any, entries: Any) -> Any:
        return ((index, one.resource_type) for index, one in bundle.resources())


def test_an_ordinary_observation_goes_the_short_way_and_an_odd_one_does_not():
    signals = {"LOINC//8867-4": a_declaration().signals["heart_rate"]}

    def goes_short(**changes: Any) -> bool:
        told = an_observation("8867-4", 80.0, "/min", **changes)
        content = msgspec.Raw(json.dumps(a_search(told)).encode())
        reader = ObservationReader(signals=signals, subject_id=7)
        odd = list(PlainReader(reader, "pat-1").odd(plain_bundle(content), SentEntries(content)))
        assert odd in ([], [(0, "Observation")])
        assert len(reader.events) == 1 - len(odd)
        return not odd

    assert goes_short()
    assert goes_short(id=None, issued=None, subject=None, category=[{"text": "vital"}])
    odd = ({"status": "cancelled"}, {"component": []}, {"valueString": "x"}, {"issued": "2026"})
    assert not any(goes_short(**one) for one in odd)


@given(
    seen=st.lists(observations() | st.sampled_from(BESIDE), max_size=6),
    outcome=st.booleans(),
    again=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_the_short_way_gives_the_events_and_errors_of_the_long_way(seen, outcome, again):
    bundle = a_search(*seen)
    for entry in bundle["entry"][1:2] if outcome else ():
        entry["search"] = {"mode": "outcome"}
    body = json.dumps(bundle).encode()
    searches = {"o": body, "more": body} if again else {"o": body}
    short = told_by(searches)

    reading.PlainReader = Never
    try:
        one_by_one = told_by(searches)
    finally:
        reading.PlainReader = PlainReader
    reading.plain_bundle = lambda content: None
    try:
        long = told_by(searches)
    finally:
        reading.plain_bundle = plain_bundle

    assert short == one_by_one == long


def test_an_event_whose_digest_is_made_when_asked_is_an_event_like_any_other():
    body = json.dumps(a_search(an_observation("8867-4", 80.0, "/min"))).encode()

    def told(way: Any) -> Event:
        reading.plain_bundle = way
        try:
            (event,) = told_by({"o": body}).events
        finally:
            reading.plain_bundle = plain_bundle
        return event

    plain = told(lambda content: None)

    assert type(plain) is Event
    assert type(told(plain_bundle)) is EntryEvent
    assert told(plain_bundle) == plain
    assert plain == told(plain_bundle)
    assert hash(told(plain_bundle)) == hash(plain)
    assert told(plain_bundle).source_row == plain.source_row
    assert replace(told(plain_bundle), value=81.0) == replace(plain, value=81.0)
    assert copy(told(plain_bundle)) == plain
    assert told(plain_bundle) != replace(plain, source_row=bytes(32))
    assert told(plain_bundle) != "an event"
    with pytest.raises(FrozenInstanceError):
        told(plain_bundle).value = 81.0
    with pytest.raises(AttributeError):
        _ = told(plain_bundle).nothing


def test_a_bundle_that_cannot_be_read_the_short_way_says_what_is_wrong_as_ever():
    told = an_observation("8867-4", 80.0, "/min") | {"effectiveDateTime": 7}

    problem = told_by({"o": json.dumps(a_search(told)).encode()})

    assert problem[1].startswith(
        "o.entry[0].resource.effectiveDateTime must be str or null, not int"
    )
