"""What an HL7 v2 message says of appointments (SIU) and documents (MDM)."""

from datetime import timedelta

from bedside.data.collect.formats.hl7v2_orders import add_facts, observed_facts
from bedside.data.collect.formats.hl7v2_rows import About, Fact, Rows
from bedside.interop.hl7v2.grouping import PatientGroup
from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.observation import read_observation
from bedside.interop.hl7v2.planned import read_appointment, read_document

__all__ = ["tell_appointment", "tell_document"]

_WITHDRAWN = frozenset({"cancelled", "deleted", "discontinued"})
_REPLACES = frozenset({"T09", "T10"})
_LONGEST = 366 * 86400  # seconds


def tell_appointment(rows: Rows, about: About, group: PatientGroup) -> None:
    """An appointment, at the time that it is for, and the services that are booked with it."""
    if group.schedule is None:
        return
    appointment = read_appointment(group.schedule, group.timing, group.services, about.header.event)
    name = about.named("appointment", appointment.name) if appointment.name else ""
    segments = (group.schedule, *([group.timing] if group.timing else ()), *group.services)
    raw = "\r".join(one.raw for one in segments)
    code = "BEDSIDE//appointment"
    if appointment.status in _WITHDRAWN:
        rows.add(about, "appointment", name, raw, [Fact(code)], retracts=True)
        return
    begin = rows.moment(appointment.begin, about.zone, "an appointment")
    if begin is None:
        rows.drop("an appointment without a time")
        return
    end = rows.moment(appointment.end, about.zone, "an appointment")
    until = end.known if end else None
    if until is None and appointment.seconds and 0 < appointment.seconds <= _LONGEST:
        until = begin.known + timedelta(seconds=appointment.seconds)
    facts = [Fact(code, begin.known, until, text=appointment.status)]
    for service in appointment.services:
        booked = rows.code(service, "a service that is booked (AIS)")
        if booked is not None:
            facts.append(Fact(booked, begin.known, until))
    rows.add(about, "appointment", name, raw, facts)


def tell_document(rows: Rows, about: About, group: PatientGroup) -> None:
    """Documents, and their text as a record of its own: a change of status leaves the text out."""
    for segment in group.documents:
        _tell_document(rows, about, segment, group.content)


def _tell_document(rows: Rows, about: About, told: Segment, content: list[Segment]) -> None:
    document = read_document(told, about.header.event)
    code = rows.code(document.code, "a document (TXA-2)")
    if code is None:
        return
    when = rows.moment(document.at, about.zone, "a document")
    if when is None and document.at:
        return
    time = when.known if when else about.recorded
    names = [about.named(part, document.name) if document.name else "" for part in ("doc", "text")]
    raw = "\r".join(one.raw for one in (told, *content))
    if about.header.event in _REPLACES and document.parent:
        for part in ("doc", "text"):
            old = about.named(part, document.parent)
            rows.add(about, "document", old, raw, [Fact(code)], retracts=True)
    if document.withdrawn:
        for name in names:
            rows.add(about, "document", name, raw, [Fact(code)], retracts=True)
        return
    rows.add(about, "document", names[0], told.raw, [Fact(code, time)])
    texts: list[Fact] = []
    for segment in content:
        observation = read_observation(segment)
        if observation.status in ("D", "W", "X"):
            rows.drop("a part of a document that was withdrawn (OBX-11)")
            continue
        _, told_here = observed_facts(rows, about, observation, (document.at,))
        add_facts(texts, told_here, is_line=observation.is_line)
    if texts:
        rows.add(about, "document", names[1], raw, texts)
