"""Machine code that is kept on the disk where that takes it, and made anew where it does not."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

__all__ = ["kept"]

F = TypeVar("F", bound=Callable[..., Any])


def kept(jit: Callable[..., Any], function: F, **options: Any) -> F:
    """The function as machine code, kept between processes; a disk that refuses ends nothing.

    Where there is no folder to keep it in, or its disk is full or cannot be read, each process
    compiles at its first call. What was kept in part is let go of, so that no other process takes
    the code of an older source for it.

    Args:
        jit: Numba's `njit`; this module does not import it.
        function: To be compiled.
        options: Of `njit`, but for `cache`.
    """
    try:
        made = jit(cache=True, **options)(function)
    except (RuntimeError, OSError):  # nowhere to keep it
        made = jit(**options)(function)
    else:
        made._cache = _Forgiving(made._cache)  # Numba has no other way in
    return made  # type: ignore[no-any-return]


class _Forgiving:
    """Numba's cache of one function; what the disk refuses is as if it were not there."""

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, signature: Any, target: Any) -> Any:
        try:
            return self._cache.load_overload(signature, target)
        except (OSError, EOFError):  # a file that ends too soon was cut off with the power
            self._let_go()
            return None

    def save_overload(self, signature: Any, made: Any) -> None:
        try:
            self._cache.save_overload(signature, made)
        except OSError:
            self._let_go()

    def _let_go(self) -> None:
        with suppress(OSError):
            self._cache.flush()
