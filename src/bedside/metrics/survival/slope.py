"""Whether the log-hazards of a survival model are spread as they should be."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.metrics.arrays import Floats, Ints, as_probabilities, as_weights
from bedside.metrics.kernel import kernel
from bedside.metrics.survival.followed import Followed

__all__ = ["hazard_slope", "log_hazard", "slopes"]

_EDGE = 1e-12


def log_hazard(risk: Floats) -> Floats:
    """The log of the cumulative hazard that makes a risk, kept 1e-12 away from 0 and 1."""
    return np.asarray(np.log(-np.log1p(-np.clip(risk, _EDGE, 1 - _EDGE))))


def hazard_slope(
    days: ArrayLike, cause: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """The coefficient of the log-hazard in a Cox model of what came true.

    With competing events (2), of the Fine-Gray model: whoever had one stays at risk, with a weight
    that falls as others are censored. Events of one day share their risk set (Breslow).

    Args:
        days: Shape (n,), at least 0.
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        risk: Shape (n,), in [0, 1], by any one day.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        1 is right, below 1 the risks are too extreme; NaN where there is no event, all risks are
        equal or the events come in the very order of the risks.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: van Houwelingen, Stat Med 2000;19:3401-3415; Fine & Gray, J Am Stat Assoc
        1999;94:496-509.

    >>> round(hazard_slope([1, 2, 3, 4], [1, 1, 0, 1], [0.5, 0.2, 0.3, 0.4]), 4)
    0.3236
    """
    followed = Followed.of(days, cause)
    size = followed.days.size
    odds = log_hazard(as_probabilities(risk, size))
    column = np.ascontiguousarray(as_weights(weights, size)[:, None])
    return float(slopes(followed, odds, column, np.arange(size))[0])


def slopes(followed: Followed, log_hazards: Floats, weights: Floats, subject: Ints) -> Floats:
    """The slope of each weighting; shape (k,).

    Args:
        followed: n rows.
        log_hazards: Shape (n,).
        weights: Shape (subjects, k).
        subject: Shape (n,).
    """
    order = np.argsort(followed.at, kind="stable")
    along = log_hazards[order] - log_hazards.mean()
    spread = float(along.std())
    out = np.full(weights.shape[1], np.nan)
    if spread > 0:
        watched = followed.curves(weights, subject).watched_before
        _fit(
            followed.at[order],
            followed.cause[order],
            along / spread,
            subject[order].astype(np.int64),
            weights,
            watched,
            out,
        )
    return out / spread if spread > 0 else out


@kernel
def _fit(
    at: Ints,
    cause: Ints,
    along: Floats,
    subject: Ints,
    weights: Floats,
    watched: Floats,
    out: Floats,
) -> None:
    """Newton's steps, kept between the slopes known to be too low and too high."""
    left = np.empty((3, watched.shape[0]))
    weight, grown = np.empty(at.size), np.empty(at.size)
    for k in range(weights.shape[1]):
        for row in range(at.size):
            weight[row] = weights[subject[row], k]
        still = watched[:, k].copy()
        slope, low, high = 0.0, -1e300, 1e300
        for _ in range(100):
            _risk_sets(at, along, weight, slope, grown, left)
            gradient, bend, size = _score(at, cause, along, weight, still, grown, left)
            if not bend > 1e-12 * size or abs(slope) > 100.0:
                break
            if gradient > 0:
                low = slope
            else:
                high = slope
            moved = slope + min(max(gradient / bend, -2.0), 2.0)
            if not low <= moved <= high:
                moved = 0.5 * (low + high)
            if abs(moved - slope) <= 1e-10:
                out[k] = moved
                break
            slope = moved


@kernel
def _risk_sets(
    at: Ints, along: Floats, weight: Floats, slope: float, grown: Floats, left: Floats
) -> None:
    """The hazard of each row, and of all rows still followed on each day with its moments."""
    left[:] = 0.0
    for row in range(at.size):
        grown[row] = weight[row] * np.exp(slope * along[row])
        left[0, at[row]] += grown[row]
        left[1, at[row]] += grown[row] * along[row]
        left[2, at[row]] += grown[row] * along[row] * along[row]
    for day in range(left.shape[1] - 2, -1, -1):
        for m in range(3):
            left[m, day] += left[m, day + 1]


@kernel
def _score(
    at: Ints,
    cause: Ints,
    along: Floats,
    weight: Floats,
    still: Floats,
    grown: Floats,
    left: Floats,
) -> tuple[float, float, float]:
    """The slope and the bend of the likelihood, and the weight of the events."""
    gradient, bend, size = 0.0, 0.0, 0.0
    c0, c1, c2 = 0.0, 0.0, 0.0
    row = 0
    for day in range(left.shape[1]):
        s0 = max(left[0, day] + still[day] * c0, 1e-300)
        mean = (left[1, day] + still[day] * c1) / s0
        square = (left[2, day] + still[day] * c2) / s0
        while row < at.size and at[row] == day:
            if cause[row] == 1:
                gradient += weight[row] * (along[row] - mean)
                bend += weight[row] * (square - mean * mean)
                size += weight[row]
            elif cause[row] == 2 and still[day] > 0:
                share = grown[row] / still[day]
                c0 += share
                c1 += share * along[row]
                c2 += share * along[row] * along[row]
            row += 1
    return gradient, bend, size
