"""What one version is asked, and the answer it made before that is in the ledger."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

from bedside.core.errors import Unavailable
from bedside.core.records.answer import Answer
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.ledger import LedgerDraft, LedgerEntry
from bedside.serve.tracing import CURRENT, Trace

__all__ = ["Gathering", "Made", "Question", "not_kept", "tried"]

_LOG = logging.getLogger("bedside.serve")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to one version.

    `shown` says whether anybody will see the answer; `facts` is what the version's declaration
    reads, where that is known already; `request_tag` tells the same request again; `began` is when
    it came by the monotonic clock, which no correction of the time moves; `trace` takes its
    steps, where the request is traced.
    """

    asked: Asked
    started: datetime
    shown: bool = True
    facts: Facts | None = None
    request_tag: str | None = None
    began: float = field(default_factory=time.monotonic)
    trace: Trace | None = field(default_factory=CURRENT.get)


class Made(NamedTuple):
    """An answer that is in no ledger yet, and what is to be written of it before it may leave."""

    answer: Answer
    draft: LedgerDraft


@runtime_checkable
class Gathering(Protocol):
    """A ledger that takes what waits together in one commit."""

    def submit_all(self, drafts: Sequence[LedgerDraft]) -> "list[Future[LedgerEntry]]":
        """Hand in drafts; each future has its entry once that is durable, or the error."""
        ...


def tried(step: Callable[..., Any], *arguments: Any) -> Any:
    """What a step gives, or the error that it raises."""
    try:
        return step(*arguments)
    except Exception as error:
        return error


def not_kept(error: BaseException) -> Unavailable:
    """What somebody is told whose answer the ledger could not keep; the cause goes to the log."""
    _LOG.error("the ledger failed: %s", type(error).__name__)
    return Unavailable(
        "The ledger could not keep this, so nothing is answered.",
        fix="check the ledger and its disk, then try again.",
        code="ledger_unavailable",
    )
