"""Every version's lane, and the thread that watches them: hangs, deadlines, what was dropped."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable

from bedside.serve.answer import Answerer
from bedside.serve.batching import Lane
from bedside.serve.limits import Limits

__all__ = ["Lanes"]

_LOG = logging.getLogger("bedside.serve")
LOOK_EVERY = 0.05  # seconds, while anything is under way
TELL_EVERY = 10.0  # seconds between two entries about what was dropped


class Lanes:
    """The lanes of the versions that answer here; lanes are made and closed as versions change.

    Args:
        limits: Of each of them.
        on_stuck: Called once when a version has too many hung threads: this process is to be
            replaced.
    """

    def __init__(self, limits: Limits, on_stuck: Callable[[], None] | None = None) -> None:
        self.limits = limits
        self.dropped: Counter[str] = Counter()
        self._on_stuck = on_stuck
        self._open: dict[Answerer, Lane] = {}
        self._closing: list[tuple[float, Lane]] = []
        self._untold: dict[Answerer, int] = {}
        self._busy, self._ended = threading.Event(), threading.Event()
        self._making = threading.Lock()
        self._watch: threading.Thread | None = None
        self._told_at = 0.0

    def of(self, answerer: Answerer) -> Lane:
        """The lane of a version."""
        lane = self._open.get(answerer)
        return self._made(answerer) if lane is None else lane

    def is_ready(self, answerer: Answerer) -> bool:
        """Whether a version answers: it does not hang, or has answered again since."""
        lane = self._open.get(answerer)
        return lane is None or lane.is_ready

    def keep_only(self, used: Iterable[Answerer]) -> None:
        """Close the lanes of all others, once whoever began with them has been answered."""
        kept = set(used)
        with self._making:
            for answerer in [one for one in self._open if one not in kept]:
                at = time.monotonic() + 2 * self.limits.deadline
                self._closing.append((at, self._open.pop(answerer)))
        self._wake()

    def drop(self, answerer: Answerer) -> None:
        """Count a question that a version beside was not asked; the ledger is told soon."""
        with self._making:
            self._untold[answerer] = self._untold.get(answerer, 0) + 1
            self.dropped[answerer.version_id] += 1
        self._wake()

    def counts(self) -> dict[str, dict[str, int]]:
        """For each version: how much waits, and how often what went wrong."""
        return {
            answerer.version_id: {
                "waiting": lane.waiting,
                "hangs": lane.hangs,
                "stuck": lane.stuck,
                "timeouts": lane.timeouts,
                "dropped": self.dropped[answerer.version_id],
            }
            for answerer, lane in tuple(self._open.items())
        }

    def close(self, seconds: float) -> None:
        """Wait until what is under way is answered, so long at most; then end the threads."""
        self.settle(seconds)
        for lane in self._all():
            lane.close()
            for _ in range(lane.give_up_all()):
                self.drop(lane.answerer)
        self._tell_dropped()
        self._ended.set()
        self._busy.set()

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is under way, so long at most; whether that was reached."""
        until = time.monotonic() + seconds
        while not all(one.is_idle for one in self._all()):
            if time.monotonic() > until:
                return False
            time.sleep(0.005)
        return True

    def _all(self) -> list[Lane]:
        return [*self._open.values(), *(lane for _, lane in tuple(self._closing))]

    def _made(self, answerer: Answerer) -> Lane:
        with self._making:
            if self._watch is None:
                self._watch = threading.Thread(target=self._look, name="watch", daemon=True)
                self._watch.start()
            return self._open.setdefault(answerer, Lane(answerer, self.limits, self._wake))

    def _wake(self) -> None:
        if not self._busy.is_set():
            self._busy.set()

    def _look(self) -> None:
        while not self._ended.is_set():
            self._busy.wait()
            self._busy.clear()
            time.sleep(LOOK_EVERY)
            now = time.monotonic()
            try:
                active = [lane.check(now) for lane in self._all()]
                self._close_old(now)
                if now - self._told_at > TELL_EVERY:
                    self._told_at = now
                    self._tell_dropped()
            except Exception as error:  # the watch must not end
                _LOG.error("the watch failed: %s", type(error).__name__)
                active = [True]
            self._replace_if_stuck()
            if any(active) or self._closing or self._untold:
                self._busy.set()

    def _replace_if_stuck(self) -> None:
        tell = self._on_stuck
        if tell is not None and any(one.stuck >= self.limits.stuck for one in self._all()):
            self._on_stuck = None
            _LOG.error("too many threads hang: this process is to be replaced")
            tell()

    def _close_old(self, now: float) -> None:
        for one in [one for one in self._closing if one[0] < now and one[1].is_idle]:
            one[1].close()
            self._closing.remove(one)

    def _tell_dropped(self) -> None:
        """An entry for each version that missed questions."""
        with self._making:
            untold, self._untold = self._untold, {}
        for answerer, count in untold.items():
            try:
                answerer.record("answer.dropped", {"dropped": count}, sealed=None)
            except Exception as error:
                _LOG.error("%d dropped questions untold: %s", count, type(error).__name__)
                with self._making:
                    self._untold[answerer] = self._untold.get(answerer, 0) + count
