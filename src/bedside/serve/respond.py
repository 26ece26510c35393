"""JSON responses, and the threads on which answers are made."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from bedside.core.errors import BedsideError, Unavailable
from bedside.core.records.answer import Failure
from bedside.interop.open_inference.response import error_body, status_of

__all__ = ["THREADS", "Json", "Workers", "refused", "status_of_failure"]

T = TypeVar("T")

THREADS = 4
"""For what waits for a disk beside the answers, which have threads of their own."""

RETRY_SECONDS = 1
_CONFLICTS = ("request_id_reused", "already_answered")


def refused(error: BedsideError) -> tuple[int, dict[str, Any], dict[str, str]]:
    """The status, the body and the further headers of a response that gives no answer.

    Who asks again after what is only unavailable now is told when to.
    """
    status = 409 if error.code in _CONFLICTS else status_of(error)
    more = {"retry-after": str(RETRY_SECONDS)} if isinstance(error, Unavailable) else {}
    return status, dict(error_body(error)), more


def status_of_failure(failure: Failure) -> int:
    """The HTTP status of an answer that is a failure: 504 where it came too late, else 500."""
    return 504 if failure.code == "timeout" else 500


class Json(Response):
    """A JSON body."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes."""
        return msgspec.json.encode(content)


class Workers:
    """A few threads for work that computes or waits for a disk, so that other requests go on."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="bedside-answer")

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, done in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
