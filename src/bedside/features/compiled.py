"""How a function becomes machine code, and where that is kept."""

import hashlib
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any, TypeVar

import numba
import numpy as np

from bedside.core.kept_code import kept

__all__ = ["allocating", "compiled", "entry", "inlined"]

F = TypeVar("F", bound=Callable[..., Any])
_njit: Any = numba.njit
_WHOLE = {"nogil": True, "error_model": "numpy"}
_UNCOUNTED = {"_nrt": False}  # Numba's own option, not in its manual: no count of references
_INSIDE = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # never called from Python


def compiled(function: F) -> F:
    """A part of compiled functions; no sum is reordered.

    It allocates nothing and keeps nothing: it only works on arrays that its caller holds, so their
    references are not counted (which would take most of the time). It is never kept by itself,
    since its code has that of other files inside.
    """
    made: Any = _njit(**_WHOLE, **_INSIDE, **_UNCOUNTED)(function)
    return made  # type: ignore[no-any-return]


def inlined(function: F) -> F:
    """A `compiled` one that is put where it is called: it is short, or called for each figure."""
    made: Any = _njit(**_WHOLE, **_INSIDE, **_UNCOUNTED, forceinline=True)(function)
    return made  # type: ignore[no-any-return]


def allocating(function: F) -> F:
    """A part of compiled functions that makes arrays; seldom called."""
    made: Any = _njit(**_WHOLE, **_INSIDE)(function)
    return made  # type: ignore[no-any-return]


def entry(*modules: ModuleType) -> Callable[[F], F]:
    """A compiled function that Python calls; it runs without the interpreter's lock.

    It is compiled at its first call, and kept beside the source, or in the user's cache folder, or
    where `NUMBA_CACHE_DIR` says; where none of them can be written, each process compiles anew.

    Numba looks only at the function's own file to see whether what is kept is still good. It does
    look at what a function encloses, so a digest of the other modules' code is enclosed.

    Args:
        modules: With compiled functions or constants that this one uses.
    """
    told = [_WHOLE, _INSIDE, _UNCOUNTED, *(_told(module) for module in modules)]
    digest = hashlib.sha256(repr(told).encode()).hexdigest()

    def decorate(function: F) -> F:
        code = function.__code__.replace(co_freevars=("digest",))
        whole = FunctionType(
            code, function.__globals__, function.__name__, None, (CellType(digest),)
        )
        whole.__doc__, whole.__qualname__ = function.__doc__, function.__qualname__
        whole.__module__ = function.__module__
        made: Any = kept(_njit, whole, **_WHOLE)
        return made  # type: ignore[no-any-return]

    return decorate


def _told(module: ModuleType) -> list[tuple[str, Any]]:
    """The constants and the compiled functions of a module."""
    return [
        (name, _code(thing.py_func.__code__) if hasattr(thing, "py_func") else repr(thing))
        for name, thing in sorted(vars(module).items())
        if hasattr(thing, "py_func") or isinstance(thing, int | float | np.ndarray)
    ]


def _code(code: CodeType) -> tuple[Any, ...]:
    return code.co_code.hex(), repr(code.co_consts), code.co_names
