"""The short way of reading an ordinary Observation gives what the long way gives, to the bit."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.interop.fhir import reading
from bedside.interop.fhir.observation import ObservationReader
from bedside.interop.fhir.plain import PlainReader
from bedside.interop.fhir.reading import read_resources
from served import NOW, a_declaration, a_search, an_observation

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
LOINCS = [("8867-4", "/min"), ("2524-7", "mmol/L"), ("8480-6", "mm[Hg]")]


@st.composite
def observations(draw: st.DrawFn) -> dict[str, Any]:
    loinc, unit = draw(st.sampled_from(LOINCS))
    told = an_observation(loinc, draw(st.floats(1, 300)), unit, id=f"o{draw(st.integers(0, 30))}")
    if draw(st.booleans()):
        told["valueQuantity"] = draw(QUANTITY)
    told |= draw(st.sampled_from(ODD))
    return {key: part for key, part in told.items() if part is not None}


def told_by(body: bytes) -> Any:
    try:
        return read_resources(a_declaration(), {"o": body}, as_of=NOW, patient_id="pat-1")
    except Invalid as error:
        return type(error), str(error), error.code


class Never(PlainReader):
    def read(self, raw: Any) -> bool:
        return False


def test_an_ordinary_observation_goes_the_short_way_and_an_odd_one_does_not():
    signals = {"LOINC//8867-4": a_declaration().signals["heart_rate"]}

    def goes_short(**changes: Any) -> bool:
        told = an_observation("8867-4", 80.0, "/min", **changes)
        reader = ObservationReader(signals=signals, subject_id=7)
        went = PlainReader(reader, "pat-1").read(msgspec.Raw(json.dumps(told).encode()))
        assert len(reader.events) == went
        return went

    assert goes_short()
    assert goes_short(id=None, issued=None, subject=None, category=[{"text": "vital"}])
    odd = ({"status": "cancelled"}, {"component": []}, {"valueString": "x"}, {"issued": "2026"})
    assert not any(goes_short(**one) for one in odd)


@given(seen=st.lists(observations(), max_size=6))
@settings(max_examples=400, deadline=None)
def test_the_short_way_gives_the_events_and_errors_of_the_long_way(seen):
    body = json.dumps(a_search(*seen)).encode()
    short = told_by(body)

    reading.PlainReader = Never
    try:
        long = told_by(body)
    finally:
        reading.PlainReader = PlainReader

    assert short == long
