"""What one request went through: its steps and when they were, without anything it was about.

Only times, names and what the ledger says openly of an answer are kept. What came in the request
is not looked at, but for where its trace began, and that only where the caller is known.
"""

import re
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from time import perf_counter_ns
from typing import Any, Protocol

from bedside.core.records.answer import Abstention, Answer, Failure

__all__ = ["CURRENT", "STEPS", "Trace", "Tracer", "parent_of"]

STEPS = ("read", "features", "model", "reasons", "commit")
"""Of one answer, in this order; each is one span."""

_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Trace:
    """The steps of one request, on the monotonic clock in nanoseconds."""

    __slots__ = ("attributes", "begun", "last", "steps")

    def __init__(self) -> None:
        self.begun = self.last = perf_counter_ns()
        self.steps: list[tuple[str, int, int]] = []
        self.attributes: dict[str, str | int] = {}

    def step(self, name: str, begun: int) -> None:
        """A step that began then has ended now."""
        self.last = perf_counter_ns()
        self.steps.append((name, begun, self.last))

    def committed(self, answer: Answer) -> None:
        """The answer is durable; since the last step it waited for its commit."""
        outcome = answer.outcome
        told = {
            "bedside.model": answer.model,
            "bedside.version": answer.version,
            "bedside.stage": answer.stage,
            "bedside.prediction_id": answer.prediction_id,
            "bedside.outcome": type(outcome).__name__.lower(),
        }
        if isinstance(outcome, Abstention):
            told["bedside.reason"] = str(outcome.reason)
        elif isinstance(outcome, Failure):
            told["bedside.reason"] = outcome.code
        self.attributes.update(told)
        self.step("commit", self.last)


CURRENT: ContextVar[Trace | None] = ContextVar("bedside_trace", default=None)
"""The trace of the request that is served now; None: it is not traced."""


class Tracer(Protocol):
    """Takes finished traces to whoever collects them."""

    def finished(self, trace: Trace, scope: MutableMapping[str, Any], status: int) -> None:
        """A request was answered; `scope` is of its ASGI connection."""
        ...

    def close(self) -> None:
        """Hand over what is left."""
        ...


def parent_of(headers: Mapping[bytes, bytes]) -> tuple[int, int, bool] | None:
    """The trace, the span and whether it is sampled, as the caller's `traceparent` says.

    Source: W3C Trace Context, section 3.2 (version 00).

    >>> said = b"00-" + b"0af7651916cd43dd8448eb211c80319c" + b"-b7ad6b7169203331-01"
    >>> parent_of({b"traceparent": said}) == (
    ...     0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331, True)
    True
    >>> parent_of({b"traceparent": b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01"}) is None
    True
    """
    found = _TRACEPARENT.fullmatch(headers.get(b"traceparent", b""))
    if found is None:
        return None
    trace, span, flags = (int(part, 16) for part in found.groups())
    return (trace, span, bool(flags & 1)) if trace and span else None
