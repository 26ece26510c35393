"""What a server process counts of itself, for Prometheus; no label ever comes from a request.

A label is a route's template, a method out of a short list, a status, or what the registry and the
ledger already call a version, a stage, an outcome or a reason. Several processes count in one
folder, each in files of its own: what a killed one has counted stays, and is added up.
"""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from bedside.core.errors import Refused

__all__ = ["CONTENT_TYPE", "NO_ROUTE", "Metrics"]

CONTENT_TYPE: str = CONTENT_TYPE_LATEST
NO_ROUTE = "none"
"""The route of a request that the gate answered, or that no route fits."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
SIZES = (1, 2, 4, 8, 16, 32, 64)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_LIVE_FILES = "gauge_live*_*.db"


class Metrics:
    """Counts, and tells what was counted in the text format of Prometheus.

    Args:
        folder: Where the processes of one server count together; None: this process alone. The
            environment must name the same folder as PROMETHEUS_MULTIPROC_DIR before
            prometheus-client is first imported.

    Raises:
        Refused: prometheus-client was loaded before it was told of the folder (`metrics_folder`).
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is not None and not getattr(values.ValueClass, "_multiprocess", False):
            raise Refused(
                "This process began to count before it was told where.",
                fix="set PROMETHEUS_MULTIPROC_DIR before anything is counted.",
                code="metrics_folder",
            )
        self._folder = folder
        self._registry = CollectorRegistry()
        self._known: dict[tuple[Any, ...], Any] = {}
        self._counted()
        self._observed()
        self._now()

    def _counted(self) -> None:
        self._requests = self._counter(
            "bedside_http_requests",
            "Requests that were answered, by the template of their route.",
            "route", "method", "status",
        )  # fmt: skip
        self._answers = self._counter(
            "bedside_answers",
            "Answers that are durable in the ledger.",
            "model", "version", "stage", "outcome", "reason",
        )  # fmt: skip
        self._repeated = self._counter(
            "bedside_repeated_requests", "Requests whose answer another process had given already."
        )
        self._failures = self._counter(
            "bedside_ledger_failures", "Entries that the ledger could not keep.", "code"
        )
        self._reloads = self._counter(
            "bedside_reloads", "Changes of what is released, as this server took them up.", "result"
        )
        self._overloaded = self._counter(
            "bedside_overloaded", "Questions refused because too many were under way."
        )
        self._dropped = self._counter(
            "bedside_dropped", "Questions that a version nobody is shown was not asked.", "version"
        )
        self._timeouts = self._counter(
            "bedside_timeouts", "Questions whose answer did not come in time.", "version"
        )
        self._hangs = self._counter(
            "bedside_hangs", "Times that a model hung and its thread was left behind.", "version"
        )
        self._starts = self._counter("bedside_worker_starts", "Server processes that were started.")

    def _observed(self) -> None:
        self._latency = self._histogram(
            "bedside_answer_seconds",
            "From a question to its durable answer, seconds.",
            SECONDS,
            "model",
        )
        self._batch = self._histogram(
            "bedside_batch_questions", "Questions that shared one run of a model.", SIZES, "model"
        )
        self._commit = self._histogram(
            "bedside_ledger_commit_seconds", "One durable commit of the ledger.", COMMIT_SECONDS
        )

    def _now(self) -> None:
        self._waiting = self._gauge(
            "bedside_queue_waiting", "Questions that no thread has taken yet.", "version"
        )
        self._stuck = self._gauge("bedside_threads_stuck", "Threads that hang now.", "version")
        self._under_way = self._gauge("bedside_under_way", "Questions under way.")
        self._workers = self._gauge("bedside_workers", "Server processes that run.")
        self._ready = self._gauge(
            "bedside_workers_ready",
            "Server processes in which every version that is shown answers.",
        )
        self._wanted = self._gauge(
            "bedside_workers_wanted", "Server processes that should run.", mode="livemax"
        )
        self._guards = self._gauge(
            "bedside_guard_broken",
            "1: a guard is broken by the latest answers; 0: kept, or not judged yet.",
            "model", "version", "metric",
            mode="livemax",
        )  # fmt: skip
        self._guards_at = self._gauge(
            "bedside_guards_judged_timestamp_seconds",
            "When the guards were last judged, seconds since 1970.",
            mode="livemax",
        )
        self._fired = self._counter(
            "bedside_guard_fired", "Guards that took a version back.", "model", "then"
        )
        self._monitored = self._gauge(
            "bedside_monitor_run_timestamp_seconds",
            "When the answers of a version were last watched, seconds since 1970; 0: never.",
            "model", "version",
            mode="livemax",
        )  # fmt: skip
        self._alarms = self._gauge(
            "bedside_alarms_open", "Alarms that are not resolved.", "model", "severity",
            mode="livemax",
        )  # fmt: skip
        self._raised = self._gauge(
            "bedside_alarms_raised", "Alarms that were ever raised.", "model", mode="livemax"
        )
        self._messages = self._gauge(
            "bedside_alarm_messages",
            "Messages about alarms that wait for their sink, or were given up.",
            "sink", "state",
            mode="livemax",
        )  # fmt: skip

    def started(self, workers: int) -> None:
        """This process serves, one of so many."""
        self._starts.inc()
        self._workers.set(1)
        self._wanted.set(workers)

    def request(self, route: str, method: str, status: int) -> None:
        """A request is being answered; `route` is a template, never a path."""
        key = (route, method, status)
        child = self._known.get(key)
        if child is None:
            told = method if method in _METHODS else "other"
            child = self._known[key if told == method else (route, told, status)] = (
                self._requests.labels(route, told, str(status))
            )
        child.inc()

    def answered(self, details: Mapping[str, Any], seconds: float) -> None:
        """An answer is durable.

        Args:
            details: Of its entry in the ledger.
            seconds: From the question on.
        """
        outcome = details["outcome"]
        why = details.get("reason") or details.get("code") or ""
        key = (details["version"], details["stage"], outcome, why)
        known = self._known.get(key)
        if known is None:
            model = details["model"]
            labels = (model, details["version"], details["stage"], outcome, why)
            known = self._answers.labels(*labels).inc, self._latency.labels(model).observe
            self._known[key] = known
        count, observe = known
        count()
        observe(seconds)

    def batch(self, model: str, size: int) -> None:
        """So many questions shared one run of a model."""
        child = self._known.get((model,))
        if child is None:
            child = self._known[(model,)] = self._batch.labels(model)
        child.observe(size)

    def committed(self, seconds: float) -> None:
        """One commit of the ledger is durable."""
        self._commit.observe(seconds)

    def not_kept(self, code: str) -> None:
        """The ledger did not take an entry."""
        self._failures.labels(code).inc()

    def repeated(self) -> None:
        """A request was answered before, by another process."""
        self._repeated.inc()

    def reloaded(self, result: str) -> None:
        """What is released has changed, or a version did not load."""
        self._reloads.labels(result).inc()

    def lanes(self, told: Mapping[str, Mapping[str, int]], since: Mapping[str, int]) -> None:
        """How each version's questions stand.

        Args:
            told: By version: `waiting` and `stuck` now.
            since: What was added since the last look, by `EVENT VERSION`; events are `dropped`,
                `timeouts` and `hangs`.
        """
        for version, counts in told.items():
            self._waiting.labels(version).set(counts["waiting"])
            self._stuck.labels(version).set(counts["stuck"])
        counters = {"dropped": self._dropped, "timeouts": self._timeouts, "hangs": self._hangs}
        for key, count in since.items():
            event, _, version = key.partition(" ")
            counters[event].labels(version).inc(count)

    def service(self, *, ready: bool, under_way: int, refused: int) -> None:
        """How this process stands; `refused` is what was added since the last look."""
        self._ready.set(int(ready))
        self._under_way.set(under_way)
        if refused:
            self._overloaded.inc(refused)

    def guard(self, model: str, version: str, metric: str, *, broken: bool) -> None:
        """What the latest answers say of one guard."""
        self._guards.labels(model, version, metric).set(int(broken))

    def guards_judged(self, at: float) -> None:
        """The guards were judged; `at` is seconds since 1970."""
        self._guards_at.set(at)

    def guard_fired(self, model: str, then: str) -> None:
        """A broken guard took a version back: `hold` or `rollback`."""
        self._fired.labels(model, then).inc()

    def monitored(self, model: str, version: str, at: float) -> None:
        """The answers of a version were last watched `at`, seconds since 1970; 0: never."""
        self._monitored.labels(model, version).set(at)

    def alarms(self, model: str, severity: str, count: int) -> None:
        """So many alarms of a model are not resolved."""
        self._alarms.labels(model, severity).set(count)

    def alarms_raised(self, model: str, count: int) -> None:
        """So many alarms of a model were ever raised."""
        self._raised.labels(model).set(count)

    def alarm_messages(self, sink: str, state: str, count: int) -> None:
        """So many messages to a sink are `waiting` or `dead`."""
        self._messages.labels(sink, state).set(count)

    def text(self) -> bytes:
        """Everything that was counted, over every process, in the text format of Prometheus."""
        if self._folder is None:
            return generate_latest(self._registry)
        self._forget_dead(self._folder)
        together = CollectorRegistry()
        MultiProcessCollector(together, path=str(self._folder))  # type: ignore[no-untyped-call]
        return generate_latest(together)

    @property
    def names(self) -> set[str]:
        """Every name that a query may use."""
        found: set[str] = set()
        for family in self._registry.collect():
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
            found |= {family.name + end for end in endings.get(family.type, ("",))}
        return found

    @staticmethod
    def _forget_dead(folder: Path) -> None:
        """What a process is holds only while it lives; what it has counted stays."""
        for path in folder.glob(_LIVE_FILES):
            pid = int(path.stem.rpartition("_")[2])
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                with contextlib.suppress(FileNotFoundError):
                    mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
            except PermissionError:
                continue

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return prometheus_client.Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str, mode: Any = "livesum") -> Gauge:
        return prometheus_client.Gauge(
            name, text, labels, registry=self._registry, multiprocess_mode=mode
        )

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return prometheus_client.Histogram(
            name, text, labels, buckets=buckets, registry=self._registry
        )
