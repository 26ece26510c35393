"""What answering a feed asks of the outside: its messages, by their numbers."""

from collections.abc import Sequence
from typing import Protocol

from bedside.core.records.received import Received

__all__ = ["Feed"]


class Feed(Protocol):
    """The messages of a feed that are durable and were not removed yet, numbered from 0.

    Raises (every method):
        Refused: what was kept was changed (code `journal_tampered`), or its key was destroyed.
        Unavailable: the disk or the key service is out of reach.
    """

    @property
    def end(self) -> int:
        """The number that the next message gets."""
        ...

    @property
    def oldest(self) -> int:
        """The number of the oldest message that is still here; `end` where none is."""
        ...

    def after(self, place: int, *, most: int) -> Sequence[Received]:
        """Messages from this number on, in their order; fewer than `most` only at the end."""
        ...
