"""One fact about one subject, with its two times (design: the event table)."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["EVENT_COLUMNS", "Event"]

EVENT_COLUMNS = (
    "subject_id",
    "time",
    "known_at",
    "end",
    "code",
    "value",
    "unit",
    "text",
    "encounter_id",
    "source_row",
    "replaces",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of the event table, for one patient in a request.

    `time` is when it happened (None: a static fact), `known_at` when it could first be seen.
    `value` is in `unit`, a UCUM code; a categorical value is in `text`.
    """

    subject_id: int
    time: datetime | None
    known_at: datetime
    code: str
    value: float | None = None
    unit: str | None = None
    text: str | None = None
    end: datetime | None = None
    encounter_id: int | None = None
    source_row: bytes = b""
    replaces: bytes | None = None
