"""Visits and stays: PV1, and EVN, which says when what a message tells happened."""

from dataclasses import dataclass

from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.values import Identifier, identifiers

__all__ = ["Visit", "event_times", "read_visit"]

_CLASSES = {"I": "IMP", "O": "AMB", "E": "EMER", "P": "PRENC", "R": "AMB"}
"""HL7 table 0004 in the words of FHIR's ActCode, after the v2-to-FHIR implementation guide."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What PV1 says. Times are as they are written.

    `category` is a code of FHIR's ActCode (IMP, AMB, EMER, PRENC), or empty; `raw_category` is as
    it is written (table 0004). `location` is the point of care, the room and the bed.
    """

    number: Identifier | None
    category: str
    raw_category: str
    location: str
    admitted: str
    discharged: str
    disposition: str


def read_visit(segment: Segment) -> Visit:
    """The visit of a PV1 segment.

    >>> from bedside.interop.hl7v2.delimiters import STANDARD
    >>> read_visit(Segment("PV1|1|I|2000^2012^01", STANDARD)).location
    '2000/2012/01'
    """
    numbers = identifiers(segment, 19)
    raw = segment.text(2).upper()
    place = segment.components(3)
    parts = [segment.leaf(place, number).strip() for number in (1, 2, 3)]
    return Visit(
        number=numbers[0] if numbers else None,
        category=_CLASSES.get(raw, ""),
        raw_category=raw,
        location="/".join(parts).rstrip("/"),
        admitted=segment.text(44),
        discharged=segment.text(45),
        disposition=segment.text(36),
    )


def event_times(segment: Segment | None) -> tuple[str, str]:
    """When an event happened (EVN-6) and when it was recorded (EVN-2), as they are written."""
    if segment is None:
        return "", ""
    return segment.text(6), segment.text(2)
