"""A score with its Device, Provenance and model card, in one Bundle: to read, or to write back.

Source: HL7 FHIR R4 (4.0.1), Bundle; "RESTful API: conditional create, transaction".
"""

import uuid
from collections.abc import Iterator
from typing import Any

from bedside.interop.fhir_out.device import device, model_card
from bedside.interop.fhir_out.predicted_value import predicted_value
from bedside.interop.fhir_out.provenance import provenance
from bedside.interop.fhir_out.risk_assessment import risk_assessment
from bedside.interop.fhir_out.systems import URIS, digest_uri, moment, prediction_uri
from bedside.interop.fhir_out.told import Told

__all__ = ["by_token", "collected", "transaction"]

_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def collected(told: Told) -> dict[str, Any]:
    """A Bundle of type `collection`; the score stands first."""
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": moment(told.recorded),
        "entry": [{"fullUrl": url, "resource": made} for url, made, _ in _parts(told)],
    }


def transaction(told: Told) -> dict[str, Any]:
    """A Bundle of type `transaction`, of which a server keeps each part once.

    Every part is a conditional create on an identifier that follows from the prediction or from a
    digest, so that sending it again changes nothing.
    """
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": url,
                "resource": made,
                "request": {
                    "method": "POST",
                    "url": made["resourceType"],
                    "ifNoneExist": condition,
                },
            }
            for url, made, condition in _parts(told)
        ],
    }


def _parts(told: Told) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Each resource with the URL that stands for it here, and by what it is found again."""
    prediction = told.answer.prediction_id
    at = {name: _place(prediction, name) for name in ("score", "device", "card", "provenance")}
    card = at["card"] if told.card else None
    number = told.declaration.question.outcome.kind == "regression"
    made = (predicted_value if number else risk_assessment)(told, device=at["device"])
    yield at["score"], made, by_token("identifier", prediction_uri(prediction))
    yield (
        at["device"],
        device(told, card=card),
        by_token("identifier", digest_uri(told.bundle)),
    )
    if told.card:
        yield at["card"], model_card(told), by_token("identifier", digest_uri(told.card_digest))
    yield (
        at["provenance"],
        provenance(told, target=at["score"], device=at["device"], card=card),
        by_token("_tag", prediction_uri(prediction)),
    )


def _place(prediction_id: str, name: str) -> str:
    """A URL that is the same whenever the prediction is written."""
    return f"urn:uuid:{uuid.uuid5(uuid.UUID(prediction_id), f'fhir/{name}')}"


def by_token(parameter: str, uri: str) -> str:
    """A search by a token, each sign encoded that a query or a token may not hold."""
    return f"{parameter}={_encoded(URIS)}%7C{_encoded(uri)}"


def _encoded(text: str) -> str:
    return "".join(one if one in _SAFE else f"%{ord(one):02X}" for one in text)
