"""A FHIR resource comes out without what identifies anybody, and its references still lead on."""

import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.release_mode import ReleaseMode
from bedside.interop.fhirpath.model import elements_of, is_resource
from bedside.privacy.cleaner import Note
from bedside.privacy.fields.actions import FieldActions
from bedside.privacy.fields.fhir import FhirRelease
from bedside.privacy.memory_vault import MemoryVault
from bedside.privacy.rules import ReleasePlan
from data_folder import data_folder

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SAFE = ReleasePlan(mode=ReleaseMode.SAFE_HARBOR, project="p")
EXPERT = ReleasePlan(mode=ReleaseMode.EXPERT, project="p", dossier="d")
LIMITED = ReleasePlan(mode=ReleaseMode.LIMITED_DATASET, project="p", agreement="a")
OPEN = {"Device.modelNumber", "Device.manufacturer", "Device.deviceName.name"} | {
    "Device.version.value", "Device.udiCarrier.deviceIdentifier"
}  # fmt: skip
"""Strings that come out as they are: a model of a device is nobody's."""


def a_release(plan: ReleasePlan = SAFE, **more: Any) -> FhirRelease:
    return FhirRelease(FieldActions(plan=plan, vault=MemoryVault(), released_at=NOW, **more))


def patient(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "ada-1", "birthDate": "1971-07-09", **more}


def test_a_patient_keeps_sex_year_of_birth_state_and_three_digits() -> None:
    told = patient(
        gender="female",
        name=[{"family": "Ruiz", "given": ["Ada"]}],
        telecom=[{"system": "phone", "value": "555-0199"}],
        address=[{"line": ["1 Elm"], "city": "Nome", "state": "AK", "postalCode": "99762"}],
        text={"status": "generated", "div": "<div>Ada Ruiz</div>"},
        deceasedDateTime="2020-03-04T05:06:07Z",
        extension=[{"url": "http://example.org/mothers-maiden-name", "valueString": "Ode"}],
        _birthDate={"extension": [{"url": "x", "valueDateTime": "1971-07-09T03:00:00Z"}]},
    )

    done = a_release().resource(told)

    assert done.pop("id") != "ada-1"
    assert done == {
        "resourceType": "Patient",
        "birthDate": "1971",
        "gender": "female",
        "address": [{"state": "AK", "postalCode": "997"}],
        "deceasedDateTime": "2020",
    }


def test_a_year_of_birth_goes_where_it_tells_of_90_years() -> None:
    assert "birthDate" not in a_release().resource(patient(birthDate="1936-01-01"))
    assert a_release().resource(patient(birthDate="1937-01-01"))["birthDate"] == "1937"


def test_dates_move_by_the_offset_of_the_vault() -> None:
    release = a_release(EXPERT)
    told = {
        "resourceType": "Observation",
        "subject": {"reference": "Patient/ada-1"},
        "effectiveDateTime": "2019-05-02T10:11:12+02:00",
        "issued": "2019-05-03T10:11:12Z",
    }

    done = release.resource(told)

    subject = release.actions.subject("ada-1")
    moved = datetime.fromisoformat(done["effectiveDateTime"]) - datetime.fromisoformat(
        told["effectiveDateTime"]  # type: ignore[arg-type]
    )
    assert moved.total_seconds() == 0 + moved.days * 86_400
    assert moved.days == release.actions.vault.offset(subject)
    assert done["issued"][10:] == "T10:11:12Z"
    kept = a_release(LIMITED).resource(told)
    assert kept["effectiveDateTime"] == told["effectiveDateTime"]


def test_references_of_a_bundle_lead_to_the_same_resources() -> None:
    entry = [
        {"fullUrl": "urn:uuid:1", "resource": patient(id="1")},
        {
            "fullUrl": "urn:uuid:2",
            "resource": {
                "resourceType": "Condition",
                "id": "2",
                "subject": {"reference": "urn:uuid:1", "display": "Ada Ruiz"},
                "encounter": {"reference": "Encounter?identifier=x|7"},
                "contained": [
                    {"resourceType": "Practitioner", "id": "dr", "name": [{"text": "R"}]}
                ],
                "recorder": {"reference": "#dr"},
            },
        },
    ]
    told = {"resourceType": "Bundle", "type": "collection", "entry": entry}

    done = a_release().resource(told)

    first, second = done["entry"]
    subject = second["resource"]["subject"]
    assert subject == {"reference": first["fullUrl"]}
    assert first["fullUrl"] == f"urn:uuid:{first['resource']['id']}"
    inner = second["resource"]["contained"][0]
    assert second["resource"]["recorder"] == {"reference": f"#{inner['id']}"}
    assert "encounter" not in second["resource"]


def test_a_patient_is_the_same_pseudonym_as_in_the_event_table() -> None:
    release = a_release()
    first = release.resource(patient())["id"]
    subject = release.actions.subject("ada-1")

    assert int(first.replace("-", ""), 16) == release.actions.vault.pseudonym(subject)


def test_a_note_comes_out_only_cleaned() -> None:
    class Cleaner:
        def clean(self, notes: list[Note]) -> list[str | None]:
            return [one.text.replace("Ruiz", "Ode") for one in notes]

    told = patient() | {"resourceType": "Condition", "note": [{"text": "Mr Ruiz"}]}
    told |= {"code": {"text": "Cold of Ruiz"}, "contact": 1}

    assert "note" not in a_release().resource(told)
    done = a_release(cleaner=Cleaner()).resource(told)
    assert done["note"] == [{"text": "Mr Ode"}]
    assert done["code"] == {"text": "Cold of Ode"}


def test_an_age_is_capped() -> None:
    code = {"coding": [{"system": "http://loinc.org", "code": "30525-0"}]}
    value = {"value": 93, "unit": "a", "code": "a", "system": "http://unitsofmeasure.org"}
    told = {"resourceType": "Observation", "code": code, "valueQuantity": value}

    assert a_release().resource(told)["valueQuantity"]["value"] == 90


@pytest.mark.parametrize("content", [b"", b"[]", b'{"resourceType": "Ada"}', b"{", b"null"])
def test_what_is_no_resource_is_refused_without_repeating_it(content: bytes) -> None:
    with pytest.raises(Invalid) as error:
        a_release().json(content)

    assert "Ada" not in str(error.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["Patient", "Observation", "Bundle", "Condition"]), st.data())
def test_strangers_json_never_stops_the_release(kind: str, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(elements_of(kind)))
    told = data.draw(st.dictionaries(names, json_values, max_size=5))

    a_release().resource(told | {"resourceType": kind})


# --- canaries: every string of every resource of the public examples


def examples() -> list[tuple[str, dict[str, Any]]]:
    found = []
    with zipfile.ZipFile(data_folder("fhir-r4-examples") / "r4-examples.zip") as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                found.append((name, json.loads(archive.read(name))))
    with zipfile.ZipFile(data_folder("synthea-fhir-r4") / "bundles.zip") as archive:
        people = [one for one in archive.infolist() if "Information" not in one.filename]
        name = min(people, key=lambda one: one.file_size).filename
        found.append((name, json.loads(archive.read(name))))
    return found


def planted(told: Any, kind: str, path: str, canaries: dict[str, str]) -> Any:
    """The resource with another string in each element that is neither code, date nor type."""
    if isinstance(told, list):
        return [planted(one, kind, path, canaries) for one in told]
    if isinstance(told, dict):
        here = told.get("resourceType", kind)
        types = elements_of(here)
        start = here if is_resource(here) else path
        return {
            name: value
            if name == "resourceType"
            else planted(value, types.get(name, "string"), f"{start}.{name}", canaries)
            for name, value in told.items()
        }
    if not isinstance(told, str) or kind in ("code", "date", "dateTime", "instant", "time"):
        return told
    if path.endswith("Reference.reference"):
        return told
    canary = f"CANARY{len(canaries):06d}X"
    canaries[canary] = path
    return canary


@pytest.mark.parametrize("plan", [SAFE, EXPERT, LIMITED], ids=lambda plan: str(plan.mode))
def test_no_string_of_an_identifier_survives(plan: ReleasePlan) -> None:
    for name, told in examples():
        canaries: dict[str, str] = {}
        with_canaries = planted(told, told["resourceType"], told["resourceType"], canaries)

        done = json.dumps(a_release(plan).resource(with_canaries))

        out = {path for canary, path in canaries.items() if canary in done}
        allowed = {path for path in out if path in OPEN or _is_open(path, plan)}
        assert out == allowed, (name, out - allowed)
        assert canaries


def _is_open(path: str, plan: ReleasePlan) -> bool:
    """States and, in a limited data set, towns; Coding.code is no string but a code."""
    last = path.rpartition(".")[2]
    towns = plan.mode is ReleaseMode.LIMITED_DATASET and last in ("city", "district", "postalCode")
    return towns or last in ("state", "country", "unit")


def strings(told: Any) -> Iterator[str]:
    if isinstance(told, dict):
        for value in told.values():
            yield from strings(value)
    elif isinstance(told, list):
        for value in told:
            yield from strings(value)
    elif isinstance(told, str):
        yield told


def test_a_real_bundle_names_nobody_and_keeps_its_codes() -> None:
    name, told = examples()[-1]
    (person,) = [e["resource"] for e in told["entry"] if e["resource"]["resourceType"] == "Patient"]

    done = a_release().resource(told)

    out = set(strings(done))
    secret = {
        person["id"],
        person["birthDate"],
        *strings(person["name"]),
        *strings(person["telecom"]),
    }
    secret |= {one["value"] for one in person["identifier"]} | {person["address"][0]["city"]}
    assert not (secret - {"official", "home", "phone"}) & out, name
    kinds = [e["resource"]["resourceType"] for e in told["entry"]]
    assert [e["resource"]["resourceType"] for e in done["entry"]] == kinds
    codes = {s for s in strings(told) if s.isdigit() and len(s) > 7}
    assert codes & out


def test_words_where_r4_has_a_number_stay_behind() -> None:
    told = {
        "resourceType": "Observation",
        "valueQuantity": {"value": "Ada Ruiz", "code": "kg"},
        "valueTime": "Ada Ruiz",
    }

    assert a_release().resource(told)["valueQuantity"] == {"code": "kg"}
    assert "valueTime" not in a_release().resource(told)
