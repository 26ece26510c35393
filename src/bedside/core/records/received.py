"""A message as a feed received it."""

from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Received"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message of a feed.

    `place` is its number, counted through the whole feed from 0; `at` is when it was received,
    None where that was not kept. `content` is patient data.
    """

    place: int
    at: datetime | None
    content: bytes = field(repr=False)
