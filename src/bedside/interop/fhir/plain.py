"""The ordinary Observation, read the short way: one coding, one number, one time.

Whatever is not ordinary, wrong ones included, is left to `ObservationReader`, which reads every
kind and says what is wrong. Both give the same events, to the bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import isfinite
from typing import Literal

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.records.declaration import Signal
from bedside.core.records.event import Event
from bedside.interop.fhir.codes import code_of
from bedside.interop.fhir.observation import ObservationReader
from bedside.interop.fhir.quantity import unit_of
from bedside.interop.fhir.resources import ABSENT, CodeableConcept, Quantity, Reference

__all__ = ["PlainReader"]

_EARLIEST, _LATEST = 1850, 2200  # as `read_instant`
_NO_UNIT = object()

# An Event is frozen, so that making one sets each field by a check and a name: 1.3 µs. Its slots,
# set by themselves, take 0.5 µs, and there are hundreds of events in a call.
_NEW = object.__new__
_READ_TIME = datetime.fromisoformat
(
    _SUBJECT,
    _TIME,
    _KNOWN_AT,
    _CODE,
    _VALUE,
    _UNIT,
    _TEXT,
    _END,
    _ENCOUNTER,
    _SOURCE_ROW,
    _REPLACES,
) = (getattr(Event, one.name).__set__ for one in fields(Event))


class _Ordinary(
    msgspec.Struct,
    rename="camel",
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    gc=False,
):
    """An Observation that has no other members than these; those that do not matter stay raw."""

    resource_type: Literal["Observation"]
    id: str | None = None
    meta: msgspec.Raw = ABSENT
    identifier: msgspec.Raw = ABSENT
    status: Literal["final", "amended", "corrected", "preliminary"]
    category: msgspec.Raw = ABSENT
    code: msgspec.Raw
    subject: msgspec.Raw = ABSENT
    encounter: msgspec.Raw = ABSENT
    effective_date_time: str | None = None
    issued: str | None = None
    performer: msgspec.Raw = ABSENT
    value_quantity: Quantity | None = None
    interpretation: msgspec.Raw = ABSENT
    reference_range: msgspec.Raw = ABSENT
    note: msgspec.Raw = ABSENT
    text: msgspec.Raw = ABSENT
    extension: msgspec.Raw = ABSENT
    device: msgspec.Raw = ABSENT
    method: msgspec.Raw = ABSENT
    body_site: msgspec.Raw = ABSENT
    specimen: msgspec.Raw = ABSENT
    based_on: msgspec.Raw = ABSENT
    part_of: msgspec.Raw = ABSENT
    derived_from: msgspec.Raw = ABSENT
    language: msgspec.Raw = ABSENT


_DECODE = msgspec.json.Decoder(_Ordinary).decode
_CONCEPT = msgspec.json.Decoder(CodeableConcept)
_REFERENCE = msgspec.json.Decoder(Reference | None)
_NOT_ORDINARY = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)


@dataclass(slots=True)
class _Asked:
    """A code that a signal asks for, and what is worked out once for it."""

    code: str
    suffix: bytes
    signal: Signal
    delay: timedelta
    is_static: bool
    units: dict[tuple[str | None, str | None, str | None], object] = field(default_factory=dict)


class PlainReader:
    """Reads ordinary Observations of one patient into the events of an `ObservationReader`.

    Args:
        reader: Gets the events, and knows which resources were there before.
        patient_id: The FHIR id that everything must be about.
    """

    def __init__(self, reader: ObservationReader, patient_id: str) -> None:
        self._reader = reader
        self._references = (f"Patient/{patient_id}", None)
        self._asked: dict[bytes, _Asked | bool] = {}
        self._subjects: dict[bytes, bool] = {b"": True}

    def read(self, raw: msgspec.Raw) -> bool:
        """Whether it was an ordinary Observation, and is read; if not, nothing was done."""
        try:
            one = _DECODE(raw)
        except _NOT_ORDINARY:
            return False
        reader, code, subject = self._reader, bytes(one.code), bytes(one.subject)
        try:  # one client writes a code, and the patient, alike each time
            asked, is_ours = self._asked[code], self._subjects[subject]
        except KeyError:
            asked = self._asked[code] = self._found(code)
            is_ours = self._subjects[subject] = self._is_ours(subject)
        if asked is False or not is_ours or one.id in reader.seen:
            return False
        if asked is not True:
            event = self._event(one, asked, raw)
            if event is None:
                return False
            reader.events.append(event)
        if one.id is not None:
            reader.seen[one.id] = raw
        return True

    def _event(self, one: _Ordinary, asked: _Asked, raw: msgspec.Raw) -> Event | None:
        """The event; None where something is not ordinary."""
        quantity, said = one.value_quantity, one.effective_date_time
        if quantity is None or said is None or quantity.comparator is not None:
            return None
        value, told = quantity.value, (quantity.system, quantity.code, quantity.unit)
        try:
            unit = asked.units[told]
        except KeyError:
            unit = asked.units[told] = _unit(quantity, asked.signal)
        if unit is _NO_UNIT or value is None or not isfinite(value):
            return None
        issued = one.issued
        try:
            time = _READ_TIME(said)
            if time.tzinfo is not UTC:
                time = _in_utc(time)
            known_at = time + asked.delay if issued is None else _READ_TIME(issued)
            if known_at.tzinfo is not UTC:
                known_at = _in_utc(known_at)
        except (ValueError, OverflowError):
            return None
        if not (_EARLIEST <= time.year <= _LATEST and _EARLIEST <= known_at.year <= _LATEST):
            return None
        event = _NEW(Event)
        _SUBJECT(event, self._reader.subject_id)
        _TIME(event, None if asked.is_static else time)
        _KNOWN_AT(event, known_at)
        _CODE(event, asked.code)
        _VALUE(event, value)
        _UNIT(event, unit)
        _TEXT(event, None)
        _END(event, None)
        _ENCOUNTER(event, None)
        _SOURCE_ROW(event, sha256(sha256(raw).digest() + asked.suffix).digest())
        _REPLACES(event, None)
        return event

    def _is_ours(self, subject: bytes) -> bool:
        """Whether it says that the resource is about the patient, or says nothing."""
        try:
            told = _REFERENCE.decode(subject) if subject else None
        except _NOT_ORDINARY:
            return False
        return told is None or told.reference in self._references

    def _found(self, concept: bytes) -> _Asked | bool:
        """What is asked of a code; True: nothing, False: it is not an ordinary one."""
        try:
            (coding,) = _CONCEPT.decode(concept).coding
        except _NOT_ORDINARY:
            return False
        code = code_of(coding.system, coding.code)
        signals: Mapping[str, Signal] = self._reader.signals
        signal = None if code is None else signals.get(code)
        if code is None or signal is None:
            if code is not None:
                self._reader.unknown[code] = None
            return True
        static = signal.role == "static"
        return _Asked(code, code.encode(), signal, parse_duration(signal.delay), static)


def _unit(quantity: Quantity, signal: Signal) -> object:
    """The unit, None where none is needed, or `_NO_UNIT`."""
    if signal.is_categorical:
        return _NO_UNIT
    known, unit = unit_of(quantity, signal)
    return unit if known else _NO_UNIT


def _in_utc(moment: datetime) -> datetime:
    """The moment in UTC, as `read_instant` gives it.

    Raises:
        ValueError: it has no zone, or is a date alone.
        OverflowError: it is at the end of time.
    """
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(UTC)
