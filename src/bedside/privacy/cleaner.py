"""What a release asks of whoever cleans notes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Note", "TextCleaner"]


@dataclass(frozen=True, slots=True)
class Note:
    """A free text, and whose it is; None where nobody can tell. `kind` is its code or its field."""

    subject: int | None
    text: str
    kind: str = ""


class TextCleaner(Protocol):
    """Takes what identifies somebody out of notes."""

    def clean(self, notes: Sequence[Note]) -> list[str | None]:
        """The text of each note as it may be released; None where it must stay behind."""
        ...
