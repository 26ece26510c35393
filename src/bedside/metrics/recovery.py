"""Evidence that a mean which had left its range is back in it, from sums of the days alone.

While a stream is still outside, each value's mean, given those before it, is at least the edge of
the range (of one that went up). A bet against that wins nothing on average: an e-process, begun on
every day since the alarm with weights that add up to 1. By Ville's inequality it ever reaches
1 / error with a chance of at most `error`, however often one looks.

Source: Ville, Étude critique de la notion de collectif, 1939; Waudby-Smith & Ramdas, Estimating
    means of bounded random variables by betting, J R Stat Soc B 2024;86(1):1-27
    (arXiv:2010.09686); Shin, Ramdas & Rinaldo, E-detectors, New Engl J Stat Data Sci 2023
    (arXiv:2203.03532), section 5 for the weighted mixture over beginnings.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats
from bedside.metrics.sequential import STAKES

__all__ = ["Returned", "returned", "won_back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """How sure it is that a stream is back.

    Args:
        log_evidence: Natural log of the evidence against "it is still outside".
        began: Place of the day since which it probably is back, 0 is the first; -1: no day says so.
        n: Values since then.
        mean: Their mean; NaN without values.
    """

    log_evidence: float
    began: int
    n: float
    mean: float


def won_back(n: Floats, total: Floats, squares: Floats, *, edge: float, is_up: bool) -> Floats:
    """What betting that the mean is back across the edge has won at least on each day, as a log.

    A value x that went up wins log(1 + stake × y), y = (edge - x) / (1 - edge); one that went down
    likewise with 1 - x and 1 - edge. Only sums are kept of a day, so the larger of two bounds from
    below stands for the day, of which either keeps the promise: the chord of the logarithm between
    x = 0 and x = 1, which is exact for values of 0 and 1, and Fan's y × stake + y² ×
    (log(1 - stake) + stake), which is near for values within.

    Args:
        n: Shape (days,), values of each day.
        total: Shape (days,), their sum.
        squares: Shape (days,), the sum of their squares.
        edge: The end of the range that was left, strictly between 0 and 1.
        is_up: Whether the mean went above it.

    Returns:
        Shape (days, stakes).

    Raises:
        Invalid: the edge is 0 or 1, or beyond.

    Source: Fan, Grama & Liu, Exponential inequalities for martingales with applications, Electron
        J Probab 2015;20:1-22, lemma 4.1: log(1 + y s) >= y s + y² (log(1 - s) + s) for y >= -1.

    >>> won = won_back(np.array([50.0]), np.array([1.0]), np.array([1.0]), edge=0.2, is_up=True)
    >>> bool(won.max() > np.log(20))
    True
    """
    if not 0 < edge < 1:
        raise Invalid("The range that was left has no edge.", fix="give one between 0 and 1.")
    if not is_up:  # the same of 1 - x
        total, squares, edge = n - total, n - 2 * total + squares, 1 - edge
    stakes = np.array(STAKES)
    ones = total[:, None]
    chord = ones * np.log1p(-stakes) + (n[:, None] - ones) * np.log1p(stakes * edge / (1 - edge))
    gain = (n * edge - total) / (1 - edge)
    spread = (n * edge**2 - 2 * edge * total + squares) / (1 - edge) ** 2
    fan = gain[:, None] * stakes + spread[:, None] * (np.log1p(-stakes) + stakes)
    return np.asarray(np.maximum(chord, fan))


def returned(
    n: Floats,
    total: Floats,
    squares: Floats,
    number: NDArray[np.int64],
    *,
    edge: float,
    is_up: bool,
) -> Returned:
    """How sure it is, after these days, that the mean is back across the edge.

    Args:
        n: Shape (days,), values of each day, in order; the last day is today.
        total: Shape (days,), their sum.
        squares: Shape (days,), the sum of their squares.
        number: Shape (days,), which day after the alarm each is, from 1 on and rising. Days that
            are left out only weaken the evidence.
        edge: The end of the range that was left, strictly between 0 and 1.
        is_up: Whether the mean went above it.

    Raises:
        Invalid: as `won_back`.
    """
    days = n.shape[0]
    if not days:
        return Returned(log_evidence=-np.inf, began=-1, n=0.0, mean=float("nan"))
    won = won_back(n, total, squares, edge=edge, is_up=is_up)
    since = won[::-1].cumsum(axis=0)[::-1]  # of a bet that begins on each day
    weights = -np.log(number) - np.log(number + 1)  # 1 / (j (j + 1)) add up to 1
    bets = weights[:, None] + since
    best = since.max(axis=1)
    began = int(best.argmax()) if best.max() > 0 else -1
    seen = float(n[began:].sum()) if began >= 0 else 0.0
    return Returned(
        log_evidence=float(logsumexp(bets) - np.log(len(STAKES))),
        began=began,
        n=seen,
        mean=float(total[began:].sum()) / seen if seen > 0 else float("nan"),
    )
