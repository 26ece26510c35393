"""Collects HL7 v2 messages: a file of one or many, or what the MLLP listener received.

`recorded` is MSH-7, the moment at which the sender made the message: before it, nobody here could
see what it says. All messages of one sender carry it from one clock, so a correction is never
sorted before what it corrects, which OBR-22, the laboratory's clock, would not promise. OBR-22
counts only where MSH-7 is empty.

A record is a group of segments that has an identity of its own: the result with one code and
sub-identifier under one order, a diagnosis, an appointment. Its digest covers the message's
sender, time and control identifier, so a message that is sent again is known again, while a later
message is a later version even where it says the same.
"""

from collections import Counter
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bedside.core.errors import Invalid
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import Batch, Beside, Part, Reader
from bedside.data.collect.formats.hl7v2_orders import tell_loose, tell_orders
from bedside.data.collect.formats.hl7v2_patient import tell_findings, tell_patient
from bedside.data.collect.formats.hl7v2_planned import tell_appointment, tell_document
from bedside.data.collect.formats.hl7v2_rows import About, Rows
from bedside.data.collect.formats.hl7v2_visits import encounter_of, tell_visits
from bedside.interop.hl7v2.grouping import PatientGroup, patient_groups
from bedside.interop.hl7v2.message import Message, read_message, segment_places
from bedside.interop.hl7v2.patient import read_patient
from bedside.interop.hl7v2.splitting import messages_in
from bedside.interop.hl7v2.times import NO_ZONE, read_time

__all__ = ["READER"]

KINDS = frozenset(
    {
        "patient", "death", "encounter", "encounter_end", "observation", "report", "order",
        "condition", "allergy", "procedure", "immunization", "medication_request",
        "medication_administration", "appointment", "document",
    }
)  # fmt: skip


@dataclass(slots=True)
class _Part:
    """One part while it is read."""

    part: Part
    zone: str | None
    rows: Rows = field(default_factory=Rows)
    rows_in: Counter[str] = field(default_factory=Counter)
    bad: list[BadRecord] = field(default_factory=list)

    def refuse(self, offset: int, length: int, reason: str) -> None:
        self.bad.append(
            BadRecord(
                file=self.part.name,
                offset=self.part.first + offset,
                length=length,
                reason=reason,
            )
        )
        self.rows.place(offset, length, None)


def _collect(part: Part, source: Collection, beside: Beside) -> Batch:
    """The facts of a part that holds whole messages."""
    del beside
    state = _Part(part, _checked_zone(source.timezone))
    for piece in messages_in(part.content):
        content = part.content[piece.offset : piece.offset + piece.length]
        try:
            message = read_message(content)
            _tell_message(state, message, piece.offset, piece.length)
        except Invalid as error:
            state.refuse(piece.offset, piece.length, error.problem)
    facts, records = state.rows.frames()
    return Batch(
        facts=facts,
        records=records,
        rows_in=state.rows_in,
        dropped=state.rows.dropped,
        bad=tuple(state.bad),
        codes_unknown=state.rows.unknown,
    )


def _checked_zone(zone: str | None) -> str | None:
    try:
        if zone is not None:
            ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(
            "The source's timezone is not an IANA zone.", fix="write it like Europe/Berlin."
        ) from None
    return zone


def _tell_message(state: _Part, message: Message, offset: int, length: int) -> None:
    """All that one message says.

    Raises:
        Invalid: its own time has no zone, and none is declared.
    """
    header, rows = message.header, state.rows
    recorded = None
    if header.made:
        try:
            recorded = read_time(header.made, state.zone).known
        except Invalid as error:
            if error.problem == NO_ZONE:
                raise
            rows.drop("the time of a message (MSH-7) is none")
    state.rows_in[header.name] += 1
    groups = patient_groups(message)
    if not groups:
        rows.place(offset, length, None)
        rows.drop("a message about no patient")
        return
    stamp = "\x1f".join((header.application, header.facility, header.made, header.control))
    places = _places(state.part.content[offset : offset + length], groups, offset)
    for group, (begin, size) in zip(groups, places, strict=True):
        assert group.patient is not None  # noqa: S101 - a group begins with its PID
        patient = read_patient(group.patient)
        name = patient.identifier.name if patient.identifier else None
        rows.place(begin, size, name)
        if name is None:
            rows.drop("a patient without an identifier")
            continue
        about = About(
            subject=name,
            encounter=encounter_of(group, patient),
            recorded=recorded,
            offset=begin,
            stamp=stamp,
            zone=state.zone,
            header=header,
        )
        _tell_group(rows, about, group)


def _tell_group(rows: Rows, about: About, group: PatientGroup) -> None:
    tell_patient(rows, about, group)
    tell_visits(rows, about, group)
    tell_findings(rows, about, group)
    tell_orders(rows, about, group)
    tell_loose(rows, about, group)
    tell_appointment(rows, about, group)
    tell_document(rows, about, group)


def _places(content: bytes, groups: list[PatientGroup], offset: int) -> list[tuple[int, int]]:
    """Where each patient's segments lie; a message about one patient is all theirs."""
    if len(groups) == 1:
        return [(offset, len(content))]
    starts = segment_places(content)
    if len(starts) <= groups[-1].first:  # they are counted alike, so this cannot be
        return [(offset, len(content))] * len(groups)
    begins = [starts[group.first] for group in groups]
    return [
        (offset + begin, after - begin)
        for begin, after in zip(begins, [*begins[1:], len(content)], strict=True)
    ]


READER = Reader(collect=_collect, kinds=KINDS)
