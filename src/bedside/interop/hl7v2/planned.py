"""Appointments (SCH, TQ1, AIS) and documents (TXA)."""

from dataclasses import dataclass

from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.values import Coded, coded_of, entity, number_of

__all__ = ["Appointment", "Document", "read_appointment", "read_document"]

_STATUS = {
    "BOOKED": "booked",
    "PENDING": "pending",
    "WAITLIST": "waitlist",
    "COMPLETE": "fulfilled",
    "STARTED": "arrived",
    "CANCELLED": "cancelled",
    "DELETED": "deleted",
    "DC": "discontinued",
    "BLOCKED": "blocked",
    "OVERBOOK": "booked",
    "NOSHOW": "noshow",
}
_EVENTS = {"S15": "cancelled", "S16": "discontinued", "S17": "deleted", "S26": "noshow"}
_SECONDS = {"S": 1, "SEC": 1, "MIN": 60, "M": 60, "H": 3600, "HR": 3600, "D": 86400}


@dataclass(frozen=True, slots=True)
class Appointment:
    """An appointment, and the services that are booked with it.

    Args:
        name: The filler's identifier, or else the placer's.
        status: A word such as `booked`, `noshow`, `cancelled`.
        begin: As it is written; from TQ1-7, SCH-11 or the first AIS-4.
        end: As it is written, or empty.
        seconds: How long it is to take, where no end is given.
        services: What is booked.
    """

    name: str
    status: str
    begin: str
    end: str
    seconds: float | None
    services: tuple[Coded, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """What TXA says: a document, the one that it replaces, and whether it is withdrawn."""

    name: str
    parent: str
    code: Coded
    at: str
    withdrawn: bool


def read_appointment(
    schedule: Segment, timing: Segment | None, services: list[Segment], event: str
) -> Appointment:
    """The appointment of an SCH segment, in a message with this trigger event."""
    begin, end = ("", "") if timing is None else (timing.text(7), timing.text(8))
    begin, end = begin or schedule.text(11, 4), end or schedule.text(11, 5)
    starts = [one.text(4) for one in services if one.text(4)]
    amount, unit = number_of(schedule.text(9)), schedule.text(10).upper()
    told = schedule.text(25).upper().replace(" ", "").replace("-", "")
    return Appointment(
        name=entity(schedule, 2) or entity(schedule, 1),
        status=_EVENTS.get(event) or _STATUS.get(told, "booked"),
        begin=begin or (starts[0] if starts else ""),
        end=end,
        seconds=amount * _SECONDS[unit] if amount and unit in _SECONDS else None,
        services=tuple(code for one in services if (code := coded_of(one, one.components(3)))),
    )


def read_document(segment: Segment, event: str) -> Document:
    """The document of a TXA segment, in a message with this trigger event (T11 cancels it)."""
    kind = segment.components(2)
    code = coded_of(segment, kind)
    if code.code and not code.system:
        code = Coded(code.code, code.text, "HL70270")
    return Document(
        name=entity(segment, 12),
        parent=entity(segment, 13),
        code=code,
        at=segment.text(4) or segment.text(6) or segment.text(8),
        withdrawn=event == "T11" or segment.text(19).upper() in ("CA", "OB"),
    )
