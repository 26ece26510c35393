"""The dead man's switch of the monitor in a workspace that is served: a thread beside the servers.

It does not run the monitor: it notices that nobody does.
"""

import logging
import os
import threading
from dataclasses import replace
from pathlib import Path

from bedside.core.clock import parse_instant
from bedside.core.records.ledger import Actor
from bedside.lifecycle.missed_runs import Attended, attended
from bedside.lifecycle.platform import Platform

__all__ = ["RunWatch"]

_LOG = logging.getLogger("bedside.monitor")
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
WATCHER = Actor(name="service:run-watch", purpose="quality and safety")
EVERY = 600.0  # seconds between two looks


class RunWatch:
    """Asks again and again whether every version in use is watched, and raises an alarm if not.

    Args:
        platform: The workspace; its actor is not the one who raises the alarm.
        every: Seconds between two looks.
    """

    def __init__(self, platform: Platform, *, every: float = EVERY) -> None:
        # prometheus-client decides where it counts when it is imported: not before now.
        from bedside.serve.metrics import Metrics  # noqa: PLC0415

        folder = os.environ.get(_FOLDER)
        self.metrics = Metrics(Path(folder) if folder else None)
        self._platform = replace(platform, actor=WATCHER)
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="run-watch", daemon=True)

    def __enter__(self) -> "RunWatch":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more; a look that is under way is waited for, but not long."""
        self._ended.set()
        self._thread.join(timeout=5)

    def look(self) -> list[Attended]:
        """Ask now; what is not watched is logged, and is an alarm."""
        found = attended(self._platform)
        for one in found:
            at = 0.0 if one.last is None else parse_instant(one.last).timestamp()
            self.metrics.monitored(one.version.partition("@")[0], one.version, at)
            if one.missed:
                _LOG.error("%s is not watched: its monitor was due before %s", one.version, one.due)
        return found

    def _watch(self) -> None:
        wait = 0.0
        while not self._ended.wait(wait):
            wait = self._every
            try:
                self.look()
            except Exception as error:  # the database may be away: the watch goes on
                _LOG.error("no monitor was looked after: %s", type(error).__name__)
