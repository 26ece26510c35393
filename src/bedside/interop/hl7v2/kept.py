"""A question that a message led to, as the ledger keeps it: whole, so that it can be read again."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

import msgspec

from bedside.core.clock import iso, parse_instant
from bedside.core.ids import digest_bytes, subject_pseudonym
from bedside.core.records.asked import Facts
from bedside.core.records.codes_seen import CodeSeen
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.records.event import Event
from bedside.interop.asked import asked_marks, asked_signals, find_label
from bedside.interop.fhir.codes import AGE, BIRTH, SEX
from bedside.interop.fhir.patient import age_in_years
from bedside.interop.hl7v2.message import Header
from bedside.interop.hl7v2.place import place_in_message
from bedside.interop.strict_json import decode

__all__ = ["Likeness", "asked_codes", "kept_likeness", "kept_question", "likeness", "read_kept"]

_SEX = "BEDSIDE//sex"
_LETTER = {"female": "F", "male": "M", "other": "O", "unknown": "U"}  # HL7 table 0001


class Likeness(NamedTuple):
    """By what a message is told from others that came under its control id.

    `digest` is that of all its bytes, `rest` that of all but MSH-7, which a sender may write anew
    when it sends a message again; `made` is MSH-7, `kind` MSH-9, `patient` whom it names. Of a
    question that an older version kept, all but `digest` and `patient` are empty.
    """

    digest: str
    rest: str
    made: str
    kind: str
    patient: str


class _Event(msgspec.Struct, frozen=True, array_like=True):
    code: str
    time: str | None
    known_at: str
    value: float | None
    unit: str | None
    text: str | None
    end: str | None
    row: str


class _Kept(msgspec.Struct, frozen=True):
    patient: str
    sender: tuple[str, str]
    control: str
    message: str
    events: tuple[_Event, ...]
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    rest: str = ""
    made: str = ""
    kind: str = ""
    ward: str = ""


_KEPT = msgspec.json.Decoder(_Kept)


def asked_codes(declaration: Declaration) -> set[str]:
    """The codes of the events that a model asks of a feed (minimum necessary)."""
    asked = {code for one in asked_signals(declaration).values() for code in one.codes}
    asked |= set(asked_marks(declaration))
    if AGE in asked:
        asked.add(BIRTH)
    if not asked.isdisjoint(SEX):
        asked.add(_SEX)
    return asked


def kept_question(
    header: Header,
    content: bytes,
    *,
    patient: str,
    events: Sequence[Event],
    notes: Sequence[str] = (),
    others: Sequence[str] = (),
) -> bytes:
    """What was known of a patient when a message came, as JSON.

    Args:
        header: Of the message.
        content: The message, of which a digest is kept: what it says stands in the events.
        patient: Its patient's identifier, as the feed names it.
        events: All that stood then of what the model asks.
        notes: What is to be said beside a score.
        others: Codes of the numbers that came and that no model asks for.
    """
    alike = likeness(header, content, patient)
    kept = _Kept(
        patient=patient,
        sender=(header.application, header.facility),
        control=header.control,
        message=alike.digest,
        events=tuple(map(_written, events)),
        notes=tuple(notes),
        others=tuple(others),
        rest=alike.rest,
        made=alike.made,
        kind=alike.kind,
        ward=place_in_message(content.decode(errors="ignore")).ward,
    )
    return msgspec.json.encode(kept)


def likeness(header: Header, content: bytes, patient: str) -> Likeness:
    """By what a message is told from others; `patient` as the feed names them."""
    return Likeness(
        digest=digest_bytes(content),
        rest=digest_bytes(_without_made(content)),
        made=header.made,
        kind=header.name,
        patient=patient,
    )


def kept_likeness(content: bytes) -> Likeness:
    """That of the message that led to a kept question.

    Raises:
        Invalid: it is something else.
    """
    kept = decode(_KEPT, content, "The request")
    return Likeness(kept.message, kept.rest, kept.made, kept.kind, kept.patient)


def _without_made(content: bytes) -> bytes:
    """The message without its MSH-7, which is the seventh field of its first line."""
    head, end, rest = content.partition(b"\r")
    fields = head.split(head[3:4]) if len(head) > 3 else [head]
    return head[3:4].join((*fields[:6], *fields[7:])) + end + rest


def read_kept(declaration: Declaration, content: bytes, as_of: datetime) -> Facts:
    """What a model reads in a kept question.

    Age and administrative sex follow from birth and sex where the model asks for them by the codes
    of a table. A text that is none of a signal's categories gives no event.

    Raises:
        Invalid: it is something else, or the birth is after `as_of`.
    """
    kept = decode(_KEPT, content, "The request")
    subject = subject_pseudonym(kept.patient, salt=declaration.data.pseudonym_salt)
    named = {
        code: (name, one) for name, one in asked_signals(declaration).items() for code in one.codes
    }
    signals = {code: one for code, (_, one) in named.items()}
    asked = {*signals, *asked_marks(declaration)}
    events: list[Event] = []
    unknown = dict.fromkeys(CodeSeen("", code, False) for code in kept.others)
    for told in kept.events:
        event = _read(told, subject)
        for one in (event, *_derived(event, signals, as_of)):
            fit = _labelled(one, signals) if one.code in asked else None
            if fit is not None:
                events.append(fit)
            elif one.code in named and one.text is not None:
                unknown[CodeSeen(named[one.code][0], one.text, False)] = None
            elif one.code not in asked and one.value is not None:
                unknown[CodeSeen("", one.code, False)] = None
    return Facts(events=tuple(events), subject=subject, notes=kept.notes, unknown=tuple(unknown))


def _derived(event: Event, signals: dict[str, Signal], as_of: datetime) -> Iterator[Event]:
    """What follows from an event under another code."""
    if event.code == BIRTH and AGE in signals and event.time is not None:
        years = age_in_years(event.time.date().isoformat(), as_of, "The birth date (PID-7)")
        yield replace(event, code=AGE, time=None, value=years, unit="a")
    if event.code == _SEX:
        for code in SEX:
            if code in signals and code != _SEX:
                yield replace(event, code=code, time=None)


def _labelled(event: Event, signals: dict[str, Signal]) -> Event | None:
    """The event with the label of its category; None where it has none."""
    signal = signals.get(event.code)
    if signal is None or not signal.categories or event.text is None:
        return event
    label = find_label(signal, event.text, _LETTER.get(event.text) if event.code in SEX else None)
    return None if label is None else replace(event, text=label)


def _written(event: Event) -> _Event:
    return _Event(
        code=event.code,
        time=None if event.time is None else iso(event.time),
        known_at=iso(event.known_at),
        value=event.value,
        unit=event.unit,
        text=event.text,
        end=None if event.end is None else iso(event.end),
        row=event.source_row.hex(),
    )


def _read(told: _Event, subject: int) -> Event:
    return Event(
        subject_id=subject,
        time=None if told.time is None else parse_instant(told.time),
        known_at=parse_instant(told.known_at),
        code=told.code,
        value=told.value,
        unit=told.unit,
        text=told.text,
        end=None if told.end is None else parse_instant(told.end),
        source_row=bytes.fromhex(told.row),
    )
