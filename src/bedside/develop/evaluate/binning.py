"""Rows put into bins that each hold enough subjects, and their sums under each resample."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.bootstrap import replicate_counts

__all__ = ["REPLICATES", "drawings", "even_cuts", "interval", "kept_cuts", "place_of", "sums"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

REPLICATES = 200
"""Resamples behind the interval of a curve: enough for a band that is looked at."""


def drawings(subjects: int, replicates: int, seed: int) -> Floats:
    """Weights of the subjects, shape (subjects, 1 + B): everyone once, then each resample."""
    counts = replicate_counts(subjects, min(replicates, REPLICATES), seed)
    return np.concatenate([np.ones((subjects, 1)), counts.T], axis=1)


def even_cuts(values: Floats, bins: int) -> Floats:
    """Ascending cuts that put about as many values into each of so many bins, and some into each.

    >>> even_cuts(np.arange(10.0), 2).tolist()
    [4.5]
    """
    cuts = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    # Between two cuts there may be nobody: two quantiles of tied values differ by rounding, and
    # two cuts may lie between the same neighbours.
    below = np.searchsorted(np.sort(values), cuts)
    counts, first = np.unique(below, return_index=True)
    some: Floats = cuts[first[(counts > 0) & (counts < len(values))]]
    return some


def kept_cuts(values: Floats, subject: Ints, cuts: Floats) -> Floats:
    """Those of the cuts between which a bin holds no subject, or more than ten of them.

    Args:
        values: Shape (n,).
        subject: Shape (n,).
        cuts: Ascending; a value that is a cut lies above it.

    >>> kept_cuts(np.arange(30.0), np.arange(30), np.array([5.0, 12.0, 25.0])).tolist()
    [12.0]
    """
    pairs = np.unique(np.column_stack([place_of(values, cuts), subject]), axis=0)
    ends = np.searchsorted(pairs[:, 0], np.arange(len(cuts) + 2))
    inside = [pairs[ends[at] : ends[at + 1], 1] for at in range(len(cuts) + 1)]
    kept: list[tuple[float, Ints]] = []
    bin_ = inside[0][:0]
    for cut, some in zip(cuts, inside, strict=False):
        bin_ = np.union1d(bin_, some)
        if not _few(bin_):
            kept.append((float(cut), bin_))
            bin_ = bin_[:0]
    bin_ = np.union1d(bin_, inside[-1])
    while kept and _few(bin_):
        bin_ = np.union1d(bin_, kept.pop()[1])
    return np.array([cut for cut, _ in kept])


def _few(subjects: Ints) -> bool:
    return 0 < len(subjects) <= SUPPRESS_AT_OR_BELOW


def place_of(values: Floats, cuts: Floats) -> Ints:
    """The bin of each value, from 0 to len(cuts)."""
    return np.searchsorted(cuts, values, side="right").astype(np.int64)


def sums(place: Ints, bins: int, subject: Ints, values: Floats, weights: Floats) -> Floats:
    """The weighted sum of the values in each bin, shape (bins, B).

    Args:
        place: Shape (n,), the bin of each row.
        bins: How many there are.
        subject: Shape (n,).
        values: Shape (n,).
        weights: Shape (subjects, B).
    """
    from scipy.sparse import csr_array  # noqa: PLC0415  (slow to import)

    cells: Any = csr_array((values, (place, subject)), shape=(bins, len(weights)))
    return np.asarray(cells @ weights)


def interval(table: Floats) -> dict[str, list[float | None]]:
    """`estimate`, `low` and `high` of each line of shape (m, 1 + B); None where undefined."""
    point, drawn = table[:, 0], table[:, 1:]
    sure = np.isfinite(drawn).mean(axis=1) > 0.95 if drawn.size else np.zeros(len(table), bool)
    low, high = np.full((2, len(table)), np.nan)
    if sure.any():
        low[sure], high[sure] = np.nanpercentile(drawn[sure], [2.5, 97.5], axis=1)
    return {"estimate": _listed(point), "low": _listed(low), "high": _listed(high)}


def _listed(values: Floats) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]
