"""The ordinary Observation, read the short way: one coding, one number, one time.

Whatever is not ordinary, wrong ones included, is left to `ObservationReader`, which reads every
kind and says what is wrong. Both give the same events, to the bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from math import isfinite

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.records.declaration import Signal
from bedside.core.records.event import Event
from bedside.interop.fhir.codes import code_of
from bedside.interop.fhir.observation import DECODER, USED, ObservationReader
from bedside.interop.fhir.quantity import unit_of
from bedside.interop.fhir.resources import ABSENT, Observation, Quantity

__all__ = ["PlainReader"]

_EARLIEST, _LATEST = 1850, 2200  # as `read_instant`
_NO_UNIT = object()


@dataclass(slots=True)
class _Asked:
    """A code that a signal asks for, and what is worked out once for it."""

    code: str
    suffix: bytes
    signal: Signal
    delay: timedelta
    units: dict[tuple[str | None, str | None, str | None], object] = field(default_factory=dict)


class PlainReader:
    """Reads ordinary Observations of one patient into the events of an `ObservationReader`.

    Args:
        reader: Gets the events, and knows which resources were there before.
        patient_id: The FHIR id that everything must be about.
    """

    def __init__(self, reader: ObservationReader, patient_id: str) -> None:
        self._reader = reader
        self._subject = f"Patient/{patient_id}"
        self._asked: dict[tuple[str | None, str | None], _Asked | None] = {}

    def read(self, raw: msgspec.Raw) -> bool:
        """Whether it was an ordinary Observation, and is read; if not, nothing was done."""
        try:
            one = DECODER.decode(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
            return False
        seen = self._reader.seen
        if (
            one.resource_type != "Observation"
            or one.id in seen
            or one.status not in USED
            or one.component
            or one.has_member
            or len(one.code.coding) != 1
        ):
            return False
        subject = one.subject
        if subject is not None and subject.reference not in (self._subject, None):
            return False
        coding = one.code.coding[0]
        key = coding.system, coding.code
        try:
            asked = self._asked[key]
        except KeyError:
            asked = self._asked[key] = self._found(*key)
        if asked is not None:
            event = self._event(one, asked, raw)
            if event is None:
                return False
            self._reader.events.append(event)
        if one.id is not None:
            seen[one.id] = raw
        return True

    def _event(self, one: Observation, asked: _Asked, raw: msgspec.Raw) -> Event | None:
        """The event; None where something is not ordinary."""
        quantity, said = one.value_quantity, one.effective_date_time
        if quantity is None or said is None or quantity.comparator is not None or _more(one):
            return None
        value = quantity.value
        if value is None or not isfinite(value):
            return None
        told = quantity.system, quantity.code, quantity.unit
        try:
            unit = asked.units[told]
        except KeyError:
            unit = asked.units[told] = _unit(quantity, asked.signal)
        if unit is _NO_UNIT:
            return None
        time = _instant(said)
        if time is None:
            return None
        known_at = time + asked.delay if one.issued is None else _instant(one.issued)
        if known_at is None:
            return None
        return Event(
            subject_id=self._reader.subject_id,
            time=None if asked.signal.role == "static" else time,
            known_at=known_at,
            code=asked.code,
            value=value,
            unit=unit,  # type: ignore[arg-type]  # a text or None: what is neither was left above
            source_row=sha256(sha256(raw).digest() + asked.suffix).digest(),
        )

    def _found(self, system: str | None, local: str | None) -> _Asked | None:
        code = code_of(system, local)
        signals: Mapping[str, Signal] = self._reader.signals
        signal = None if code is None else signals.get(code)
        if code is None or signal is None:
            return None
        return _Asked(code, code.encode(), signal, parse_duration(signal.delay))


def _more(one: Observation) -> bool:
    """Whether there is a value beside the quantity, or a time beside the moment."""
    return (
        one.value_codeable_concept is not None
        or one.value_string is not None
        or one.value_integer is not None
        or one.value_boolean is not None
        or one.data_absent_reason is not None
        or one.effective_instant is not None
        or one.effective_period is not None
        or one.effective_timing is not ABSENT
        or one.value_range is not ABSENT
        or one.value_ratio is not ABSENT
        or one.value_sampled_data is not ABSENT
        or one.value_time is not ABSENT
        or one.value_date_time is not ABSENT
        or one.value_period is not ABSENT
    )


def _unit(quantity: Quantity, signal: Signal) -> object:
    """The unit, None where none is needed, or `_NO_UNIT`."""
    if signal.is_categorical:
        return _NO_UNIT
    known, unit = unit_of(quantity, signal)
    return unit if known else _NO_UNIT


def _instant(text: str) -> datetime | None:
    """The moment in UTC, as `read_instant` gives it; None where that may have something to say."""
    try:
        moment = datetime.fromisoformat(text)
        zone = moment.tzinfo
        if zone is None:
            return None
        if zone is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if _EARLIEST <= moment.year <= _LATEST else None
