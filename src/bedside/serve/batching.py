"""One thread for one version: what waits is scored together, and a model that hangs is left behind.

A question is claimed once, by the thread that has made its answer or by the watch when its time is
over; whoever claims it writes its one entry of the ledger. It is told once too.
"""

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

from bedside.core.errors import AlreadyAnswered
from bedside.core.records.answer import Answer
from bedside.core.records.ledger import LedgerEntry
from bedside.serve.answer import Answerer
from bedside.serve.limits import Limits
from bedside.serve.made import Made, Question, not_kept

__all__ = ["Lane", "Pending", "Result"]

_LOG = logging.getLogger("bedside.serve")
_LATE = "No answer came in time. Treat this patient as not scored, and tell whoever runs it."
FEW = 256  # events that a question may have to be answered without a thread
LEDGER_GRACE = 1.0  # seconds in which a failure itself must become durable

Result = Answer | Exception


class Pending:
    """A question under way.

    Args:
        question: What is asked.
        deadline: On the monotonic clock, seconds.
        deliver: Called once, from any thread, with the answer or the error.
    """

    __slots__ = ("_claimed", "_deliver", "_told", "deadline", "kept", "question")

    def __init__(
        self, question: Question, deadline: float, deliver: Callable[[Result], None]
    ) -> None:
        self.question, self.deadline, self._deliver = question, deadline, deliver
        self.kept: Future[LedgerEntry] | None = None
        self._claimed, self._told = threading.Lock(), threading.Lock()

    def claim(self) -> bool:
        """Whether the caller is the first, and so the one to write the entry."""
        return self._claimed.acquire(blocking=False)

    @property
    def is_open(self) -> bool:
        """Whether nobody has claimed it yet."""
        return not self._claimed.locked()

    @property
    def is_told(self) -> bool:
        """Whether it has its answer or its error."""
        return self._told.locked()

    @property
    def is_small(self) -> bool:
        """Whether its record is known, and short."""
        facts = self.question.facts
        return facts is not None and len(facts.events) <= FEW

    def tell(self, result: Result) -> None:
        """Deliver; what comes second is dropped."""
        if self._told.acquire(blocking=False):
            self._deliver(result)


class _Turn:
    """What one thread does now: since when, and whether it was given up for hung."""

    __slots__ = ("again", "batch", "given_up", "since")

    def __init__(self, again: Sequence[Pending] = (), *, probes: bool = False) -> None:
        self.again, self.batch = deque(again), list[Pending]()
        self.since: float | None = time.monotonic() if probes else None
        self.given_up = False


class Lane:
    """The questions of one version, and the thread that answers them.

    Args:
        answerer: The version.
        limits: Its bounds.
        wake: Called when the watch has something to watch.
    """

    def __init__(self, answerer: Answerer, limits: Limits, wake: Callable[[], None]) -> None:
        self.answerer = answerer
        self.hangs = self.timeouts = 0
        self.is_ready = True
        self._limits, self._wake = limits, wake
        self._queue: queue.SimpleQueue[Pending | None] = queue.SimpleQueue()
        self._watched: deque[Pending] = deque()
        self._starting = threading.Lock()
        self._stuck: list[_Turn] = []
        self._turn: _Turn | None = None

    @property
    def waiting(self) -> int:
        """How many questions no thread has taken yet."""
        return self._queue.qsize()

    @property
    def is_idle(self) -> bool:
        """Whether every question has its answer or its error."""
        return all(one.is_told for one in tuple(self._watched))

    @property
    def stuck(self) -> int:
        """How many threads of this version hang now."""
        return len(self._stuck)

    def ask(self, pending: Pending) -> None:
        """Queue a question; returns at once."""
        self.expect(pending)
        self.hand_over([pending])

    def expect(self, pending: Pending) -> None:
        """Watch a question from now on; `hand_over` must follow soon."""
        self._watched.append(pending)
        self._wake()

    def hand_over(self, expected: Sequence[Pending]) -> None:
        """Queue what is expected, together, so that it is made and kept in one pass."""
        for pending in expected:
            self._queue.put(pending)
        if self._turn is None:
            with self._starting:
                if self._turn is None:
                    self._start(_Turn())

    def answer_here(self, expected: Sequence[Pending]) -> None:
        """Answer what is expected in the thread that calls, which a quick model does not hold up.

        If it hangs all the same, the watch writes that no answer came, and the supervisor, which
        hears no pulse, replaces the process.
        """
        for at in range(0, len(expected), self._limits.batch):
            self._do(_Turn(), list(expected[at : at + self._limits.batch]))

    def close(self) -> None:
        """End the thread once everything that waits is answered."""
        self._queue.put(None)

    def give_up_all(self) -> int:
        """Claim what nobody has answered yet; how many there were."""
        return sum(one.claim() for one in tuple(self._watched))

    def check(self, now: float) -> bool:
        """Leave a hung thread behind and end what is overdue; whether anything is under way."""
        self._look_after(now)
        watched = self._watched
        while watched and watched[0].is_told:
            watched.popleft()
        for pending in tuple(watched):
            if pending.deadline > now:
                break
            self._overdue(pending, now)
        return bool(watched) or bool(self._stuck)

    def _look_after(self, now: float) -> None:
        turn = self._turn
        if turn is None:
            return
        if turn.given_up:
            if len(self._stuck) < self._limits.stuck:
                self._start(_Turn(probes=True))
        elif turn.since is not None and now - turn.since > self._limits.hang:
            self._give_up(turn)

    def _start(self, turn: _Turn) -> None:
        self._turn = turn
        name = f"answer {self.answerer.version_id}"
        threading.Thread(target=self._run, args=(turn,), name=name, daemon=True).start()

    def _run(self, turn: _Turn) -> None:
        if turn.since is not None and not self._probed(turn):
            return
        while not turn.given_up:
            batch = [turn.again.popleft()] if turn.again else self._take()
            if batch is None:
                return
            self._do(turn, batch)
        if turn in self._stuck:
            self._stuck.remove(turn)

    def _probed(self, turn: _Turn) -> bool:
        """Run the worked example after a hang: whoever reproduces it is ready again."""
        try:
            self.answerer.check()
            self.is_ready = True
        except Exception as error:
            _LOG.error("%s fails its worked example now: %s", self.answerer.version_id, error)
        turn.since = None
        if turn.given_up and turn in self._stuck:
            self._stuck.remove(turn)
        return not turn.given_up

    def _take(self) -> list[Pending] | None:
        """What waits, at most one batch; None: it was closed."""
        first = self._queue.get()
        if first is None:
            return None
        batch = [first]
        try:
            while len(batch) < self._limits.batch:
                more = self._queue.get_nowait()
                if more is None:
                    self._queue.put(None)
                    break
                batch.append(more)
        except queue.Empty:
            pass
        return batch

    def _do(self, turn: _Turn, batch: list[Pending]) -> None:
        batch = [one for one in batch if one.is_open]
        turn.batch, turn.since = batch, time.monotonic()
        made = self._made(batch)
        turn.since, turn.batch = None, []
        keep: list[tuple[Pending, Made]] = []
        for pending, one in zip(batch, made, strict=True):
            if not pending.claim():
                continue
            if isinstance(one, Made):
                keep.append((pending, one))
            else:
                pending.tell(one)
        self._keep(keep)

    def _made(self, batch: list[Pending]) -> list[Made | Exception]:
        try:
            return self.answerer.make([one.question for one in batch])
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [made for one in batch for made in self._made([one])]

    def _keep(self, made: list[tuple[Pending, Made]]) -> None:
        """Hand what was made to the ledger at once; each is told when its entry is durable."""
        try:
            kept = self.answerer.submit_all([one.draft for _, one in made])
        except Exception as error:
            for pending, _ in made:
                pending.tell(not_kept(error))
            return
        for (pending, one), future in zip(made, kept, strict=True):
            pending.kept = future
            future.add_done_callback(partial(_settled, pending, one.answer))

    def _give_up(self, turn: _Turn) -> None:
        """Leave a hung thread behind; its questions are asked again, each by itself."""
        turn.given_up, self.is_ready = True, False
        self.hangs += 1
        self._stuck.append(turn)
        batch = turn.batch
        _LOG.error("%s hangs, %s thread(s) now", self.answerer.version_id, len(self._stuck))
        if len(batch) == 1 and batch[0].claim():
            self._fail(batch[0], "model_hung")
        if len(self._stuck) < self._limits.stuck:
            again = [one for one in (*batch, *turn.again) if one.is_open]
            self._start(_Turn(again, probes=True))

    def _overdue(self, pending: Pending, now: float) -> None:
        if pending.claim():
            self._fail(pending, "deadline")
        elif now > pending.deadline + LEDGER_GRACE and not pending.is_told:
            if pending.kept is not None:
                pending.kept.cancel()
            pending.tell(not_kept(TimeoutError()))

    def _fail(self, pending: Pending, cause: str) -> None:
        self.timeouts += 1
        self._keep([(pending, self.answerer.failed(pending.question, "timeout", _LATE, cause))])


def _settled(pending: Pending, answer: Answer, kept: "Future[Any]") -> None:
    """Tell what became of an entry; runs in the thread that commits."""
    if kept.cancelled():
        pending.tell(not_kept(TimeoutError()))
        return
    error = kept.exception()
    if error is None:
        if pending.question.trace is not None:
            pending.question.trace.committed(answer)
        pending.tell(answer)
    elif isinstance(error, AlreadyAnswered):
        pending.tell(error)
    else:
        pending.tell(not_kept(error))
