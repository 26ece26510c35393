"""What the FHIR collector makes of single resources, of versions, references and broken lines."""

import json
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from bedside.core.records.collection import Collection
from bedside.core.records.event import MERGED_INTO
from bedside.data.collect.facts import FACT_SCHEMA, RECORD_SCHEMA, Batch, Part, digest_of_records
from bedside.data.collect.formats.fhir import READER

LOINC = "http://loinc.org"
CONTAINED = "the subject is a contained resource, which is nobody outside its record"
SEARCHED = "the subject is named by a search, not by a reference"
ELSEWHERE = "it is about somebody or something else than its subject"


def a_source(timezone: str | None = "Europe/Berlin") -> Collection:
    return Collection(
        bedside=1,
        name="ward",
        title="A ward",
        format="fhir",
        licence="none",
        release_mode="identified",
        known_at={},
        timezone=timezone,
    )


def collected(
    *lines: dict[str, Any] | bytes, timezone: str | None = "Europe/Berlin", **beside: bytes
) -> Batch:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    part = READER.prepare(Part(name="MedicationRequest.ndjson", content=b"\n".join(texts)))
    batch = READER.collect(part, a_source(timezone), lambda name: beside.get(name.split(".")[0]))
    assert batch.facts.schema == pl.Schema(FACT_SCHEMA)
    assert batch.records.schema == pl.Schema(RECORD_SCHEMA)
    return batch


def a_potassium(**said: Any) -> dict[str, Any]:
    told = {
        "resourceType": "Observation",
        "id": "k1",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "2823-3"}]},
        "subject": {"reference": "Patient/7"},
        "effectiveDateTime": "2026-01-31T08:00:00+01:00",
        "issued": "2026-01-31T08:40:00+01:00",
        "valueQuantity": {
            "value": 4.1,
            "unit": "mmol/l",
            "system": "http://unitsofmeasure.org",
            "code": "mmol/L",
        },
    } | said
    return {name: value for name, value in told.items() if value is not None}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def only(batch: Batch, *names: str) -> tuple[Any, ...]:
    assert batch.facts.height == 1, batch.dropped
    return batch.facts.select(names).row(0)


def test_a_result_is_known_when_it_is_issued_not_when_the_blood_was_drawn() -> None:
    told = only(collected(a_potassium()), "subject", "time", "recorded", "code", "value", "unit")

    assert told == (
        "7",
        at("2026-01-31T07:00:00Z"),
        at("2026-01-31T07:40:00Z"),
        "LOINC//2823-3",
        4.1,
        "mmol/L",
    )


@pytest.mark.parametrize(
    ("said", "value", "unit", "text"),
    [
        ({"valueQuantity": {"value": 5, "comparator": "<", "unit": "mg"}}, 5.0, "mg", "<"),
        (
            {"valueQuantity": {"value": 5, "system": "urn:x", "code": "x", "unit": "mg"}},
            5.0,
            "mg",
            None,
        ),
        ({"valueInteger": 3}, 3.0, None, None),
        ({"valueBoolean": False}, None, None, "false"),
        ({"valueString": "positive"}, None, None, "positive"),
        ({"valueTime": "08:15:00"}, None, None, "08:15:00"),
        ({"valueDateTime": "2026-01-30"}, None, None, "2026-01-30"),
        (
            {"valueRange": {"low": {"value": 1, "unit": "mg"}, "high": {"value": 5, "unit": "mg"}}},
            None,
            None,
            "1..5 mg",
        ),
        ({"valueRange": {"high": {"value": 5}}}, None, None, "..5"),
        (
            {"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}},
            None,
            None,
            "1:128",
        ),
        (
            {"valuePeriod": {"start": "2026-01-01", "end": "2026-01-02"}},
            None,
            None,
            "2026-01-01/2026-01-02",
        ),
        (
            {"valueCodeableConcept": {"coding": [{"system": LOINC, "code": "LA6576-8"}]}},
            None,
            None,
            "LOINC//LA6576-8",
        ),
        ({"valueCodeableConcept": {"text": "normal"}}, None, None, "normal"),
    ],
)
def test_every_type_of_value_is_read(
    said: dict[str, Any], value: float | None, unit: str | None, text: str | None
) -> None:
    batch = collected(
        a_potassium(valueQuantity=None, **said)
        if "valueQuantity" not in said
        else a_potassium(**said)
    )

    assert only(batch, "value", "unit", "text") == (value, unit, text)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"valueQuantity": None}, "no value"),
        ({"valueQuantity": {}}, "an empty value"),
        ({"valueString": "high"}, "more than one value"),
        ({"valueQuantity": None, "valueString": ""}, "an empty value"),
        ({"valueQuantity": None, "valueSampledData": {"data": "1 2"}}, "a curve, not a value"),
        ({"valueQuantity": None, "dataAbsentReason": {"text": "lost"}}, "absent, as it says"),
        ({"dataAbsentReason": {"text": "lost"}}, "a value and a reason for its absence"),
        (
            {"valueQuantity": None, "hasMember": [{"reference": "Observation/2"}]},
            "a panel without a value",
        ),
        ({"effectiveDateTime": None}, "no time"),
        ({"code": {"text": "potassium"}}, "no code"),
        ({"status": "registered"}, "status registered"),
        ({"focus": [{"reference": "Patient/8"}]}, ELSEWHERE),
        ({"modifierExtension": [{"url": "x"}]}, "a modifier extension that is not understood"),
        ({"subject": None}, "it names no subject"),
        ({"subject": {"reference": "Group/1"}}, "the subject is not a patient"),
        ({"subject": {"reference": "#p"}}, CONTAINED),
        ({"subject": {"reference": "Patient?identifier=9"}}, SEARCHED),
        ({"subject": {"reference": "nobody"}}, "the reference to the subject is malformed"),
    ],
)
def test_what_gives_no_fact_is_counted_with_its_reason(said: dict[str, Any], reason: str) -> None:
    batch = collected(a_potassium(**said))

    assert batch.facts.is_empty()
    assert batch.dropped == {f"Observation: {reason}": 1}
    assert batch.rows_in == {"Observation": 1}
    assert not batch.bad


@pytest.mark.parametrize(
    ("time", "read"),
    [
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z"),
        ("2026-01-31T08:00:00.123456789+05:30", "2026-01-31T02:30:00.123456Z"),
        ("2026-01-31T08:00+01:00", "2026-01-31T07:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2026-01-31T08:00:00", "2026-01-31T07:00:00Z"),
        ("2026-01-31", "2026-01-31T22:59:59.999999Z"),
        ("2026-03-29", "2026-03-29T21:59:59.999999Z"),
        ("2026-02", "2026-02-28T22:59:59.999999Z"),
        ("2026", "2026-12-31T22:59:59.999999Z"),
        ("2026-10-25T02:30:00", "2026-10-25T01:30:00Z"),
        ("1850-01-01T00:00:00Z", "1850-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_never_placed_before_it_can_have_been(time: str, read: str) -> None:
    assert only(collected(a_potassium(effectiveDateTime=time)), "time") == (at(read),)


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("0000-01-01", "a time is in a year outside 1850 to 2200"),
        ("0000-01-01T00:00:00Z", "a time is in a year outside 1850 to 2200"),
        ("9999-12-31T23:59:59Z", "a time is in a year outside 1850 to 2200"),
        ("10000-01-01", "a time is malformed"),
        ("10000-01-01T00:00:00Z", "a time is malformed"),
        ("2026-02-30", "a time is malformed"),
        ("2026-02-30T00:00:00Z", "a time is malformed"),
        ("2026-01-31T24:00:00Z", "a time is malformed"),
        ("2026-01-31T08:00:00+24:00", "a time is malformed"),
        ("", "a time is malformed"),
        ("٢٠٢٦", "a time is malformed"),
    ],
)
def test_an_impossible_time_drops_its_fact_and_no_other(time: str, reason: str) -> None:
    batch = collected(a_potassium(effectiveDateTime=time), a_potassium(id="k2"))

    assert batch.facts.height == 1
    assert batch.dropped == {f"observation: {reason}": 1}


def test_a_time_without_a_zone_is_dropped_where_the_source_declares_none() -> None:
    batch = collected(a_potassium(effectiveDateTime="2026-01-31T08:00:00"), timezone=None)

    assert batch.dropped == {
        "observation: the time has no zone and the source declares no timezone": 1
    }


def test_the_other_forms_of_an_effective_time() -> None:
    periods = {"effectivePeriod": {"start": "2026-01-30T08:00:00Z", "end": "2026-01-31T08:00:00Z"}}
    timing = {"effectiveTiming": {"event": ["2026-01-31T08:00:00Z", "2026-01-31T09:00:00+02:00"]}}
    instant = {"effectiveInstant": "2026-01-31T08:00:00Z"}

    for said in (periods, timing, instant):
        told = only(collected(a_potassium(effectiveDateTime=None, **said)), "time", "end")
        assert told == (at("2026-01-31T08:00:00Z"), None)


def test_components_are_facts_of_one_record() -> None:
    parts = [
        {"code": {"coding": [{"system": LOINC, "code": code}]}, "valueQuantity": {"value": value}}
        for code, value in (("8480-6", 120), ("8462-4", 80))
    ]
    batch = collected(a_potassium(valueQuantity=None, component=parts))

    assert sorted(batch.facts["code"]) == ["LOINC//8462-4", "LOINC//8480-6"]
    assert batch.facts["record"].n_unique() == 1
    assert not batch.dropped


def test_a_concept_is_filed_under_every_known_code_and_a_local_one_only_alone() -> None:
    snomed = {"system": "http://snomed.info/sct", "code": "88480006"}
    own = {"system": "https://lab.example/codes", "code": "K"}
    both = collected(
        a_potassium(code={"coding": [own, {"system": LOINC, "code": "2823-3"}, snomed]})
    )
    alone = collected(a_potassium(code={"coding": [own]}))

    assert sorted(both.facts["code"]) == ["LOINC//2823-3", "SNOMED//88480006"]
    assert both.codes_unknown == {}
    assert only(alone, "code") == ("LOCAL//K",)
    assert alone.codes_unknown == {"https://lab.example/codes|K": 1}


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
def test_a_withdrawn_result_takes_its_earlier_versions_back(status: str) -> None:
    first = collected(a_potassium())
    then = collected(
        a_potassium(status=status, meta={"lastUpdated": "2026-02-01T09:00:00Z"}, valueQuantity=None)
    )

    assert only(then, "retracts", "value", "recorded") == (True, None, at("2026-02-01T09:00:00Z"))
    assert only(then, "identity") == only(first, "identity")
    assert only(then, "record") != only(first, "record")


def test_a_correction_was_not_seen_before_the_server_had_it() -> None:
    written = {"lastUpdated": "2026-02-01T09:00:00Z"}
    corrected = collected(a_potassium(status="corrected", meta=written))
    second = collected(a_potassium(meta={"versionId": "2", **written}))
    tenth = collected(a_potassium(meta={"versionId": "10", **written}))
    first = collected(a_potassium(meta={"versionId": "1", **written}))

    for later in (corrected, second, tenth):
        assert only(later, "recorded") == (at("2026-02-01T09:00:00Z"),)
    assert only(first, "recorded") == (at("2026-01-31T07:40:00Z"),)


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/7",
        "Patient/7/_history/3",
        "https://ward.example/fhir/Patient/7",
        "https://ward.example/fhir/Patient/7/_history/3",
        "urn:uuid:7",
        "urn:oid:7",
    ],
)
def test_a_reference_in_any_form_names_the_same_patient(reference: str) -> None:
    assert only(collected(a_potassium(subject={"reference": reference})), "subject") == ("7",)


def test_a_condition_and_its_end_are_two_facts_so_that_none_tells_the_future() -> None:
    condition = {
        "resourceType": "Condition",
        "id": "c1",
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "91302008"}]},
        "verificationStatus": {"coding": [{"code": "provisional"}]},
        "subject": {"reference": "Patient/7"},
        "onsetDateTime": "2026-01-01T08:00:00Z",
        "recordedDate": "2026-01-02T08:00:00Z",
        "abatementDateTime": "2026-01-09T08:00:00Z",
    }
    batch = collected(condition)

    assert batch.facts.select("code", "time", "end", "recorded", "text").rows() == [
        (
            "SNOMED//91302008",
            at("2026-01-01T08:00:00Z"),
            None,
            at("2026-01-02T08:00:00Z"),
            "provisional",
        ),
        ("BEDSIDE//condition_end", at("2026-01-09T08:00:00Z"), None, None, "SNOMED//91302008"),
    ]
    past = collected(condition | {"recordedDate": "2026-02-01T08:00:00Z"})
    assert past.facts["recorded"].to_list() == [at("2026-02-01T08:00:00Z")] * 2
    refuted = condition | {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    assert only(collected(refuted), "retracts") == (True,)


def test_a_visit_says_when_it_began_without_saying_when_it_will_end() -> None:
    batch = collected(
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "subject": {"reference": "Patient/7"},
            "period": {"start": "2026-01-01T08:00:00Z", "end": "2026-01-05T08:00:00Z"},
            "meta": {"versionId": "3", "lastUpdated": "2026-01-05T09:00:00Z"},
        }
    )

    assert batch.facts.select("code", "time", "end", "recorded", "encounter").rows() == [
        ("ENCOUNTER//start", at("2026-01-01T08:00:00Z"), None, None, "e1"),
        ("HL7//v3-ActCode/IMP", at("2026-01-01T08:00:00Z"), None, at("2026-01-05T09:00:00Z"), "e1"),
        ("ENCOUNTER//end", at("2026-01-05T08:00:00Z"), None, None, "e1"),
    ]


def test_a_patient_is_born_at_the_start_of_the_day_and_dies_once() -> None:
    patient = {"resourceType": "Patient", "id": "7", "birthDate": "1960-06-16", "gender": "female"}
    dead = collected(patient | {"deceasedDateTime": "2026-01-31"})
    unknown = collected(patient | {"deceasedBoolean": True})

    assert dead.facts.select("code", "time", "text").rows() == [
        ("MEDS//BIRTH", at("1960-06-16T00:00:00Z"), None),
        ("BEDSIDE//sex", None, "female"),
        ("MEDS//DEATH", at("2026-01-31T22:59:59.999999Z"), None),
    ]
    assert unknown.dropped == {"Patient: a death without its time": 1}


def test_merged_patients_are_told_by_the_one_that_goes() -> None:
    goes = {"resourceType": "Patient", "id": "8", "active": False}
    link = {"other": {"reference": "Patient/7"}, "type": "replaced-by"}
    stays = {"resourceType": "Patient", "id": "7"}
    back = {"other": {"reference": "Patient/8"}, "type": "replaces"}

    one = only(collected(goes | {"link": [link]}), "subject", "code", "text")
    other = only(collected(stays | {"link": [back]}), "subject", "code", "text")

    assert one == other == ("8", MERGED_INTO, "7")


def a_request(**said: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/7"},
        "authoredOn": "2026-01-31T08:00:00Z",
    } | said


ASPIRIN = {
    "resourceType": "Medication",
    "id": "a1",
    "code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1191"}]},
}


def test_a_drug_is_found_in_the_resource_in_the_part_or_in_the_file_beside() -> None:
    points = {"medicationReference": {"reference": "Medication/a1"}}
    inside = a_request(contained=[ASPIRIN], medicationReference={"reference": "#a1"})
    file = json.dumps(ASPIRIN).encode()

    for batch in (
        collected(a_request(medicationCodeableConcept=ASPIRIN["code"])),
        collected(inside),
        collected(a_request(**points), ASPIRIN),
        collected(a_request(**points), Medication=file),
    ):
        assert only(batch, "kind", "code") == ("medication_request", "RXNORM//1191")
    lost = collected(a_request(**points))
    assert only(lost, "code") == ("LOCAL//Medication/a1",)
    assert lost.codes_unknown == {"Medication|Medication/a1": 1}


def test_a_drug_given_is_an_interval_with_its_dose() -> None:
    batch = collected(
        a_request(
            resourceType="MedicationAdministration",
            status="completed",
            medicationCodeableConcept=ASPIRIN["code"],
            effectivePeriod={"start": "2026-01-31T08:00:00Z", "end": "2026-01-31T09:00:00Z"},
            dosage={"dose": {"value": 100, "unit": "mg"}},
        )
    )

    told = only(batch, "kind", "time", "end", "value", "unit")
    times = (at("2026-01-31T08:00:00Z"), at("2026-01-31T09:00:00Z"))
    assert told == ("medication_administration", *times, 100.0, "mg")


def test_plans_and_what_shall_not_be_given_are_no_orders() -> None:
    concept = {"medicationCodeableConcept": ASPIRIN["code"]}

    plan = collected(a_request(intent="plan", **concept))
    forbidden = collected(a_request(doNotPerform=True, **concept))

    assert plan.dropped == {"MedicationRequest: a proposal or plan, not an order": 1}
    assert forbidden.dropped == {"MedicationRequest: it asks not to give the drug": 1}


NO_JSON = "the record is not JSON in UTF-8"
NO_TYPE = "the record has no resourceType of FHIR R4"
NO_VALUE = "status is not one of the values of FHIR R4"
TOO_LARGE = "a number is too large"
TOO_DEEP = "the JSON is nested too deep"
NO_PLACE = "a Bundle among other resources, or an entry of one, cannot be read"
AN_OBSERVATION = b'{"resourceType":"Observation","status":"final","code":{}'
BROKEN = {
    b"{": NO_JSON,
    b"[]": "the record is not a JSON object",
    b"null": "the record is not a JSON object",
    b'{"id":"1"}': NO_TYPE,
    b'{"resourceType":"Secret"}': NO_TYPE,
    b'{"resourceType":"Patient","resourceType":"Claim"}': NO_TYPE,
    b'{"resourceType":"Observation","status":"final"}': "code is missing",
    b'{"resourceType":"Observation","status":"secret","code":{}}': NO_VALUE,
    AN_OBSERVATION + b',"code":{"coding":[{"code":1}]}}': "code.coding.code is of a wrong type",
    AN_OBSERVATION + b',"valueInteger":1e400}': TOO_LARGE,
    AN_OBSERVATION + b',"valueInteger":1' + b"0" * 400 + b"}": TOO_LARGE,
    AN_OBSERVATION + b',"valueInteger":NaN}': NO_JSON,
    b'{"resourceType":"Patient","x":' + b"[" * 100_000 + b"}": TOO_DEEP,
    b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 3000: TOO_DEEP,
    b'{"resourceType":"Patient","id":"\xff"}': NO_JSON,
    b'{"resourceType":"Patient","name":"\xff"}': NO_JSON,
    b'{"resourceType":"Patient","id":"\\ud800"}': NO_JSON,
    b'{"resourceType":"Patient","id":"a\x00b"}': NO_JSON,
    '{"resourceType":"Patient"}'.encode("utf-16"): NO_JSON,
    b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Patient"}}]}': NO_PLACE,
}


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_line_is_set_aside_with_its_place_and_the_rest_goes_on(line: bytes) -> None:
    good = json.dumps(a_potassium()).encode()
    batch = collected(good, line, good)

    assert batch.facts.height == 2
    assert [(one.offset, one.length, one.reason) for one in batch.bad] == [
        (len(good) + 1, len(line), BROKEN[line])
    ]
    assert "ecret" not in repr(batch.bad)


def test_a_broken_line_is_still_somebodys() -> None:
    line = b'{"subject":{"reference":"https://x.example/Patient/7"},"status":'

    batch = collected(a_potassium(id="k2"), line)

    assert len(batch.bad) == 1
    assert batch.records["subject"].to_list() == ["7", "7"]


def test_a_text_with_a_nul_gives_no_fact() -> None:
    batch = collected(a_potassium(valueQuantity=None, valueString="a\0b"), a_potassium(id="k2"))

    assert batch.facts.height == 1
    assert batch.dropped == {"a text holds a NUL character": 1}


def test_of_a_name_that_is_there_twice_the_last_one_counts() -> None:
    line = json.dumps(a_potassium()).encode()[:-1] + b',"valueQuantity":{"value":9}}'

    assert only(collected(line), "value") == (9.0,)


def test_marks_of_other_systems_around_the_lines_do_not_matter() -> None:
    line = json.dumps(a_potassium()).encode()
    batch = collected(b"\xef\xbb\xbf" + line + b"\r", b" \r", b"", line)

    assert batch.facts["offset"].to_list() == [3, 3 + len(line) + 2 + 3 + 1]
    assert batch.facts["record"].to_list() == digest_of_records([line, line]).to_list()
    assert batch.records["length"].to_list() == [len(line)] * 2


def test_bytes_of_no_file_at_all_are_nothing() -> None:
    for content in (b"", b"\n\n", b"\xef\xbb\xbf"):
        batch = collected(content)
        assert batch.facts.is_empty()
        assert batch.records.is_empty()
        assert not batch.bad


def test_a_file_of_rubbish_is_given_up_early_and_says_so() -> None:
    good = json.dumps(a_potassium()).encode()

    batch = collected(good, *[b"x"] * 200_000, good)

    assert 10_000 < len(batch.bad) < 100_000
    assert batch.bad[-1].reason.startswith("the rest of the part was not read")
    assert batch.bad[-1].offset + batch.bad[-1].length == 2 * len(good) + 2 * 200_000 + 1
    assert batch.facts.height == 1
