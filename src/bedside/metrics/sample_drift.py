"""How far two samples lie apart, from their values themselves: exact, at the cost of sorting."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats

__all__ = ["category_counts", "sample_kolmogorov_smirnov", "sample_wasserstein"]


def sample_kolmogorov_smirnov(reference: ArrayLike, current: ArrayLike) -> float:
    """Largest gap between the cumulative shares of two samples.

    Args:
        reference: Shape (n,), finite values; leave out what is missing.
        current: Shape (m,).

    Raises:
        Invalid: a sample is empty, or a value is missing or infinite.

    Source: Smirnov, Bull Math Univ Moscou 1939;2(2).

    >>> sample_kolmogorov_smirnov([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    return float(np.abs(_gaps(reference, current)[1]).max())


def sample_wasserstein(reference: ArrayLike, current: ArrayLike) -> float:
    """How far values had to move on average to make one sample of the other (Wasserstein-1).

    Args:
        reference: Shape (n,), finite values; leave out what is missing.
        current: Shape (m,).

    Returns:
        In the unit of the values. A shift of every value by c gives exactly |c|.

    Raises:
        Invalid: a sample is empty, or a value is missing or infinite.

    Source: Vallender, Theory Probab Appl 1974;18(4):784-786.

    >>> sample_wasserstein([0.0, 1.0], [2.0, 3.0])
    2.0
    """
    points, gap = _gaps(reference, current)
    return float((np.abs(gap[:-1]) * np.diff(points)).sum())


def category_counts(
    reference: NDArray[Any], current: NDArray[Any]
) -> tuple[NDArray[Any], Floats, Floats]:
    """Two samples of categories as counts: what `chi_squared` and its kind compare, exactly.

    Args:
        reference: Shape (n,), numbers or text, none missing.
        current: Shape (m,).

    Returns:
        The levels that either has, sorted, and the counts of each, of shape (levels,).

    >>> levels, then, now = category_counts(np.array(["a", "b"]), np.array(["b", "c"]))
    >>> levels.tolist(), then.tolist(), now.tolist()
    (['a', 'b', 'c'], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0])
    """
    levels, place = np.unique(np.concatenate([reference, current]), return_inverse=True)
    then, now = place[: reference.size], place[reference.size :]
    return (
        levels,
        np.bincount(then, minlength=levels.size).astype(np.float64),
        np.bincount(now, minlength=levels.size).astype(np.float64),
    )


def _gaps(reference: ArrayLike, current: ArrayLike) -> tuple[Floats, Floats]:
    """The values of both in order, and by how much the cumulative shares differ from each on."""
    then, now = (np.sort(np.asarray(one, dtype=np.float64)) for one in (reference, current))
    if then.ndim != 1 or now.ndim != 1 or not then.size or not now.size:
        raise Invalid("A sample is empty.", fix="compare samples that hold subjects.")
    if not (np.isfinite(then[[0, -1]]).all() and np.isfinite(now[[0, -1]]).all()):
        raise Invalid(
            "A value is missing or infinite.", fix="leave out what was not measured, and count it."
        )
    points = np.sort(np.concatenate([then, now]))
    share = [np.searchsorted(one, points, side="right") / one.size for one in (then, now)]
    return points, share[0] - share[1]
