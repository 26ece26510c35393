"""How a kernel of a model becomes machine code."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from bedside.core.kept_code import kept

__all__ = ["compiled", "entry"]

_njit: Any = numba.njit
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """A part of an `entry` in the same file: without counts of references, and no sum reordered."""
    made: Any = _njit(
        nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False
    )(function)
    return made  # type: ignore[no-any-return]


def entry(function: F) -> F:
    """Machine code that Python calls, and kept beside the source where that is possible."""
    return kept(_njit, function, nogil=True, error_model="numpy")
