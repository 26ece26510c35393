"""What one FHIR resource says, worked out slowly and plainly: the oracle of the fast collector.

One resource at a time, over plain dictionaries, with the standard library alone. It shares no line
with the code that it checks, and knows what Synthea and the generated resources of the tests use.
"""

from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

__all__ = ["Facts", "facts_of_bundle", "facts_of_resource", "resolve"]

Facts = list[tuple[Any, ...]]
"""subject, time, end, recorded, kind, code, value, unit, text, encounter, retracts."""

PREFIX = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "urn:oid:2.16.840.1.113883.6.238": "CDCREC",
    "http://terminology.hl7.org/CodeSystem/v3-ActCode": "HL7//v3-ActCode",
    "http://terminology.hl7.org/CodeSystem/discharge-disposition": "HL7//discharge-disposition",
}
GONE = {"entered-in-error", "cancelled", "not-done", "refuted"}
SILENT = {"registered", "unknown", "planned", "draft", "preparation"}


def resolve(reference: str, names: dict[str, str]) -> str:
    return names.get(reference, reference).removeprefix("urn:uuid:").rsplit("/", 1)[-1]


def moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    if len(text) == 10:
        day = datetime.combine(date.fromisoformat(text), time.max)
        return day.replace(tzinfo=zone).astimezone(UTC)
    return datetime.fromisoformat(text).astimezone(UTC)


def code_of(coding: dict[str, Any]) -> tuple[bool, str] | None:
    if not coding.get("code"):
        return None
    prefix = PREFIX.get(coding.get("system", ""))
    if prefix is None:
        return False, f"LOCAL//{coding['code']}"
    return True, f"{prefix}{'/' if prefix.startswith('HL7//') else '//'}{coding['code']}"


def codes_of(concept: dict[str, Any] | None) -> list[str]:
    found = [code for one in (concept or {}).get("coding", []) if (code := code_of(one))]
    known = [code for is_known, code in found if is_known]
    return list(dict.fromkeys(known)) or [code for _, code in found[:1]]


def number(quantity: dict[str, Any]) -> float | None:
    return None if quantity.get("value") is None else float(quantity["value"])


def value_of(part: dict[str, Any]) -> tuple[float | None, str | None, str | None] | None:
    """Value, unit and text; None where there is nothing, or more than one thing."""
    given = [key for key in part if key.startswith("value")]
    if len(given) != 1 or "dataAbsentReason" in part:
        return None
    said = part[given[0]]
    value = unit = text = None
    if given[0] == "valueQuantity":
        value, unit = number(said), said.get("code") or said.get("unit")
        text = said.get("comparator")
    elif given[0] == "valueCodeableConcept":
        text = next(iter(codes_of(said)), said.get("text"))
    elif given[0] == "valueInteger":
        value = float(said)
    else:
        text = str(said).lower() if isinstance(said, bool) else said
    return None if value is None and not text else (value, unit, text)


def facts_of_bundle(bundle: dict[str, Any], zone: ZoneInfo) -> Facts:
    names = {
        entry["fullUrl"]: f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for entry in bundle["entry"]
    }
    return [
        fact
        for entry in bundle["entry"]
        for fact in facts_of_resource(entry["resource"], names, zone)
    ]


def facts_of_resource(one: dict[str, Any], names: dict[str, str], zone: ZoneInfo) -> Facts:
    read = {
        "Patient": patient,
        "Encounter": encounter,
        "Observation": observation,
        "Condition": condition,
        "AllergyIntolerance": allergy,
        "Immunization": immunization,
        "Procedure": procedure,
        "MedicationRequest": request,
        "DiagnosticReport": report,
        "DocumentReference": document,
    }.get(one["resourceType"])
    if read is None:
        return []
    whose = one.get("subject") or one.get("patient") or {"reference": f"Patient/{one.get('id')}"}
    subject = resolve(whose["reference"], names)
    visit = one.get("encounter") or next(iter(one.get("context", {}).get("encounter", [])), None)
    stay = resolve(visit["reference"], names) if visit else None
    if one["resourceType"] == "Encounter":
        stay = one["id"]
    status = one.get("status")
    verified = codes_of(one.get("verificationStatus"))
    states = {status, *(code.rsplit("/", 1)[-1] for code in verified)}
    if states & SILENT:
        return []
    return [
        (
            subject,
            moment(said.get("time"), zone) if "at" not in said else said["at"],
            moment(said.get("end"), zone),
            moment(said.get("recorded"), zone),
            said["kind"],
            said["code"],
            said.get("value"),
            said.get("unit"),
            said.get("text"),
            stay,
            bool(states & GONE),
        )
        for said in read(one, bool(states & GONE))
    ]


def patient(one: dict[str, Any], _: bool) -> list[dict[str, Any]]:
    facts: list[dict[str, Any]] = []
    if "birthDate" in one:
        born = datetime.combine(date.fromisoformat(one["birthDate"]), time(), tzinfo=UTC)
        facts.append({"kind": "patient", "code": "MEDS//BIRTH", "at": born})
    if "gender" in one:
        facts.append({"kind": "patient", "code": "BEDSIDE//sex", "text": one["gender"]})
    for extension in one.get("extension", []):
        name = extension["url"].rsplit("us-core-", 1)[-1]
        if name in ("race", "ethnicity"):
            for part in extension["extension"]:
                if part["url"] == "ombCategory":
                    text = codes_of({"coding": [part["valueCoding"]]})[0]
                    facts.append({"kind": "patient", "code": f"BEDSIDE//{name}", "text": text})
    if "deceasedDateTime" in one:
        facts.append({"kind": "death", "code": "MEDS//DEATH", "time": one["deceasedDateTime"]})
    return facts


def encounter(one: dict[str, Any], gone: bool) -> list[dict[str, Any]]:
    start, end = one["period"]["start"], one["period"].get("end")
    if gone:
        return [{"kind": "encounter", "code": "BEDSIDE//taken_back", "time": start}]
    codes = codes_of({"coding": [one["class"]]})
    codes += [code for concept in one.get("type", []) for code in codes_of(concept)]
    facts = [{"kind": "encounter", "code": code, "time": start} for code in codes]
    facts.append({"kind": "encounter", "code": "ENCOUNTER//start", "time": start})
    if end:
        went = one.get("hospitalization", {}).get("dischargeDisposition")
        text = next(iter(codes_of(went)), None)
        facts.append({"kind": "encounter", "code": "ENCOUNTER//end", "time": end, "text": text})
    return facts


def observation(one: dict[str, Any], gone: bool) -> list[dict[str, Any]]:
    common = {
        "kind": "observation",
        "time": one.get("effectiveDateTime") or one.get("effectivePeriod", {}).get("end"),
        "recorded": one.get("issued"),
    }
    if gone:
        return [common | {"code": next(iter(codes_of(one["code"])), "BEDSIDE//taken_back")}]
    if common["time"] is None:
        return []
    facts = []
    for part in (one, *one.get("component", [])):
        said = value_of(part)
        if said is not None:
            value, unit, text = said
            for code in codes_of(part["code"]):
                facts.append(common | {"code": code, "value": value, "unit": unit, "text": text})
    return facts


def condition(one: dict[str, Any], gone: bool) -> list[dict[str, Any]]:
    recorded = one.get("recordedDate")
    codes = codes_of(one["code"])
    common = {"kind": "condition", "recorded": recorded, "time": one.get("onsetDateTime", recorded)}
    if gone:
        return [common | {"code": codes[0]}]
    facts = [common | {"code": code} for code in codes]
    end = one.get("abatementDateTime")
    if end:
        late = recorded if recorded and recorded[:10] > end[:10] else None
        facts.append(
            {
                "kind": "condition",
                "code": "BEDSIDE//condition_end",
                "time": end,
                "recorded": late,
                "text": codes[0],
            }
        )
    return facts


def allergy(one: dict[str, Any], _: bool) -> list[dict[str, Any]]:
    recorded = one.get("recordedDate")
    common = {"kind": "allergy", "recorded": recorded, "time": recorded}
    return [common | {"code": code} for code in codes_of(one["code"])]


def immunization(one: dict[str, Any], _: bool) -> list[dict[str, Any]]:
    common = {"kind": "immunization", "time": one["occurrenceDateTime"]}
    return [common | {"code": code} for code in codes_of(one["vaccineCode"])]


def procedure(one: dict[str, Any], _: bool) -> list[dict[str, Any]]:
    period = one.get("performedPeriod") or dict.fromkeys(
        ("start", "end"), one.get("performedDateTime")
    )
    common = {"kind": "procedure", "time": period["start"], "end": period.get("end")}
    return [common | {"code": code} for code in codes_of(one["code"])]


def request(one: dict[str, Any], _: bool) -> list[dict[str, Any]]:
    written = one["authoredOn"]
    doses = [
        rate["doseQuantity"]
        for line in one.get("dosageInstruction", [])
        for rate in line.get("doseAndRate", [])
        if "doseQuantity" in rate
    ]
    dose = doses[0] if len(doses) == 1 else {}
    common = {"kind": "medication_request", "time": written, "recorded": written}
    common |= {"value": number(dose), "unit": dose.get("code") or dose.get("unit")}
    return [common | {"code": code} for code in codes_of(one["medicationCodeableConcept"])]


def report(one: dict[str, Any], _: bool) -> list[dict[str, Any]]:
    common = {"kind": "report", "time": one["effectiveDateTime"], "recorded": one.get("issued")}
    return [common | {"code": code} for code in codes_of(one["code"])]


def document(one: dict[str, Any], _: bool) -> list[dict[str, Any]]:
    import base64  # noqa: PLC0415

    text = None
    for content in one["content"]:
        attachment = content["attachment"]
        if text is None and attachment.get("contentType", "").startswith("text/plain"):
            text = base64.b64decode(attachment["data"]).decode()
    common = {"kind": "document", "time": one["date"], "recorded": one["date"], "text": text}
    return [common | {"code": code} for code in codes_of(one["type"])]
