"""What is known of one answer when it is written as FHIR, whichever resource it becomes."""

from dataclasses import dataclass

from bedside.core.ids import digest_bytes
from bedside.core.records.answer import Answer, Score
from bedside.core.records.declaration import Declaration
from bedside.core.records.fhir_channel import Fhir

__all__ = ["Subject", "Told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The FHIR ids of whom an answer is about, and in which stay."""

    patient: str
    encounter: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A score with its question.

    `sources` are references of the resources behind the reasons, such as `Observation/7`; `inputs`
    is the SHA-256 of all that was sent, `bundle` that of the model, in hexadecimal digits. `card`
    is the model card in Markdown, empty where the bundle holds none. `recorded` is when this is
    written, ISO 8601.
    """

    answer: Answer
    score: Score
    declaration: Declaration
    subject: Subject
    inputs: str
    bundle: str
    recorded: str
    sources: tuple[str, ...] = ()
    card: bytes = b""

    @property
    def channel(self) -> Fhir:
        """What the declaration says of FHIR."""
        return self.declaration.channels.fhir or Fhir()

    @property
    def card_digest(self) -> str:
        """SHA-256 of the model card."""
        return digest_bytes(self.card)
