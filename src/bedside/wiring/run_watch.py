"""The dead man's switch of the monitor in a workspace that is served: a thread beside the servers.

It does not run the monitor: it notices that nobody does.
"""

import logging
from dataclasses import replace

from bedside.core.clock import parse_instant
from bedside.core.records.ledger import Actor
from bedside.lifecycle.missed_runs import Attended, attended
from bedside.lifecycle.platform import Platform
from bedside.wiring.looking import Looking
from bedside.wiring.operations import metrics_here

__all__ = ["RunWatch"]

_LOG = logging.getLogger("bedside.monitor")
WATCHER = Actor(name="service:run-watch", purpose="quality and safety")
EVERY = 600.0  # seconds between two looks


class RunWatch(Looking):
    """Asks again and again whether every version in use is watched, and raises an alarm if not.

    Args:
        platform: The workspace; its actor is not the one who raises the alarm.
        every: Seconds between two looks.
    """

    def __init__(self, platform: Platform, *, every: float = EVERY) -> None:
        super().__init__(self.look, name="run-watch", every=every, failed=_failed)
        self.metrics = metrics_here()
        self._platform = replace(platform, actor=WATCHER)

    def look(self) -> list[Attended]:
        """Ask now; what is not watched is logged, and is an alarm."""
        found = attended(self._platform)
        for one in found:
            at = 0.0 if one.last is None else parse_instant(one.last).timestamp()
            self.metrics.monitored(one.version.partition("@")[0], one.version, at)
            if one.missed:
                _LOG.error("%s is not watched: its monitor was due before %s", one.version, one.due)
        return found


def _failed(error: Exception) -> None:
    _LOG.error("no monitor was looked after: %s", type(error).__name__)
