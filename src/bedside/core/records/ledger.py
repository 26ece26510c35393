"""One entry of the ledger: who did what, for which purpose, sealed to the entry before it."""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["GENESIS", "Actor", "LedgerDraft", "LedgerEntry", "LedgerFault"]

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts, and for which purpose."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerDraft:
    """An entry before it has its place: what is to be written, and for whom it is sealed."""

    actor: Actor
    action: str
    details: dict[str, Any]
    sealed: bytes | None = None
    subject: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One line that nobody can quietly change.

    `details` holds digests, counts and states, never a patient's value. What does belong to a
    patient lies encrypted in `sealed`, of which only the digest enters the chain. `subject_tag`
    says under whose key it lies, without naming anybody; None when it is nobody's own.
    """

    sequence: int
    at: str
    actor: str
    purpose: str
    action: str
    details: dict[str, Any]
    sealed_digest: str | None
    subject_tag: str | None = None
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFault:
    """What is wrong with the ledger, and where."""

    sequence: int
    kind: Literal["edited", "dropped", "reordered", "unsigned"]
    text: str
