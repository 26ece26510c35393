"""Synthea's FHIR R4 records: whole patients as an EHR would send them."""

import json
import zipfile
from collections import Counter
from typing import Any

from bedside.core.errors import BedsideError
from bedside.interop.fhir.reading import read_resources
from data_folder import data_folder
from served import NOW, START, a_declaration

REFUSABLE = ("valueQuantity.code",)
"""Two of the bundles leave out a unit or give one that is no UCUM code."""


def bundles() -> list[dict[str, Any]]:
    with zipfile.ZipFile(data_folder("synthea-fhir-r4") / "bundles.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        return [json.loads(archive.read(name)) for name in names]


def test_whole_synthetic_patients_are_read_or_refused_at_a_named_unit():
    codes: Counter[str] = Counter()
    refused: list[str] = []

    for bundle in bundles():
        resources = [entry["resource"] for entry in bundle.get("entry", [])]
        patients = [each["id"] for each in resources if each["resourceType"] == "Patient"]
        content = {"record": json.dumps(bundle).encode()}
        try:
            reading = read_resources(
                a_declaration(), content, as_of=NOW, patient_id=(patients or ["none"])[-1]
            )
            codes.update(event.code for event in reading.events)
        except BedsideError as error:
            refused.append(str(error))

    assert codes["LOINC//8480-6"] > 1000
    assert codes["AGE//years"] > 100
    assert codes[START] > 1000
    assert len(refused) <= 2
    assert all(word in text for text in refused for word in REFUSABLE)


def test_observations_under_codes_that_no_signal_has_are_told_by_their_code():
    (bundle, *_) = (one for one in bundles() if "Observation" in json.dumps(one))
    resources = [entry["resource"] for entry in bundle["entry"]]
    told = {
        f"LOINC//{one['code']['coding'][0]['code']}"
        for one in resources
        if one["resourceType"] == "Observation" and "valueQuantity" in one
    }
    (patient,) = (one["id"] for one in resources if one["resourceType"] == "Patient")
    declared = {code for one in a_declaration().signals.values() for code in one.codes}

    reading = read_resources(
        a_declaration(), {"record": json.dumps(bundle).encode()}, as_of=NOW, patient_id=patient
    )

    found = {one.code for one in reading.unknown}
    assert told - declared
    assert told - declared <= found
    assert not found & declared
