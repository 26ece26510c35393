"""What this server says of itself in FHIR: a CapabilityStatement and an OperationDefinition.

Source: HL7 FHIR R4 (4.0.1), CapabilityStatement and OperationDefinition.
"""

from collections.abc import Sequence
from typing import Any

__all__ = ["OPERATION", "capability_statement", "operation_definition"]

OPERATION = "OperationDefinition/predict"
_SINCE = "2026-11-26"


def capability_statement(base: str, *, version: str, models: Sequence[str]) -> dict[str, Any]:
    """The statement of a server at `base`, which ends without a slash.

    Args:
        base: Where the FHIR API begins, as the caller reached it.
        version: Of Bedside.
        models: The names that `model` may have for this caller.
    """
    operation = {"name": "predict", "definition": f"{base}/{OPERATION}"}
    named = ", ".join(models) or "none that you may ask"
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _SINCE,
        "kind": "instance",
        "software": {"name": "Bedside", "version": version},
        "implementation": {
            "description": f"Clinical models, asked by $predict: {named}.",
            "url": base,
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "No resource is stored or searched here.",
                "resource": [
                    {"type": kind, "operation": [operation]} for kind in ("Encounter", "Patient")
                ],
            }
        ],
    }


def operation_definition(base: str) -> dict[str, Any]:
    """What `$predict` takes and gives."""
    return {
        "resourceType": "OperationDefinition",
        "id": "predict",
        "url": f"{base}/{OPERATION}",
        "name": "Predict",
        "title": "Ask a clinical model about one patient",
        "status": "active",
        "kind": "operation",
        "date": _SINCE,
        "description": (
            "Answers from what is sent along, and keeps each answer in a ledger before it is "
            "given. The first entry of the Bundle returned is a RiskAssessment, or an Observation "
            "where a number is predicted. Where there is no score, an OperationOutcome says why: "
            "as information where the model abstains or its answer is withheld, as an error where "
            "it failed."
        ),
        "affectsState": True,
        "code": "predict",
        "resource": ["Encounter", "Patient"],
        "system": False,
        "type": False,
        "instance": True,
        "parameter": [
            _parameter("model", "The name of the model.", "string", least=1),
            _parameter("asOf", "Up to when the record counts, with a zone; now if not given.",
                       "dateTime"),
            _parameter("requestId", "The caller's own id: asked again, the first answer is given "
                       "again.", "string"),
            _parameter("resource", "A resource of the patient, or a Bundle of them.", "Resource",
                       most="*"),
            {
                "name": "return",
                "use": "out",
                "min": 1,
                "max": "1",
                "documentation": "A Bundle of type collection, or an OperationOutcome.",
                "type": "Resource",
            },
        ],
    }  # fmt: skip


def _parameter(
    name: str, documentation: str, kind: str, *, least: int = 0, most: str = "1"
) -> dict[str, Any]:
    return {
        "name": name,
        "use": "in",
        "min": least,
        "max": most,
        "documentation": documentation,
        "type": kind,
    }
