"""What is to be written to a FHIR server, and how far that has come."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bedside.core.errors import Invalid

__all__ = ["Delivery", "Letter", "LetterState"]


class LetterState(StrEnum):
    """How far it has come. What is `sent` or has `nothing` to say keeps no content."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"
    """The server refuses it, or it was tried too often; a person has to look."""
    NOTHING = "nothing"
    """The question was answered, and nothing is written: an abstention, or an answer withheld."""
    UNREADABLE = "unreadable"
    """The server's record of the patient could not be read, so there is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One answer on its way to one server.

    `key` is a keyed digest of the question: the same data of the same patient give the same one,
    so that it is answered and written once. `subject_tag` is the keyed digest by which an erased
    patient is known again. `content` is the transaction Bundle, None where there is none (any
    more); it is patient data. `problem` is the code of what went wrong last. `sent_to` is the
    base address of the server.
    """

    key: str
    prediction_id: str
    model: str
    sent_to: str
    subject_tag: str
    state: LetterState
    at: datetime
    content: bytes | None = field(default=None, repr=False)
    attempts: int = 0
    due: datetime | None = None
    problem: str | None = None

    def __post_init__(self) -> None:
        kept = self.state in (LetterState.WAITING, LetterState.DEAD)
        if kept != (self.content is not None):
            raise Invalid(
                "A letter keeps its content as long as it may still be sent, and no longer.",
                fix="give the content of a waiting or a dead letter alone.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one run of delivery did; `stopped` is the code of what ended it early."""

    sent: int = 0
    later: int = 0
    dead: int = 0
    stopped: str | None = None
