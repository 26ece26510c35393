"""Observations: OBX, with every type of value that a result comes in."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bedside.interop.hl7v2.message import Segment
from bedside.interop.hl7v2.values import Coded, coded_of, number_of

__all__ = ["Answer", "Observation", "read_observation"]

TEXTS = frozenset({"ST", "TX", "FT", "IS", "ID", "SI", ""})
_TYPE = re.compile(r"[A-Z][A-Z0-9]{1,2}")
_DATE = re.compile(r"(\d{4})(\d\d)?(\d\d)?(.*)", re.ASCII | re.DOTALL)
_CLOCK = re.compile(r"(\d\d)(\d\d)?(\d\d)?(\.\d+)?(?:([+-]\d\d)(\d\d))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """One value: a number, or a text, or a coded element."""

    number: float | None = None
    text: str = ""
    coded: Coded | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What OBX says.

    Args:
        code: What was observed.
        sub: OBX-4, which tells observations of the same code apart.
        unit: The unit as it is written: its code, or else its text.
        status: OBX-11, a code of table 0085; empty where it is not given.
        observed: OBX-14, as it is written.
        instance: OBX-21, the observation's own identifier.
        answers: Its values; empty where there is none.
        unread: Why a value that is there was not read; never what it says.
        is_line: It is a text, and may be one line of a longer one.
    """

    code: Coded
    sub: str
    unit: str
    status: str
    observed: str
    instance: str
    answers: tuple[Answer, ...]
    unread: str = ""
    is_line: bool = False


def read_observation(segment: Segment) -> Observation:
    """The observation of an OBX segment.

    >>> from bedside.interop.hl7v2.delimiters import STANDARD
    >>> read_observation(Segment("OBX|1|SN|1^x^LN||<^5|mg/dL", STANDARD)).answers
    (Answer(number=None, text='<5', coded=None),)
    """
    kind = segment.text(2).upper()
    unit = segment.components(6)
    answers, unread = _answers(segment, kind)
    return Observation(
        code=coded_of(segment, segment.components(3)),
        sub=segment.field(4),
        unit=(segment.leaf(unit, 1) or segment.leaf(unit, 2)).strip(),
        status=segment.text(11).upper(),
        observed=segment.text(14),
        instance=segment.field(21),
        answers=answers,
        unread=unread,
        is_line=kind in TEXTS,
    )


def _answers(segment: Segment, kind: str) -> tuple[tuple[Answer, ...], str]:
    """The values of OBX-5, and why there are none."""
    if not segment.field(5).strip():
        return (), ""
    if segment.too_many(5):
        return (), "a value (OBX-5) repeats too often"
    repeated = [one for one in segment.repetitions(5) if any(map(str.strip, one))]
    if kind in TEXTS:
        return _texts(segment, repeated), ""
    read: Callable[[Segment, list[str]], Answer | None] | None = _READERS.get(kind)
    if read is not None:
        found = [read(segment, parts) for parts in repeated]
        whole = tuple(one for one in found if one is not None)
        return whole, "" if len(whole) == len(found) else "a value (OBX-5) is not of its type"
    shown = kind if _TYPE.fullmatch(kind) else "of an unknown type"
    return (), f"a value of the type {shown} is not read"


def _texts(segment: Segment, repeated: list[list[str]]) -> tuple[Answer, ...]:
    """The lines of a text as one; a numeral with a unit is a number, whatever its type says."""
    lines = [_text(segment, parts) for parts in repeated]
    text = "\n".join(lines).strip()
    if len(lines) == 1 and segment.field(6) and (number := number_of(text)) is not None:
        return (Answer(number=number),)
    return (Answer(text=text),) if text else ()


def _text(segment: Segment, parts: list[str]) -> str:
    """A text; where its sender did not escape the delimiters, they are a part of it."""
    if len(parts) == 1:
        return segment.plain(parts[0]).strip()
    return " ".join(one for one in (segment.plain(part).strip() for part in parts) if one)


def _coded(segment: Segment, parts: list[str]) -> Answer | None:
    element = coded_of(segment, parts)
    if not element:
        original = segment.leaf(parts, 9).strip()
        return Answer(text=original) if original else None
    if not element.system and not element.other_system:
        return Answer(text=element.text or element.code)
    return Answer(coded=element)


def _number(segment: Segment, parts: list[str]) -> Answer | None:
    """A number; what is none, such as `<0.1` or `haemolysed`, is a text."""
    text = segment.leaf(parts, 1).strip()
    if (number := number_of(text)) is not None:
        return Answer(number=number)
    return _words(text)


def _structured(segment: Segment, parts: list[str]) -> Answer | None:
    """A structured number: a comparator, a number, a separator, a number."""
    comparator, low, mark, high = (segment.leaf(parts, n).strip() for n in (1, 2, 3, 4))
    if comparator in ("", "=") and not mark and not high:
        number = number_of(low)
        return Answer(number=number) if number is not None else _words(low)
    return _words(f"{comparator}{low}{mark}{high}")


def _words(text: str) -> Answer | None:
    plain = text.strip("+-").lower()
    if not text or plain in ("nan", "inf", "infinity") or _is_numeral(plain):
        return None
    return Answer(text=text)


def _is_numeral(text: str) -> bool:
    """Whether it looks like a number, though not like one that can be kept."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _iso(written: str, *, clock: bool) -> str:
    """A date or time in ISO 8601, no more precise than it was written; empty if it is none.

    >>> _iso("202101151620+0215", clock=False), _iso("1620", clock=True), _iso("2021", clock=False)
    ('2021-01-15T16:20+02:15', '16:20', '2021')
    """
    date, rest = "", written.strip()
    if not clock:
        found = _DATE.fullmatch(rest)
        if found is None:
            return ""
        date, rest = "-".join(one for one in found.groups()[:3] if one), found[4]
        if not rest:
            return date
    found = _CLOCK.fullmatch(rest)
    if found is None:
        return ""
    time = ":".join(one for one in found.groups()[:3] if one) + (found[4] or "")
    offset = f"{found[5]}:{found[6]}" if found[5] else ""
    return f"{date}T{time}{offset}" if date else f"{time}{offset}"


def _date_or_time(segment: Segment, parts: list[str]) -> Answer | None:
    text = _iso(segment.leaf(parts, 1), clock=False)
    return Answer(text=text) if text else None


def _time_of_day(segment: Segment, parts: list[str]) -> Answer | None:
    text = _iso(segment.leaf(parts, 1), clock=True)
    return Answer(text=text) if text else None


_READERS: dict[str, Callable[[Segment, list[str]], Answer | None]] = {
    "NM": _number,
    "CQ": _number,
    "SN": _structured,
    **dict.fromkeys(("CE", "CWE", "CNE", "CF", "CD"), _coded),
    **dict.fromkeys(("DT", "TS", "DTM"), _date_or_time),
    "TM": _time_of_day,
}
