"""JSON responses, and the threads on which answers are made."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

__all__ = ["Json", "off_the_loop"]

T = TypeVar("T")


class Json(Response):
    """A JSON body."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The bytes."""
        return msgspec.json.encode(content)


async def off_the_loop(work: Callable[[], T]) -> T:
    """Run work that waits for a disk in a thread, so that the other connections go on."""
    return await run_in_threadpool(work)
