"""Events of a Bundle's entries, whose digests are worked out when somebody asks for them.

Of hundreds of events a few stand behind the reasons of an answer, and only of those is it told
which bytes they come from.
"""

from dataclasses import fields
from datetime import datetime
from hashlib import sha256
from operator import attrgetter
from typing import Any

import msgspec

from bedside.core.records.event import Event
from bedside.interop.fhir.places import source_row_of
from bedside.interop.fhir.resources import Bundle

__all__ = ["EntryEvent", "SentEntries", "entry_event"]

_BUNDLE = msgspec.json.Decoder(Bundle)
_FIELDS = attrgetter(*(one.name for one in fields(Event)))


class SentEntries:
    """The resources of a Bundle as they were sent; it is cut up when the first is asked for.

    Args:
        content: A Bundle, known to be one.
    """

    __slots__ = ("_content", "_resources")

    def __init__(self, content: msgspec.Raw) -> None:
        self._content = content
        self._resources: list[msgspec.Raw] | None = None

    def raw(self, index: int) -> msgspec.Raw:
        """The resource of this entry; empty where it has none."""
        if self._resources is None:
            entries = _BUNDLE.decode(self._content).entry
            self._resources = [one.resource for one in entries]
        return self._resources[index]


class EntryEvent(Event):
    """An event of an entry, in all the same as an `Event`; its `source_row` is made when asked."""

    __slots__ = ("_place",)
    _place: tuple[SentEntries, int]

    def _row(self) -> bytes:
        try:
            row: bytes = _ROW.__get__(self)
        except AttributeError:
            entries, index = self._place
            row = source_row_of(sha256(entries.raw(index)).digest(), self.code)
            _ROW.__set__(self, row)
        return row

    def _set_row(self, row: bytes) -> None:
        """For whoever makes a copy: of an event that is made, nothing can be set."""
        _ROW.__set__(self, row)

    source_row = property(_row, _set_row)

    def __eq__(self, other: object) -> bool:
        """As of any other event: by what it says."""
        if not isinstance(other, Event):
            return NotImplemented
        return bool(_FIELDS(self) == _FIELDS(other))

    __hash__ = Event.__hash__


_ROW = Event.__dict__["source_row"]


class _Open(Event):
    """An `EntryEvent` that is still being made: its fields can be set."""

    __slots__ = ("_place",)
    _place: tuple[SentEntries, int]
    __setattr__ = object.__setattr__
    __delattr__ = object.__delattr__  # with the one above, so that setting is Python's own


_NEW = object.__new__


def entry_event(
    subject_id: int,
    time: datetime | None,
    known_at: datetime,
    code: str,
    value: float,
    unit: Any,
    place: tuple[SentEntries, int],
) -> EntryEvent:
    """The event of an entry, made as `event_of` makes one, and for the same reason."""
    made = _NEW(_Open)
    made.subject_id = subject_id  # type: ignore[misc]
    made.time = time  # type: ignore[misc]
    made.known_at = known_at  # type: ignore[misc]
    made.code = code  # type: ignore[misc]
    made.value = value  # type: ignore[misc]
    made.unit = unit  # type: ignore[misc]
    made.text = None  # type: ignore[misc]
    made.end = None  # type: ignore[misc]
    made.encounter_id = None  # type: ignore[misc]
    made.replaces = None  # type: ignore[misc]
    made._place = place
    made.__class__ = EntryEvent  # type: ignore[assignment]
    return made  # type: ignore[return-value]
