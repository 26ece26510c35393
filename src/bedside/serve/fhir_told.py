"""An answer with what FHIR tells of it: the version that gave it, and what stands behind it."""

from collections.abc import Mapping

import msgspec

from bedside.core.clock import iso
from bedside.core.ids import digest_bytes
from bedside.core.records.answer import Answer, Score
from bedside.interop.fhir_out.sent import sources_of
from bedside.interop.fhir_out.told import Subject, Told
from bedside.serve.answer import Answerer
from bedside.serve.served import ServedModel

__all__ = ["told_of", "version_of"]


def version_of(model: ServedModel, version_id: str) -> Answerer:
    """The version that answered; the first one, if that is no longer served."""
    found = [one for one in model.versions if one.version_id == version_id]
    return (found or [model.first])[0]


def told_of(
    answer: Answer,
    score: Score,
    model: ServedModel,
    subject: Subject,
    sent: tuple[bytes, Mapping[str, bytes | msgspec.Raw]],
) -> Told:
    """A score with its question; `sent` is all that was sent, and the resources in it by name."""
    teller = version_of(model, answer.version)
    content, resources = sent
    return Told(
        answer=answer,
        score=score,
        declaration=teller.declaration,
        subject=subject,
        inputs=digest_bytes(content),
        bundle=teller.digest,
        recorded=iso(teller.clock.now()),
        sources=sources_of(score, resources),
        card=teller.card,
    )
