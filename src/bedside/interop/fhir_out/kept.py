"""A question over FHIR as the ledger keeps it: whole, so that it can be read again by itself."""

from collections.abc import Mapping

import msgspec

from bedside.core.errors import Invalid
from bedside.interop.fhir_out.parameters import PredictCall, read_parameters
from bedside.interop.fhir_out.told import Subject
from bedside.interop.strict_json import decode

__all__ = ["asking", "kept_question", "read_kept"]


class _Kept(msgspec.Struct, frozen=True):
    patient: str
    encounter: str | None
    parameters: msgspec.Raw


_KEPT = msgspec.json.Decoder(_Kept)


def kept_question(body: bytes, subject: Subject) -> bytes:
    """The body of a call, to the byte, with whom the path of the request named.

    >>> kept_question(b'{"resourceType": "Parameters"}', Subject(patient="7"))
    b'{"patient":"7","encounter":null,"parameters":{"resourceType": "Parameters"}}'
    """
    kept = _Kept(subject.patient, subject.encounter, msgspec.Raw(body))
    return msgspec.json.encode(kept)


def read_kept(content: bytes) -> tuple[PredictCall, Subject]:
    """What `kept_question` kept.

    Raises:
        Invalid: it is something else.
    """
    kept = decode(_KEPT, content, "The request")
    subject = Subject(patient=kept.patient, encounter=kept.encounter)
    return read_parameters(bytes(kept.parameters)), subject


def asking(model: str, resources: Mapping[str, bytes]) -> bytes:
    """The body of a call for a model about these resources, whose bytes it keeps.

    Raises:
        Invalid: one of them is no JSON.
    """
    named = [{"name": "model", "valueString": model}]
    sent = [{"name": "resource", "resource": msgspec.Raw(one)} for one in resources.values()]
    body = msgspec.json.encode({"resourceType": "Parameters", "parameter": [*named, *sent]})
    try:
        read_parameters(body)
    except Invalid:
        raise Invalid(
            "The FHIR server gives what is no resource.",
            fix="ask whoever runs it.",
            code="answer_unreadable",
        ) from None
    return body
