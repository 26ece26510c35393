"""The model as a Device, and its model card as a DocumentReference.

Source: HL7 FHIR R4 (4.0.1), Device and DocumentReference; "AI Transparency on FHIR" 1.0.0-ballot,
profiles AI Device and AI Model-Card DocumentReference.
"""

from base64 import b64encode
from hashlib import sha1
from typing import Any

from bedside.interop.fhir_out.systems import (
    AI_DEVICE,
    AI_GUIDE,
    AI_INPUTS,
    DIGESTS,
    MODELS,
    URIS,
    concept,
    digest_uri,
    moment,
)
from bedside.interop.fhir_out.told import Told

__all__ = ["device", "model_card"]

_KIND = f"{AI_GUIDE}/StructureDefinition/aitransparency.AIKind"
_CARD = f"{AI_GUIDE}/StructureDefinition/aitransparency.modelCardDescription"


def device(told: Told, *, card: str | None = None) -> dict[str, Any]:
    """The Device; `card` is the reference of its model card.

    One Device stands for one sealed bundle: `modelNumber` is its digest.
    """
    kind = concept(AI_DEVICE, "Machine-Learning-Models", "Machine Learning Models")
    extensions: list[dict[str, Any]] = [{"url": _KIND, "valueCodeableConcept": kind}]
    if card is not None:
        extensions.append({"url": _CARD, "valueReference": {"reference": card}})
    made: dict[str, Any] = {
        "resourceType": "Device",
        "extension": extensions,
        "identifier": [
            {"system": URIS, "value": digest_uri(told.bundle)},
            {"system": MODELS, "value": told.answer.version},
        ],
        "status": "active",
    }
    if told.channel.manufacturer:
        made["manufacturer"] = told.channel.manufacturer
    return made | {
        "modelNumber": told.bundle,
        "deviceName": [{"name": told.declaration.title, "type": "user-friendly-name"}],
        "type": concept(
            AI_DEVICE,
            "Artificial-Intelligence",
            "All kinds of Artificial Intelligence",
            text="A clinical prediction model",
        ),
        "version": [
            {
                "type": concept(DIGESTS, "bundle", text="the sealed bundle"),
                "value": told.answer.version,
            }
        ],
        "note": [{"text": f"For: {told.declaration.intended_use.decision}"}],
    }


def model_card(told: Told) -> dict[str, Any]:
    """The model card, whole, as Markdown."""
    return {
        "resourceType": "DocumentReference",
        "identifier": [{"system": URIS, "value": digest_uri(told.card_digest)}],
        "status": "current",
        "type": concept(AI_INPUTS, "AIModelCard", "AI Model-Card"),
        "category": [concept(AI_INPUTS, "AIModelCardMarkdownFormat", "Markdown Format")],
        "date": moment(told.recorded),
        "description": f"Model card of {told.declaration.title}, {told.answer.version}",
        "content": [
            {
                "attachment": {
                    "contentType": "text/markdown",
                    "data": b64encode(told.card).decode(),
                    "title": f"Model card of {told.declaration.title}",
                    "size": len(told.card),
                    "hash": b64encode(_sha1(told.card)).decode(),
                }
            }
        ],
    }


def _sha1(content: bytes) -> bytes:
    """FHIR R4 asks for SHA-1 in Attachment.hash; it protects nothing here."""
    return sha1(content, usedforsecurity=False).digest()
