"""What the messages of a feed ask, of which model, and what is known of the patient then."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bedside.core.clock import Clock
from bedside.core.errors import Invalid
from bedside.core.ids import digest_bytes, subject_pseudonym
from bedside.core.ports import Ledger, Predictions
from bedside.core.ports.feed import Feed
from bedside.core.ports.fhir_out import Outbox
from bedside.core.records.asked import Asked
from bedside.core.records.caller import Caller
from bedside.core.records.collection import Collection
from bedside.core.records.hl7v2_channel import Hl7v2
from bedside.core.records.received import Received
from bedside.interop.hl7v2.kept import asked_codes, kept_question, read_kept
from bedside.interop.hl7v2.message import Header, Message, read_message
from bedside.lifecycle.hl7_history import PatientHistory, patients_of
from bedside.serve.service import ServedModel, Service

__all__ = [
    "CALLER",
    "CHANNEL",
    "Answering",
    "Question",
    "Ready",
    "codes_of",
    "message_of",
    "questions_of",
    "ready_of",
]

CHANNEL = "hl7v2"
CALLER = Caller(name="hl7-feed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What answers a feed, and with what.

    `receiver` is the one that letters name. `tag` is the workspace's keyed digest; `erased` tells
    the tags of those who were erased.
    """

    source: Collection
    feed: Feed
    history: PatientHistory
    service: Service
    outbox: Outbox
    ledger: Ledger
    predictions: Predictions
    receiver: str
    clock: Clock
    tag: Callable[[str], str]
    erased: Callable[[], set[str]]
    record: Callable[[str, dict[str, object]], object]


class Question(NamedTuple):
    """One message to one model; `key` names it for ever, `control` its sender's control id."""

    received: Received
    message: Message
    model: str
    channel: Hl7v2
    key: str
    control: str


class Ready(NamedTuple):
    """A question with what is known of its patient."""

    question: Question
    asked: Asked
    subject: int


def codes_of(at: Answering) -> set[str]:
    """What the models that are asked here read, every version of them."""
    return {
        code
        for model in _models(at)
        for version in model.versions
        for code in asked_codes(version.declaration)
    }


def _models(at: Answering) -> Iterator[ServedModel]:
    for model in list(at.service.models.values()):
        if model.declaration.channels.hl7v2 is not None:
            yield model


def questions_of(at: Answering, received: Received, message: Message) -> Iterator[Question]:
    """What a message asks, one question for each model that declares its kind."""
    header = message.header
    control = header.control.strip() or digest_bytes(received.content)
    for model in _models(at):
        channel = model.declaration.channels.hl7v2
        if channel is None or header.name not in channel.messages or _is_ours(header, channel):
            continue
        told = (at.source.name, model.name, header.application, header.facility, control)
        key = at.tag("\n".join((CHANNEL, *told)))
        yield Question(received, message, model.name, channel, key, key)


def ready_of(at: Answering, question: Question, codes: set[str], erased: set[str]) -> Ready | None:
    """The question with what is known; None where nobody may be asked about.

    Raises:
        Invalid: the message names no one patient, or cannot be read.
    """
    received = question.received
    names = patients_of(question.message)
    identified = [one for one in question.message.segments if one.name == "PID"]
    if len(names) != 1 or len(identified) != 1 or not identified[0].field(3):
        raise Invalid(
            "The message does not name one patient with an identifier.",
            fix="ask with messages that have one PID with its PID-3.",
            code="hl7_no_patient",
        )
    (patient,) = names
    model = at.service.model(question.model)
    salts = {at.source.pseudonym_salt, model.declaration.data.pseudonym_salt}
    tags = {at.tag(f"identifier:{patient}")}
    tags |= {at.tag(f"{salt}:{subject_pseudonym(patient, salt=salt)}") for salt in salts}
    if not erased.isdisjoint(tags):
        return None
    as_of = received.at or at.clock.now()
    known = at.history.known(patient, received, as_of, codes)
    kept = kept_question(
        question.message.header,
        received.content,
        patient=patient,
        events=known.events,
        notes=known.notes,
        others=known.others,
    )
    asked = Asked(
        read=lambda one: read_kept(one, kept, as_of),
        as_of=as_of,
        channel=CHANNEL,
        caller=CALLER,
        request=kept,
        request_id=question.key,
    )
    salt = model.declaration.data.pseudonym_salt
    return Ready(question, asked, subject_pseudonym(patient, salt=salt))


def _is_ours(header: Header, channel: Hl7v2) -> bool:
    """Whether it is a result of our own that came back; nobody is asked about that."""
    ours = (channel.sending_application, channel.sending_facility)
    return header.kind == "ORU" and (header.application, header.facility) == ours


def message_of(received: Received) -> Message | None:
    """The message; None where it is none, as its sender was told with AE or AR."""
    try:
        return read_message(received.content)
    except Invalid:
        return None
