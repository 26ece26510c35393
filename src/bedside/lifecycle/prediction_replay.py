"""A recorded prediction made again: from its own request, by its own bundle, at its own time."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from bedside.core.clock import parse_instant
from bedside.core.errors import BedsideError, Invalid, Refused
from bedside.core.ids import digest_bytes
from bedside.core.records.answer import Answer
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.bundle import LEARNT, MODEL
from bedside.core.records.caller import Caller
from bedside.core.records.declaration import Declaration
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.policy import Act, Resource
from bedside.core.records.prediction import Prediction, PredictionNote
from bedside.core.records.snapshot import Zone
from bedside.core.records.version import Stage
from bedside.interop.answer_json import answer_bytes, answer_from_json, answer_to_json
from bedside.interop.cds_hooks.discovery import drafted_codes, prefetch_templates
from bedside.interop.cds_hooks.request import read_call
from bedside.interop.fhir.orders import read_drafts
from bedside.interop.fhir.reading import read_resources
from bedside.interop.fhir_out.kept import read_kept
from bedside.interop.hl7v2 import kept as hl7v2_kept
from bedside.interop.open_inference.request import read_request
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.serve.answer import Answerer
from bedside.serve.made import Question

__all__ = ["READERS", "Reader", "Recorded", "Replay", "recorded", "register_reader", "replay"]

Reader = Callable[[Declaration, bytes, datetime], Facts]
"""Reads a request as the ledger keeps it, at the time of the question, as its wire did."""

_SEALED_APART = ("nonce", "request", "answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """All that is kept of one prediction.

    `sealed` is what lay sealed: the request, the features, the answer, whom it is about. It is
    None where the subject was erased.
    """

    prediction: Prediction
    entry: LedgerEntry
    notes: tuple[PredictionNote, ...]
    sealed: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The same question answered again.

    `is_same` is whether its bytes are those of the recorded answer; `differs` names what is not
    the same, and `why` says why it could not be answered again (None: it could).
    """

    is_same: bool
    digest: str | None = None
    differs: tuple[str, ...] = ()
    why: str | None = None


def register_reader(channel: str, reader: Reader) -> None:
    """Let the requests of another wire be replayed."""
    READERS[channel] = reader


def recorded(platform: Platform, prediction_id: str) -> Recorded:
    """All that is kept of one prediction; that it was opened is written to the ledger.

    Raises:
        NotFound: there is no such prediction.
        Refused: the entry is not that of this prediction, or its sealed part was changed (code
            `ledger_broken`).
    """
    enter(platform, Act.READ_RECORD, Resource(name="predictions", zone=Zone.IDENTIFIED))
    found = platform.predictions.get(prediction_id)
    entry = platform.ledger.entry(found.sequence)
    if entry.details.get("prediction_id") != prediction_id:
        raise Refused(
            "The index of predictions does not lead to this prediction's entry.",
            fix="run: bedside ledger verify, and restore the database from a backup.",
            code="ledger_broken",
        )
    sealed = dict(platform.ledger.unseal_all([found.sequence])).get(found.sequence)
    notes = platform.predictions.notes([prediction_id])
    opened = dict(platform.ledger.unseal_all(one.sequence for one in notes))
    values = {at: json.loads(content) for at, content in opened.items()}
    told = tuple(
        replace(
            one, value=values.get(one.sequence, {}).get("value") if one.kind == "outcome" else None
        )
        for one in notes
    )
    details = {"prediction_id": prediction_id, "is_erased": sealed is None}
    platform.ledger.append(platform.actor, "prediction.open", details)
    return Recorded(
        prediction=found,
        entry=entry,
        notes=told,
        sealed=None if sealed is None else opened_answer(sealed),
    )


def replay(platform: Platform, found: Recorded) -> Replay:
    """Answer the recorded question again, and compare the answers byte by byte.

    The bundle is opened and checked, the request is read by the reader of its wire at the time of
    the question, and everything after that is what answers at the bedside.
    """
    if found.sealed is None:
        return _not_again("its subject was erased, and with them the request.")
    reader = READERS.get(found.prediction.channel)
    if reader is None:
        return _not_again(f"requests of the wire '{found.prediction.channel}' are not read here.")
    if not found.sealed.get("request"):
        return _not_again("its request was not kept.")
    if found.prediction.outcome == "failure":
        return _not_again("it was a failure, which is no property of its request.")
    try:
        again = _again(platform, found.prediction, found.sealed, reader)
    except BedsideError as error:
        return _not_again(error.problem)
    before = _answered(found.sealed)
    differs = tuple(_differing(before, _comparable(again, before)))
    return Replay(
        is_same=not differs,
        digest=digest_bytes(answer_bytes(again)),
        differs=differs,
    )


def _again(
    platform: Platform, prediction: Prediction, sealed: dict[str, Any], reader: Reader
) -> Answer:
    bundle = open_bundle(platform, platform.registry.get(prediction.version))
    if bundle.digest != prediction.bundle:
        raise Refused(
            "The version has another bundle today than when it answered.",
            fix="restore the bundle that the prediction names.",
            code="bundle_differs",
        )
    answerer = Answerer(
        bundle,
        prediction.version,
        Stage(prediction.stage),
        platform.predictor_of(bundle.files[MODEL]),
        platform.explainer_of(bundle.files[LEARNT]),
        platform.ledger,
        platform.clock,
        platform.actor,
        new_id=lambda: prediction.prediction_id,
    )
    body, as_of = sealed["request"].encode(), parse_instant(prediction.as_of)
    asked = Asked(
        read=lambda declaration: reader(declaration, body, as_of),
        as_of=as_of,
        channel=prediction.channel,
        caller=Caller(name=prediction.caller),
        request=body,
        request_id=sealed.get("request_id"),
        reasons=_wants_reasons(answerer.declaration, prediction.channel, body, as_of),
    )
    question = Question(asked=asked, started=platform.clock.now(), shown=prediction.shown)
    (made,) = answerer.make([question])
    if isinstance(made, BedsideError):
        raise made
    if isinstance(made, Exception):
        raise Refused(
            f"The question could not be answered again ({type(made).__name__}).",
            fix="run bedside reproduce on the version.",
            code="replay_failed",
        )
    return made.answer


def _wants_reasons(declaration: Declaration, channel: str, body: bytes, as_of: datetime) -> bool:
    """Whether the request asked what moved the score; only one wire lets it decline that."""
    if channel != "open_inference":
        return True
    return read_request(body, declaration, now=as_of).reasons


def _answered(sealed: dict[str, Any]) -> dict[str, Any]:
    """The recorded answer as JSON; of an older one, the parts of it that were kept."""
    if "answer" in sealed:
        return answer_to_json(answer_from_json(sealed["answer"]))
    kept = ("risk", "reasons", "low", "high", "likely", "text")
    return {"outcome": {name: sealed[name] for name in kept if name in sealed}}


def _comparable(again: Answer, before: dict[str, Any]) -> dict[str, Any]:
    """The new answer as JSON, of which only what the recorded one says too is compared."""
    told = answer_to_json(again)
    if "kind" in before:
        return told
    return {"outcome": {name: told["outcome"].get(name) for name in before["outcome"]}}


def _differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The names of what differs in bytes; of the outcome, each part by itself."""
    parts = [
        {**{k: v for k, v in one.items() if k != "outcome"},
         **{f"outcome.{k}": v for k, v in one["outcome"].items()}}
        for one in (before, after)
    ]  # fmt: skip
    names = sorted(parts[0].keys() | parts[1].keys())
    return [n for n in names if _bytes(parts[0].get(n)) != _bytes(parts[1].get(n))]


def _bytes(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _not_again(why: str) -> Replay:
    return Replay(is_same=False, why=why)


def _inference(declaration: Declaration, body: bytes, as_of: datetime) -> Facts:
    question = read_request(body, declaration, now=as_of)
    return Facts(events=question.events, subject=question.subject_id)


def _hook(declaration: Declaration, body: bytes, as_of: datetime) -> Facts:
    """A call with all its data in the prefetch, as it is kept."""
    call = read_call(body)
    service = next((s for s in declaration.channels.services if s.hook == call.hook), None)
    if service is None:
        raise Invalid(
            "The version declares no service for the hook of this call.",
            fix="look at the version's declaration.",
        )
    templates = prefetch_templates(declaration)
    reading = read_resources(
        declaration,
        {key: call.prefetch[key] for key in templates if key in call.prefetch},
        as_of=as_of,
        patient_id=call.patient_id,
    )
    events = reading.events
    if call.draft_orders is not None:
        drafts = read_drafts(
            call.draft_orders,
            "context.draftOrders",
            asked=drafted_codes(declaration, service),
            as_of=as_of,
            subject=(call.patient_id, reading.subject_id),
        )
        events = (*events, *drafts.events)
    return Facts(events=events, subject=reading.subject_id, notes=reading.notes)


def _predict(declaration: Declaration, body: bytes, as_of: datetime) -> Facts:
    call, subject = read_kept(body)
    reading = read_resources(declaration, call.resources, as_of=as_of, patient_id=subject.patient)
    return Facts(events=reading.events, subject=reading.subject_id, notes=reading.notes)


READERS: dict[str, Reader] = {
    "open_inference": _inference,
    "cds_hooks": _hook,
    "fhir": _predict,
    "hl7v2": hl7v2_kept.read_kept,
}
"""By channel, what reads its requests again; `register_reader` adds others."""
