"""Rates of things that happen to patients, with intervals that know whose they are."""

import math

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.records.evidence import Estimate
from bedside.metrics.intervals import Z, garwood

__all__ = ["rate_of", "ratio_of"]

_TAIL = 0.025


def rate_of(each: ArrayLike, exposure: float) -> Estimate:
    """How often something happens in one unit of an exposure that is known.

    Each patient brings a cluster of events. The interval is Garwood's for a Poisson count of
    clusters of the mean squared size, so that many events of one patient count for less.

    Args:
        each: Shape (s,), events of each patient.
        exposure: Over how much they were counted, such as days.

    Source: Garwood, Biometrika 1936;28:437-442; Fay & Feuer, Stat Med 1997;16:791-801.

    >>> figure = rate_of([1] * 20, 10)
    >>> figure.estimate, round(figure.low, 3), round(figure.high, 3)
    (2.0, 1.222, 3.089)
    """
    events = np.asarray(each, dtype=np.float64)
    if not exposure > 0:
        return Estimate(estimate=None, low=None, high=None, n=0, why="no time has passed")
    total = float(events.sum())
    size = float((events**2).sum()) / total if total > 0 else 1.0
    low, high = garwood(total / size, tail=_TAIL)
    return Estimate(
        estimate=total / exposure,
        low=low * size / exposure,
        high=high * size / exposure,
        n=int(total),
    )


def ratio_of(top: ArrayLike, bottom: ArrayLike) -> Estimate:
    """One total over another, both summed over patients; the interval is on the scale of logs.

    Args:
        top: Shape (s,), what each patient adds above.
        bottom: Shape (s,), what each adds below.

    Source: Cochran, Sampling Techniques, 3rd ed. 1977, 2.11 (linearisation of a ratio).

    >>> figure = ratio_of([1, 0, 1, 0], [1, 1, 1, 1])
    >>> figure.estimate, round(figure.low, 3), round(figure.high, 3)
    (0.5, 0.188, 1.332)
    """
    above, below = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    total, n = float(below.sum()), int(below.size)
    if not total > 0:
        return Estimate(estimate=None, low=None, high=None, n=0, why="there is none")
    ratio = float(above.sum()) / total
    if ratio == 0:
        return Estimate(estimate=0.0, low=0.0, high=-math.log(_TAIL) / total, n=n)
    spread = math.sqrt(float(((above - ratio * below) ** 2).sum())) / total
    reach = math.exp(Z * spread / ratio)
    return Estimate(estimate=ratio, low=ratio / reach, high=ratio * reach, n=n)
