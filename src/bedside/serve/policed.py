"""What the policies of a workspace say of a caller, beside the caller's scopes; both must allow."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bedside.core.records.caller import Action, Caller

__all__ = ["Policed"]

Decide = Callable[[str, Action, str | None], bool]
ALLOWED_SECONDS, REFUSED_SECONDS = 1.0, 60.0
KEPT = 4096


class Policed:
    """Lets callers do what the policies allow as well.

    An answer is kept: one that allows for a second, one that refuses for a minute, so that who
    asks again and again does not fill the ledger with refusals.

    Args:
        decide: Whether somebody, by their name, may do something with a model; None: with any. It
            writes refusals down.
        tick: Seconds of a clock that only goes on.
    """

    def __init__(self, decide: Decide, *, tick: Callable[[], float] = time.monotonic) -> None:
        self._decide, self._tick = decide, tick
        self._known: dict[tuple[str, Action, str | None], tuple[bool, float]] = {}

    def __call__(self, caller: Caller) -> Caller:
        """The caller, who may do nothing now that the policies refuse."""
        return replace(caller, admits=partial(self._admits, caller.name))

    def _admits(self, name: str, action: Action, model: str | None) -> bool:
        asked, now = (name, action, model), self._tick()
        known = self._known.get(asked)
        if known is None or now >= known[1]:
            allowed = self._decide(name, action, model)
            lasts = ALLOWED_SECONDS if allowed else REFUSED_SECONDS
            if len(self._known) >= KEPT:
                self._known.clear()
            known = self._known[asked] = (allowed, now + lasts)
        return known[0]
