"""One message: its segments, their fields, and what its header says."""

import re
from dataclasses import dataclass
from functools import lru_cache

from bedside.core.errors import Invalid
from bedside.interop.hl7v2.charset import decoded
from bedside.interop.hl7v2.delimiters import Delimiters, read_delimiters
from bedside.interop.hl7v2.escapes import unescape

__all__ = [
    "LARGEST_MESSAGE",
    "Header",
    "Message",
    "Segment",
    "read_header",
    "read_message",
    "segment_places",
]

LARGEST_MESSAGE = 16 << 20  # bytes; documents in Base64 are the largest that are met
MOST_SEGMENTS = 20_000
MOST_REPETITIONS = 1_000
MOST_FIELDS = 256

_NULL = '""'  # says that a value was taken away
_TYPE = re.compile(r"[A-Z]{3}")
_EVENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_VERSION = re.compile(r"2\.\d(?:\.\d)?")
_BREAK = re.compile(r"\r\n?|\n")


@lru_cache(512)
def _is_name(name: str) -> bool:
    return len(name) == 3 and name.isascii() and name.isalnum() and name[0].isupper()


class Segment:
    """One segment. Fields, components and subcomponents count from 1, as in the standard.

    What is not there, and what is `""`, HL7's word for a value that was taken away, is empty.
    """

    __slots__ = ("_delimiters", "_fields", "name", "raw")

    def __init__(self, raw: str, delimiters: Delimiters) -> None:
        self.raw, self._delimiters = raw, delimiters
        fields = raw.split(delimiters.field, MOST_FIELDS)
        self.name = fields[0]
        if self.name == "MSH":  # MSH-1 is the separator itself
            fields.insert(1, delimiters.field)
        self._fields = fields

    @property
    def delimiters(self) -> Delimiters:
        """What parts it."""
        return self._delimiters

    def field(self, number: int) -> str:
        """A field as it is written."""
        fields = self._fields
        if number >= len(fields):
            return ""
        written = fields[number]
        return "" if written == _NULL else written

    def is_null(self, number: int) -> bool:
        """Whether the field says that its value was taken away."""
        return number < len(self._fields) and self._fields[number] == _NULL

    def repetitions(self, number: int) -> list[list[str]]:
        """Each repetition of a field, as its components; at most a thousand."""
        written = self.field(number)
        if not written:
            return []
        delimiters = self._delimiters
        if delimiters.repetition not in written:
            return [written.split(delimiters.component)]
        repeated = written.split(delimiters.repetition, MOST_REPETITIONS)[:MOST_REPETITIONS]
        return [one.split(delimiters.component) for one in repeated]

    def too_many(self, number: int) -> bool:
        """Whether a field repeats more often than is read."""
        return self.field(number).count(self._delimiters.repetition) >= MOST_REPETITIONS

    def components(self, number: int) -> list[str]:
        """The components of a field's first repetition."""
        written = self.field(number)
        delimiters = self._delimiters
        if delimiters.repetition in written:
            written = written.partition(delimiters.repetition)[0]
        return written.split(delimiters.component)

    def leaf(self, components: list[str], number: int, subcomponent: int = 1) -> str:
        """The text of a component's subcomponent, with its escape sequences resolved."""
        if number > len(components):
            return ""
        written = components[number - 1]
        if self._delimiters.subcomponent in written:
            parts = written.split(self._delimiters.subcomponent, 64)
            written = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        elif subcomponent > 1:
            return ""
        return "" if written == _NULL else self.plain(written)

    def text(self, number: int, component: int = 1, subcomponent: int = 1) -> str:
        """The text of one subcomponent of a field's first repetition."""
        written = self.field(number)
        if not written:
            return ""
        return self.leaf(self.components(number), component, subcomponent).strip()

    def plain(self, written: str) -> str:
        """A text with its escape sequences resolved."""
        return unescape(written, self._delimiters)


@dataclass(frozen=True, slots=True)
class Header:
    """What MSH says. `kind` and `event` are empty where they are no code of HL7."""

    delimiters: Delimiters
    application: str
    facility: str
    to_application: str
    to_facility: str
    made: str
    kind: str
    event: str
    structure: str
    control: str
    processing: str
    version: str

    @property
    def name(self) -> str:
        r"""Such as `ADT^A01`; `other` where the type is no code of HL7.

        >>> read_header("MSH|^~\\&|LAB||||20260101||ORU^R01|1|P|2.5").name
        'ORU^R01'
        """
        if not self.kind:
            return "other"
        return f"{self.kind}^{self.event}" if self.event else self.kind


@dataclass(frozen=True, slots=True)
class Message:
    """A message: its header, and its segments in their order, the header first."""

    header: Header
    segments: list[Segment]


def _header(segment: Segment, delimiters: Delimiters) -> Header:
    kind, event = segment.text(9), segment.text(9, 2)
    version = segment.text(12)
    if not segment.field(9):
        raise Invalid(
            "it does not say what kind of message it is (MSH-9 is empty)",
            fix="give the type and the event in MSH-9, such as ADT^A01.",
            code="hl7_no_type",
        )
    return Header(
        delimiters=delimiters,
        application=segment.field(3),
        facility=segment.field(4),
        to_application=segment.field(5),
        to_facility=segment.field(6),
        made=segment.text(7),
        kind=kind if _TYPE.fullmatch(kind) else "",
        event=event if _EVENT.fullmatch(event) else "",
        structure=segment.text(9, 3),
        control=segment.field(10),
        processing=segment.field(11),
        version=version if _VERSION.fullmatch(version) else "",
    )


def read_header(text: str) -> Header:
    """What the first segment of a message says.

    Raises:
        Invalid: it is no MSH segment (code `hl7_no_header`, `hl7_delimiters`), or names no type of
            message (`hl7_no_type`).
    """
    delimiters = read_delimiters(text)
    first = _BREAK.search(text)
    return _header(Segment(text[: first.start()] if first else text, delimiters), delimiters)


def read_message(content: bytes) -> Message:
    r"""The segments of one message.

    A segment ends with CR, LF or CRLF. A line that is no segment goes on with the one before it:
    senders break long texts.

    Args:
        content: One message, as `messages_in` cuts it.

    Raises:
        Invalid: it is no HL7 message, or its text cannot be read, or it is too large. The reason
            never repeats what it says.

    >>> [one.name for one in read_message(b"MSH|^~\\&|||||||ACK\rMSA|AA|1\r").segments]
    ['MSH', 'MSA']
    """
    if len(content) > LARGEST_MESSAGE:
        raise _too_large(f"it is longer than {LARGEST_MESSAGE >> 20} MiB")
    text = decoded(content)
    delimiters = read_delimiters(text)
    lines = (
        text.replace("\r\n", "\r").replace("\n", "\r").split("\r", MOST_SEGMENTS)
        if "\n" in text
        else text.split("\r", MOST_SEGMENTS)
    )
    if len(lines) > MOST_SEGMENTS:
        raise _too_large(f"it has more than {MOST_SEGMENTS} segments")
    whole = [lines[0]]
    for line in lines[1:]:
        if line[3:4] in (delimiters.field, "") and _is_name(line[:3]):
            whole.append(line)
        elif line.strip():
            whole[-1] += f"\n{line}"
    segments = [Segment(line, delimiters) for line in whole]
    return Message(_header(Segment(lines[0], delimiters), delimiters), segments)


def segment_places(content: bytes) -> list[int]:
    r"""Where each segment of a message begins, counted as `read_message` counts them.

    >>> segment_places(b"MSH|^~\\&|\rPID|1\nmore\rOBX")
    [0, 10, 21]
    """
    line = re.compile(
        rb"(?:\A|(?<=[\r\n]))[A-Z][A-Za-z0-9]{2}(?=" + re.escape(content[3:4]) + rb"|[\r\n]|\Z)"
    )
    return [found.start() for found in line.finditer(content)]


def _too_large(problem: str) -> Invalid:
    return Invalid(problem, fix="send documents apart from messages.", code="hl7_too_large")
