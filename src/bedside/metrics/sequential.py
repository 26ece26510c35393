"""Evidence that grows with each subject and keeps its promise whenever it is read: e-detectors."""

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import fdtrc

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats

__all__ = [
    "SIDES",
    "STAKES",
    "advanced",
    "between_day_chance",
    "between_day_sd",
    "evidence",
    "wealth",
    "wealth_by",
]

STAKES: Final[tuple[float, ...]] = (0.02, 0.06, 0.13, 0.27, 0.55, 0.95)
"""Shares of the wealth that are bet on each subject, the smallest for small changes."""

SIDES: Final[tuple[str, str]] = ("up", "down")
"""What the second axis of every wealth and state means."""


def wealth(values: ArrayLike, least: float, most: float) -> Floats:
    """What betting against "the mean is in [least, most]" has won on these values, as a log.

    Up: sum of log(1 + stake × (value / most - 1)); down: sum of
    log(1 + stake × ((1 - value) / (1 - least) - 1)). While each value's mean, given those
    before it, is at most `most`, the mean of exp(up) is at most 1, and likewise down: an
    e-value for each stake, whatever the shape of the values. Wealth of disjoint values adds up.

    Args:
        values: Shape (n,), each in [0, 1]; NaN is no value and moves nothing.
        least: Least mean that is as before; at or below 0, nothing can be won downwards.
        most: Largest mean that is as before; at or above 1, nothing can be won upwards.

    Returns:
        Shape (2, stakes), side 0 up and 1 down; all 0 without values.

    Raises:
        Invalid: a value is outside 0 to 1, or the range is empty, at most 0 or at least 1.

    Source: Waudby-Smith & Ramdas, Estimating means of bounded random variables by betting,
        J R Stat Soc B 2024;86(1):1-27 (arXiv:2010.09686).

    >>> float(wealth([1.0] * 20, least=0.08, most=0.12)[0].max().round(1))
    41.5
    """
    drawn = np.asarray(values, dtype=np.float64).reshape(-1)
    streams = np.zeros(drawn.size, dtype=np.int64)
    won: Floats = wealth_by(drawn, streams, np.array([least]), np.array([most]))[0]
    return won


def wealth_by(values: ArrayLike, stream: ArrayLike, least: ArrayLike, most: ArrayLike) -> Floats:
    """The wealth of many streams at once.

    Args:
        values: Shape (n,), each in [0, 1]; NaN is no value and moves nothing.
        stream: Shape (n,), the place of each value's stream, 0 to s - 1.
        least: Shape (s,), as for `wealth`.
        most: Shape (s,), as for `wealth`.

    Returns:
        Shape (s, 2, stakes).

    Raises:
        Invalid: as for `wealth`, or a stream does not exist, or lengths differ.
    """
    low, high = _ranges(least, most)
    drawn = np.asarray(values, dtype=np.float64)
    place = np.asarray(stream, dtype=np.int64)
    if drawn.shape != place.shape or drawn.ndim != 1:
        raise Invalid(
            f"There are {drawn.size} values and {place.size} streams of them.",
            fix="give one stream for each value.",
        )
    there = ~np.isnan(drawn)
    drawn, place = drawn[there], place[there]
    if drawn.size and not (drawn.min() >= 0 and drawn.max() <= 1):
        raise Invalid("A value of a stream is outside 0 to 1.", fix="scale it to 0 to 1.")
    if place.size and not (place.min() >= 0 and place.max() < low.size):
        raise Invalid(
            f"A value belongs to none of the {low.size} streams.", fix="give places from 0 on."
        )
    won = np.zeros((low.size, 2, len(STAKES)))
    gains = (drawn / high[place] - 1, (1 - drawn) / (1 - low[place]) - 1)
    for side, gain in enumerate(gains):
        for index, stake in enumerate(STAKES):
            won[:, side, index] = np.bincount(place, np.log1p(stake * gain), minlength=low.size)
    return won


def advanced(state: ArrayLike, won: ArrayLike) -> Floats:
    """Detectors after one more day: log(1 + R), where R becomes (R + 1) × exp(won).

    R, the Shiryaev-Roberts e-detector, adds up the e-values of every day on which a change
    could have begun. R less the number of days is a supermartingale under "as before", so a
    detector that starts anew whenever R reaches b does so at most once in b days on average;
    and it never lags behind the CUSUM, which counts the best day alone. A day that moves
    nothing, as without values, leaves a detector as it was.

    Args:
        state: Any shape, log(1 + R), 0 when fresh.
        won: Same shape, the day's wealth.

    Source: Shin, Ramdas & Rinaldo, E-detectors: a nonparametric framework for sequential change
        detection, New Engl J Stat Data Sci 2023 (arXiv:2203.03532).

    >>> float(advanced(0.0, 0.0)), round(float(advanced(0.0, 3.0)), 3)
    (0.0, 3.049)
    """
    before, moved = np.broadcast_arrays(
        np.asarray(state, dtype=np.float64), np.asarray(won, dtype=np.float64)
    )
    return np.asarray(np.where(moved == 0, before, np.logaddexp(0.0, before + moved)))


def evidence(state: ArrayLike, weights: ArrayLike | None = None) -> Floats:
    """Log of the mean of R over the stakes: what a bar is compared with.

    Args:
        state: Shape (..., stakes), log(1 + R).
        weights: Of the stakes in the mean, 1 in all; a shape that broadcasts to that of `state`.
            None: all alike. Whatever they are, the mean keeps what R promises.

    Returns:
        Shape (...); minus infinity where every detector is fresh.
    """
    kept = np.asarray(state, dtype=np.float64)
    shares = np.full(len(STAKES), 1 / len(STAKES)) if weights is None else np.asarray(weights)
    with np.errstate(divide="ignore"):
        logs = np.where(kept > 30, kept, np.log(np.expm1(np.minimum(kept, 30.0))))
        top = logs.max(axis=-1, keepdims=True)
        scaled = np.exp(logs - np.where(np.isfinite(top), top, 0.0))
        return np.asarray(
            np.log((scaled * shares).sum(axis=-1)) + np.where(np.isfinite(top), top, 0.0)[..., 0]
        )


def between_day_sd(n: ArrayLike, total: ArrayLike, squares: ArrayLike) -> Floats:
    """How much the mean of a stream varies from day to day, beyond chance among subjects.

    Moments of a random effect of the day: the spread of day means around their mean, less what
    the spread within days explains.

    Args:
        n: Shape (days, s), draws.
        total: Shape (days, s), their sum.
        squares: Shape (days, s), the sum of their squares.

    Returns:
        Shape (s,), a standard deviation; 0 where chance explains it, or with fewer than two
        days of two draws in all.

    Source: Searle, Casella & McCulloch, Variance Components, Wiley 1992, section 3.6 (the
        analysis-of-variance estimator with unequal numbers).
    """
    within, between, usual, known = _of_days(n, total, squares)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = (between - within) / usual
    return np.sqrt(np.where(known, np.maximum(np.where(known, variance, 0.0), 0.0), 0.0))


def between_day_chance(n: ArrayLike, total: ArrayLike, squares: ArrayLike) -> Floats:
    """The chance that days of one mean differ as much as these do: an F test of one way.

    Args:
        n: Shape (days, s), draws.
        total: Shape (days, s), their sum.
        squares: Shape (days, s), the sum of their squares.

    Returns:
        Shape (s,); 1 with fewer than two days of two draws in all, or where all draws are alike.

    Source: Searle, Casella & McCulloch, Variance Components, Wiley 1992, section 3.6.
    """
    within, between, _, known = _of_days(n, total, squares)
    counts = np.asarray(n, dtype=np.float64)
    days, everyone = (counts > 0).sum(axis=0), counts.sum(axis=0)
    known = known & (within > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = fdtrc(days - 1, everyone - days, between / within)
    return np.where(known, chance, 1.0)


def _of_days(
    n: ArrayLike, total: ArrayLike, squares: ArrayLike
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Mean squares within and between days, draws of a usual day, and where they are known."""
    counts, sums, powers = (np.asarray(a, dtype=np.float64) for a in (n, total, squares))
    days = (counts > 0).sum(axis=0)
    everyone = counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        of_day = np.where(counts > 0, sums**2 / counts, 0.0).sum(axis=0)
        within = (powers.sum(axis=0) - of_day) / (everyone - days)
        between = (of_day - sums.sum(axis=0) ** 2 / everyone) / (days - 1)
        usual = (everyone - (counts**2).sum(axis=0) / everyone) / (days - 1)
    return within, between, usual, (days > 1) & (everyone > days)


def _ranges(least: ArrayLike, most: ArrayLike) -> tuple[Floats, Floats]:
    """The ranges of s streams, cut to 0 to 1."""
    low = np.asarray(least, dtype=np.float64)
    high = np.asarray(most, dtype=np.float64)
    if low.shape != high.shape or low.ndim != 1:
        raise Invalid("The ranges are not one pair for each stream.", fix="give shape (s,) twice.")
    fine: NDArray[Any] = (low <= high) & (low < 1) & (high > 0)
    if not fine.all():
        raise Invalid(
            "A range of means is empty, or is 0 or 1 alone.",
            fix="give least <= most, with least below 1 and most above 0.",
        )
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
