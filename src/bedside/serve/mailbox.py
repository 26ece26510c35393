"""What other threads bring to an event loop: many deliveries, one call into it."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import get_ident
from typing import Generic, TypeVar

__all__ = ["Mailbox"]

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands what is put in from any thread to `open_one`, on the loop, in order.

    It is made in the thread of the loop, from where it needs no system call.

    Args:
        loop: Where it is opened.
        open_one: Called with each item.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, open_one: Callable[[T], None]) -> None:
        self._loop, self._open_one = loop, open_one
        self._items: deque[T] = deque()
        self._is_called = False
        self._thread = get_ident()

    def put(self, item: T) -> None:
        """Bring one item; the loop is called unless it is on its way already."""
        self._items.append(item)
        if not self._is_called:
            self._is_called = True
            if get_ident() == self._thread:
                self._loop.call_soon(self._empty)
                return
            with suppress(RuntimeError):  # the loop has ended, and nobody waits for this
                self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._is_called = False
        while self._items:
            self._open_one(self._items.popleft())
