"""An entry of the ledger as a FHIR AuditEvent, by the patterns of IHE BALP where one fits.

Source: HL7 FHIR R4 (4.0.1), AuditEvent; IHE Basic Audit Log Patterns (BALP) 1.1: profiles
Create, Read, Update, Delete and Query, each with and without a patient, PrivacyDisclosure.Source.
"""

from base64 import b64encode
from typing import Any

from bedside.core.ids import canonical_json
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.purpose import Purpose, purpose_of
from bedside.interop.fhir_out.audit_actions import (
    ACTIVITY,
    Pattern,
    pattern_of,
)
from bedside.interop.fhir_out.systems import URIS, concept, digest_uri, moment, prediction_uri

__all__ = ["BALP", "DCM", "SUBJECT_TAGS", "audit_event"]

BALP = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
DCM = "http://dicom.nema.org/resources/ontology/DCM"
SUBJECT_TAGS = "https://bedside.health/codes/subject-tags"
_TERMS = "http://terminology.hl7.org/CodeSystem"
_REST = "http://hl7.org/fhir/restful-interaction"
_PURPOSES = f"{_TERMS}/v3-ActReason"
_PARTICIPANTS = f"{_TERMS}/v3-ParticipationType"
_ENTITIES, _ROLES = f"{_TERMS}/audit-entity-type", f"{_TERMS}/object-role"
_INTERACTIONS = {"C": "create", "R": "read", "U": "update", "D": "delete", "E": "search"}
_PROFILES = {"C": "Create", "R": "Read", "U": "Update", "D": "Delete", "E": "Query"}
_USERS = {"C": ("AUT", "Author"), "U": ("AUT", "Author"), "D": ("CST", "Custodian")}
_FAILED = ("refused", "failed", "fault", "dropped", "ended")


def audit_event(
    entry: LedgerEntry, *, origin: str, subject_tag: str | None = None
) -> dict[str, Any]:
    """The AuditEvent of an entry; nothing in it names a patient.

    Args:
        entry: Of the ledger.
        origin: The name of the ledger, as its checkpoints say it.
        subject_tag: The keyed pseudonym of the patient whom it is about, where there is one.
    """
    tag = subject_tag or entry.subject_tag
    failed = entry.action.rpartition(".")[2].partition("_")[0] in _FAILED
    pattern = pattern_of(entry.action, entry.details)
    if pattern is Pattern.DISCLOSURE and tag is None:
        pattern = Pattern.EXPORT
    if failed:
        pattern = Pattern.ACTIVITY
    event: dict[str, Any] = {"resourceType": "AuditEvent", "id": f"entry-{entry.sequence}"}
    profile = _profile(pattern, tag)
    if profile is not None:
        event["meta"] = {"profile": [profile]}
    return event | {
        **_kind(pattern, entry.action),
        "recorded": moment(entry.at),
        "outcome": "4" if failed else "0",
        "purposeOfEvent": [_purpose(entry.purpose)],
        "agent": _agents(pattern, entry, origin),
        "source": {
            "observer": {"identifier": {"system": URIS, "value": f"urn:{origin}"}},
            "type": [_coding(f"{_TERMS}/security-source-type", "4", "Application Server")],
        },
        "entity": _entities(pattern, entry, tag),
    }


def _profile(pattern: Pattern, tag: str | None) -> str | None:
    if pattern is Pattern.DISCLOSURE:
        return f"{BALP}PrivacyDisclosure.Source"
    name = _PROFILES.get(pattern.value)
    return None if name is None else f"{BALP}{'' if tag is None else 'Patient'}{name}"


def _kind(pattern: Pattern, action: str) -> dict[str, Any]:
    """Type, subtype and action."""
    own = _coding("https://bedside.health/codes/ledger-actions", action)
    if pattern is Pattern.DISCLOSURE:
        told = _coding(
            f"{_TERMS}/iso-21089-lifecycle", "disclose", "Disclose Record Lifecycle Event"
        )
        return {"type": _coding(DCM, "110106", "Export"), "subtype": [told, own], "action": "R"}
    if pattern is Pattern.EXPORT:
        return {"type": _coding(DCM, "110106", "Export"), "subtype": [own], "action": "R"}
    if pattern is Pattern.ACTIVITY:
        kind = _coding(DCM, "110100", "Application Activity")
        code, display = ACTIVITY.get(action.rpartition(".")[2], ("", ""))
        more = [_coding(DCM, code, display)] if code else []
        return {"type": kind, "subtype": [*more, own], "action": "E"}
    code = _INTERACTIONS[pattern.value]
    subtype = [_coding(_REST, code, code)]
    if pattern is not Pattern.DELETE:  # which has exactly one
        subtype.append(own)
    rest = _coding(f"{_TERMS}/audit-event-type", "rest", "Restful Operation")
    return {"type": rest, "subtype": subtype, "action": pattern.value}


def _agents(pattern: Pattern, entry: LedgerEntry, origin: str) -> list[dict[str, Any]]:
    """The user, the client that they used, and this server."""
    caller, channel = entry.details.get("caller"), entry.details.get("channel", "command-line")
    us = {"identifier": {"system": URIS, "value": f"urn:{origin}"}}
    source = concept(DCM, "110153", "Source Role ID")
    target = concept(DCM, "110152", "Destination Role ID")
    client, server = source, target
    if pattern in (Pattern.READ, Pattern.DISCLOSURE, Pattern.EXPORT):
        client, server = target, source
    if pattern is Pattern.DELETE:
        client = concept(DCM, "110150", "Application")
        server = concept(f"{_TERMS}/provenance-participant-type", "custodian", "Custodian")
    asking = str(entry.details.get("server") or caller or f"bedside {channel}")
    code, display = _USERS.get(pattern.value, ("IRCP", "information recipient"))
    return [
        {
            "type": concept(_PARTICIPANTS, code, display),
            "who": {"identifier": {"value": entry.actor}},
            "requestor": True,
            "purposeOfUse": [_purpose(entry.purpose)],
        },
        {
            "type": client,
            "who": {"identifier": {"value": asking}},
            "requestor": False,
            "network": _network(str(entry.details.get("server") or f"urn:bedside:{channel}")),
        },
        {"type": server, "who": us, "requestor": False, "network": _network(f"urn:{origin}")},
    ]


def _network(address: str) -> dict[str, str]:
    """Where an agent is, as a URI: the ledger keeps no address of a person's machine."""
    return {"address": address, "type": "5"}


def _entities(pattern: Pattern, entry: LedgerEntry, tag: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if tag is not None:
        who = {"type": "Patient", "identifier": {"system": SUBJECT_TAGS, "value": tag}}
        found.append(
            {
                "what": who,
                "type": _coding(_ENTITIES, "1", "Person"),
                "role": _coding(_ROLES, "1", "Patient"),
            }
        )
    system = _coding(_ENTITIES, "2", "System Object")
    if pattern is Pattern.QUERY:
        asked = canonical_json({"action": entry.action, **entry.details})
        query = {
            "type": system,
            "role": _coding(_ROLES, "24", "Query"),
            "query": b64encode(asked).decode(),
        }
        return [*found, query]
    data: dict[str, Any] = {
        "what": {"identifier": {"system": URIS, "value": _what(entry)}},
        "type": system,
        "role": _coding(_ROLES, "4", "Domain Resource"),
    }
    if pattern is not Pattern.DELETE:
        data["detail"] = [
            {"type": "ledger-entry", "valueString": str(entry.sequence)},
            {"type": "ledger-hash", "valueString": entry.hash},
        ]
    return [*found, data]


def _what(entry: LedgerEntry) -> str:
    """The thing that it was done to, by its id or digest; else the entry itself."""
    details = entry.details
    if isinstance(details.get("prediction_id"), str):
        return prediction_uri(details["prediction_id"])
    for name in ("file", "report", "snapshot", "bundle", "declaration", "output", "list"):
        value = details.get(name)
        if isinstance(value, str) and len(value) == 64:
            try:
                return digest_uri(value)
            except ValueError:
                continue
    return digest_uri(entry.hash)


def _purpose(text: str) -> dict[str, Any]:
    """Coded where it is a purpose that HL7 knows; else its words alone."""
    found = purpose_of(text)
    if found is Purpose.UNKNOWN:
        return {"text": text}
    return concept(_PURPOSES, found.value, text=text)


def _coding(system: str, code: str, display: str = "") -> dict[str, str]:
    return {"system": system, "code": code} | ({"display": display} if display else {})
