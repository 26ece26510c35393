"""What a person states in a document, where no record shows it; bound to what it was said of."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LONGEST_STATEMENT", "Statement", "StatementFile"]

LONGEST_STATEMENT = 4000  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One answer of a person to one gap.

    Args:
        document: Of which document, such as `hti1`.
        item: Which of its items.
        about: The name of the model, of the data set, or `workspace`.
        bound: A digest of what it was said of; of anything else it says nothing.
        version: The version for which it was written down, or `workspace`.
        text: What is stated.
        by: Who states it, as they want to be named.
        actor: Who wrote it down.
        at: When, ISO 8601.
        entry: Of the ledger.
    """

    document: str
    item: str
    about: str
    bound: str
    version: str
    text: str
    by: str
    actor: str
    at: str
    entry: int

    @property
    def field(self) -> str:
        """How a person names it.

        >>> Statement(document="hti1", item="2", about="m", bound="", version="m@1", text="t",
        ...     by="b", actor="a", at="2026", entry=1).field
        'hti1.2'
        """
        return f"{self.document}.{self.item}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFile:
    """A file of answers: who states them, and each by its field; an empty one is left out."""

    answers: Mapping[str, str]
    by: str = ""
