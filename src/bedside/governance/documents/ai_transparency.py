"""What a record system is told of a version: a Device, its CHAI card, and where the card is from.

Source: HL7 FHIR R4 (4.0.1); "AI Transparency on FHIR" 1.0.0-ballot, profiles AI Device, AI
Model-Card DocumentReference, AI Provenance. It is a ballot: its codes are used, no profile is
claimed.
"""

from base64 import b64encode
from hashlib import sha1
from typing import Any

from bedside.core.ids import canonical_json, digest_bytes
from bedside.governance.documents.case import Case
from bedside.interop.fhir_out.systems import (
    AI_DEVICE,
    AI_GUIDE,
    AI_INPUTS,
    AIAST,
    DIGESTS,
    MODELS,
    URIS,
    concept,
    digest_uri,
    moment,
)

__all__ = ["resources"]

_DEVICE, _CARD, _PROVENANCE = "bedside-device", "bedside-chai-card", "bedside-card-provenance"
_IN_USE = {"live": "active", "canary": "active", "silent": "active", "retired": "inactive"}


def resources(case: Case, card: bytes) -> bytes:
    """A FHIR Bundle (collection) of the three, the same bytes for the same version and card.

    Args:
        case: With what the workspace keeps of the version.
        card: The CHAI card in XML.
    """
    urls = {name: _url(case, name) for name in (_DEVICE, _CARD, _PROVENANCE)}
    entries = [
        {"fullUrl": urls[_DEVICE], "resource": _device(case, urls[_CARD])},
        {"fullUrl": urls[_CARD], "resource": _document(case, card)},
        {"fullUrl": urls[_PROVENANCE], "resource": _provenance(case, urls)},
    ]
    return canonical_json({"resourceType": "Bundle", "type": "collection", "entry": entries})


def _url(case: Case, name: str) -> str:
    """A URN that is the same each time: digits of a digest, in the form of a UUID version 8.

    Source: RFC 9562, section 5.8.
    """
    told = digest_bytes(f"{case.version['bundle']} {name}".encode())
    variant = "89ab"[int(told[16], 16) & 3]
    parts = (told[:8], told[8:12], f"8{told[13:16]}", f"{variant}{told[17:20]}", told[20:32])
    return "urn:uuid:" + "-".join(parts)


def _device(case: Case, card: str) -> dict[str, Any]:
    version, declared = case.version, case.declared
    made: dict[str, Any] = {
        "resourceType": "Device",
        "extension": [
            {
                "url": f"{AI_GUIDE}/StructureDefinition/aitransparency.AIKind",
                "valueCodeableConcept": concept(
                    AI_DEVICE, "Machine-Learning-Models", "Machine Learning Models"
                ),
            },
            {
                "url": f"{AI_GUIDE}/StructureDefinition/aitransparency.modelCardDescription",
                "valueReference": {"reference": card},
            },
        ],
        "identifier": [
            {"system": URIS, "value": digest_uri(version["bundle"])},
            {"system": MODELS, "value": version["id"]},
        ],
        "status": _IN_USE.get(version["stage"], "inactive"),
    }
    name = (declared["channels"]["fhir"] or {}).get("manufacturer", "")
    if name:
        made["manufacturer"] = name
    return made | {
        "modelNumber": version["bundle"],
        "deviceName": [{"name": declared["title"], "type": "user-friendly-name"}],
        "type": concept(
            AI_DEVICE,
            "Artificial-Intelligence",
            "All kinds of Artificial Intelligence",
            text="A clinical prediction model",
        ),
        "version": [
            {"type": concept(DIGESTS, "bundle", text="the sealed bundle"), "value": version["id"]}
        ],
        "note": [{"text": f"For: {declared['intended_use']['decision']}"}],
    }


def _document(case: Case, card: bytes) -> dict[str, Any]:
    title = f"CHAI applied model card of {case.declared['title']}"
    return {
        "resourceType": "DocumentReference",
        "identifier": [{"system": URIS, "value": digest_uri(digest_bytes(card))}],
        "status": "current",
        "type": concept(AI_INPUTS, "AIModelCard", "AI Model-Card"),
        "category": [concept(AI_INPUTS, "AImodelCardCHAIformat", "CHAI Format")],
        "date": moment(case.version["built_at"]),
        "description": f"{title}, {case.version['id']}",
        "content": [
            {
                "attachment": {
                    "contentType": "application/xml",
                    "data": b64encode(card).decode(),
                    "title": title,
                    "size": len(card),
                    "hash": b64encode(sha1(card, usedforsecurity=False).digest()).decode(),
                }
            }
        ],
    }


def _provenance(case: Case, urls: dict[str, str]) -> dict[str, Any]:
    """Where the card comes from: the sealed declaration and evidence."""
    sources = [
        {
            "role": "source",
            "what": {
                "identifier": {"system": URIS, "value": digest_uri(digest)},
                "display": f"{name} of the sealed bundle, by its SHA-256",
            },
        }
        for name, digest in case.version["made_from"].items()
    ]
    participant = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    operation = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
    return {
        "resourceType": "Provenance",
        "target": [{"reference": urls[_CARD]}],
        "recorded": moment(case.version["built_at"]),
        "reason": [concept(AIAST["system"], AIAST["code"], AIAST["display"])],
        "activity": concept(operation, "CREATE", "create"),
        "agent": [
            {
                "type": concept(participant, "assembler", "Assembler"),
                "who": {"reference": urls[_DEVICE], "display": case.version["program"]},
            }
        ],
        "entity": [*sources, {"role": "derivation", "what": {"reference": urls[_DEVICE]}}],
    }
