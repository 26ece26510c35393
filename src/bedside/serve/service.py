"""What is served now: each model by its name, and how a question reaches the versions of it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from bedside.core.errors import AlreadyAnswered, NotFound, Unavailable
from bedside.core.records.answer import Answer
from bedside.core.records.asked import Asked
from bedside.core.records.version import Stage
from bedside.serve.answer import Answerer
from bedside.serve.asked_before import AskedBefore, Tagging, request_tag
from bedside.serve.batching import Lane, Pending, Result
from bedside.serve.lanes import Lanes
from bedside.serve.limits import Limits
from bedside.serve.made import Question
from bedside.serve.mailbox import Mailbox
from bedside.serve.respond import Workers
from bedside.serve.served import ServedModel, models_of

__all__ = ["ServedModel", "Service", "models_of"]

BESIDE_SECONDS = 60.0  # how long a version that nobody is shown may take


class _Waiting:
    """A question whose asker waits on an event loop."""

    __slots__ = ("asked", "beside", "future", "tag")

    def __init__(
        self,
        asked: Asked,
        future: "asyncio.Future[Answer]",
        beside: tuple[Answerer, ...],
        tag: str | None,
    ) -> None:
        self.asked, self.future, self.beside, self.tag = asked, future, beside, tag


_Told = tuple[_Waiting, Result]


class Service:
    """Puts each question to every version of its model, and gives one answer.

    Args:
        models: By name.
        key: Draws the patients of a canary; the same on every server of a workspace.
        limits: How much may wait, and for how long.
        tagging: Makes the keyed digest of a request; without it nothing is known to be asked again.
        before: Finds the first answer to a request that is asked again.
        on_stuck: Called once when too many threads hang: this process is to be replaced.
    """

    def __init__(
        self,
        models: Mapping[str, ServedModel],
        *,
        key: bytes = bytes(32),
        limits: Limits | None = None,
        tagging: Tagging | None = None,
        before: AskedBefore | None = None,
        on_stuck: Callable[[], None] | None = None,
    ) -> None:
        self.models = dict(models)
        self.limits = limits or Limits()
        self.lanes = Lanes(self.limits, on_stuck)
        self.under_way = 0
        self.refused = 0
        self._key, self._tagging = key, tagging
        self._before = before or AskedBefore()
        self._workers = Workers()
        self._gathered: dict[Lane, list[Pending]] = {}
        self._mailbox: tuple[asyncio.AbstractEventLoop, Mailbox[_Told]] | None = None

    def model(self, name: str) -> ServedModel:
        """One model.

        Raises:
            NotFound: it is not served.
        """
        found = self.models.get(name)
        if found is None:
            raise NotFound(
                "No model of this name is served here.",
                fix=f"use one of: {', '.join(sorted(self.models)) or 'none is served'}.",
            )
        return found

    def swap(self, models: Mapping[str, ServedModel]) -> None:
        """Serve these from now on; what is under way ends with what it began with."""
        self.models = dict(models)
        self.lanes.keep_only(one for model in models.values() for one in model.versions)

    def is_ready(self, name: str | None = None) -> bool:
        """Whether each version that somebody is shown answers (of one model, or of every one).

        Raises:
            NotFound: the model is not served.
        """
        models = list(self.models.values()) if name is None else [self.model(name)]
        shown = [
            one
            for model in models
            for one in model.versions
            if one.stage is not Stage.SILENT or one is model.first
        ]
        return bool(models) and all(self.lanes.is_ready(one) for one in shown)

    async def answer(self, model: ServedModel, asked: Asked) -> Answer:
        """The answer to show, or, where this patient's are withheld, one that is not `shown`.

        Raises:
            Invalid: the question cannot be read by the version that would be shown.
            Refused: its id came with another request before (`request_id_reused`).
            Unavailable: too much is under way (`overloaded`), or the ledger could not keep the
                answer, so none is given.
        """
        tag = None if self._tagging is None else request_tag(self._tagging, model.name, asked)
        if tag is not None:
            first = self._before.known(tag, asked)
            if first is not None:
                return first.result() if first.done() else await asyncio.shield(first)
        if self.under_way >= self.limits.under_way:
            self.refused += 1
            raise Unavailable(
                "Too many questions are under way here.",
                fix="ask again in a moment.",
                code="overloaded",
            )
        return await self._ask(model, asked, tag)

    async def record(
        self,
        model: ServedModel,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes,
        subject: int | None = None,
    ) -> None:
        """Append to the ledger what came back from the bedside, such as feedback on a card."""
        await self._workers.run(
            lambda: model.first.record(action, details, sealed=sealed, subject=subject)
        )

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until nothing is under way, so long at most; whether that was reached."""
        return self.lanes.settle(seconds)

    def close(self, seconds: float = 10.0) -> None:
        """End what is under way, so long at most, and say what was dropped; asked no more."""
        self.lanes.close(seconds)

    def _ask(self, model: ServedModel, asked: Asked, tag: str | None) -> "asyncio.Future[Answer]":
        facts = asked.read(model.declaration)
        shown = model.for_patient(key=self._key, subject=facts.subject, ward=asked.ward)
        teller = shown or model.first
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        beside: tuple[Answerer, ...] = ()
        if model.challengers:
            every, own = model.versions, teller.version_id
            beside = tuple(one for one in every if one is not shown and one.version_id != own)
        question = Question(
            asked=asked,
            started=teller.clock.now(),
            shown=shown is not None,
            facts=facts if teller is model.first else None,
            request_tag=tag,
        )
        waiting = _Waiting(asked, future, beside, tag)
        if tag is not None:
            self._before.remember(tag, asked, future)
        self.under_way += 1
        deliver = partial(self._deliver, self._mailbox_of(loop), waiting)
        deadline = time.monotonic() + self.limits.deadline
        self._gather(loop, self.lanes.of(teller), Pending(question, deadline, deliver))
        return future

    def _gather(self, loop: asyncio.AbstractEventLoop, lane: Lane, pending: Pending) -> None:
        """Take what comes together at once: until a turn of the loop brings nothing more.

        What an answer takes of the processor falls by a third from one question at once to
        sixteen, and who asks alone waits for one turn of the loop, some microseconds.
        """
        lane.expect(pending)
        gathered = self._gathered.get(lane)
        if gathered is not None:
            gathered.append(pending)
            return
        self._gathered[lane] = [pending]
        loop.call_soon(self._hand_over, loop, lane, 0)

    def _hand_over(self, loop: asyncio.AbstractEventLoop, lane: Lane, seen: int) -> None:
        """Answer what was gathered, unless more came since `seen` were there.

        A quick version answers it here: its thread would take the interpreter from the loop, and
        that costs more than the answer. Another one's thread is woken once for all of them.
        """
        gathered = self._gathered[lane]
        if seen < len(gathered) < self.limits.batch:
            loop.call_soon(self._hand_over, loop, lane, len(gathered))
            return
        del self._gathered[lane]
        if lane.answerer.is_quick and all(one.is_small for one in gathered):
            lane.answer_here(gathered)
        else:
            lane.hand_over(gathered)

    @staticmethod
    def _deliver(mailbox: Mailbox[_Told], waiting: _Waiting, result: Result) -> None:
        mailbox.put((waiting, result))

    def _mailbox_of(self, loop: asyncio.AbstractEventLoop) -> Mailbox[_Told]:
        if self._mailbox is None or self._mailbox[0] is not loop:
            self._mailbox = loop, Mailbox(loop, self._tell)
        return self._mailbox[1]

    def _tell(self, told: _Told) -> None:
        """Give the asker the answer; runs on the event loop."""
        waiting, result = told
        self.under_way -= 1
        future = waiting.future
        if isinstance(result, AlreadyAnswered) and waiting.tag is not None:
            recall = partial(self._before.recall, waiting.tag, waiting.asked)
            found = asyncio.ensure_future(self._workers.run(recall))
            found.add_done_callback(partial(_pass_on, future))
        elif isinstance(result, Exception):
            if not future.done():
                future.set_exception(result)
        else:
            if not future.done():
                future.set_result(result)
            for one in waiting.beside:
                self._ask_beside(one, waiting.asked)

    def _ask_beside(self, challenger: Answerer, asked: Asked) -> None:
        """What a challenger would have said is kept, and never disturbs who is shown."""
        lane = self.lanes.of(challenger)
        if lane.waiting >= self.limits.beside:
            self.lanes.drop(challenger)
            return
        unnamed = replace(asked, request_id=None)
        question = Question(asked=unnamed, started=challenger.clock.now(), shown=False)
        deadline = time.monotonic() + BESIDE_SECONDS
        lane.ask(Pending(question, deadline, partial(self._beside_told, challenger)))

    def _beside_told(self, challenger: Answerer, result: Result) -> None:
        """An answer that could not be kept is as good as one that was never asked for."""
        if isinstance(result, Unavailable):
            self.lanes.drop(challenger)


def _pass_on(future: "asyncio.Future[Answer]", found: "asyncio.Future[Answer]") -> None:
    if future.done():
        return
    if found.cancelled():
        future.cancel()
    elif (error := found.exception()) is not None:
        future.set_exception(error)
    else:
        future.set_result(found.result())
