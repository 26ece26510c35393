"""Intervals by resampling subjects: rows of one subject stand and fall together."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from bedside.core.records.evidence import Estimate
from bedside.metrics.arrays import Floats

__all__ = ["estimate_from", "left_out", "replicate_blocks", "replicate_counts"]

UNDEFINED_SHARE = 0.05
LEVEL = 0.95
GROUPS = 200
"""Into so many groups the subjects are put for the jackknife; each alone where they are fewer."""


def replicate_blocks(
    subjects: int, replicates: int, seed: int, width: int
) -> Iterator[npt.NDArray[np.int32]]:
    """How often each subject is drawn in each replicate, some replicates at a time.

    Yields:
        Shape (at most `width`, subjects); all of them together are `replicate_counts`.
    """
    generator = np.random.Generator(np.random.PCG64(seed))
    for start in range(0, replicates, width):
        counts = np.empty((min(width, replicates - start), subjects), dtype=np.int32)
        for row in counts:
            row[:] = np.bincount(generator.integers(0, subjects, subjects), minlength=subjects)
        yield counts


def replicate_counts(subjects: int, replicates: int, seed: int) -> npt.NDArray[np.int32]:
    """How often each subject is drawn in each replicate; shape (replicates, subjects)."""
    blocks = list(replicate_blocks(subjects, replicates, seed, max(replicates, 1)))
    return blocks[0] if blocks else np.empty((0, subjects), dtype=np.int32)


def left_out(subjects: int, width: int) -> Iterator[Floats]:
    """Weights of the jackknife: 0 for one group of subjects and 1 for all others, group by group.

    Subjects stand in turn in the groups. The acceleration of BCa is the same in expectation
    whatever the size of the groups (sums of `m` independent influences have `m` times the second
    and the third moment), so many subjects need not be left out one by one.

    Yields:
        Shape (subjects, at most `width`).
    """
    groups = min(subjects, GROUPS)
    group = np.arange(subjects) % groups
    for start in range(0, groups, width):
        out = np.arange(start, min(start + width, groups))
        yield (group[:, None] != out[None, :]).astype(np.float64)


def estimate_from(
    point: float,
    drawn: Floats,
    n: int,
    *,
    interval: Literal["percentile", "bca"] = "percentile",
    jackknife: Floats | None = None,
) -> Estimate:
    """A figure with its 95 % interval.

    Args:
        point: The figure of the subjects as they are; may be NaN.
        drawn: Shape (replicates,), the figure of each resample; NaN where undefined.
        n: Rows behind the figure.
        interval: `percentile`, or `bca`: corrected for bias and for acceleration.
        jackknife: Shape (groups,), the figure without each group of `left_out`; for `bca`.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile) and 14
        (BCa); Efron, J Am Stat Assoc 1987;82(397):171-185.
    """
    if not np.isfinite(point):
        return Estimate(estimate=None, low=None, high=None, n=n, why="undefined on these rows")
    defined = drawn[np.isfinite(drawn)]
    if not len(defined) or len(defined) < (1 - UNDEFINED_SHARE) * len(drawn):
        return Estimate(
            estimate=float(point), low=None, high=None, n=n, why="undefined in many resamples"
        )
    ends = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if interval == "bca" and jackknife is not None:
        ends = _corrected(point, defined, jackknife, ends)
    low, high = np.percentile(defined, 100 * ends)
    return Estimate(estimate=float(point), low=float(low), high=float(high), n=n)


def _corrected(point: float, drawn: Floats, jackknife: Floats, ends: Floats) -> Floats:
    """The shares of the resamples at which BCa cuts; `ends` where resamples show no spread."""
    below = ((drawn < point).sum() + 0.5 * (drawn == point).sum()) / len(drawn)
    if not 0 < below < 1:
        return ends
    left = jackknife[np.isfinite(jackknife)]
    away = left.mean() - left if len(left) else left
    size = float((away**2).sum())
    acceleration = float((away**3).sum()) / (6 * size**1.5) if size > 0 else 0.0
    bias = float(ndtri(below))
    shifted = bias + ndtri(ends)
    return np.asarray(ndtr(bias + shifted / (1 - acceleration * shifted)))
