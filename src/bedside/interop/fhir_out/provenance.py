"""Where a score comes from: which model, from which inputs, described by which card.

Source: HL7 FHIR R4 (4.0.1), Provenance; "AI Transparency on FHIR" 1.0.0-ballot, profile AI
Provenance.
"""

from typing import Any

from bedside.interop.fhir_out.systems import (
    AI_DEVICE,
    AIAST,
    URIS,
    concept,
    digest_uri,
    moment,
    prediction_uri,
)
from bedside.interop.fhir_out.told import Told

__all__ = ["provenance"]

_PARTICIPANT = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATION = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


def provenance(told: Told, *, target: str, device: str, card: str | None = None) -> dict[str, Any]:
    """The resource, about the one that `target` refers to.

    R4 gives a Provenance no identifier, so a tag carries the prediction's: servers search `_tag` on
    every resource, and a retry finds it again.
    """
    sources: list[dict[str, Any]] = [
        {"role": "source", "what": {"reference": one}} for one in told.sources
    ]
    inputs = {
        "identifier": {"system": URIS, "value": digest_uri(told.inputs)},
        "display": "All that the model was sent, by its SHA-256",
    }
    sources.append({"role": "source", "what": inputs})
    by = {"reference": card} if card is not None else {"reference": device}
    tag = {"system": URIS, "code": prediction_uri(told.answer.prediction_id)}
    return {
        "resourceType": "Provenance",
        "meta": {"tag": [tag]},
        "target": [{"reference": target}],
        "occurredDateTime": moment(told.answer.as_of),
        "recorded": moment(told.recorded),
        "reason": [concept(AIAST["system"], AIAST["code"], AIAST["display"])],
        "activity": concept(_OPERATION, "CREATE", "create"),
        "agent": [
            {
                "type": concept(_PARTICIPANT, "author", "Author"),
                "role": [
                    concept(
                        AI_DEVICE,
                        "Artificial-Intelligence",
                        "All kinds of Artificial Intelligence",
                    )
                ],
                "who": {"reference": device},
            }
        ],
        "entity": [*sources, {"role": "derivation", "what": by}],
    }
