"""Answering HL7 v2 messages, wired: the listener, the feed behind its journal, the one receiver.

Three tasks share a process, and none waits for another: the listener keeps messages and
acknowledges them; the feed answers what was kept; the delivery sends what was answered.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused, Unavailable
from bedside.core.ports.fhir_out import Outbox
from bedside.core.records.collection import Collection
from bedside.core.records.fhir_letter import Delivery
from bedside.core.records.mllp import MllpCounts, MllpOptions
from bedside.data.adapters.mllp.following import Follower
from bedside.data.adapters.mllp.journal import Journal
from bedside.data.adapters.mllp.listener import serve
from bedside.data.store.snapshot import Snapshot
from bedside.governance.group_commit import GroupCommit
from bedside.lifecycle.hl7_feed import Hl7Feed, Round
from bedside.lifecycle.hl7_history import PatientHistory
from bedside.lifecycle.hl7_questions import Answering
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.serve.adapters.mllp_target import MllpTarget, Receiver
from bedside.serve.limits import Limits
from bedside.serve.service import Service
from bedside.serve.write_back import WriteBack
from bedside.wiring.fhir import outbox_of
from bedside.wiring.hl7v2 import ACTION, receiver_of
from bedside.wiring.server import released_of, serving_of
from bedside.wiring.sources import journal_folder

__all__ = ["Told", "answer_feed", "check_answering"]

LIMITS = Limits(deadline=30.0, hang=5.0)
"""Nobody waits on a screen: a question may take longer than on a wire that is waited for."""
_AGAIN = 5.0  # seconds between two looks at what is due, and after a problem
_QUIET = 1.0  # seconds between two lines that tell what was done
_LOG = logging.getLogger("bedside.hl7")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was done since it was last told: with messages, and with results."""

    round: Round = field(default_factory=Round)
    delivery: Delivery = field(default_factory=Delivery)
    counts: MllpCounts | None = None

    def as_json(self) -> dict[str, Any]:
        """The same for a program."""
        return asdict(self)

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to tell."""
        return self.round == Round() and self.delivery == Delivery()


def check_answering(platform: Platform, source: Collection) -> Receiver:
    """Refuse what could not answer; the receiver of the settings.

    Raises:
        Invalid: the source is of another format, or no receiver is named.
        Refused: nothing is released, or a bundle is not intact.
        NotFound: no released version declares the channel.
    """
    if source.format != "hl7v2":
        raise Invalid(
            "Only a source of the format 'hl7v2' can be answered.", fix="declare format: hl7v2."
        )
    receiver = receiver_of()
    bundles = (
        open_bundle(platform, platform.registry.get(one.version)) for one in released_of(platform)
    )
    if all(one.declaration.channels.hl7v2 is None for one in bundles):
        raise NotFound(
            "No released version is asked by HL7 v2 messages.",
            fix="declare channels.hl7v2, build again, and release that version.",
            code="no_channel",
        )
    return receiver


def answer_feed(
    platform: Platform,
    source: Collection,
    started: Callable[[str, int, str], None],
    tell: Callable[[Told], None],
) -> Told:
    """Receive, answer and send until the process is told to stop; what was done in all.

    Args:
        platform: The workspace, in whose folder the journal lies.
        source: Declares the format `hl7v2`, and `listener` where it is not this machine alone.
        started: Told the address, the port and the receiver once it listens.
        tell: Told, once a second at most, what was done since.

    Raises:
        Invalid, NotFound, Refused: see `check_answering`.
        Unavailable: the address is in use, another process listens for this source, or the model
            hangs so that this process has to be replaced (code `process_stuck`).
    """
    receiver = check_answering(platform, source)
    told = {"name_of_data": source.name, "server": receiver.name, "pid": os.getpid()}
    with GroupCommit(platform.ledger) as ledger, _to(receiver) as target:
        running = _Running(platform, source, receiver, target, tell)
        service, reloader = serving_of(platform, ledger, limits=LIMITS, on_stuck=running.stuck)
        platform.ledger.append(platform.actor, "hl7.serve.start", told)
        reloader.start()
        try:
            asyncio.run(running.all(service, started))
        finally:
            reloader.close()
            service.close()
        platform.ledger.append(platform.actor, "hl7.serve.stop", told)
    if running.is_stuck:
        raise Unavailable(
            "The model hangs too often, so this process ended.",
            fix="start it again; what waits is answered then.",
            code="process_stuck",
        )
    return running.total


@contextmanager
def _to(receiver: Receiver) -> Iterator["_OneAway"]:
    target = _OneAway(MllpTarget(receiver))
    try:
        yield target
    finally:
        target.close()


class _OneAway:
    """The receiver; in each run of delivery, one message at most finds out that it is away.

    The others then wait on, and none is brought nearer to being given up for that.
    """

    def __init__(self, target: MllpTarget) -> None:
        self._target = target
        self._away: str | None = None

    def begin(self) -> None:
        """A new run: the receiver may be back."""
        self._away = None

    def leave(self) -> None:
        """Send nothing more in this run."""
        self._away = "stopping"

    def close(self) -> None:
        """End the connection."""
        self._target.close()

    def whole(self, query: str) -> bytes:
        """Nothing is read from a receiver."""
        return self._target.whole(query)

    def transact(self, message: bytes) -> int:
        """Send a message.

        Raises:
            Invalid, Unavailable: as `MllpTarget` does.
            Refused: the receiver was away a moment ago.
        """
        if self._away is not None:
            raise Refused(
                "The receiver was away a moment ago.", fix="it is tried again.", code=self._away
            )
        try:
            return self._target.transact(message)
        except Unavailable as error:
            self._away = error.code
            raise


@dataclass
class _Running:
    """The three tasks of one process, and what they share."""

    platform: Platform
    source: Collection
    receiver: Receiver
    target: _OneAway
    tell: Callable[[Told], None]
    total: Told = field(default_factory=Told)
    is_stuck: bool = False
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _kept: asyncio.Event = field(default_factory=asyncio.Event)
    _due: asyncio.Event = field(default_factory=asyncio.Event)
    _since: Told = field(default_factory=Told)
    _loop: asyncio.AbstractEventLoop | None = None
    _problem: str | None = None

    def stuck(self) -> None:
        """Called from any thread when the process has to be replaced."""
        self.is_stuck = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)

    async def all(self, service: Service, started: Callable[[str, int, str], None]) -> None:
        """Listen, answer and send until told to stop; what is under way is finished first."""
        self._loop = loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(one, self._stop.set)
        options = self.source.listener or MllpOptions()
        place, outbox = self.platform, outbox_of(self.platform)
        folder, keys = journal_folder(place, self.source), place.store.data_keys
        with Journal(folder, keys) as journal:
            follower = Follower(folder, keys, durable=lambda: journal.place)
            feed = await asyncio.to_thread(
                lambda: Hl7Feed(self._answering(service, follower, outbox))
            )
            beside = [
                asyncio.create_task(
                    feed.until(self._stop.is_set, wait=self._wait, tell=self._answered)
                ),
                asyncio.create_task(self._deliver(outbox)),
            ]
            try:
                counts = await serve(
                    options,
                    journal,
                    clock=place.clock,
                    stop=self._stop,
                    started=lambda port: started(options.host, port, self.receiver.name),
                    kept=self._kept.set,
                )
            finally:
                self._stop.set()
                self.target.leave()
                for event in (self._kept, self._due):
                    event.set()
                await asyncio.gather(*beside)
        self._tell_since()
        self.total = replace(self.total, counts=counts)

    def _answering(self, service: Service, feed: Follower, outbox: Outbox) -> Answering:
        place = self.platform
        return Answering(
            source=self.source,
            feed=feed,
            history=PatientHistory(self.source, self._collected),
            service=service,
            outbox=outbox,
            ledger=place.ledger,
            predictions=place.predictions,
            receiver=self.receiver.name,
            clock=place.clock,
            tag=place.tag,
            erased=lambda: set(place.store.catalogue.suppressed()),
            record=lambda action, details: place.ledger.append(place.actor, action, details),
        )

    def _collected(self) -> Snapshot | None:
        """The newest state of what was collected from the source."""
        store, name = self.platform.store, f"{self.source.name}/collected"
        named = [one for one in store.entries() if one.name == name]
        return store.opened(named[-1]) if named else None

    async def _wait(self, is_problem: bool) -> None:
        """Until a message is kept; after a problem so long at least, whatever comes."""
        if is_problem:
            await self._pause(_AGAIN)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._kept.wait(), _AGAIN)
        self._kept.clear()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def _answered(self, done: Round) -> None:
        if done.problem is not None and done.problem == self._problem:
            done = replace(done, problem=None)  # it is told once, until it is over
        elif done.messages or done.problem:
            self._problem = done.problem
        if done.messages:
            self._due.set()
        self._since = replace(self._since, round=_both(self._since.round, done))

    async def _deliver(self, outbox: Outbox) -> None:
        """Send what is due, again and again; whatever happens, it goes on."""
        write_back = WriteBack(
            outbox,
            self.target,
            self.receiver.name,
            clock=self.platform.clock,
            record=lambda action, details: self.platform.ledger.append(
                self.platform.actor, action, details
            ),
            action=ACTION,
        )
        while not self._stop.is_set():
            self._due.clear()
            self.target.begin()
            try:
                done = await asyncio.to_thread(self._sent, outbox, write_back)
            except BedsideError as error:
                done = Delivery(stopped=error.code)
            except Exception as error:
                _LOG.error("delivering results failed: %s", type(error).__name__)
                done = Delivery(stopped="unexpected")
            before = self._since.delivery
            self._since = replace(
                self._since,
                delivery=Delivery(
                    sent=before.sent + done.sent,
                    later=before.later + done.later,
                    dead=before.dead + done.dead,
                ),
            )
            self._tell_since()
            await self._pause(_QUIET)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._due.wait(), _AGAIN)

    def _sent(self, outbox: Outbox, write_back: WriteBack) -> Delivery:
        outbox.forget(self.platform.store.catalogue.suppressed())
        return write_back.deliver()

    def _tell_since(self) -> None:
        since, self._since = self._since, Told()
        if since.is_nothing:
            return
        before = self.total
        self.total = Told(
            round=_both(before.round, since.round),
            delivery=Delivery(
                sent=before.delivery.sent + since.delivery.sent,
                later=before.delivery.later + since.delivery.later,
                dead=before.delivery.dead + since.delivery.dead,
            ),
        )
        self.tell(since)


def _both(before: Round, after: Round) -> Round:
    """Both together; a problem stays until it was told."""
    return replace(before + after, problem=after.problem or before.problem)
