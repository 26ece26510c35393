"""A feature as counts in bins: quantile edges of a reference, and new values counted by them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.arrays import Floats
from bedside.monitor.disclosure import count_range, merge_small, scaled, significant

__all__ = ["MOST_BINS", "SUBJECTS_PER_BIN", "apart_from", "count_in", "describe_values"]

MOST_BINS = 10
SUBJECTS_PER_BIN = 20


def describe_values(values: Floats) -> dict[str, Any]:
    """What a reference keeps of one feature: edges, counts, how many miss it, and its median.

    Edges are quantiles at three significant digits, never the smallest or largest value. Where
    ten subjects or fewer miss the feature, they are spread over the bins in proportion, so that
    their number cannot be found by subtraction; `missing` is then a range.

    Args:
        values: Shape (n,), one per subject; NaN where missing.

    Returns:
        `edges` (k - 1), `counts` (k), `missing` [low, high], `median` (None if unknown), and
        `usual`: whether all but ten subjects or fewer have the median itself.
    """
    measured = values[~np.isnan(values)]
    missing = count_range(values.size - measured.size, values.size)
    if measured.size <= SUPPRESS_AT_OR_BELOW:
        return {"edges": [], "counts": [], "missing": missing, "median": None, "usual": False}
    edges = _quantile_edges(measured)
    kept, counts = merge_small(edges, count_in(edges, measured))
    if missing[0] == 0:
        counts = scaled(counts, values.size)
    median = significant(float(np.median(measured)))
    unusual = int(apart_from(median, measured).sum())
    return {
        "edges": kept,
        "counts": counts.tolist(),
        "missing": missing,
        "median": median,
        "usual": not kept and unusual <= SUPPRESS_AT_OR_BELOW,
    }


def apart_from(usual: float, values: Floats) -> NDArray[np.bool_]:
    """Which values are not the usual one, which was rounded to three significant digits.

    >>> apart_from(1.23, np.array([1.234, 2.0])).tolist()
    [False, True]
    """
    far: NDArray[np.bool_] = np.abs(values - usual) > 0.01 * abs(usual)
    return far


def count_in(edges: Sequence[float], values: Floats) -> NDArray[np.int64]:
    """Counts of the values between the edges; bin i holds edges[i-1] <= value < edges[i].

    >>> count_in([1.0, 2.0], np.array([0.5, 1.0, 1.5, 9.0])).tolist()
    [1, 2, 1]
    """
    place = np.searchsorted(np.asarray(edges, dtype=np.float64), values, side="right")
    return np.bincount(place, minlength=len(edges) + 1).astype(np.int64)


def _quantile_edges(measured: Floats) -> list[float]:
    """Edges halfway between each quantile and the next larger value, so that ties stay whole."""
    bins = int(np.clip(measured.size // SUBJECTS_PER_BIN, 1, MOST_BINS))
    ranked = np.sort(measured)
    at = (np.arange(1, bins) * measured.size) // bins - 1
    after = np.searchsorted(ranked, ranked[at], side="right")
    inside = after < ranked.size
    lower, upper = ranked[at[inside]], ranked[after[inside]]
    return sorted({significant(float(edge)) for edge in (lower + upper) / 2})
