"""A patient-view call and the feedback on its cards, read and checked.

Source: CDS Hooks 2.0, "Calling a CDS Service" and "Feedback".
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from bedside.interop.instants import read_instant
from bedside.interop.strict_json import decode, invalid

__all__ = ["Feedback", "HookCall", "missing_prefetch", "read_call", "read_feedback"]


class _Context(msgspec.Struct, rename="camel", frozen=True):
    patient_id: str
    user_id: str | None = None
    encounter_id: str | None = None


class _Call(msgspec.Struct, rename="camel", frozen=True):
    hook: str
    hook_instance: str
    context: _Context
    prefetch: dict[str, msgspec.Raw] | None = None


class _OneFeedback(msgspec.Struct, rename="camel", frozen=True):
    card: str
    outcome: str
    outcome_timestamp: str
    accepted_suggestions: tuple[msgspec.Raw, ...] = ()
    override_reason: msgspec.Raw = msgspec.Raw()


class _FeedbackBody(msgspec.Struct, frozen=True):
    feedback: tuple[_OneFeedback, ...]


_CALL = msgspec.json.Decoder(_Call)
_FEEDBACK = msgspec.json.Decoder(_FeedbackBody)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """One call: who is looked at, and the FHIR resources sent along, still undecoded."""

    instance: str
    patient_id: str
    prefetch: dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a clinician did with a card. `detail` is JSON and may hold free text about a patient."""

    card: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    detail: bytes


def read_call(content: bytes, *, hook: str) -> HookCall:
    """Read the body of `POST /cds-services/ID`.

    Raises:
        Invalid: it is malformed, or is a call of another hook.
    """
    call = decode(_CALL, content, "The request")
    if call.hook != hook:
        raise invalid("hook", "is not the hook of this service.", fix=f"call it with '{hook}'.")
    if not call.context.patient_id:
        raise invalid("context.patientId", "is empty.", fix="give the id of the FHIR Patient.")
    return HookCall(
        instance=_uuid(call.hook_instance, "hookInstance"),
        patient_id=call.context.patient_id,
        prefetch=call.prefetch or {},
    )


def missing_prefetch(templates: dict[str, str], call: HookCall) -> tuple[str, ...]:
    """The keys of the templates that were not sent."""
    return tuple(key for key in templates if key not in call.prefetch)


def read_feedback(content: bytes) -> tuple[Feedback, ...]:
    """Read the body of `POST /cds-services/ID/feedback`.

    Raises:
        Invalid: it is empty or malformed, or an outcome is neither accepted nor overridden.
    """
    body = decode(_FEEDBACK, content, "The request")
    if not body.feedback:
        raise invalid("feedback", "is empty.", fix="give at least one entry.")
    return tuple(_one(each, f"feedback[{index}]") for index, each in enumerate(body.feedback))


def _one(each: _OneFeedback, where: str) -> Feedback:
    outcome: Literal["accepted", "overridden"]
    if each.outcome == "accepted":
        outcome = "accepted"
    elif each.outcome == "overridden":
        outcome = "overridden"
    else:
        raise invalid(
            f"{where}.outcome", "is not an outcome.", fix="give 'accepted' or 'overridden'."
        )
    return Feedback(
        card=_uuid(each.card, f"{where}.card"),
        outcome=outcome,
        at=read_instant(each.outcome_timestamp, f"{where}.outcomeTimestamp"),
        detail=msgspec.json.encode(each),
    )


def _uuid(text: str, where: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise invalid(where, "is not a UUID.", fix="give a UUID.") from None
