"""Which message of a feed was asked about before, and which only bears a control id of before.

Senders count their control ids (MSH-10) anew after a reset, or every day. So a message is known by
its bytes, for ever; and by its sender and control id for as long as the sender gives an id to no
other message, which its source declares.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid, Refused
from bedside.core.records.mllp import MllpOptions
from bedside.interop.hl7v2.kept import Likeness, likeness
from bedside.lifecycle.hl7_history import patients_of
from bedside.lifecycle.hl7_questions import Answering, Question

__all__ = ["ControlIds", "Known", "Sighting"]


class Sighting(NamedTuple):
    """A message that asked, and when it came; None: that is not known."""

    alike: Likeness
    at: datetime | None


class Known(StrEnum):
    """What a message is to those that were asked about before.

    `FRESH` asks for itself. `AGAIN` is one of them, sent again. `RESTARTED` is another message
    under an id that is in use, and asks for itself. `UNCLEAR` cannot be told from the one before:
    it has its id, its patient, its kind and its time, and other content.
    """

    FRESH = "fresh"
    AGAIN = "again"
    RESTARTED = "restarted"
    UNCLEAR = "unclear"


class _Row(NamedTuple):
    """What is kept of an id: its first message, where no answer tells it, and the last one."""

    first: Sighting | None
    last: Sighting | None


class ControlIds:
    """Tells messages apart. For one feed; nothing of a message is kept but keyed digests.

    The first message under an id is named by the id alone, each later one by its bytes, too. What
    the first one was is read from its answer; where it has none, and of the last other one, a row
    is kept. It is written before that message is asked about, so a process that was killed finds
    its own decision.

    Args:
        answering: What answers the feed.
        first: What the ledger knows of the first message under a question's id; None: nothing.
            It may raise `Refused`, where its patient was erased.
    """

    def __init__(self, answering: Answering, first: Callable[[Question], Sighting | None]) -> None:
        self._at, self._answered = answering, first
        options = answering.source.listener or MllpOptions()
        self._window = timedelta(seconds=options.control_id_seconds)
        self._under_way: dict[str, list[Sighting]] = {}

    def begin(self) -> None:
        """Forget the messages that were under way: they are answered, or will be looked at anew."""
        self._under_way = {}

    def judged(self, question: Question) -> tuple[Question, Known]:
        """What a message is, and its question under the key that names it from now on."""
        here = self._sighting(question)
        before = self._under_way.get(question.control)
        if before is None and not self._at.outbox.known(question.control):
            self._under_way[question.control] = [here]
            return question, Known.FRESH
        row = self._row(question)
        first, last = (before[0], before[-1]) if before else (self._first(question, row), row.last)
        if first is not None and first.alike.digest == here.alike.digest:
            return question, Known.AGAIN
        own = question._replace(key=here.alike.digest)
        if self._at.outbox.known(own.key) or here.alike in [one.alike for one in before or ()]:
            return own, Known.AGAIN
        if row.last is not None and row.last.alike == here.alike:  # a process was killed here
            known = Known.FRESH
        else:
            known = self._beside(last or first, here)
        if known in (Known.FRESH, Known.RESTARTED):
            self._under_way.setdefault(question.control, [first or here]).append(here)
        return own, known

    def ask(self, question: Question) -> None:
        """Keep that a message asks for itself; to be called before it is asked about."""
        if question.key != question.control:
            self._keep(question, _Row(self._row(question).first, self._sighting(question)))

    def note_unread(self, question: Question) -> None:
        """Keep what the first message was where it gets no answer, since none will tell it."""
        if question.key == question.control:
            self._keep(question, _Row(self._sighting(question), self._row(question).last))

    def _beside(self, other: Sighting | None, here: Sighting) -> Known:
        """What a message with other bytes is to the last one under its id."""
        if other is None or self._is_over(other.at, here.at):
            return Known.FRESH
        then, now = other.alike, here.alike
        if then.rest == now.rest:
            return Known.AGAIN
        if (then.made, then.kind, then.patient) != (now.made, now.kind, now.patient):
            return Known.RESTARTED
        return Known.UNCLEAR

    def _is_over(self, then: datetime | None, now: datetime | None) -> bool:
        return then is not None and now is not None and abs(now - then) >= self._window

    def _first(self, question: Question, row: _Row) -> Sighting | None:
        if row.first is not None:
            return row.first
        try:
            found = self._answered(question._replace(key=question.control))
        except Refused:  # its patient was erased: nothing tells what it was
            return None
        return None if found is None else Sighting(self._tagged(question, found.alike), found.at)

    def _sighting(self, question: Question) -> Sighting:
        content, message = question.received.content, question.message
        alike = likeness(message.header, content, "\n".join(patients_of(message)))
        return Sighting(self._tagged(question, alike), question.received.at)

    def _tagged(self, question: Question, alike: Likeness) -> Likeness:
        """Keyed, and by the id: what two messages have in common shows under one id alone."""
        tag, told = self._at.tag, alike._asdict()
        return Likeness(
            **{
                name: tag("\n".join((question.control, name, value))) if value else ""
                for name, value in told.items()
            }
        )

    def _row(self, question: Question) -> _Row:
        told = self._at.outbox.reached(_place_of(question), "")
        if told is None:
            return _Row(None, None)
        return _Row(*(None if one is None else _sighting_of(one) for one in json.loads(told)))

    def _keep(self, question: Question, row: _Row) -> None:
        told = [
            None if one is None else [*one.alike, None if one.at is None else iso(one.at)]
            for one in row
        ]
        self._at.outbox.reach(_place_of(question), "", json.dumps(told))


def _place_of(question: Question) -> str:
    """As the outbox names the row of an id."""
    return f"control:{question.control}"


def _sighting_of(told: list[str | None]) -> Sighting:
    *alike, at = told
    if len(alike) != len(Likeness._fields):
        raise Invalid("What was kept of a control id is damaged.", fix="restore a backup.")
    return Sighting(
        Likeness(*(one or "" for one in alike)), None if at is None else parse_instant(at)
    )
