"""The public HL7 v2 messages against the FHIR bundles that Microsoft's converter makes of them.

The bundles are one vendor's mapping and not a standard, so what they say is compared where both
sides say something: item by item, by its code, value, unit and times. What one message says twice
in the same words is one item.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.interop.hl7v2.clinical import FINDINGS
from bedside.interop.hl7v2.grouping import PatientGroup, patient_groups
from bedside.interop.hl7v2.message import Message, Segment, read_message
from bedside.interop.hl7v2.observation import read_observation
from bedside.interop.hl7v2.orders import read_drug, read_given, read_request
from bedside.interop.hl7v2.patient import prior_identifier, read_patient
from bedside.interop.hl7v2.planned import read_appointment, read_document
from bedside.interop.hl7v2.splitting import messages_in
from bedside.interop.hl7v2.times import read_time
from bedside.interop.hl7v2.values import Coded, code_of
from bedside.interop.hl7v2.visit import read_visit
from conformance.hl7v2_reasons import reason_of
from conformance.suite import Case, Suite, members

__all__ = ["run"]

FOLDER = "hl7v2-messages"
ZONE = "Asia/Kolkata"  # of times without an offset: the converter ran there

Item = tuple[Any, ...]
_SYSTEMS = {
    "http://loinc.org": "LOINC",
    "http://snomed.info/sct": "SNOMED",
    "http://hl7.org/fhir/sid/icd-10": "ICD10",
    "http://hl7.org/fhir/sid/icd-9-cm": "ICD9CM",
    "http://www.ama-assn.org/go/cpt": "CPT4",
    "http://hl7.org/fhir/sid/ndc": "NDC",
    "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://example.com/v2-to-fhir-converter/CodeSystem/CVX": "CVX",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RXNORM",
}


def run(data: Path) -> Suite:
    """Compare every message with its bundle.

    Args:
        data: The folder that holds `hl7v2-messages`, zipped or not.
    """
    files = members(data / FOLDER)
    bundles = {
        name.rpartition("/")[2].removesuffix("-expected.json"): content
        for name, content in files.items()
        if name.endswith("-expected.json")
    }
    cases: list[Case] = []
    for name in sorted(files):
        if name.endswith(".hl7"):
            short = name.rpartition("/")[2].removesuffix(".hl7")
            cases += _message_cases(short, files[name], bundles.get(short))
    return Suite(name="HL7 v2", cases=tuple(cases))


def _message_cases(name: str, content: bytes, bundle: bytes | None) -> Iterator[Case]:
    try:
        (piece,) = messages_in(content)
        message = read_message(content[piece.offset : piece.offset + piece.length])
    except (Invalid, ValueError) as error:
        yield Case(name=name, group="parse", status="fail", reason=str(error))
        return
    yield Case(name=name, group="parse", status="pass")
    if bundle is None:
        reason = "The data set has no expected bundle for this message."
        yield Case(name=name, group="compare", status="not_run", reason=reason)
        return
    ours, expected = set(_ours(message)), set(_expected(msgspec.json.decode(bundle)))
    named = {item for item in ours if item[0] == "identifier"}  # the one that we go by
    expected -= {item for item in expected if item[0] == "identifier"} - named
    for item in sorted(expected, key=repr):
        shown = f"{name}: {_shown(item)}"
        if item in ours:
            yield Case(name=shown, group=item[0], status="pass")
        else:
            reason = reason_of(name, item, ours, expected)
            yield Case(name=shown, group=item[0], status="fail", reason=reason)
    for item in sorted(ours - expected, key=repr):
        reason = reason_of(name, item, ours, expected)
        shown = f"{name}: {_shown(item)} (of ours)"
        yield Case(name=shown, group=item[0], status="fail", reason=reason)


def _shown(item: Item) -> str:
    return " ".join(str(part)[:60] for part in item if part not in (None, "", ()))


def _ours(message: Message) -> Iterator[Item]:
    """What our codec reads of a message, as comparable items."""
    for group in patient_groups(message):
        yield from _our_patient(group, message)
        for segment in group.visits:
            visit = read_visit(segment)
            yield "visit class", visit.category
            for what, text in (("begins", visit.admitted), ("ends", visit.discharged)):
                if text:
                    yield f"visit {what}", _when(text)
        for segment in group.findings:
            finding = FINDINGS[segment.name](segment)
            if code := _bare(finding.code):
                yield finding.kind, code, _when(finding.at) if finding.kind != "allergy" else None
        observations = [*group.loose, *group.content]
        for order in group.orders:
            observations += order.observations
            if order.request:
                yield "requested", _bare(read_request(order.request).code)
            for detail in order.details:
                yield from _our_drug(detail)
        for segment in observations:
            yield from _our_observation(segment)
        yield from _our_plans(group, message.header.event)


def _our_patient(group: PatientGroup, message: Message) -> Iterator[Item]:
    if group.patient is None:
        return
    patient = read_patient(group.patient)
    if message.header.event == "A40":
        for merge in group.merges:
            gone = prior_identifier(merge, patient.identifier)
            if gone and patient.identifier:
                yield "merge", gone.value, patient.identifier.value
        return  # the bundle of a merge has no Patient
    if patient.sex:
        yield "sex", patient.sex
    if patient.birth:
        yield "birth", read_time(patient.birth, ZONE).day.date().isoformat()
    if patient.death:
        yield "death", _when(patient.death)
    if patient.identifier:
        yield "identifier", patient.identifier.value


def _our_drug(detail: Segment) -> Iterator[Item]:
    if detail.name == "RXA":
        drug = read_given(detail)
        yield "immunization", _bare(drug.code), drug.dose, _when(drug.at)
    elif detail.name in ("RXO", "RXE"):
        yield "drug", _bare(read_drug(detail).code)


def _our_observation(segment: Segment) -> Iterator[Item]:
    observation = read_observation(segment)
    code = _bare(observation.code)
    for answer in observation.answers:
        if answer.coded is not None:
            yield "observation", code, _bare(answer.coded), ""
        elif answer.number is not None:
            yield "observation", code, answer.number, observation.unit
        else:
            yield "observation", code, answer.text, ""
    if code and not observation.answers and not observation.unread:
        yield "observation", code, None, ""


def _our_plans(group: PatientGroup, event: str) -> Iterator[Item]:
    if group.schedule is not None:
        found = read_appointment(group.schedule, group.timing, group.services, event)
        yield "appointment", found.status, _when(found.begin), _when(found.end)
        for service in found.services:
            yield "requested", _bare(service)
    for segment in group.documents:
        yield "document", _bare(read_document(segment, event).code)


def _bare(element: Coded) -> str:
    """A code without the prefix of a system that FHIR names otherwise."""
    code, _ = code_of(element)
    return _without(code or "")


def _without(code: str) -> str:
    prefix, _, local = code.partition("//")
    if prefix == "HL7":
        return local.partition("/")[2] or local
    return local if prefix == "LOCAL" else code


def _when(text: str) -> str | None:
    if not text:
        return None
    moment = read_time(text, ZONE)
    if moment.precision in ("year", "month", "day"):
        return moment.day.date().isoformat()[: {"year": 4, "month": 7, "day": 10}[moment.precision]]
    return moment.begin.isoformat()


def _expected(bundle: dict[str, Any]) -> Iterator[Item]:
    """What a bundle says, as comparable items."""
    resources = [entry["resource"] for entry in bundle["entry"]]
    medications = {
        f"Medication/{one['id']}": one for one in resources if one["resourceType"] == "Medication"
    }
    for resource in resources:
        reader = _READERS.get(resource["resourceType"])
        if reader is not None:
            yield from reader(resource)
        elif resource["resourceType"] == "MedicationRequest":
            named = resource.get("medicationReference", {}).get("reference", "")
            concept = resource.get("medicationCodeableConcept") or medications.get(named, {}).get(
                "code"
            )
            yield "drug", _concept(concept)


def _patient(resource: dict[str, Any]) -> Iterator[Item]:
    for key, what in (("gender", "sex"), ("birthDate", "birth")):
        if key in resource:
            yield what, resource[key]
    if "deceasedDateTime" in resource:
        yield "death", _instant(resource["deceasedDateTime"])
    for one in resource.get("identifier", ()):
        if "value" in one:
            yield "identifier", one["value"]


def _encounter(resource: dict[str, Any]) -> Iterator[Item]:
    yield "visit class", resource.get("class", {}).get("code", "")
    for key, what in (("start", "begins"), ("end", "ends")):
        if key in resource.get("period", {}):
            yield f"visit {what}", _instant(resource["period"][key])


def _observation(resource: dict[str, Any]) -> Iterator[Item]:
    code = _concept(resource.get("code"))
    for part in (resource, *resource.get("component", ())):
        if (quantity := part.get("valueQuantity")) and "value" in quantity:
            unit = quantity.get("code") or quantity.get("unit") or ""
            yield "observation", code, float(quantity["value"]), unit
        elif "valueCodeableConcept" in part:
            yield "observation", code, _concept(part["valueCodeableConcept"]), ""
        elif "valueString" in part:
            yield "observation", code, str(part["valueString"]).strip(), ""
        elif "valueDateTime" in part:
            yield "observation", code, part["valueDateTime"], ""
        elif part is resource and "component" not in resource:
            yield "observation", code, None, ""


def _finding(kind: str, key: str) -> Callable[[dict[str, Any]], Iterator[Item]]:
    def items(resource: dict[str, Any]) -> Iterator[Item]:
        if code := _concept(resource.get("code")):
            yield kind, code, _instant(resource.get(key)) if key else None

    return items


def _immunization(resource: dict[str, Any]) -> Iterator[Item]:
    dose = resource.get("doseQuantity", {}).get("value")
    when = _instant(resource.get("occurrenceDateTime"))
    yield "immunization", _concept(resource["vaccineCode"]), dose, when


def _appointment(resource: dict[str, Any]) -> Iterator[Item]:
    status = {"entered-in-error": "deleted"}.get(resource["status"], resource["status"])
    yield "appointment", status, _instant(resource.get("start")), _instant(resource.get("end"))


def _document(resource: dict[str, Any]) -> Iterator[Item]:
    if code := _concept(resource.get("type")):
        yield "document", code


def _request(resource: dict[str, Any]) -> Iterator[Item]:
    if code := _concept(resource.get("code")):
        yield "requested", code


def _linkage(resource: dict[str, Any]) -> Iterator[Item]:
    named = {one["type"]: one["resource"]["identifier"]["value"] for one in resource["item"]}
    yield "merge", named.get("historical"), named.get("source")


def _concept(concept: dict[str, Any] | None) -> str:
    """The code of a concept, under the prefix of its system where Bedside knows it."""
    codings = (concept or {}).get("coding", ())
    for coding in codings:
        prefix = _SYSTEMS.get(coding.get("system", ""))
        if prefix and "code" in coding:
            return f"{prefix}//{coding['code']}"
    for coding in codings:
        if "code" in coding:
            return str(coding["code"])
    return str((concept or {}).get("text", ""))


def _instant(text: str | None) -> str | None:
    if text is None or "T" not in text:
        return text
    return datetime.fromisoformat(text).astimezone(UTC).isoformat()


_READERS: dict[str, Callable[[dict[str, Any]], Iterator[Item]]] = {
    "Patient": _patient,
    "Encounter": _encounter,
    "Observation": _observation,
    "Condition": _finding("condition", "onsetDateTime"),
    "AllergyIntolerance": _finding("allergy", ""),
    "Procedure": _finding("procedure", "performedDateTime"),
    "Immunization": _immunization,
    "Appointment": _appointment,
    "DocumentReference": _document,
    "ServiceRequest": _request,
    "Linkage": _linkage,
}
