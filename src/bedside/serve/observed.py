"""Where a server is looked at: its requests, what its ledger takes, how its questions stand."""

import logging
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from concurrent.futures import Future
from functools import partial
from time import perf_counter
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from bedside.core.errors import AlreadyAnswered, BedsideError
from bedside.core.ports import Ledger
from bedside.core.records.caller import Action
from bedside.core.records.ledger import Actor, LedgerDraft, LedgerEntry
from bedside.serve.made import Gathering
from bedside.serve.metrics import CONTENT_TYPE, NO_ROUTE, Metrics
from bedside.serve.routes import ROUTE, WireRoute
from bedside.serve.service import Service
from bedside.serve.tracing import CURRENT, Trace, Tracer

__all__ = ["CountedCommits", "CountedLedger", "Look", "Observed", "metrics_route"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
LOOK_SECONDS = 1.0
_LOG = logging.getLogger("bedside.serve")
_RELOADS = {"reload": "taken_up", "reload.failed": "failed"}


class Observed:
    """Counts each request of an application as its answer begins, and traces it if asked to.

    A request is counted before the first byte of its answer leaves, so that of a process that is
    killed no request is missed that anybody has an answer to.

    Args:
        app: The gate.
        metrics: Counts.
        tracer: Tells a collector; None: nobody is told.
    """

    def __init__(self, app: App, metrics: Metrics, tracer: Tracer | None = None) -> None:
        self._app, self._metrics, self._tracer = app, metrics, tracer

    @property
    def knows_callers(self) -> bool:
        """Whether anybody at all can get in."""
        return bool(getattr(self._app, "knows_callers", False))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500
        count, method = self._metrics.request, scope["method"]

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                count(scope.get(ROUTE, NO_ROUTE), method, status)
            await send(message)

        if self._tracer is None:
            await self._app(scope, receive, sending)
            return
        trace = Trace()
        token = CURRENT.set(trace)
        try:
            await self._app(scope, receive, sending)
        finally:
            CURRENT.reset(token)
            self._tracer.finished(trace, scope, status)


def metrics_route(metrics: Metrics, look: Callable[[], None]) -> WireRoute:
    """`GET /metrics`, for whoever may observe."""

    def told() -> bytes:
        look()
        return metrics.text()

    async def endpoint(_request: Request) -> Response:
        return Response(await run_in_threadpool(told), headers={"content-type": CONTENT_TYPE})

    return WireRoute(path="/metrics", methods=("GET",), endpoint=endpoint, action=Action.OBSERVE)


class CountedLedger:
    """The ledger of a server, in front of one that gathers: counts what it takes.

    Whatever else is asked of it goes to the ledger behind it.
    """

    def __init__(self, ledger: Any, metrics: Metrics) -> None:
        self._ledger, self._metrics = ledger, metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def submit_all(self, drafts: Sequence[LedgerDraft]) -> "list[Future[LedgerEntry]]":
        """Hand in drafts; an answer is counted once it is durable, before anybody is told."""
        begun = perf_counter()
        futures: list[Future[LedgerEntry]] = self._ledger.submit_all(drafts)
        if drafts and drafts[0].action == "answer":
            self._metrics.batch(drafts[0].details["model"], len(drafts))
        for draft, future in zip(drafts, futures, strict=True):
            future.add_done_callback(partial(self._settled, draft, begun))
        return futures

    def append(
        self,
        actor: Actor,
        action: str,
        details: dict[str, Any],
        *,
        sealed: bytes | None = None,
        subject: int | None = None,
    ) -> LedgerEntry:
        """Add one entry; durable when this returns."""
        if action in _RELOADS:
            self._metrics.reloaded(_RELOADS[action])
        try:
            entry: LedgerEntry = self._ledger.append(
                actor, action, details, sealed=sealed, subject=subject
            )
        except Exception as error:
            self._metrics.not_kept(_code(error))
            raise
        return entry

    def _settled(self, draft: LedgerDraft, begun: float, future: "Future[LedgerEntry]") -> None:
        if future.cancelled():
            self._metrics.not_kept("too_late")
            return
        error = future.exception()
        if isinstance(error, AlreadyAnswered):
            self._metrics.repeated()
        elif error is not None:
            self._metrics.not_kept(_code(error))
        elif draft.action == "answer":
            made = draft.details["latency_ms"] / 1000
            self._metrics.answered(draft.details, made + perf_counter() - begun)


class CountedCommits:
    """A ledger whose commits of several entries are timed; all else goes to the one behind it."""

    def __init__(self, ledger: Ledger, metrics: Metrics) -> None:
        self._ledger, self._metrics = ledger, metrics

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def append_each(self, drafts: Sequence[LedgerDraft]) -> "list[LedgerEntry | BedsideError]":
        """Add those that can be taken in one durable commit."""
        begun = perf_counter()
        results = self._ledger.append_each(drafts)
        self._metrics.committed(perf_counter() - begun)
        return results


class Look:
    """Notes every second how the questions of a service stand, in a thread of its own."""

    def __init__(self, service: Service, metrics: Metrics, workers: int = 1) -> None:
        self._service, self._metrics, self._workers = service, metrics, workers
        self._before: Counter[str] = Counter()
        self._refused = 0
        self._versions: set[str] = set()
        self._looking = threading.Lock()
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin."""
        self._metrics.started(self._workers)
        self.once()
        threading.Thread(target=self._watch, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()

    def once(self) -> None:
        """Note how it stands now."""
        with self._looking:
            told = self._service.lanes.counts()
            gone = {one: {"waiting": 0, "stuck": 0} for one in self._versions - set(told)}
            self._versions |= set(told)
            now = Counter(
                {
                    f"{event} {version}": counts[event]
                    for version, counts in told.items()
                    for event in ("dropped", "timeouts", "hangs")
                }
            )
            # A lane that was made anew counts from nothing again.
            since = {key: n - min(n, self._before[key]) for key, n in now.items()}
            self._before = now
            self._metrics.lanes(told | gone, {key: n for key, n in since.items() if n})
            refused = self._service.refused
            self._metrics.service(
                ready=self._service.is_ready(),
                under_way=self._service.under_way,
                refused=refused - self._refused,
            )
            self._refused = refused

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self.once()
            except Exception as error:  # the watch must not end
                _LOG.error("the state of the server cannot be noted: %s", type(error).__name__)


def _code(error: BaseException) -> str:
    return error.code if isinstance(error, BedsideError) else type(error).__name__


assert issubclass(CountedLedger, Gathering)  # noqa: S101 - the lanes ask for it
