"""Small counts are not shown: bins are merged, cells hidden, and nothing is left to subtract."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW

__all__ = [
    "count_range",
    "hide_small",
    "merge_small",
    "nearest_count",
    "scaled",
    "significant",
    "told_share",
]


def merge_small(edges: Sequence[float], counts: ArrayLike) -> tuple[list[float], NDArray[np.int64]]:
    """Merge each bin of at most ten subjects into its smaller neighbour, edges with it.

    Bin i holds edges[i-1] <= value < edges[i]; the first and the last are open.

    >>> edges, counts = merge_small([1.0, 2.0], [40, 3, 20])
    >>> edges, counts.tolist()
    ([1.0], [40, 23])
    """
    kept = list(edges)
    held = [int(count) for count in np.asarray(counts)]
    while len(held) > 1 and min(held) <= SUPPRESS_AT_OR_BELOW:
        place = held.index(min(held))
        left = place > 0 and (place == len(held) - 1 or held[place - 1] <= held[place + 1])
        first = place - 1 if left else place
        held[first : first + 2] = [held[first] + held[first + 1]]
        del kept[first]
    return kept, np.array(held, dtype=np.int64)


def count_range(count: int, total: int) -> list[int]:
    """The count as a range [low, high] that is wide wherever it, or its rest, is small.

    >>> count_range(40, 100), count_range(3, 100), count_range(97, 100), count_range(4, 12)
    ([40, 40], [0, 10], [90, 100], [0, 12])
    """
    small, rest_small = count <= SUPPRESS_AT_OR_BELOW, total - count <= SUPPRESS_AT_OR_BELOW
    if small and rest_small:
        return [0, total]
    if small:
        return [0, SUPPRESS_AT_OR_BELOW]
    if rest_small:
        return [total - SUPPRESS_AT_OR_BELOW, total]
    return [count, count]


def nearest_count(low: int, high: int, *, total: int, share: float) -> int:
    """The count of the range whose share of `total` comes nearest to `share`.

    A test against it never calls a difference that the hidden count could explain.

    >>> nearest_count(0, 10, total=100, share=0.04), nearest_count(40, 40, total=100, share=0.04)
    (4, 40)
    """
    return int(np.clip(round(share * total), low, high))


def hide_small(counts: ArrayLike) -> list[int | None]:
    """The counts, with None for one to ten; nobody can find a hidden one by subtraction.

    Where what is hidden adds up to ten or less, the shown counts are scaled to take it in.

    >>> hide_small([50, 3, 0])
    [53, None, 0]
    """
    given = np.asarray(counts, dtype=np.int64)
    hidden = (given > 0) & (given <= SUPPRESS_AT_OR_BELOW)
    shown = given.copy()
    if 0 < int(given[hidden].sum()) <= SUPPRESS_AT_OR_BELOW:
        shown[~hidden] = scaled(given[~hidden], int(given.sum()))
    return [None if secret else int(count) for secret, count in zip(hidden, shown, strict=True)]


def scaled(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """The counts in the same proportions, adding up to `total`, by largest remainder.

    >>> scaled(np.array([20, 10]), 33).tolist()
    [22, 11]
    """
    if counts.sum() == 0:
        return counts
    exact = counts * (total / counts.sum())
    whole: NDArray[np.int64] = np.floor(exact + 1e-9).astype(np.int64)
    short = total - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:short]] += 1
    return whole


def significant(value: float, digits: int = 3) -> float:
    """The value with so many significant digits.

    >>> significant(1326.4), significant(0.0012345)
    (1330.0, 0.00123)
    """
    return float(f"{value:.{digits - 1}e}")


def told_share(share: float, n: int) -> float:
    """The share; where one to ten of the n are behind it or its rest, that of five of them.

    >>> told_share(0.3, 100), told_share(0.02, 100), told_share(0.97, 100)
    (0.3, 0.05, 0.95)
    """
    ones = round(share * n)
    few = min(ones, n - ones)
    if few == 0 or few > SUPPRESS_AT_OR_BELOW:
        return share
    five = min(5.0, n / 2) / n
    return five if ones == few else 1 - five
