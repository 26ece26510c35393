"""What is made once for an object, and kept as long as that object is likely to be asked again."""

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Kept"]

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """A function of an object that is never changed, whose results are kept; safe to share.

    Two objects that are equal have two results: comparing them would take longer than most results.

    Args:
        make: The function.
        most: So many results are kept, the newest.

    >>> lengths = Kept(len)
    >>> lengths("abc")
    3
    """

    def __init__(self, make: Callable[[K], V], *, most: int = 32) -> None:
        self._make = make
        self._most = most
        self._results: dict[int, tuple[K, V]] = {}
        self._lock = Lock()

    def __call__(self, thing: K) -> V:
        """The result for this object."""
        kept = self._results.get(id(thing))
        if kept is not None and kept[0] is thing:
            return kept[1]
        made = self._make(thing)
        with self._lock:
            while len(self._results) >= self._most:
                del self._results[next(iter(self._results))]
            self._results[id(thing)] = thing, made
        return made
