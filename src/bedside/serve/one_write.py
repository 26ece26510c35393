"""A response in one piece: one system call, and one packet that wakes the client, instead of two.

uvicorn writes the head of a response when the application begins it and the body when that comes,
and looks for forbidden bytes in every header of every response. Here a head waits for its body,
and one whose headers were sent before is not looked at again.
"""

from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    HEADER_RE,
    HEADER_VALUE_RE,
    STATUS_LINE,
    RequestResponseCycle,
)

__all__ = ["OneWrite"]

Message = MutableMapping[str, Any]
Header = tuple[bytes, bytes]

_LENGTH = b"content-length"
_FRAMING = (b"transfer-encoding", b"connection")
_BODILESS = (204, 304)


class OneWrite:
    """The `send` of one request. A response that comes in parts goes as uvicorn sends it.

    Args:
        cycle: Of the request.
    """

    __slots__ = ("_begun", "_cycle")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._begun: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Take one message of the application."""
        begun = self._begun
        if begun is None and message["type"] == "http.response.start":
            self._begun = message
            return
        self._begun = None
        if begun is not None:
            cycle = self._cycle
            if cycle.flow.write_paused and not cycle.disconnected:
                await cycle.flow.drain()
            if self._goes_at_once(begun, message):
                return
            await cycle.send(begun)  # type: ignore[arg-type]
        await self._cycle.send(message)  # type: ignore[arg-type]

    def _goes_at_once(self, begun: Message, message: Message) -> bool:
        """Whether the response was whole, and is sent."""
        cycle, body, status = self._cycle, message.get("body", b""), begun["status"]
        if (
            message["type"] != "http.response.body"
            or message.get("more_body", False)
            or cycle.response_started
            or cycle.disconnected
            or cycle.access_log
            or cycle.scope["method"] == "HEAD"
            or status in _BODILESS
        ):
            return False
        told = begun.get("headers", ())
        lengths = [value for name, value in told if name == _LENGTH]
        if len(lengths) != 1 or lengths[0] != b"%d" % len(body):
            return False
        others = tuple([one for one in told if one[0] != _LENGTH])
        head = _head(status, (*cycle.default_headers, *others), cycle.keep_alive)
        if head is None:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        cycle.transport.write(b"%b%d\r\n\r\n%b" % (head, len(body), body))
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


@lru_cache(maxsize=512)
def _head(status: int, headers: tuple[Header, ...], keep_alive: bool) -> bytes | None:
    """The head up to the number of its bytes; None: uvicorn has something to decide or to refuse.

    Args:
        status: Of the response.
        headers: All but the length of the body.
        keep_alive: Whether the connection stays open.
    """
    lines = [STATUS_LINE[status]]
    for name, value in headers:
        lower = name.lower()
        if lower in _FRAMING or lower == _LENGTH:
            return None
        if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
            return None
        lines.append(b"%b: %b\r\n" % (lower, value))
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    lines.append(b"content-length: ")
    return b"".join(lines)
