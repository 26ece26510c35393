"""What an HL7 v2 message says of visits: admissions, transfers, discharges, and their cancelling.

Only ADT messages tell visits: the PV1 of a result or an order repeats a part of what ADT said, at
times out of date. An ADT message is a snapshot of its visit, so what it leaves out (a discharge
that is no longer there) does not stand any more.
"""

from datetime import datetime

from bedside.data.collect.formats.hl7v2_rows import About, Fact, Rows
from bedside.interop.hl7v2.grouping import PatientGroup
from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.patient import Patient
from bedside.interop.hl7v2.values import identifiers
from bedside.interop.hl7v2.visit import Visit, event_times, read_visit

__all__ = ["encounter_of", "tell_visits"]

_CANCELS = frozenset({"A11", "A23", "A27", "A38"})
_ARRIVALS = frozenset({"A01", "A04", "A06", "A07"})
_SNAPSHOTS = frozenset({"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A09", "A10",
                        "A12", "A13", "A14", "A15", "A16", "A25", "A26", "A32", "A33"})  # fmt: skip
_LOCATES = frozenset({"A01", "A02", "A04", "A06", "A07"})


def encounter_of(group: PatientGroup, patient: Patient) -> str | None:
    """The visit number (PV1-19), or else the account (PID-18), in HL7's own words."""
    for visit in group.visits:
        numbers = identifiers(visit, 19)
        if numbers:
            return numbers[0].name
    return patient.account.name if patient.account else None


def tell_visits(rows: Rows, about: About, group: PatientGroup) -> None:
    """The visits of an ADT message."""
    for segment in group.visits:
        if about.header.kind != "ADT":
            rows.drop("a visit (PV1) in a message that is not ADT")
            continue
        visit = read_visit(segment)
        number = visit.number.name if visit.number else about.encounter
        if number is None:
            rows.drop("a visit without a number (PV1-19, PID-18)")
            continue
        _tell_visit(rows, about, group, segment, visit, number)


def _tell_visit(
    rows: Rows, about: About, group: PatientGroup, segment: Segment, visit: Visit, number: str
) -> None:
    event = about.header.event
    code = f"HL7//{visit.category}" if visit.category else f"HL7//0004/{visit.raw_category or 'U'}"
    stay, end = about.named("visit", number), about.named("visit", number, "end")
    ending = "BEDSIDE//discharge_disposition"
    if event in _CANCELS:
        rows.add(about, "encounter", stay, segment.raw, [Fact(code)], retracts=True)
        rows.add(about, "encounter_end", end, segment.raw, [Fact(ending)], retracts=True)
        return
    if event not in _SNAPSHOTS:
        rows.drop("a visit (PV1) in an ADT event that is not about it")
        return
    undone = event == "A13"
    admitted = rows.moment(visit.admitted, about.zone, "an admission")
    left = rows.moment("" if undone else visit.discharged, about.zone, "a discharge")
    happened, noted = event_times(group.event)
    event_moment = rows.moment(happened or noted, about.zone, "an event (EVN)")
    event_time = event_moment.known if event_moment else about.recorded
    time = admitted.known if admitted else None
    if time is None and event in _ARRIVALS and not visit.admitted:
        time = event_time
    if time is None:
        rows.drop("a visit without the time of its admission (PV1-44)")
    else:
        fact = Fact(code, time, left.known if left else None)
        rows.add(about, "encounter", stay, segment.raw, [fact])
    if undone:
        rows.add(about, "encounter_end", end, segment.raw, [Fact(ending)], retracts=True)
    elif left is not None:
        text = f"HL7//0112/{visit.disposition}" if visit.disposition else None
        rows.add(about, "encounter_end", end, segment.raw, [Fact(ending, left.known, text=text)])
    _tell_location(rows, about, visit, number, happened or noted, event_time)


def _tell_location(
    rows: Rows, about: About, visit: Visit, number: str, when: str, time: datetime | None
) -> None:
    """Where the patient came to lie; a cancelled transfer (A12) names by EVN-6 which it undoes."""
    event = about.header.event
    code, name = "BEDSIDE//location", about.named("visit", number, "location", when)
    if event == "A12":
        if not when:
            rows.drop("a cancelled transfer that does not say which (EVN-6)")
        else:
            rows.add(about, "encounter", name, "A12", [Fact(code)], retracts=True)
    elif event in _LOCATES and visit.location:
        fact = Fact(code, time, text=visit.location)
        rows.add(about, "encounter", name, visit.location, [fact])
