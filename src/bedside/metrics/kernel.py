"""How a loop over rows becomes machine code here: without the interpreter's lock, in one thread."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

__all__ = ["kernel"]

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compiled once and kept beside the source where that is possible; no sum is reordered.

    Where nothing can be kept, each process compiles at its first call. Rows are the outer loop and
    weightings the inner one, so that each row is read once for all. It calls only what stands in
    its own file: Numba looks at no other to see whether what was kept is still good.
    """
    made: Any
    try:
        made = numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # nowhere to keep it
        made = numba.njit(nogil=True, error_model="numpy")(function)
    return made  # type: ignore[no-any-return]
