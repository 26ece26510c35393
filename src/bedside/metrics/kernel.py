"""How a loop over rows becomes machine code here: without the interpreter's lock, in one thread."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

from bedside.core.kept_code import kept

__all__ = ["kernel"]

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compiled once and kept beside the source where that is possible; no sum is reordered.

    Where nothing can be kept, each process compiles at its first call. Rows are the outer loop and
    weightings the inner one, so that each row is read once for all. It calls only what stands in
    its own file: Numba looks at no other to see whether what was kept is still good.
    """
    return kept(numba.njit, function, nogil=True, error_model="numpy")
