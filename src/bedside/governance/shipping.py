"""Checkpoints go to other places, where nobody who holds this host can take them back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bedside.core.errors import BedsideError, Invalid
from bedside.core.ports import Blobs
from bedside.governance.checkpointing import SUFFIX
from bedside.governance.notes import CheckpointNote, read_note

__all__ = ["COSIGNED", "Kept", "Place", "PlaceState", "Shipper", "kept_in"]

COSIGNED = ".cosigned"
"""Beside a checkpoint, the same one with the signatures of witnesses, as they put it there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where checkpoints are shipped to: what a person calls it, and its store."""

    name: str
    blobs: Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceState:
    """How many checkpoints a place has, how many it lacks, and why it could not be asked."""

    name: str
    there: int = 0
    missing: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A file found in a place; no `note` where it is none."""

    place: str
    file: str
    note: CheckpointNote | None


class Shipper:
    """Brings every checkpoint of this workspace to every place, the oldest first.

    What a place lacks is found by asking it, so nothing has to be remembered: a shipment that
    failed, or a crash, is made good by the next call. A file that is there is never put again.

    Args:
        kept: The checkpoints of this workspace.
        places: Where they go.
    """

    def __init__(self, kept: Blobs, places: Sequence[Place]) -> None:
        self._kept, self._places = kept, tuple(places)
        self._there: dict[str, set[str]] = {}

    def ship(self) -> list[PlaceState]:
        """Put what is missing; what could not be put is told, and tried at the next call."""
        own = _names(self._kept)
        return [self._shipped(place, own) for place in self._places]

    def look(self) -> list[PlaceState]:
        """What each place has and lacks, asked afresh; nothing is put."""
        own = _names(self._kept)
        return [_state_of(place, own) for place in self._places]

    def _shipped(self, place: Place, own: list[str]) -> PlaceState:
        there = self._there.get(place.name, set())
        try:
            if place.name not in self._there:
                there = set(_names(place.blobs))
                self._there[place.name] = there
            for name in own:
                if name not in there:
                    if not place.blobs.has(name):
                        place.blobs.put(name, self._kept.get(name))
                    there.add(name)
        except BedsideError as error:
            self._there.pop(place.name, None)
            missing = sum(name not in there for name in own)
            return PlaceState(
                name=place.name, there=len(there), missing=missing, problem=error.code
            )
        return PlaceState(name=place.name, there=len(there))


def kept_in(place: Place) -> Iterator[Kept]:
    """Every checkpoint and cosigned checkpoint of a place.

    Raises:
        BedsideError: the place cannot be read.
    """
    for name in place.blobs.names(""):
        if name.endswith((SUFFIX, COSIGNED)):
            try:
                note = read_note(place.blobs.get(name))
            except Invalid:
                note = None
            yield Kept(place=place.name, file=name, note=note)


def _state_of(place: Place, own: list[str]) -> PlaceState:
    try:
        there = set(_names(place.blobs))
    except BedsideError as error:
        return PlaceState(name=place.name, missing=len(own), problem=error.code)
    missing = sum(name not in there for name in own)
    return PlaceState(name=place.name, there=len(there), missing=missing)


def _names(blobs: Blobs) -> list[str]:
    return [name for name in blobs.names("") if name.endswith(SUFFIX)]
