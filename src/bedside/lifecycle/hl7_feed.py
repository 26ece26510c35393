"""Answering a feed of HL7 v2 messages: each that asks is answered once, from what is known then.

The queue is the journal itself. A message is answered after it was acknowledged, and the number of
the next one is kept durably only when every answer so far lies in the ledger and in the outbox. It
may be stopped at any moment and started again: what was answered is found again by its sender and
its control id, or by its bytes, so nothing is answered twice, and nothing that asks is passed over.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.errors import BedsideError, Invalid
from bedside.core.ids import subject_pseudonym
from bedside.core.records.answer import Answer, Failure
from bedside.core.records.asked import Asked
from bedside.core.records.fhir_letter import Letter, LetterState
from bedside.core.records.received import Received
from bedside.interop.answer_json import answer_from_json
from bedside.interop.hl7v2.kept import kept_likeness, read_kept
from bedside.interop.hl7v2.message import Message
from bedside.interop.hl7v2.result import Addressed
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.hl7_history import patients_of
from bedside.lifecycle.hl7_identity import ControlIds, Known, Sighting
from bedside.lifecycle.hl7_questions import (
    CALLER,
    CHANNEL,
    Answering,
    Question,
    Ready,
    codes_of,
    message_of,
    questions_of,
    ready_of,
)
from bedside.serve.asked_before import request_tag
from bedside.serve.hl7v2 import Results

__all__ = ["Hl7Feed", "Round", "feed_name"]

UNEXPECTED = "unexpected"
REUSED = "control_id_reused"
_TOGETHER = 64  # messages that are looked at, and questions that are under way, at once
_LOG = logging.getLogger("bedside.hl7")


def feed_name(source: str) -> str:
    """As the outbox names a feed, when it keeps how far that was answered."""
    return f"journal:{source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What was done since the last look.

    `messages` came; they led to `asked` questions, one for each model. Of these were `answered`
    (a score or an abstention), `failed` (the model), `unread` (no answer, noted in the outbox).
    `repeated` had their answer before. `reused` came with other content under a control id that
    was in use: answered, or `unread` where nothing but the content tells them from the message
    before. `problem` is the code of what ended the look early: it is done again.
    """

    messages: int = 0
    asked: int = 0
    answered: int = 0
    failed: int = 0
    unread: int = 0
    repeated: int = 0
    reused: int = 0
    problem: str | None = None

    def __add__(self, other: "Round") -> "Round":
        """Both together."""
        names = ("messages", "asked", "answered", "failed", "unread", "repeated", "reused")
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Round(**sums, problem=other.problem)


class Hl7Feed:
    """Looks for messages, asks, and puts results into the outbox. For one event loop.

    Args:
        answering: What answers.
    """

    def __init__(self, answering: Answering) -> None:
        self._at = answering
        self._name = feed_name(answering.source.name)
        self._ids = ControlIds(answering, self._first)
        self._remembered = answering.feed.oldest
        self._oldest = -1
        self._pending: Sequence[Received] = ()
        self._place = self._begin()

    @property
    def place(self) -> int:
        """The number of the next message to be looked at."""
        return self._place

    async def until(
        self,
        stop: Callable[[], bool],
        *,
        wait: Callable[[bool], Awaitable[None]],
        tell: Callable[[Round], None],
    ) -> None:
        """Look again and again; `wait` is told whether there was a problem."""
        while not stop():
            done = await self.round()
            tell(done)
            if not stop() and not done.messages:
                await wait(done.problem is not None)

    async def round(self) -> Round:
        """Answer the next messages; after a problem the place stays, and they are looked at again.

        Nothing that happens here is raised: the feed goes on.
        """
        try:
            return await self._look()
        except BedsideError as error:
            return Round(problem=error.code)
        except Exception as error:
            _LOG.error("answering the feed failed: %s", type(error).__name__)
            return Round(problem=UNEXPECTED)

    def _begin(self) -> int:
        """Where to go on; the very first time after what came before, which asks no more."""
        at, end = self._at, self._at.feed.end
        reached = at.outbox.reached(self._name, "")
        if reached is None:
            at.outbox.reach(self._name, "", str(end))
            return end
        if int(reached) > end:  # another journal: what it holds is looked at, and found if known
            at.outbox.reach(self._name, "", str(at.feed.oldest))
            return at.feed.oldest
        return int(reached)

    async def _look(self) -> Round:
        await asyncio.to_thread(self._remember)
        received = self._pending or await asyncio.to_thread(
            self._at.feed.after, self._place, most=_TOGETHER
        )
        if not received:
            return Round()
        self._pending = received
        done, prepared = await asyncio.to_thread(self._prepare, received)
        for start in range(0, len(prepared), _TOGETHER):
            some = prepared[start : start + _TOGETHER]
            told = await asyncio.gather(*map(self._answer, some), return_exceptions=True)
            for ready, answer in zip(some, told, strict=True):  # results leave in this order
                done += await asyncio.to_thread(self._settle, ready, answer)
        place = received[-1].place + 1
        await asyncio.to_thread(self._at.outbox.reach, self._name, "", str(place))
        self._place, self._pending = place, ()
        return replace(done, messages=len(received))

    def _remember(self) -> None:
        """Bring the history up to the place, and leave to the data set what was collected."""
        at = self._at
        oldest = at.feed.oldest
        if oldest != self._oldest:
            at.history.refresh(oldest)
            self._oldest = oldest
        while self._remembered < self._place:
            found = at.feed.after(
                self._remembered, most=min(_TOGETHER, self._place - self._remembered)
            )
            for one in found:
                message = message_of(one)
                if message is not None:
                    self._add(one, message)
            self._remembered = found[-1].place + 1 if found else self._place

    def _prepare(self, received: Sequence[Received]) -> tuple[Round, list[Ready]]:
        """The questions that the messages ask and that were not answered yet, ready to be put."""
        done, prepared = Round(), list[Ready]()
        self._ids.begin()
        at, codes, erased = self._at, codes_of(self._at), self._at.erased()
        for one in received:
            message = message_of(one)
            if message is None:
                continue
            self._add(one, message)
            for asked in questions_of(at, one, message):
                question, known = self._ids.judged(asked)
                done += Round(asked=1) + self._noted(question, known)
                if known in (Known.FRESH, Known.RESTARTED):
                    self._ids.ask(question)
                    told, ready = self._readied(question, codes, erased)
                    done += told
                    prepared += [] if ready is None else [ready]
        return done, prepared

    def _readied(
        self, question: Question, codes: set[str], erased: set[str]
    ) -> tuple[Round, Ready | None]:
        """The question with what is known; nothing where it cannot be put, which is noted."""
        try:
            return Round(), ready_of(self._at, question, codes, erased)
        except Invalid as error:
            return self._unread(question, error.code), None
        except BedsideError:
            raise
        except Exception as error:
            _LOG.error("a message could not be read: %s", type(error).__name__)
            return self._unread(question, UNEXPECTED), None

    def _add(self, received: Received, message: Message) -> None:
        """Remember a message once; one that breaks what reads it must not stop the feed."""
        if received.place < self._remembered:
            return
        self._remembered = received.place + 1
        try:
            self._at.history.add(received, message)
        except Exception as error:
            _LOG.error("a message could not be remembered: %s", type(error).__name__)

    async def _answer(self, prepared: Ready) -> Answer:
        """Ask, or find the answer of before."""
        question, at = prepared.question, self._at
        answer = await asyncio.to_thread(self._answered, question)
        if answer is None:
            answer = await at.service.answer(at.service.model(question.model), prepared.asked)
        return answer

    def _settle(self, prepared: Ready, answer: Answer | BaseException) -> Round:
        """Put into the outbox what is to be sent, or note why there is no answer.

        Raises:
            Unavailable, Refused: nothing can be asked or kept now.
        """
        try:
            if isinstance(answer, BaseException):
                raise answer
            self._put(prepared, answer)
        except Invalid as error:
            return self._unread(prepared.question, error.code)
        except BedsideError as error:
            if error.code not in ("erased", "request_id_reused"):
                raise
            return self._unread(prepared.question, error.code)
        except Exception as error:
            _LOG.error("a message could not be asked about: %s", type(error).__name__)
            return self._unread(prepared.question, UNEXPECTED)
        is_failure = isinstance(answer.outcome, Failure)
        return Round(failed=int(is_failure), answered=int(not is_failure))

    def _answered(self, question: Question) -> Answer | None:
        """The answer in the ledger that a process gave before it could note that it did."""
        sealed = self._sealed(question)
        return None if sealed is None else answer_from_json(sealed["answer"])

    def _sealed(self, question: Question) -> dict[str, Any] | None:
        """What the ledger keeps of the answer to a question.

        Raises:
            Refused: its patient was erased.
        """
        at = self._at
        told = Asked(
            read=lambda one: read_kept(one, b"", at.clock.now()),
            as_of=at.clock.now(),
            channel=CHANNEL,
            caller=CALLER,
            request=b"",
            request_id=question.key,
        )
        tag = request_tag(at.tag, question.model, told)
        found = None if tag is None else at.predictions.answered(tag)
        if found is None:
            return None
        return opened_answer(at.ledger.unseal(found.sequence))

    def _put(self, prepared: Ready, answer: Answer) -> None:
        question, at = prepared.question, self._at
        declared = at.service.model(question.model).declaration_of(answer.version)
        channel = declared.channels.hl7v2 or question.channel
        addressed = Addressed(
            application=channel.sending_application,
            facility=channel.sending_facility,
            to_application=channel.receiving_application,
            to_facility=channel.receiving_facility,
            code=channel.result.code,
            system=channel.result.system,
        )
        Results(at.outbox, at.receiver, addressed, at.tag).put(
            answer,
            declared,
            question.message,
            subject=prepared.subject,
            at=at.clock.now(),
            question=question.key,
            abstentions=channel.abstentions,
        )

    def _first(self, question: Question) -> Sighting | None:
        """The message that led to the answer to this question, as the ledger kept it.

        Raises:
            Refused: its patient was erased.
        """
        sealed = self._sealed(question)
        if sealed is None:
            return None
        as_of = parse_instant(answer_from_json(sealed["answer"]).as_of)
        return Sighting(kept_likeness(sealed["request"].encode()), as_of)

    def _noted(self, question: Question, known: Known) -> Round:
        """That a message had its answer; that another came under its control id is recorded."""
        if known is Known.FRESH:
            return Round()
        if known is Known.AGAIN:
            return Round(repeated=1)
        is_asked = known is Known.RESTARTED
        details: dict[str, object] = {
            "model": question.model,
            "place": question.received.place,
            "asked": is_asked,
        }
        self._at.record(f"hl7.{REUSED}", details)
        return Round(reused=1) + (Round() if is_asked else self._unread(question, REUSED))

    def _unread(self, question: Question, problem: str) -> Round:
        """A question that cannot be asked is noted for a person, and holds up nobody."""
        at = self._at
        names = patients_of(question.message)
        salt = at.service.model(question.model).declaration.data.pseudonym_salt
        subject = subject_pseudonym(names[0], salt=salt) if names else 0
        details: dict[str, object] = {
            "model": question.model,
            "place": question.received.place,
            "code": problem,
        }
        at.record("hl7.unread", details)
        self._ids.note_unread(question)
        at.outbox.put(
            Letter(
                key=question.key,
                prediction_id="",
                model=question.model,
                sent_to=at.receiver,
                subject_tag=at.tag(f"{salt}:{subject}"),
                state=LetterState.UNREADABLE,
                at=at.clock.now(),
                problem=problem,
            )
        )
        return Round(unread=1)
