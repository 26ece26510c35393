"""Counts the alarms of a workspace that is served, for Prometheus: a thread beside the servers."""

import logging
from collections import Counter
from itertools import product

from bedside.core.records.watch import SEVERITIES
from bedside.lifecycle.platform import Platform
from bedside.wiring.looking import Looking
from bedside.wiring.operations import metrics_here

__all__ = ["AlarmCounting"]

_LOG = logging.getLogger("bedside.alarms")
EVERY = 15.0  # seconds between two looks
_WAIT = ("waiting", "dead")


class AlarmCounting(Looking):
    """Reads the alarms and their messages again and again, and tells the metrics how many.

    Args:
        platform: The workspace.
        every: Seconds between two looks.
    """

    def __init__(self, platform: Platform, *, every: float = EVERY) -> None:
        super().__init__(self.look, name="alarms", every=every, failed=_failed)
        self.metrics = metrics_here()
        self._platform = platform
        self._models: set[str] = set()
        self._sinks: set[str] = set()

    def look(self) -> None:
        """Count now; what was counted once is told as 0 when it is gone."""
        alarms = self._platform.alarms.all()
        raised = Counter(one.model for one in alarms)
        unresolved = Counter((one.model, one.severity) for one in alarms if one.state != "resolved")
        self._models |= raised.keys() | {one.name for one in self._platform.registry.versions()}
        for model, severity in product(sorted(self._models), SEVERITIES):
            self.metrics.alarms(model, severity, unresolved[model, severity])
        for model in sorted(self._models):
            self.metrics.alarms_raised(model, raised[model])
        kept = Counter(
            (one.sink, state)
            for state in _WAIT
            for one in self._platform.deliveries.all(state=state)
        )
        self._sinks |= {sink for sink, _ in kept}
        for sink, state in product(sorted(self._sinks), _WAIT):
            self.metrics.alarm_messages(sink, state, kept[sink, state])


def _failed(error: Exception) -> None:
    _LOG.error("the alarms were not counted: %s", type(error).__name__)
