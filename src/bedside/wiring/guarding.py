"""The watch on the guards of a workspace that is served: one thread beside the server processes."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from bedside.core.errors import BedsideError
from bedside.core.records.ledger import Actor
from bedside.lifecycle.incidents import open_by_guard
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.rollout import Fired, GuardJudged, watch_guards

__all__ = ["GuardWatch"]

_LOG = logging.getLogger("bedside.rollout")
WATCHER = Actor(name="service:guards", purpose="quality and safety")
EVERY = 5.0  # seconds between two looks
AT_LEAST_EVERY = 60.0  # seconds: outcomes come in, and old answers leave the period of a guard
REST = 9  # so many times as long as a look took does the watch rest after it


class GuardWatch:
    """Judges the guards again and again, and takes back what breaks one.

    It looks only where a version has answered or moved since, else once a minute, and takes at most
    a tenth of the time. What it cannot do is logged, and written to the ledger once until it goes
    well again; it then tries again.

    Args:
        platform: The workspace; its actor is not the one who takes a version back.
        every: Seconds between two looks.
        looked: Hears after each look what was found, and what was taken back.
    """

    def __init__(
        self,
        platform: Platform,
        *,
        every: float = EVERY,
        looked: Callable[[list[GuardJudged], list[Fired]], None] = lambda _judged, _fired: None,
    ) -> None:
        self._platform = replace(platform, actor=WATCHER)
        self._every, self._looked_at = every, looked
        self._seen: tuple[int, str | None] | None = None
        self._looked = 0.0
        self._told: dict[str, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="guards", daemon=True)

    def __enter__(self) -> "GuardWatch":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more; a look that is under way is waited for, but not long."""
        self._ended.set()
        self._thread.join(timeout=5)

    def look(self) -> list[Fired]:
        """Judge the guards now, if there is anything new; what was taken back."""
        now, state = time.monotonic(), self._state()
        if state == self._seen and now - self._looked < AT_LEAST_EVERY:
            return []
        failed: dict[str, str] = {}
        judged: list[GuardJudged] = []
        fired = watch_guards(
            self._platform,
            tell=lambda version, error: failed.update({version: error.code}),
            seen=judged.extend,
        )
        self._seen, self._looked = state, now
        self._looked_at(judged, fired)
        for one in fired:
            _LOG.error("%s: %s (%s)", one.version, one.then, one.text)
            self._open_incident(one)
        self._tell(failed)
        return fired

    def _open_incident(self, fired: Fired) -> None:
        """What was taken back is an incident; that it cannot be written down stops no watch."""
        try:
            version = self._platform.registry.get(fired.version)
            open_by_guard(self._platform, version, fired.metric, fired.text)
        except Exception as error:  # the version is taken back all the same
            _LOG.error("no incident was opened for %s: %s", fired.version, type(error).__name__)

    def _state(self) -> tuple[int, str | None]:
        """What changes with every release and every answer."""
        found = list(self._platform.predictions.find(limit=1))
        return self._platform.registry.revision(), found[0].prediction_id if found else None

    def _watch(self) -> None:
        wait = self._every
        while not self._ended.wait(wait):
            began = time.monotonic()
            try:
                self.look()
            except Exception as error:  # the database may be away: the watch goes on
                code = error.code if isinstance(error, BedsideError) else type(error).__name__
                _LOG.error("the guards were not judged: %s", code)
                self._tell({"": code})
            wait = max(self._every, REST * (time.monotonic() - began))

    def _tell(self, failed: dict[str, str]) -> None:
        """Write to the ledger what could not be judged and was not told before."""
        told = {}
        for version, code in failed.items():
            details = {"version": version, "code": code} if version else {"code": code}
            try:
                if self._told.get(version) != code:
                    self._platform.ledger.append(WATCHER, "guards.failed", details)
                told[version] = code
            except Exception as error:  # told at a later look, once the ledger takes it
                _LOG.error("a failure of the guards is untold: %s", type(error).__name__)
        self._told = told
