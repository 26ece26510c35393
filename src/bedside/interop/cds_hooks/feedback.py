"""What clinicians did with cards, read and checked.

Source: CDS Hooks 2.0, "Feedback".
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from bedside.interop.cds_hooks.request import read_uuid
from bedside.interop.instants import read_instant
from bedside.interop.strict_json import decode, invalid

__all__ = ["LARGEST", "Feedback", "read_feedback"]

LARGEST = 1000
"""Entries of one body."""


class _Accepted(msgspec.Struct, frozen=True):
    id: str


class _Coding(msgspec.Struct, frozen=True, omit_defaults=True):
    code: str
    system: str | None = None
    display: str | None = None


class _Override(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    reason: _Coding | None = None
    user_comment: str | None = None


class _OneFeedback(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    card: str
    outcome: str
    outcome_timestamp: str
    accepted_suggestions: tuple[_Accepted, ...] = ()
    override_reason: _Override | None = None


class _FeedbackBody(msgspec.Struct, frozen=True):
    feedback: tuple[_OneFeedback, ...]


_FEEDBACK = msgspec.json.Decoder(_FeedbackBody)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a clinician did with a card.

    `suggestions` are the ids of those that were taken; `reason` is the system and code of the
    reason for not following the card. `detail` is the entry as JSON, and may hold free text about
    a patient.
    """

    card: str
    outcome: Literal["accepted", "overridden"]
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason: tuple[str | None, str] | None = None
    commented: bool = False
    detail: bytes


def read_feedback(content: bytes) -> tuple[Feedback, ...]:
    """Read the body of `POST /cds-services/ID/feedback`.

    Raises:
        Invalid: it is empty or malformed, an outcome is neither accepted nor overridden, or an
            entry says of its outcome what belongs to the other.
    """
    body = decode(_FEEDBACK, content, "The request")
    if not body.feedback:
        raise invalid("feedback", "is empty.", fix="give at least one entry.")
    if len(body.feedback) > LARGEST:
        raise invalid("feedback", "holds too many entries.", fix=f"send {LARGEST} at a time.")
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
    if outcome == "accepted" and each.override_reason is not None:
        raise invalid(
            f"{where}.overrideReason", "stands beside 'accepted'.", fix="leave one of them out."
        )
    if outcome == "overridden" and each.accepted_suggestions:
        raise invalid(
            f"{where}.acceptedSuggestions", "stand beside 'overridden'.", fix="leave one out."
        )
    override = each.override_reason or _Override()
    reason = override.reason
    return Feedback(
        card=read_uuid(each.card, f"{where}.card"),
        outcome=outcome,
        at=read_instant(each.outcome_timestamp, f"{where}.outcomeTimestamp"),
        suggestions=tuple(
            read_uuid(one.id, f"{where}.acceptedSuggestions[{index}].id")
            for index, one in enumerate(each.accepted_suggestions)
        ),
        reason=None if reason is None else (reason.system, reason.code),
        commented=override.user_comment is not None,
        detail=msgspec.json.encode(each),
    )
