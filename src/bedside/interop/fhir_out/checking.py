"""What must hold of every resource that is written, beyond its structure.

Structure is checked in the tests by another's model of FHIR; required bindings, invariants and
what the house demands are checked here, on each Bundle before it may leave.

Source: HL7 FHIR R4 (4.0.1): the value sets observation-status, device-status,
document-reference-status, event-status, provenance-entity-role, issue-severity and issue-type;
rules ras-2, bdl-3, bdl-7, obs-6, obs-7, att-1, per-1.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.errors import BedsideError
from bedside.interop.fhir_out.systems import AIAST

__all__ = ["faults", "faults_in_bundle"]

_OBSERVED = frozenset(
    {
        *("registered", "preliminary", "final", "amended", "corrected"),
        *("cancelled", "entered-in-error", "unknown"),
    }
)
_STATUS = {
    "RiskAssessment": _OBSERVED,
    "Observation": _OBSERVED,
    "Device": frozenset({"active", "inactive", "entered-in-error", "unknown"}),
    "DocumentReference": frozenset({"current", "superseded", "entered-in-error"}),
    "Communication": frozenset(
        {
            *("preparation", "in-progress", "not-done", "on-hold", "stopped", "completed"),
            *("entered-in-error", "unknown"),
        }
    ),
}
_ROLES = frozenset({"derivation", "revision", "quotation", "source", "removal"})
_SEVERITIES = frozenset({"fatal", "error", "warning", "information"})
_ISSUES = frozenset(
    {
        *("invalid", "structure", "required", "value", "invariant", "security", "login"),
        *("unknown", "expired", "forbidden", "suppressed", "processing", "not-supported"),
        *("duplicate", "multiple-matches", "not-found", "deleted", "too-long", "code-invalid"),
        *("extension", "too-costly", "business-rule", "conflict", "transient", "lock-error"),
        *("no-store", "exception", "timeout", "incomplete", "throttled", "informational"),
    }
)
_RISKS = frozenset({"negligible", "low", "moderate", "high", "certain"})

Resource = Mapping[str, Any]


def faults(resource: Resource) -> list[str]:
    """What is wrong with one resource, each in a sentence that holds no value of it.

    >>> faults({"resourceType": "Device", "status": "bogus"})[-1]
    'Device.status is not in its value set.'
    """
    kind = resource.get("resourceType")
    check = _CHECKS.get(str(kind))
    if check is None:
        return ["This type of resource is not one that is written here."]
    found = list(check(resource))
    allowed = _STATUS.get(str(kind))
    if allowed is not None and resource.get("status") not in allowed:
        found.append(f"{kind}.status is not in its value set.")
    return found


def faults_in_bundle(bundle: Resource) -> list[str]:
    """What is wrong with a Bundle that is written, its entries and their references included."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in (
        "collection", "transaction",
    ):  # fmt: skip
        return ["This is not a Bundle of type collection or transaction."]
    entries = bundle.get("entry") or []
    found = [fault for one in entries for fault in faults(one.get("resource") or {})]
    urls = [one.get("fullUrl") for one in entries]
    if len(set(urls)) != len(urls) or not all(urls):
        found.append("Bundle.entry.fullUrl is missing or given twice (bdl-7).")
    for one in entries:
        request = one.get("request")
        if (request is not None) != (bundle["type"] == "transaction"):
            found.append("Bundle.entry.request stands only in a transaction (bdl-3).")
        elif request is not None and not request.get("ifNoneExist"):
            found.append("Bundle.entry.request creates without a condition.")
    for reference in _references(entries):
        if reference.startswith("urn:uuid:") and reference not in urls:
            found.append("A reference leads to no entry of the Bundle.")
    return found


def _score(resource: Resource) -> Iterator[str]:
    """What RiskAssessment and Observation must have alike."""
    kind = resource["resourceType"]
    labels = (resource.get("meta") or {}).get("security") or []
    if not any(
        (one.get("system"), one.get("code")) == (AIAST["system"], AIAST["code"]) for one in labels
    ):
        yield f"{kind}.meta.security does not say that a model asserted this."
    if not resource.get("identifier"):
        yield f"{kind}.identifier is missing, so a retry would duplicate it."
    if not str((resource.get("subject") or {}).get("reference", "")).startswith("Patient/"):
        yield f"{kind}.subject refers to no Patient."


def _risk_assessment(resource: Resource) -> Iterator[str]:
    yield from _score(resource)
    yield from _instant(resource.get("occurrenceDateTime"), "RiskAssessment.occurrenceDateTime")
    if not (resource.get("performer") or {}).get("reference"):
        yield "RiskAssessment.performer refers to no Device."
    predictions = resource.get("prediction") or []
    if not predictions:
        yield "RiskAssessment.prediction is empty."
    for one in predictions:
        yield from _prediction(one)


def _prediction(one: Resource) -> Iterator[str]:
    where = "RiskAssessment.prediction"
    risk = one.get("probabilityDecimal")
    if not _number(risk) or not 0 <= risk <= 100:  # type: ignore[operator]
        yield f"{where}.probabilityDecimal is not within 0 to 100 per cent (ras-2)."
    if not (one.get("outcome") or {}).get("text"):
        yield f"{where}.outcome has no words."
    for coding in (one.get("qualitativeRisk") or {}).get("coding", []):
        if coding.get("code") not in _RISKS:
            yield f"{where}.qualitativeRisk is not in its value set."
    when = one.get("whenPeriod")
    if when is not None:
        try:
            start, end = (parse_instant(when[edge]) for edge in ("start", "end"))
        except (BedsideError, KeyError, TypeError):
            yield f"{where}.whenPeriod has not two times with a zone."
            return
        if end < start:
            yield f"{where}.whenPeriod ends before it starts (per-1)."


def _observation(resource: Resource) -> Iterator[str]:
    yield from _score(resource)
    yield from _instant(resource.get("effectiveDateTime"), "Observation.effectiveDateTime")
    if not (resource.get("device") or {}).get("reference"):
        yield "Observation.device refers to no Device."
    quantities = [resource, *(resource.get("component") or [])]
    for one in quantities:
        quantity = one.get("valueQuantity") or {}
        if not _number(quantity.get("value")) or not quantity.get("code"):
            yield "Observation.valueQuantity is no finite number with a unit."
        if not (one.get("code") or {}).get("coding"):
            yield "Observation.code has no coding."


def _device(resource: Resource) -> Iterator[str]:
    for name in ("modelNumber", "deviceName", "version", "type", "identifier"):
        if not resource.get(name):
            yield f"Device.{name} is missing."


def _document(resource: Resource) -> Iterator[str]:
    for content in resource.get("content") or [{}]:
        attachment = content.get("attachment") or {}
        if not attachment.get("data") or not attachment.get("contentType"):
            yield "DocumentReference.content has not both its data and their type (att-1)."
    if not resource.get("type"):
        yield "DocumentReference.type is missing."


def _provenance(resource: Resource) -> Iterator[str]:
    if not resource.get("target"):
        yield "Provenance.target is missing."
    yield from _instant(resource.get("recorded"), "Provenance.recorded")
    agents = resource.get("agent") or []
    if not agents or not all((one.get("who") or {}).get("reference") for one in agents):
        yield "Provenance.agent names nobody."
    roles = [one.get("role") for one in resource.get("entity") or []]
    if not _ROLES.issuperset(roles):
        yield "Provenance.entity.role is not in its value set."
    if not {"source", "derivation"} <= set(roles):
        yield "Provenance.entity names not both the inputs and the model."


def _operation_outcome(resource: Resource) -> Iterator[str]:
    issues = resource.get("issue") or []
    if not issues:
        yield "OperationOutcome.issue is empty."
    for one in issues:
        if one.get("severity") not in _SEVERITIES:
            yield "OperationOutcome.issue.severity is not in its value set."
        if one.get("code") not in _ISSUES:
            yield "OperationOutcome.issue.code is not in its value set."


def _communication(resource: Resource) -> Iterator[str]:
    yield from _instant(resource.get("sent"), "Communication.sent")
    if not resource.get("identifier"):
        yield "Communication.identifier is missing, so a retry would duplicate it."
    if resource.get("subject"):
        yield "Communication.subject is given, but an alarm is about no patient."
    if not resource.get("payload"):
        yield "Communication.payload is empty."


_CHECKS: dict[str, Callable[[Resource], Iterator[str]]] = {
    "RiskAssessment": _risk_assessment,
    "Observation": _observation,
    "Device": _device,
    "DocumentReference": _document,
    "Provenance": _provenance,
    "OperationOutcome": _operation_outcome,
    "Communication": _communication,
}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _instant(text: Any, where: str) -> Iterator[str]:
    try:
        parse_instant(text)
    except (BedsideError, TypeError):
        yield f"{where} is no time with a zone."


def _references(part: Any) -> Iterator[str]:
    """Every text under the key `reference`, at any depth."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "reference" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(part, list | tuple):
        for one in part:
            yield from _references(one)
