"""When a stay began, from a FHIR Encounter, as the start event of the declaration."""

from hashlib import sha256

import msgspec

from bedside.core.records.event import Event
from bedside.interop.fhir.places import source_row_of
from bedside.interop.fhir.resources import Encounter
from bedside.interop.instants import read_instant
from bedside.interop.strict_json import decode, invalid

__all__ = ["read_encounter"]

_BEGUN = frozenset({"arrived", "triaged", "in-progress", "onleave", "finished"})
_DROPPED = frozenset({"planned", "cancelled", "entered-in-error", "unknown"})
_DECODER = msgspec.json.Decoder(Encounter)


def read_encounter(
    raw: msgspec.Raw, where: str, *, code: str, subject_id: int
) -> tuple[Encounter, list[Event]]:
    """The Encounter, and one event of `code` at the start of its period if it has begun.

    Raises:
        Invalid: the status is not one of FHIR R4, or a begun encounter has no start.
    """
    encounter = decode(_DECODER, raw, where)
    if encounter.status in _DROPPED:
        return encounter, []
    if encounter.status not in _BEGUN:
        raise invalid(
            f"{where}.status",
            "is not a status of an Encounter.",
            fix=f"give one of: {', '.join(sorted(_BEGUN | _DROPPED))}.",
        )
    if encounter.period is None or encounter.period.start is None:
        raise invalid(f"{where}.period.start", "is not given.", fix="give when the stay began.")
    start = read_instant(encounter.period.start, f"{where}.period.start")
    row = source_row_of(sha256(raw).digest(), code)
    event = Event(subject_id=subject_id, time=start, known_at=start, code=code, source_row=row)
    return encounter, [event]
