"""FHIR R4 resources into events."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bedside.core.errors import Invalid
from bedside.core.records.codes_seen import CodeSeen
from bedside.core.records.event import Event
from bedside.interop.fhir.reading import Reading, read_resources
from served import (
    NOW,
    START,
    a_declaration,
    a_fhir_patient,
    a_search,
    an_encounter,
    an_observation,
    hours_ago,
)

LACTATE = "LOINC//2524-7"


def read(*resources: dict[str, Any] | None, patient_id: str = "pat-1") -> Reading:
    named = {f"r{index}": json.dumps(each).encode() for index, each in enumerate(resources)}
    return read_resources(a_declaration(), named, as_of=NOW, patient_id=patient_id)


def only(reading: Reading) -> Event:
    (event,) = reading.events
    return event


def test_an_observation_keeps_both_its_times_its_value_and_its_unit():
    event = only(read(an_observation("2524-7", 4.2, "mmol/L")))

    assert (event.code, event.value, event.unit) == (LACTATE, 4.2, "mmol/L")
    assert event.time == hours_ago(1)
    assert event.known_at == hours_ago(1) + timedelta(minutes=5)


def test_without_issued_the_declared_delay_says_when_it_could_be_seen():
    event = only(read(an_observation("2524-7", 4.2, "mmol/L", issued=None)))

    assert event.known_at == event.time + timedelta(minutes=90)


def test_a_period_counts_at_its_end_and_an_instant_at_itself():
    period = {"start": "2026-03-01T08:00:00Z", "end": "2026-03-01T10:00:00Z"}

    over = only(
        read(
            an_observation("2524-7", 4.2, "mmol/L", effectiveDateTime=None, effectivePeriod=period)
        )
    )
    at = only(
        read(
            an_observation(
                "2524-7",
                4.2,
                "mmol/L",
                effectiveDateTime=None,
                effectiveInstant="2026-03-01T10:00:00Z",
            )
        )
    )

    assert over.time == at.time == hours_ago(2)


def test_the_parts_of_a_blood_pressure_panel_become_events_of_their_own():
    panel = an_observation(
        "85354-9",
        0,
        "1",
        valueQuantity=None,
        component=[
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                "valueQuantity": {"value": 91, "code": "mm[Hg]"},
            },
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
                "valueQuantity": {"value": 55, "code": "mm[Hg]"},
            },
        ],
    )

    event = only(read(panel))

    assert (event.code, event.value) == ("LOINC//8480-6", 91.0)


@pytest.mark.parametrize("status", ["final", "amended", "corrected", "preliminary"])
def test_a_result_with_a_standing_value_is_used(status):
    assert len(read(an_observation("2524-7", 4.2, "mmol/L", status=status)).events) == 1


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled", "unknown", "registered"])
def test_a_result_that_does_not_stand_is_dropped(status):
    assert read(an_observation("2524-7", 4.2, "mmol/L", status=status)).events == ()


def test_what_the_model_does_not_ask_for_is_skipped_even_when_it_is_odd():
    odd = an_observation("9999-9", 1, "furlong", effectiveDateTime="yesterday")

    assert read(odd, {"resourceType": "Condition", "code": 3}).events == ()


def test_the_same_observation_in_two_searches_counts_once():
    one = an_observation("2524-7", 4.2, "mmol/L")

    assert len(read(a_search(one), a_search(one), one).events) == 1


def test_one_id_with_two_contents_is_a_contradiction():
    one = an_observation("2524-7", 4.2, "mmol/L")

    with pytest.raises(Invalid, match=r"r1\.id is also the id of another"):
        read(one, one | {"issued": "2026-03-01T11:06:00Z"})


def test_a_reported_limit_is_used_and_noted():
    quantity = {"value": 0.2, "comparator": "<", "code": "mmol/L"}

    reading = read(an_observation("2524-7", 0, "", valueQuantity=quantity))

    assert only(reading).value == 0.2
    assert reading.notes[0].startswith("lactate was reported only as a limit")


def test_an_absent_value_with_its_reason_is_no_event():
    absent = an_observation("2524-7", 0, "", valueQuantity=None, dataAbsentReason={"text": "x"})

    assert read(absent).events == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"valueQuantity": {"value": 4.2, "unit": "mmol/L"}},
        {"valueQuantity": {"value": 4.2, "unit": "odd words", "code": "mmol/L"}},
        {
            "valueQuantity": {
                "value": 4.2,
                "system": "http://snomed.info/sct",
                "code": "258813002",
                "unit": "mmol/L",
            }
        },
    ],
)
def test_the_unit_is_the_ucum_code_or_a_unit_text_that_is_ucum(changes):
    assert only(read(an_observation("2524-7", 0, "", **changes))).unit == "mmol/L"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"valueQuantity": None}, r"r0\.value\[x\] is not given"),
        ({"valueQuantity": {"code": "mmol/L"}}, r"r0\.valueQuantity\.value is not given"),
        ({"valueQuantity": {"value": 4.2}}, r"r0\.valueQuantity\.code is not given"),
        (
            {"valueQuantity": {"value": 4.2, "unit": "apples"}},
            r"r0\.valueQuantity\.code is not a UCUM",
        ),
        (
            {"valueQuantity": {"value": "4"}},
            r"r0\.valueQuantity\.value must be float or null, not str",
        ),
        ({"valueInteger": 4}, r"r0\.value\[x\] is given more than once"),
        ({"dataAbsentReason": {"text": "x"}}, r"r0\.dataAbsentReason stands beside a value"),
        ({"valueQuantity": None, "valueString": "high"}, r"r0\.valueString is not a number"),
        ({"valueQuantity": None, "valueRange": {}}, r"r0\.valueRange is not a number"),
        ({"effectiveDateTime": None}, r"r0\.effective\[x\] is not given"),
        ({"effectiveDateTime": "2026-03-01"}, r"r0\.effectiveDateTime is a date without"),
        (
            {"effectiveDateTime": "2026-03-01T11:00:00"},
            r"r0\.effectiveDateTime is not a time with a",
        ),
        (
            {"effectiveDateTime": "0001-01-01T00:00:00+14:00"},
            r"r0\.effectiveDateTime is not a time",
        ),
        ({"effectiveDateTime": "9999-12-31T23:59:59Z"}, r"is in a year outside"),
        (
            {"effectiveInstant": "2026-03-01T11:00:00Z"},
            r"r0\.effective\[x\] is given more than once",
        ),
        (
            {
                "effectiveDateTime": None,
                "effectivePeriod": {"start": "2026-03-01T11:00:00Z", "end": "2026-03-01T10:00:00Z"},
            },
            r"r0\.effectivePeriod ends before it starts",
        ),
        ({"issued": "soon"}, r"r0\.issued is not a time"),
        ({"status": "done"}, r"r0\.status is not a status"),
        ({"status": None}, r"r0\.status is not given"),
        ({"subject": {"reference": "Patient/pat-2"}}, r"r0\.subject is not the patient"),
        (
            {"subject": {"reference": "https://x/fhir/Patient/pat-2/_history/3"}},
            r"r0\.subject is not",
        ),
    ],
)
def test_an_unusable_part_is_named_by_its_path(changes, place):
    with pytest.raises(Invalid, match=place):
        read(an_observation("2524-7", 4.2, "mmol/L", **changes))


def test_an_element_inside_a_search_is_named_with_its_entry():
    with pytest.raises(Invalid, match=r"^r0\.entry\[1\]\.resource\.issued is not a time"):
        read(a_search(a_fhir_patient(), an_observation("2524-7", 4.2, "mmol/L", issued="x")))


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/pat-1",
        "https://ehr.example/fhir/Patient/pat-1",
        "Patient/pat-1/_history/2",
        "urn:uuid:d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "#contained",
    ],
)
def test_a_reference_to_the_patient_is_accepted_in_each_of_its_forms(reference):
    lactate = an_observation("2524-7", 4.2, "mmol/L", subject={"reference": reference})

    assert len(read(lactate).events) == 1


def test_a_patient_gives_completed_years_and_the_declared_category_of_sex():
    age, sex = read(a_fhir_patient(birthDate="1955-03-02")).events

    assert (age.value, age.unit, age.time) == (70.0, "a", None)
    assert (sex.code, sex.text) == ("SEX//administrative", "female")


@pytest.mark.parametrize(
    ("birth_date", "years"),
    [
        ("1955-03-01", 71.0),
        ("1955-03", 70.0),
        ("1955", 70.0),
        ("2026", 0.0),
    ],
)
def test_a_birth_date_may_lack_its_day_or_month(birth_date, years):
    age, _ = read(a_fhir_patient(birthDate=birth_date)).events

    assert age.value == years


def test_a_gender_without_a_declared_category_is_missing_and_not_guessed():
    reading = read(a_fhir_patient(gender="other"))

    assert [event.code for event in reading.events] == ["AGE//years"]
    assert reading.unknown == (CodeSeen("sex", "other", False),)
    assert read(a_fhir_patient(gender="male")).unknown == ()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"birthDate": "01.02.1955"}, r"r0\.birthDate is not a date"),
        ({"birthDate": "2026-03-02"}, r"r0\.birthDate does not fit"),
        ({"birthDate": "1855-03-02"}, r"r0\.birthDate does not fit"),
        ({"gender": "f"}, r"r0\.gender is not an administrative gender"),
        ({"id": "pat-2"}, r"r0\.id is not the patient"),
    ],
)
def test_an_unusable_part_of_a_patient_is_named(changes, place):
    with pytest.raises(Invalid, match=place):
        read(a_fhir_patient(**changes))


def test_an_encounter_marks_when_the_stay_began():
    event = only(read(an_encounter()))

    assert (event.code, event.time, event.value) == (START, hours_ago(24), None)


def test_a_planned_encounter_marks_nothing_and_a_begun_one_needs_its_start():
    assert read(an_encounter(status="planned")).events == ()

    with pytest.raises(Invalid, match=r"r0\.period\.start is not given"):
        read(an_encounter(period={}))


def test_null_and_operation_outcome_count_as_absent():
    reading = read(None, {"resourceType": "OperationOutcome"}, a_search())

    assert reading.absent == ("r0", "r1")


def test_a_pseudonym_stands_for_the_patient():
    first = only(read(an_observation("2524-7", 4.2, "mmol/L")))

    assert first.subject_id == read().subject_id
    assert first.subject_id != read(patient_id="pat-2").subject_id
