"""Something that is looked at again and again while a workspace is served: a thread beside it."""

import threading
from collections.abc import Callable
from typing import Self

__all__ = ["Looking"]


class Looking:
    """Looks at once and then every so many seconds, until it is left; no failure ends it.

    Args:
        look: One look.
        name: Of the thread.
        every: Seconds between two looks.
        failed: Hears why a look failed: the database may be away.
    """

    def __init__(
        self,
        look: Callable[[], object],
        *,
        name: str,
        every: float,
        failed: Callable[[Exception], None],
    ) -> None:
        self._look, self._every, self._failed = look, every, failed
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._again, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more; a look that is under way is waited for, but not long."""
        self._ended.set()
        self._thread.join(timeout=5)

    def _again(self) -> None:
        wait = 0.0
        while not self._ended.wait(wait):
            wait = self._every
            try:
                self._look()
            except Exception as error:
                self._failed(error)
