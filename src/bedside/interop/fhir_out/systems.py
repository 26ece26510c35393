"""The code systems of what is written, and the small parts that every resource is made of."""

from base64 import urlsafe_b64encode
from typing import Any

from bedside.core.clock import iso, parse_instant

__all__ = [
    "AIAST",
    "AI_DEVICE",
    "AI_GUIDE",
    "AI_INPUTS",
    "DIGESTS",
    "MODELS",
    "OUTCOMES",
    "URIS",
    "concept",
    "digest_uri",
    "labelled",
    "moment",
    "prediction_uri",
]

AIAST = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
"""The security label of whatever a model says. Source: HL7 Terminology, v3 ObservationValue."""

AI_GUIDE = "http://hl7.org/fhir/uv/aitransparency"
"""The canonical of "AI Transparency on FHIR", 1.0.0-ballot: not a published standard yet, so its
codes are used, and no resource claims its profiles."""
AI_DEVICE = f"{AI_GUIDE}/CodeSystem/AIdeviceTypeCS"
AI_INPUTS = f"{AI_GUIDE}/CodeSystem/AIinputsCS"

URIS = "urn:ietf:rfc:3986"
"""The system of an Identifier whose value is a URI. Source: FHIR R4, "Identifier"."""
MODELS = "https://bedside.health/codes/models"
OUTCOMES = "https://bedside.health/codes/outcomes"
DIGESTS = "https://bedside.health/codes/bundles"


def concept(system: str, code: str, display: str = "", *, text: str = "") -> dict[str, Any]:
    """A CodeableConcept with one coding.

    >>> concept("http://loinc.org", "8867-4", text="heart rate")
    {'coding': [{'system': 'http://loinc.org', 'code': '8867-4'}], 'text': 'heart rate'}
    """
    coding = {"system": system, "code": code} | ({"display": display} if display else {})
    return {"coding": [coding]} | ({"text": text} if text else {})


def labelled() -> dict[str, Any]:
    """The `meta` that says that a model asserted this."""
    return {"security": [dict(AIAST)]}


def prediction_uri(prediction_id: str) -> str:
    """The identifier of what is said of one prediction.

    >>> prediction_uri("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea")
    'urn:uuid:d1577c69-dfbe-44ad-ba6d-3e05e953b2ea'
    """
    return f"urn:uuid:{prediction_id}"


def digest_uri(digest: str) -> str:
    """A SHA-256, in hexadecimal digits, as the URI that names what has it.

    Source: RFC 6920, section 3.

    >>> digest_uri("ab" * 32)
    'ni:///sha-256;q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s'
    """
    return f"ni:///sha-256;{urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip('=')}"


def moment(text: str) -> str:
    """An instant in UTC with milliseconds, as FHIR servers keep it.

    >>> moment("2026-03-01T12:00:00.000000Z")
    '2026-03-01T12:00:00.000Z'
    """
    return f"{iso(parse_instant(text))[:-4]}Z"
