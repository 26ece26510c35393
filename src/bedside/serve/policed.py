"""What the policies of a workspace say of a caller, beside the caller's scopes; both must allow."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from bedside.core.errors import BedsideError, Unavailable
from bedside.core.records.caller import Action, Caller

__all__ = ["Policed"]

_LOG = logging.getLogger("bedside.serve")
Decide = Callable[[str, Action, str | None], bool]
AGAIN_SECONDS = 0.5
"""After which what the policies allow is asked for again, beside the requests."""
ALLOWED_SECONDS = 1.0
"""After which a request waits for that, unless it was just found that nobody can say."""
REFUSED_SECONDS = 60.0
BLIND_SECONDS = 60.0
"""After which, when nobody can say, nothing is allowed any more: a role may have been ended."""
KEPT = 4096

_Asked = tuple[str, Action, str | None]


class _Known:
    """A decision, since when it is known, and whether it is being made again."""

    __slots__ = ("allowed", "at", "under_way")

    def __init__(self, allowed: bool, at: float) -> None:
        self.allowed, self.at = allowed, at
        self.under_way = False


class Policed:
    """Lets callers do what the policies allow as well.

    A decision may read a database, so `known` never makes one: it tells what was decided, and
    has a thread decide again what somebody asks for and was decided half a second ago. A refusal
    is kept for a minute, so that who asks again and again does not fill the ledger.

    Args:
        decide: Whether somebody, by their name, may do something with a model; None: with any. It
            writes refusals down, and may take its time.
        tick: Seconds of a clock that only goes on.
    """

    def __init__(self, decide: Decide, *, tick: Callable[[], float] = time.monotonic) -> None:
        self._decide, self._tick = decide, tick
        self._known: dict[_Asked, _Known] = {}
        self._callers: dict[int, tuple[Caller, Caller]] = {}
        self._blind = float("-inf")  # when it was last found that nobody can say
        self._deciding, self._starting = threading.Lock(), threading.Lock()
        self._again: queue.SimpleQueue[_Asked] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def __call__(self, caller: Caller) -> Caller:
        """The caller, who may do nothing now that the policies refuse."""
        made = self._callers.get(id(caller))
        if made is None or made[0] is not caller:
            if len(self._callers) >= KEPT:
                self._callers.clear()
            made = self._callers[id(caller)] = caller, replace(caller, policies=self)
        return made[1]

    def known(self, name: str, action: Action, model: str | None) -> bool | None:
        """What was decided and still counts; None: `decided` has to be asked. Returns at once."""
        asked, now = (name, action, model), self._tick()
        known = self._known.get(asked)
        if known is None:
            return None
        age = now - known.at
        if not known.allowed:
            return False if age < REFUSED_SECONDS else None
        if age < AGAIN_SECONDS:
            return True
        is_blind = now - self._blind < AGAIN_SECONDS
        if not (known.under_way or is_blind):
            known.under_way = True
            self._look_again(asked)
        if age < ALLOWED_SECONDS or (is_blind and age < BLIND_SECONDS):
            return True
        return None

    def decided(self, name: str, action: Action, model: str | None) -> bool:
        """What is decided now; waits for whatever the decision has to read.

        Raises:
            Unavailable: nobody can say, and for a minute nobody could (`policies_unavailable`).
        """
        asked = (name, action, model)
        with self._deciding:
            known = self._known.get(asked)
            now = self._tick()
            if known is not None:
                lasts = ALLOWED_SECONDS if known.allowed else REFUSED_SECONDS
                if now - known.at < lasts:
                    return known.allowed
            if now - self._blind >= AGAIN_SECONDS:
                known = self._look(asked, known)
        if known is None or self._tick() - known.at >= BLIND_SECONDS:
            raise Unavailable(
                "What the policies say of this cannot be found now.",
                fix="check the database of the workspace, then try again.",
                code="policies_unavailable",
            )
        return known.allowed

    def _look(self, asked: _Asked, before: _Known | None) -> _Known | None:
        """Decide; what was known before stays where that fails."""
        at = self._tick()
        try:
            known = _Known(self._decide(*asked), at)
        except Exception as error:  # its text may hold a row, so only its class is named
            told = error.code if isinstance(error, BedsideError) else type(error).__name__
            _LOG.error("the policies cannot be asked: %s", told)
            self._blind = self._tick()
            return before
        if len(self._known) >= KEPT:
            self._known.clear()
        self._known[asked] = known
        return known

    def _look_again(self, asked: _Asked) -> None:
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._keep_looking, name="bedside-policies", daemon=True
                    )
                    self._thread.start()
        self._again.put(asked)

    def _keep_looking(self) -> None:
        while True:
            asked = self._again.get()
            with self._deciding:
                known = self._known.get(asked)
                if known is not None:
                    known.under_way = False
                    if self._tick() - known.at >= AGAIN_SECONDS:
                        self._look(asked, known)
