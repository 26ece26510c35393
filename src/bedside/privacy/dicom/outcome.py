"""What became of one file: cleaned, or kept back, and why; never a value of it."""

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["FileOutcome", "Status"]


class Status(StrEnum):
    """Every file ends as one of these."""

    CLEANED = "cleaned"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOutcome:
    """What became of one file.

    Args:
        reasons: Codes of why it was kept back, most serious first; empty if it was cleaned.
        words: The same in plain words, one sentence for each.
        name: Where a cleaned file belongs: stand-ins of subject, study, series and instance.
        content: The cleaned file.
        accepted: Risks that the options let through.
        boxes: How many boxes were blanked in the picture.
        looked: Whether text was looked for in the picture.
    """

    status: Status
    reasons: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    name: str = ""
    content: bytes = field(default=b"", repr=False)
    accepted: tuple[str, ...] = ()
    boxes: int = 0
    looked: bool = False
