"""What share comes true at each predicted risk, by a local line, and how far that is from the risk.

The smoother is loess of degree 1 with a span of 0.75 and no robustness steps, over fixed narrow
bins of the risk (0.1 in log-odds, from 0.0001 to 0.9999, and one beyond each end), each taken as
its rows' mean risk and share. Since the bins do not depend on the rows, a weight of 2 is a row
twice, and only bins need smoothing, whatever the number of rows.

Source: Austin & Steyerberg, Stat Med 2019;38(21):4051-4065 (the index); Cleveland & Devlin, J Am
Stat Assoc 1988;83(403):596-610 (loess).
"""

import numpy as np
from numpy.typing import ArrayLike

from bedside.metrics.arrays import Floats, Ints, as_labels, as_probabilities, as_weights
from bedside.metrics.calibration import log_odds
from bedside.metrics.kernel import kernel

__all__ = ["BINS", "bin_of", "ici", "index_of"]

SPAN = 0.75
_EDGES = np.linspace(-9.2, 9.2, 185)
BINS = len(_EDGES) + 1


def bin_of(risk: Floats) -> Ints:
    """The bin of each risk, counted from the lowest."""
    return np.searchsorted(_EDGES, log_odds(risk), side="right").astype(np.int64)


def ici(label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The integrated calibration index: the mean distance of the risk from the smoothed share.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In [0, 1], 0 is perfect; NaN when all weights are 0.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Austin & Steyerberg, Stat Med 2019;38(21):4051-4065; see the module for the smoother.

    >>> round(ici([0, 0, 0, 1], [0.25, 0.25, 0.25, 0.25]), 6)
    0.0
    >>> round(ici([0, 0, 1, 1], [0.25, 0.25, 0.25, 0.25]), 6)
    0.25
    """
    labels = as_labels(label)
    risks = as_probabilities(risk, labels.size)
    counted = as_weights(weights, labels.size)
    at = bin_of(risks)
    parts = counted, counted * risks, counted * labels
    totals = np.stack([np.bincount(at, part, BINS).astype(np.float64) for part in parts])
    return float(index_of(totals[:, :, None])[0])


def index_of(totals: Floats) -> Floats:
    """The index of many weightings.

    Args:
        totals: Shape (3, `BINS`, k): in each bin the weight, and its sums of risk and of outcome.

    Returns:
        Shape (k,), NaN where there is no weight.
    """
    out = np.full(totals.shape[2], np.nan)
    _index(np.ascontiguousarray(totals.transpose(2, 0, 1)), SPAN, out)
    return out


@kernel
def _index(totals: Floats, span: float, out: Floats) -> None:
    bins = totals.shape[2]
    size, risk, share = np.empty(bins), np.empty(bins), np.empty(bins)
    for k in range(totals.shape[0]):
        count, every = 0, 0.0
        for at in range(bins):
            weight = totals[k, 0, at]
            if weight > 0:
                size[count] = weight
                risk[count] = totals[k, 1, at] / weight
                share[count] = totals[k, 2, at] / weight
                every += weight
                count += 1
        if count == 0:
            continue
        away = 0.0
        for at in range(count):
            here = risk[at]
            low, high, inside = at, at, size[at]
            while inside < span * every * (1 - 1e-12) and (low > 0 or high < count - 1):
                left = here - risk[low - 1] if low > 0 else np.inf
                right = risk[high + 1] - here if high < count - 1 else np.inf
                if left <= right:
                    low -= 1
                    inside += size[low]
                if right <= left:
                    high += 1
                    inside += size[high]
            reach = max(here - risk[low], risk[high] - here)
            s0, s1, s2, t0, t1 = size[at], 0.0, 0.0, size[at] * share[at], 0.0
            for other in range(low, high + 1):
                if other != at:
                    far = (risk[other] - here) / reach
                    near = 1 - abs(far) ** 3
                    weight = size[other] * near * near * near
                    s0 += weight
                    s1 += weight * far
                    s2 += weight * far * far
                    t0 += weight * share[other]
                    t1 += weight * far * share[other]
            determinant = s0 * s2 - s1 * s1
            smooth = t0 / s0
            if determinant > 1e-12 * s0 * s0:
                smooth = (s2 * t0 - s1 * t1) / determinant
            away += size[at] * abs(here - min(max(smooth, 0.0), 1.0))
        out[k] = away / every
