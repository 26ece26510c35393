"""Counts the alarms of a workspace that is served, for Prometheus: a thread beside the servers."""

import logging
import os
import threading
from collections import Counter
from itertools import product
from pathlib import Path

from bedside.core.records.watch import SEVERITIES
from bedside.lifecycle.platform import Platform

__all__ = ["AlarmCounting"]

_LOG = logging.getLogger("bedside.alarms")
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
EVERY = 15.0  # seconds between two looks
_WAIT = ("waiting", "dead")


class AlarmCounting:
    """Reads the alarms and their messages again and again, and tells the metrics how many.

    Args:
        platform: The workspace.
        every: Seconds between two looks.
    """

    def __init__(self, platform: Platform, *, every: float = EVERY) -> None:
        # prometheus-client decides where it counts when it is imported: not before now.
        from bedside.serve.metrics import Metrics  # noqa: PLC0415

        folder = os.environ.get(_FOLDER)
        self.metrics = Metrics(Path(folder) if folder else None)
        self._platform, self._every = platform, every
        self._models: set[str] = set()
        self._sinks: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="alarms", daemon=True)

    def __enter__(self) -> "AlarmCounting":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more; a look that is under way is waited for, but not long."""
        self._ended.set()
        self._thread.join(timeout=5)

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

    def _watch(self) -> None:
        wait = 0.0
        while not self._ended.wait(wait):
            wait = self._every
            try:
                self.look()
            except Exception as error:  # the database may be away: the watch goes on
                _LOG.error("the alarms were not counted: %s", type(error).__name__)
