"""Composite values of HL7 v2 fields: identifiers (CX, EI), coded elements (CE, CWE), numbers."""

import math
import re
from dataclasses import dataclass

from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.systems import is_table, prefix_of

__all__ = [
    "Coded",
    "Identifier",
    "code_of",
    "coded_of",
    "entity",
    "identifiers",
    "number_of",
    "subject_identifier",
]

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_NOT_A_PATIENT = frozenset({"AN", "BC", "CZ", "DL", "MA", "MC", "SB", "SS", "VN", "VS", "XX"})


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier, who assigned it, and of which type it is (HL7 table 0203)."""

    value: str
    authority: str = ""
    kind: str = ""

    @property
    def name(self) -> str:
        """The identifier in HL7's own words, so that two hospitals' numbers stay apart.

        >>> Identifier("12345", "BCBS", "MR").name
        '12345^^^BCBS'
        """
        return f"{self.value}^^^{self.authority}" if self.authority else self.value


@dataclass(frozen=True, slots=True)
class Coded:
    """A coded element: a code and its system, its text, and the same in another system."""

    code: str = ""
    text: str = ""
    system: str = ""
    other_code: str = ""
    other_text: str = ""
    other_system: str = ""

    def __bool__(self) -> bool:
        return bool(self.code or self.text or self.other_code)


def identifiers(segment: Segment, number: int) -> list[Identifier]:
    """The identifiers in a field of the type CX, those without a value left out."""
    found = []
    for parts in segment.repetitions(number):
        value = segment.leaf(parts, 1).strip()
        if value:
            authority = segment.leaf(parts, 4) or segment.leaf(parts, 4, 2)
            found.append(Identifier(value, authority.strip(), segment.leaf(parts, 5).strip()))
    return found


def subject_identifier(
    given: list[Identifier], like: Identifier | None = None
) -> Identifier | None:
    """The one of a patient's identifiers that names the patient.

    The first medical record number (type MR), or else the first patient number (PI, PT, PN), or
    else the first that is not of another kind of thing (an account, a driver's licence). With
    `like`, one of the same authority and type comes first.
    """
    if like is not None:
        same = [one for one in given if (one.authority, one.kind) == (like.authority, like.kind)]
        if same:
            return same[0]
    for kinds in (("MR",), ("PI", "PT", "PN", "MRN")):
        for one in given:
            if one.kind in kinds:
                return one
    return next((one for one in given if one.kind not in _NOT_A_PATIENT), None)


def entity(segment: Segment, number: int) -> str:
    """An entity identifier (EI), with its namespace, as one name; empty where there is none.

    >>> from bedside.interop.hl7v2.delimiters import STANDARD
    >>> entity(Segment("OBR|1|ORD6^NIST EHR", STANDARD), 2)
    'ORD6^NIST EHR'
    """
    parts = segment.components(number)
    value = segment.leaf(parts, 1).strip()
    space = (segment.leaf(parts, 2) or segment.leaf(parts, 3)).strip()
    return f"{value}^{space}" if value and space else value


def coded_of(segment: Segment, parts: list[str]) -> Coded:
    """The coded element in the components of a field."""
    if len(parts) == 1:
        return Coded(segment.leaf(parts, 1).strip())
    return Coded(*(segment.leaf(parts, number).strip() for number in range(1, 7)))


def code_of(element: Coded) -> tuple[str | None, str | None]:
    """The event code of a coded element, and `system|code` where no system of it is known.

    The first of its two codes whose system Bedside knows counts. A code of an HL7 table names the
    table.

    >>> code_of(Coded("GLU", "Glucose", "L", "2345-7", "Glucose", "LN"))
    ('LOINC//2345-7', None)
    >>> code_of(Coded("M", "Married", "HL70002"))
    ('HL7//0002/M', None)
    >>> code_of(Coded("GLU", "Glucose", "99LAB"))
    ('LOCAL//GLU', '99LAB|GLU')
    """
    for code, system in (
        (element.code, element.system),
        (element.other_code, element.other_system),
    ):
        if code and (prefix := prefix_of(system)):
            return f"{prefix}//{code}", None
        if code and (table := is_table(system)):
            return f"HL7//{table}/{code}", None
    if code := element.code or element.other_code:
        return f"LOCAL//{code}", f"{_short(element.system or element.other_system)}|{code}"
    if text := element.text or element.other_text:
        return f"LOCAL//{text}", "none|(a text without a code)"
    return None, None


def _short(system: str) -> str:
    return system if 0 < len(system) <= 60 else "none"


def number_of(text: str) -> float | None:
    """The number that a text is, if it is one and finite.

    >>> number_of("+4.06"), number_of("1e999"), number_of("<5"), number_of("nan")
    (4.06, None, None, None)
    """
    text = text.strip()
    if len(text) > 64 or _NUMBER.fullmatch(text) is None:
        return None
    value = float(text)
    return value if math.isfinite(value) else None
