"""FHIR Observations, panels included, into events with both their times."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Signal
from bedside.core.records.event import Event, event_of
from bedside.interop.fhir.codes import codes_of
from bedside.interop.fhir.entries import SentEntries
from bedside.interop.fhir.places import source_row_of
from bedside.interop.fhir.quantity import Value, value_of
from bedside.interop.fhir.resources import CodeableConcept, Measured, Observation, given
from bedside.interop.instants import read_instant
from bedside.interop.strict_json import decode, invalid

__all__ = ["USED", "ObservationReader"]

USED = frozenset({"final", "amended", "corrected", "preliminary"})
"""The status of an Observation that says something."""

_DROPPED = frozenset({"entered-in-error", "cancelled", "unknown", "registered"})
_DECODER = msgspec.json.Decoder(Observation)
_delay = lru_cache(maxsize=1024)(parse_duration)


@dataclass(slots=True, kw_only=True)
class ObservationReader:
    """Reads the Observations of one patient; each counts once, however often it is sent.

    Args:
        signals: By event code, what the model asks for; all else is skipped.
        subject_id: The pseudonym that the events get.
        seen: Each resource by its id, or where it stands; None is the id of none.
        unknown: Codes of resources that no signal asks for.
    """

    signals: Mapping[str, Signal]
    subject_id: int
    events: list[Event] = field(default_factory=list)
    bounds: dict[str, None] = field(default_factory=dict)
    seen: dict[str | None, msgspec.Raw | tuple[SentEntries, int]] = field(default_factory=dict)
    unknown: dict[str, None] = field(default_factory=dict)

    def read(self, raw: msgspec.Raw, where: str) -> Observation:
        """Add the events of one resource and return it decoded.

        Raises:
            Invalid: a part that a signal needs is missing, malformed or contradictory.
        """
        resource = decode(_DECODER, raw, where)
        if resource.status in _DROPPED or self._again(resource, raw, where):
            return resource
        if resource.status not in USED:
            raise invalid(
                f"{where}.status",
                "is not a status of an Observation.",
                fix=f"give one of: {', '.join(sorted(USED | _DROPPED))}.",
            )
        parts = list(self._parts(resource, where))
        if parts:
            origin = _origin(resource, raw, where)
            for code, measured, place in parts:
                self._add(code, value_of(measured, self.signals[code], place), origin)
        elif _has_value(resource):
            self.unknown.update(dict.fromkeys(codes_of(resource.code)[:1]))
        return resource

    def _again(self, resource: Observation, raw: msgspec.Raw, where: str) -> bool:
        if resource.id is None:
            return False
        before = self.seen.get(resource.id)
        self.seen[resource.id] = raw
        if isinstance(before, tuple):
            entries, index = before
            before = entries.raw(index)
        if before is not None and before != raw:
            raise invalid(
                f"{where}.id",
                "is also the id of another Observation that says something else.",
                fix="send only the current version of each Observation.",
            )
        return before is not None

    def _parts(self, resource: Observation, where: str) -> Iterable[tuple[str, Measured, str]]:
        """The resource itself and its components, where a signal asks for them."""
        for code in self._asked(resource.code):
            panel = not _has_value(resource) and (resource.component or resource.has_member)
            if not panel:
                yield code, resource, where
        for index, component in enumerate(resource.component):
            for code in self._asked(component.code):
                yield code, component, f"{where}.component[{index}]"

    def _asked(self, concept: CodeableConcept) -> list[str]:
        return [code for code in codes_of(concept) if code in self.signals]

    def _add(self, code: str, value: Value | None, origin: "_Origin") -> None:
        if value is None:
            return
        signal = self.signals[code]
        if value.bound:
            self.bounds[signal.label] = None
        time = None if signal.role == "static" else origin.time
        known_at = origin.issued or origin.time + _delay(signal.delay)
        row = source_row_of(origin.digest, code)
        self.events.append(
            event_of(
                self.subject_id, time, known_at, code,
                value.number, value.unit, value.text, None, row,
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """When an Observation happened (the end of a period), when it was issued, and its digest."""

    time: datetime
    issued: datetime | None
    digest: bytes


def _has_value(measured: Measured) -> bool:
    return (
        measured.value_quantity is not None
        or measured.value_codeable_concept is not None
        or measured.value_string is not None
        or measured.value_integer is not None
        or measured.value_boolean is not None
        or measured.data_absent_reason is not None
    )


def _origin(resource: Observation, raw: msgspec.Raw, where: str) -> _Origin:
    period = resource.effective_period
    name, text = "effectiveDateTime", resource.effective_date_time
    if text is None or period is not None or resource.effective_instant is not None:
        name, text = _only_time(resource, where)
    elif given(resource.effective_timing):
        raise _no_time(where)
    time = read_instant(text, f"{where}.{name}")
    if period is not None and period.start and period.end:
        _check_period(read_instant(period.start, f"{where}.effectivePeriod.start"), time, where)
    issued = None
    if resource.issued is not None:
        issued = read_instant(resource.issued, f"{where}.issued")
    return _Origin(time=time, issued=issued, digest=sha256(raw).digest())


def _only_time(resource: Observation, where: str) -> tuple[str, str]:
    """The one time that is given, by its name."""
    period = resource.effective_period
    stated = {
        "effectiveDateTime": resource.effective_date_time,
        "effectiveInstant": resource.effective_instant,
        "effectivePeriod": None if period is None else (period.end or period.start or ""),
    }
    present = [(name, text) for name, text in stated.items() if text is not None]
    if not present or given(resource.effective_timing):
        raise _no_time(where)
    if len(present) > 1:
        raise invalid(f"{where}.effective[x]", "is given more than once.", fix="give one of them.")
    return present[0]


def _no_time(where: str) -> Invalid:
    return invalid(
        f"{where}.effective[x]",
        "is not given as a time or a period.",
        fix="give effectiveDateTime: when it was measured.",
    )


def _check_period(start: datetime, end: datetime, where: str) -> None:
    if end < start:
        raise invalid(
            f"{where}.effectivePeriod", "ends before it starts.", fix="correct the two times."
        )
