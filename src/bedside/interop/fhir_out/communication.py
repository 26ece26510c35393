"""An alarm as a FHIR Communication, in a transaction that a server carries out once.

It is about a model and no patient: it has no subject.

Source: HL7 FHIR R4 (4.0.1), Communication; "RESTful API: conditional create".
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from bedside.core.errors import Refused
from bedside.interop.alarm_json import headline_of
from bedside.interop.fhir_out.bundles import by_token
from bedside.interop.fhir_out.checking import faults_in_bundle
from bedside.interop.fhir_out.systems import MODELS, URIS, concept, moment

__all__ = ["alarm_transaction"]

_CATEGORIES = "http://terminology.hl7.org/CodeSystem/communication-category"
_PRIORITY = {"low": "routine", "medium": "urgent", "high": "stat"}
_SPACE = uuid.UUID("6f0d3c3e-6c7c-5f7e-9a55-2d8d7b6f0a11")


def alarm_transaction(message: Mapping[str, Any]) -> bytes:
    """The transaction of one message about an alarm; the same message gives the same bytes.

    Raises:
        Refused: it breaks a rule of FHIR or of the house (code `fhir_faulty`).
    """
    uri = f"urn:uuid:{uuid.uuid5(_SPACE, message['id'])}"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": uri,
                "resource": _communication(message, uri),
                "request": {
                    "method": "POST",
                    "url": "Communication",
                    "ifNoneExist": by_token("identifier", uri),
                },
            }
        ],
    }
    found = faults_in_bundle(bundle)
    if found:
        raise Refused(
            f"What would be written is no sound FHIR: {found[0]}",
            fix="report this as a defect of Bedside; the alarm itself is kept.",
            code="fhir_faulty",
        )
    return json.dumps(bundle, ensure_ascii=False, separators=(",", ":")).encode()


def _communication(message: Mapping[str, Any], uri: str) -> dict[str, Any]:
    alarm = message["alarm"]
    return {
        "resourceType": "Communication",
        "identifier": [{"system": URIS, "value": uri}],
        "status": "completed",
        "category": [concept(_CATEGORIES, "alert")],
        "priority": _PRIORITY[alarm["severity"]],
        "topic": {"text": headline_of(dict(message))},
        "sent": moment(message["at"]),
        "sender": {
            "type": "Device",
            "identifier": {"system": MODELS, "value": alarm["version"]},
            "display": alarm["version"],
        },
        "payload": [{"contentString": alarm["text"]}],
    }
