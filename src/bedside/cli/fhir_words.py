"""What a person is told about a watched FHIR server."""

import json
from collections.abc import Sequence
from typing import Any

from bedside.core.clock import iso
from bedside.core.records.fhir_letter import Delivery, Letter, LetterState
from bedside.lifecycle.fhir_watch import Round
from bedside.wiring.fhir_key import Registration

__all__ = ["delivery_words", "key_words", "letter_json", "outbox_words", "round_words"]

_MEANING = {
    LetterState.WAITING: "waits",
    LetterState.DEAD: "DEAD",
    LetterState.SENT: "sent",
    LetterState.NOTHING: "nothing",
    LetterState.UNREADABLE: "UNREAD",
}


def round_words(done: Round) -> str:
    """One look at the server."""
    told = [
        f"Patients changed: {done.changed}. Asked about: {done.asked}. "
        f"To be written: {done.written}. {delivery_words(done.delivery)}"
    ]
    if done.unreadable:
        told.append(f"Records that could not be read: {done.unreadable}; see: bedside fhir outbox.")
    if done.failed:
        told.append(f"The model FAILED on {done.failed}; they are asked about again.")
    if done.problem:
        told.append(f"The look ended early ({done.problem}); the next one begins where it began.")
    return "\n".join(told)


def delivery_words(done: Delivery) -> str:
    """What was sent."""
    told = f"Sent: {done.sent}."
    if done.later:
        told += f" To be tried again: {done.later}."
    if done.dead:
        told += f" NOT taken by the server: {done.dead}."
    if done.stopped:
        told += f" The server does not let us write ({done.stopped}); all waits on."
    return told


def outbox_words(letters: Sequence[Letter], *, every: bool) -> str:
    """One line for each letter: never of whom it is."""
    if not letters:
        return "Nothing was ever written." if every else "Nothing waits, and nothing is dead."
    lines = [f"{'state':<8} {'since':<20} {'tries':>5}  {'prediction':<36} problem"]
    lines += [
        f"{_MEANING[one.state]:<8} {iso(one.at)[:19] + 'Z':<20} {one.attempts:>5}  "
        f"{one.prediction_id or '-':<36} {one.problem or ''}".rstrip()
        for one in letters
    ]
    if any(one.state is LetterState.DEAD for one in letters):
        lines.append("Once the server takes them: bedside fhir resend.")
    return "\n".join(lines)


def letter_json(letter: Letter) -> dict[str, Any]:
    """A letter without its content."""
    return {
        "prediction_id": letter.prediction_id or None,
        "model": letter.model,
        "server": letter.sent_to,
        "state": letter.state.value,
        "at": iso(letter.at),
        "attempts": letter.attempts,
        "due": None if letter.due is None else iso(letter.due),
        "problem": letter.problem,
    }


def key_words(told: Registration) -> str:
    """The key set as it is registered, and what is to be done with it."""
    lines = [
        json.dumps(told.public, indent=2),
        "Register this key set at the server, for private_key_jwt with "
        f"{told.algorithm}; it is no secret.",
        f"The private key is in {told.file}.",
    ]
    if told.is_new:
        lines.append(f"Now set BEDSIDE_FHIR_KEY={told.file}, and BEDSIDE_FHIR_CLIENT_ID.")
    return "\n".join(lines)
