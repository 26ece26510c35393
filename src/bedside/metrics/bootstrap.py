"""Intervals by resampling subjects: rows of one subject stand and fall together."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import Estimate

__all__ = ["estimate_of", "replicate_counts"]

Floats = npt.NDArray[np.float64]
UNDEFINED_SHARE = 0.05


def replicate_counts(subjects: int, replicates: int, seed: int) -> npt.NDArray[np.int32]:
    """How often each subject is drawn in each replicate; shape (replicates, subjects)."""
    generator = np.random.Generator(np.random.PCG64(seed))
    counts = np.empty((replicates, subjects), dtype=np.int32)
    for row in range(replicates):
        drawn = generator.integers(0, subjects, subjects)
        counts[row] = np.bincount(drawn, minlength=subjects)
    return counts


def estimate_of(
    statistic: Callable[[Floats], float], counts: npt.NDArray[np.int32], n: int
) -> Estimate:
    """A statistic with its 95 % percentile interval.

    Args:
        statistic: Takes the weight of each subject, shape (subjects,); may return NaN.
        counts: From `replicate_counts`.
        n: Rows behind the estimate.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13.
    """
    point = statistic(np.ones(counts.shape[1]))
    if not np.isfinite(point):
        return Estimate(estimate=None, low=None, high=None, n=n, why="undefined on these rows")
    drawn = np.array([statistic(row.astype(np.float64)) for row in counts])
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < (1 - UNDEFINED_SHARE) * len(counts):
        return Estimate(
            estimate=float(point), low=None, high=None, n=n, why="undefined in many resamples"
        )
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(estimate=float(point), low=float(low), high=float(high), n=n)
