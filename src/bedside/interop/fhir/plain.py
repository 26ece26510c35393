"""The ordinary Observation of a Bundle, read the short way: one coding, one number, one time.

A Bundle is decoded once, with its resources; what no part of an event comes from is skipped, but
for the members that make an Observation another kind of thing. Whatever is not ordinary, wrong
ones included, is left to `ObservationReader`, which reads every kind and says what is wrong. Both
give the same events, to the bit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite

import msgspec

from bedside.core.clock import parse_duration
from bedside.core.records.declaration import Signal
from bedside.interop.fhir.codes import code_of
from bedside.interop.fhir.entries import SentEntries, entry_event
from bedside.interop.fhir.observation import USED, ObservationReader
from bedside.interop.fhir.quantity import unit_of
from bedside.interop.fhir.resources import (
    ABSENT,
    BundleLink,
    BundleSearch,
    CodeableConcept,
    Quantity,
    Reference,
)

__all__ = ["PlainBundle", "PlainReader", "plain_bundle"]

_EARLIEST, _LATEST = 1850, 2200  # as `read_instant`
_NO_UNIT = object()
_EPOCH = datetime.fromtimestamp(0, UTC)
_READ_TIME = datetime.fromisoformat


class _Resource(msgspec.Struct, rename="camel", frozen=True, gc=False):
    """An Observation as it comes as a rule, and what it may have beside that."""

    resource_type: str | None = None
    id: str | None = None
    status: str | None = None
    code: msgspec.Raw = ABSENT
    subject: Reference | None = None
    effective_date_time: str | None = None
    issued: str | None = None
    value_quantity: Quantity | None = None
    value_codeable_concept: msgspec.Raw = ABSENT
    value_string: msgspec.Raw = ABSENT
    value_integer: msgspec.Raw = ABSENT
    value_boolean: msgspec.Raw = ABSENT
    value_range: msgspec.Raw = ABSENT
    value_ratio: msgspec.Raw = ABSENT
    value_sampled_data: msgspec.Raw = ABSENT
    value_time: msgspec.Raw = ABSENT
    value_date_time: msgspec.Raw = ABSENT
    value_period: msgspec.Raw = ABSENT
    data_absent_reason: msgspec.Raw = ABSENT
    effective_instant: msgspec.Raw = ABSENT
    effective_period: msgspec.Raw = ABSENT
    effective_timing: msgspec.Raw = ABSENT
    component: msgspec.Raw = ABSENT
    has_member: msgspec.Raw = ABSENT

    def is_ordinary(self) -> bool:
        """Whether it has no member that makes it another kind of thing, not even as null."""
        return (
            self.value_codeable_concept is ABSENT
            and self.value_string is ABSENT
            and self.component is ABSENT
            and self.data_absent_reason is ABSENT
            and self.value_integer is ABSENT
            and self.value_boolean is ABSENT
            and self.value_range is ABSENT
            and self.value_ratio is ABSENT
            and self.value_sampled_data is ABSENT
            and self.value_time is ABSENT
            and self.value_date_time is ABSENT
            and self.value_period is ABSENT
            and self.effective_instant is ABSENT
            and self.effective_period is ABSENT
            and self.effective_timing is ABSENT
            and self.has_member is ABSENT
            and self.resource_type == "Observation"
            and self.status in USED
        )


class _Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry, its resource decoded."""

    resource: _Resource | None = None
    search: BundleSearch | None = None


class PlainBundle(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """As `Bundle`, its resources decoded as far as an ordinary Observation goes."""

    resource_type: str | None = None
    type: str | None = None
    link: tuple[BundleLink, ...] = ()
    entry: tuple[_Entry, ...] = ()

    def resources(self) -> Iterator[tuple[int, _Resource]]:
        """The resources that are there, but for what a server says of the search itself."""
        for index, one in enumerate(self.entry):
            resource, search = one.resource, one.search
            if resource is not None and (search is None or search.mode != "outcome"):
                yield index, resource


_BUNDLE = msgspec.json.Decoder(PlainBundle)
_CONCEPT = msgspec.json.Decoder(CodeableConcept)
_NOT_ORDINARY = (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError)


def plain_bundle(content: msgspec.Raw) -> PlainBundle | None:
    """The Bundle; None: it is none, or holds something that must be read the long way."""
    try:
        bundle = _BUNDLE.decode(content)
    except _NOT_ORDINARY:
        return None
    return bundle if bundle.resource_type == "Bundle" else None


_Told = tuple[str | None, str | None, str | None]


@dataclass(slots=True)
class _Asked:
    """A code that a signal asks for, and what is worked out once for it.

    `unit` is that of a quantity whose system, code and unit are `told`.
    """

    code: str
    signal: Signal
    delay: timedelta
    is_static: bool
    told: _Told | None = None
    unit: object = None


class PlainReader:
    """Reads ordinary Observations of one patient into the events of an `ObservationReader`.

    Args:
        reader: Gets the events, and knows which resources were there before.
        patient_id: The FHIR id that everything must be about.
    """

    def __init__(self, reader: ObservationReader, patient_id: str) -> None:
        self._reader = reader
        self._references = (f"Patient/{patient_id}", None)
        self._asked: dict[bytes, _Asked | str | None] = {}
        self._said, self._time = "", _EPOCH

    def odd(self, bundle: PlainBundle, entries: SentEntries) -> Iterator[tuple[int, str | None]]:
        """Read what is ordinary; of each other resource its place and type, and nothing is done.

        Each of these is to be read the long way before the next one is asked for, so that all are
        read in their order.

        Args:
            bundle: Decoded.
            entries: The same, as it was sent.
        """
        reader, known, ours = self._reader, self._asked, self._references
        seen, take = reader.seen, self._take
        for index, one in bundle.resources():
            code, subject, place = bytes(one.code), one.subject, (entries, index)
            if code not in known:  # one client writes a code alike each time
                known[code] = self._found(code)
            asked = known[code]
            if (
                asked is None
                or not one.is_ordinary()
                or not (subject is None or subject.reference in ours)
                or one.id in seen
                or not take(one, asked, place)
            ):
                yield index, one.resource_type
            elif one.id is not None:
                seen[one.id] = place

    def _take(self, one: _Resource, asked: _Asked | str, place: tuple[SentEntries, int]) -> bool:
        """Add the event, or the unknown code; False: something is not ordinary."""
        quantity, said, issued = one.value_quantity, one.effective_date_time, one.issued
        if not isinstance(asked, _Asked):
            if quantity is not None:
                self._reader.unknown[asked] = None
            return True
        if quantity is None or said is None:
            return False
        value, told = quantity.value, (quantity.system, quantity.code, quantity.unit)
        if told != asked.told:
            asked.told, asked.unit = told, _unit(quantity, asked.signal)
        if asked.unit is _NO_UNIT or value is None or not isfinite(value):
            return False
        try:
            if said != self._said:  # what is measured together says one time
                self._time, self._said = _moment(said), said
            time = self._time
            known_at = time + asked.delay if issued is None else _moment(issued)
        except (ValueError, OverflowError):
            return False
        reader = self._reader
        if quantity.comparator is not None:
            reader.bounds[asked.signal.label] = None
        happened = None if asked.is_static else time
        reader.events.append(
            entry_event(reader.subject_id, happened, known_at, asked.code, value, asked.unit, place)
        )
        return True

    def _found(self, concept: bytes) -> _Asked | str | None:
        """What is asked of a code; the code itself: nothing; None: it is not an ordinary one."""
        try:
            (coding,) = _CONCEPT.decode(concept).coding
        except _NOT_ORDINARY:
            return None
        code = code_of(coding.system, coding.code)
        signals: Mapping[str, Signal] = self._reader.signals
        signal = None if code is None else signals.get(code)
        if code is None or signal is None:
            return code
        static = signal.role == "static"
        return _Asked(code, signal, parse_duration(signal.delay), static)


def _unit(quantity: Quantity, signal: Signal) -> object:
    """The unit, None where none is needed, or `_NO_UNIT`."""
    if signal.is_categorical:
        return _NO_UNIT
    known, unit = unit_of(quantity, signal)
    return unit if known else _NO_UNIT


def _moment(text: str) -> datetime:
    """The moment in UTC, as `read_instant` gives it.

    Raises:
        ValueError: it has no zone, is a date alone, or its year is not one of `read_instant`.
        OverflowError: it is at the end of time.
    """
    moment = _READ_TIME(text)
    if moment.tzinfo is not UTC:
        if moment.tzinfo is None:
            raise ValueError
        moment = moment.astimezone(UTC)
    if not _EARLIEST <= moment.year <= _LATEST:
        raise ValueError
    return moment
