"""HL7 v2 messages, released field by field: a segment or field that no rule names comes out empty.

The rules are `hl7v2_rules.csv`. A segment that is not in it stays behind whole, so every Z segment
does. Delimiters stay as the message declares them.
"""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bedside.core.errors import Invalid
from bedside.core.records.identifier import IdentifierKind
from bedside.interop.hl7v2.delimiters import Delimiters
from bedside.interop.hl7v2.escapes import escape, unescape
from bedside.interop.hl7v2.message import Message, Segment, read_message
from bedside.interop.hl7v2.splitting import messages_in
from bedside.privacy.fields.actions import FieldActions

__all__ = ["Hl7Release", "hl7_rules"]

_NUMBER = re.compile(r"\s*[<>=]{0,2}\s*[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?\s*")
_SHORT = re.compile(r"[A-Za-z0-9 .,%/^*()<>=+\-]{1,24}")
_TEXTS = ("ST", "TX", "FT", "")
_CODES = ("CE", "CWE", "CNE", "CF", "ID", "IS")
_CODE = (1, 3, 4, 6)  # components of a coded element: code and system, and the alternate ones


@cache
def hl7_rules() -> dict[str, dict[int, str]]:
    """By segment and field: what is done."""
    text = files("bedside.privacy.fields").joinpath("hl7v2_rules.csv").read_text("utf-8")
    return {
        row["segment"]: {
            int(number): rule
            for number, _, rule in (p.partition("=") for p in row["fields"].split())
        }
        for row in csv.DictReader(text.splitlines())
    }


@dataclass(slots=True)
class Hl7Release:
    """Releases messages.

    Args:
        actions: What is done with a field.
    """

    actions: FieldActions

    def file(self, content: bytes) -> bytes:
        """Every message of a file; bytes that are none are left out and counted."""
        done = []
        for piece in messages_in(content):
            try:
                done.append(self.message(content[piece.offset : piece.offset + piece.length]))
            except Invalid:
                self.actions.lost["what is no message"] += 1
        return b"\r".join(done) + (b"\r" if done else b"")

    def message(self, content: bytes) -> bytes:
        """One message in UTF-8, its segments parted by CR.

        Raises:
            Invalid: it is no HL7 message; the reason repeats nothing of it.
        """
        told = read_message(content)
        subject, lines = self._subject(told), []
        for segment in told.segments:
            rules = hl7_rules().get(segment.name)
            if rules is None:
                self.actions.lost[f"segment {_named(segment.name)}"] += 1
            else:
                lines.append(self._segment(segment, rules, subject))
        return "\r".join(lines).encode() + b"\r"

    def _subject(self, told: Message) -> int | None:
        """The patient by the first identifier of PID-3."""
        for segment in told.segments:
            if segment.name == "PID" and segment.text(3):
                return self.actions.subject(segment.text(3))
        return None

    def _segment(self, segment: Segment, rules: dict[int, str], subject: int | None) -> str:
        delimiters = segment.delimiters
        if segment.name == "MSH":
            told = segment.raw.split(delimiters.field, 2)
            head = [told[0], told[1] if len(told) > 1 else ""]
            first = 3
        else:
            head, first = [segment.name], 1
        fields = []
        for number in range(first, max(rules, default=0) + 1):
            rule = rules.get(number, "drop")
            written = segment.field(number)
            fields.append(self._field(segment, number, rule, subject) if written else "")
        if segment.name == "MSH":  # what comes out is UTF-8, whatever came in
            fields[18 - first] = "UNICODE UTF-8"
        dropped = segment.raw.count(delimiters.field) - sum(1 for one in fields if one)
        self.actions.lost[f"fields of {segment.name}"] += max(dropped - len(head), 0)
        return delimiters.field.join([*head, *fields]).rstrip(delimiters.field)

    def _field(self, segment: Segment, number: int, rule: str, subject: int | None) -> str:
        if rule == "drop":
            return ""
        if rule == "value":
            return self._result(segment, subject)
        marks = segment.delimiters
        done = [
            self._repetition(components, rule, subject, segment, f"{segment.name}-{number}")
            for components in segment.repetitions(number)
        ]
        return marks.repetition.join(one for one in done if one)

    def _result(self, segment: Segment, subject: int | None) -> str:
        """OBX-5, by the type in OBX-2."""
        sort, marks = segment.text(2), segment.delimiters
        done = []
        for components in segment.repetitions(5):
            written = marks.component.join(components)
            if sort in ("NM", "SN", "TM"):
                done.append(written if _is_number(components, sort) else "")
            elif sort in ("DT", "TS", "DTM"):
                done.append(self.actions.date(subject, segment.leaf(components, 1)) or "")
            elif sort in _CODES:
                done.append(_coded(components, marks))
            elif sort in _TEXTS and _NUMBER.fullmatch(written):
                done.append(written)
            elif sort in _TEXTS:
                text = self.actions.text(subject, segment.plain(written), "OBX-5")
                done.append("" if text is None else escape(text, marks))
            else:
                self.actions.lost[f"OBX-5 of type {_named(sort)}"] += 1
        return marks.repetition.join(one for one in done if one)

    def _repetition(
        self, components: list[str], rule: str, subject: int | None, segment: Segment, where: str
    ) -> str:
        marks = segment.delimiters
        written = marks.component.join(components)
        act: dict[str, Callable[[], str | None]] = {
            "keep": lambda: written if _SHORT.fullmatch(written) else None,
            "type": lambda: marks.component.join(
                one for one in components[:3] if _SHORT.fullmatch(one)
            ),
            "coded": lambda: _coded(components, marks),
            "date": lambda: self.actions.date(subject, unescape(components[0], marks)),
            "birth_date": lambda: self.actions.date(
                subject, unescape(components[0], marks), kind="birth_date"
            ),
            "text": lambda: self._text(written, subject, segment, where),
            "number": lambda: self._number(components, IdentifierKind.OTHER, subject, segment),
            "record_number": lambda: self._record_number(components, subject, segment),
            "address": lambda: self._address(components, segment),
        }
        return act[rule]() or ""

    def _text(self, written: str, subject: int | None, segment: Segment, where: str) -> str | None:
        text = self.actions.text(subject, segment.plain(written), where)
        return None if text is None else escape(text, segment.delimiters)

    def _number(
        self, components: list[str], kind: IdentifierKind, subject: int | None, segment: Segment
    ) -> str | None:
        old = segment.leaf(components, 1)
        drawn = self.actions.number(subject, kind, old) if old else None
        return None if drawn is None else escape(drawn, segment.delimiters)

    def _record_number(
        self, components: list[str], subject: int | None, segment: Segment
    ) -> str | None:
        """The pseudonym for the patient's first number; what sort of number it is, stays."""
        old, sort = segment.leaf(components, 1), segment.leaf(components, 5)
        if not old or sort in ("SS", "NI", "DL", "PPN"):
            return None
        own = self.actions.subject(old)
        if segment.name == "PID" and own != subject:
            return self._number(components, IdentifierKind.RECORD_NUMBER, subject, segment)
        pseudonym = self.actions.vault.pseudonym(own)
        mark = segment.delimiters.component
        return f"{pseudonym}{mark * 4}{sort}" if _SHORT.fullmatch(sort) else str(pseudonym)

    def _address(self, components: list[str], segment: Segment) -> str:
        """City (3), state (4), postal code (5) and country (6), as their rules say."""
        parts = [segment.leaf(components, number) for number in range(1, 7)]
        told = [
            "",
            "",
            self.actions.place("place", parts[2]) or "",
            self.actions.place("state", parts[3]) or "",
            self.actions.postcode(parts[4]) or "" if parts[4] else "",
            self.actions.place("state", parts[5]) or "",
        ]
        marks = segment.delimiters
        return marks.component.join(escape(one, marks) for one in told).rstrip(marks.component)


def _coded(components: list[str], marks: Delimiters) -> str:
    """Codes and systems; the words stay where the code is of a system that is named."""
    done = []
    for number, written in enumerate(components[:6], start=1):
        has_system = len(components) >= (3 if number <= 3 else 6) and bool(
            components[2 if number <= 3 else 5]
        )
        keeps = _SHORT.fullmatch(written) if number in _CODE else has_system
        done.append(written if keeps else "")
    return marks.component.join(done).rstrip(marks.component)


def _is_number(components: list[str], sort: str) -> bool:
    if sort == "SN":
        return all(_SHORT.fullmatch(one) and len(one) < 13 for one in components if one)
    return all(
        _NUMBER.fullmatch(one) or (sort == "TM" and one.isdigit()) for one in components if one
    )


def _named(name: str) -> str:
    """The name of a segment or a type, if it is one."""
    return name if re.fullmatch(r"[A-Z][A-Z0-9]{1,2}", name) else "of no name"
