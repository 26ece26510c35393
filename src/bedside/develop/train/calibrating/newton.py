"""Newton's method for the few numbers of a calibration, damped so that it never runs away."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

__all__ = ["Evaluated", "minimum"]

Floats = npt.NDArray[np.float64]
Evaluated = tuple[float, Floats, Floats]
"""A loss, its gradient, shape (p,), and its second derivatives, shape (p, p)."""

MOST_STEPS = 100
_RIDGE = 1e-10  # on the scaled second derivatives, where they are singular
_SMALL = 1e-12  # a step that gains less than this share of the loss is the last


def minimum(start: Floats, evaluate: Callable[[Floats], Evaluated]) -> Floats:
    """Where a convex loss is least, shape (p,).

    A step that would raise the loss is halved until it does not.

    >>> minimum(np.array([5.0]), lambda at: ((at[0] - 2) ** 2, 2 * (at - 2), np.array([[2.0]])))
    array([2.])
    """
    at = np.asarray(start, dtype=np.float64)
    loss, gradient, curvature = evaluate(at)
    for _ in range(MOST_STEPS):
        size = np.sqrt(np.maximum(np.diag(curvature), np.finfo(float).tiny))
        scaled = curvature / np.outer(size, size) + _RIDGE * np.eye(len(at))
        step = -np.linalg.solve(scaled, gradient / size) / size
        share, moved = 1.0, evaluate(at + step)
        while not moved[0] <= loss and share > 1e-9:
            share /= 2
            moved = evaluate(at + share * step)
        if not moved[0] <= loss:
            break
        gained = loss - moved[0]
        at, (loss, gradient, curvature) = at + share * step, moved
        if gained <= _SMALL * (1 + abs(loss)):
            break
    return at
