"""How a server is looked at, wired: its metrics, its traces, its log, as the environment says."""

import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import bedside
from bedside.core.clock import Clock
from bedside.core.errors import Invalid
from bedside.core.ports import Ledger
from bedside.serve.logs import JsonLines

if TYPE_CHECKING:
    from bedside.serve.gate import Gate
    from bedside.serve.metrics import Metrics
    from bedside.serve.observed import Look, Observed
    from bedside.serve.routes import WireRoute
    from bedside.serve.service import Service
    from bedside.serve.tracing import Tracer

__all__ = ["OPERATIONS_VARIABLES", "Operations", "counting_folder", "log_as_json", "metrics_here"]
__all__ += ["socket_folder"]

OPERATIONS_VARIABLES = {
    "BEDSIDE_LOG": "json (the default of a server) or text",
    "BEDSIDE_LOG_LEVEL": "debug, info (if not set), warning or error",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "where traces are sent (OTLP over HTTP); none are if not set",
}
"""Every variable about how a server is looked at."""
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
Gathers = TypeVar("Gathers")


def log_as_json(environment: Mapping[str, str] = os.environ) -> None:
    """Write the log of this process, its libraries' too, to standard error: a line an event.

    Raises:
        Invalid: a variable is not as it must be.
    """
    form = environment.get("BEDSIDE_LOG") or "json"
    level = environment.get("BEDSIDE_LOG_LEVEL") or "info"
    for name, value, known in (
        ("BEDSIDE_LOG", form, ("json", "text")),
        ("BEDSIDE_LOG_LEVEL", level, tuple(_LEVELS)),
    ):
        if value not in known:
            raise Invalid(
                f"The environment variable {name} is not as it must be.",
                fix=f"set it to {', '.join(known[:-1])} or {known[-1]}.",
                code="setting",
            )
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, _LEVELS[level]))
    logging.getLogger("bedside").setLevel(_LEVELS[level])
    logging.captureWarnings(True)


@contextmanager
def counting_folder() -> Iterator[Path]:
    """Where the processes of one server count together; gone when the server ends.

    The environment of this process, and so of those it starts, names it from now on.
    """
    before = os.environ.get(_FOLDER)
    with tempfile.TemporaryDirectory(prefix="bedside-metrics-") as folder:
        os.environ[_FOLDER] = folder
        try:
            yield Path(folder)
        finally:
            if before is None:
                del os.environ[_FOLDER]
            else:
                os.environ[_FOLDER] = before


def metrics_here(environment: Mapping[str, str] = os.environ) -> "Metrics":
    """The metrics of this process, counted where the environment says."""
    # prometheus-client decides where it counts when it is imported: not before now.
    from bedside.serve.metrics import Metrics  # noqa: PLC0415

    folder = environment.get(_FOLDER)
    return Metrics(Path(folder) if folder else None)


@contextmanager
def socket_folder() -> Iterator[Path]:
    """Where the processes of one server meet: nobody but this user may enter (mode 0700)."""
    with tempfile.TemporaryDirectory(prefix="bedside-sockets-") as folder:
        yield Path(folder)


class Operations:
    """What looks at one server process.

    Where the environment names a folder to count in, this process counts there with the others of
    its server; else alone.

    Args:
        workers: How many server processes there should be.
        clock: Says what time it is.
    """

    def __init__(
        self, *, workers: int, clock: Clock, environment: Mapping[str, str] = os.environ
    ) -> None:
        self.metrics = metrics_here(environment)
        self.tracer = _tracer(environment.get("OTEL_EXPORTER_OTLP_ENDPOINT"), clock)
        self._workers = workers
        self._look: Look | None = None

    def counted(self, ledger: Gathers) -> Gathers:
        """A ledger that gathers what comes to it, counted."""
        from bedside.serve.observed import CountedLedger  # noqa: PLC0415

        return cast(Gathers, CountedLedger(ledger, self.metrics))

    def timed(self, ledger: Ledger) -> Ledger:
        """A ledger whose commits of several entries are timed."""
        from bedside.serve.observed import CountedCommits  # noqa: PLC0415

        return cast(Ledger, CountedCommits(ledger, self.metrics))

    def routes(self, service: "Service") -> "list[WireRoute]":
        """Where the metrics of a server with this service are told."""
        from bedside.serve.observed import Look, metrics_route  # noqa: PLC0415

        self._look = Look(service, self.metrics, self._workers)
        return [metrics_route(self.metrics, self._look.once)]

    def watched(self, app: "Gate") -> "Observed":
        """The application, with its requests counted."""
        from bedside.serve.observed import Observed  # noqa: PLC0415

        return Observed(app, self.metrics, self.tracer)

    def start(self) -> None:
        """Begin to look."""
        if self._look is not None:
            self._look.start()

    def close(self) -> None:
        """Look no more, and hand over the traces that are left."""
        if self._look is not None:
            self._look.close()
        if self.tracer is not None:
            self.tracer.close()


def _tracer(endpoint: str | None, clock: Clock) -> "Tracer | None":
    """Who is told of traces; None: nobody is to be told, or the extra is not installed."""
    if not endpoint:
        return None
    if not endpoint.startswith(("http://", "https://")):
        raise Invalid(
            "The environment variable OTEL_EXPORTER_OTLP_ENDPOINT is not as it must be.",
            fix="set it to the http(s) address of a collector, such as http://127.0.0.1:4318.",
            code="setting",
        )
    if not _installed("opentelemetry.sdk") or not _installed("opentelemetry.exporter"):
        logging.getLogger("bedside.serve").warning(
            "traces are off: the extra is missing. Fix: pip install 'bedside[telemetry]'."
        )
        return None
    from bedside.serve.adapters.otlp_traces import OtlpTraces  # noqa: PLC0415

    return OtlpTraces(endpoint, clock=clock, version=bedside.__version__)


def _installed(name: str, find: Callable[[str], Any] = importlib.util.find_spec) -> bool:
    try:
        return find(name) is not None
    except ModuleNotFoundError:
        return False
