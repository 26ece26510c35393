"""Intervals of a share and of a count: exact ones, and the one of Wilson."""

import math

from scipy.special import betaincinv, gammaincinv, ndtri

from bedside.core.errors import Invalid

__all__ = ["Z", "clopper_pearson", "garwood", "wilson"]

Z = float(ndtri(0.975))
"""So many standard errors to either side hold 95 of 100 normal values."""

_TAIL = 0.025


def clopper_pearson(hits: float, of: float, *, tail: float = _TAIL) -> tuple[float, float]:
    """The exact interval of a share; (0, 1) where nothing was looked at.

    Args:
        hits: How many; may be a fraction, of an effective number.
        of: Of how many.
        tail: Chance left out at each end: 0.025 for 95 %, or for two one-sided bounds of 97.5 %.

    Raises:
        Invalid: `hits` is not from 0 to `of`, or the tail is not between 0 and 1.

    Source: Clopper & Pearson, Biometrika 1934;26(4):404-413.

    >>> low, high = clopper_pearson(19, 20)
    >>> round(low, 4), round(high, 4)
    (0.7513, 0.9987)
    """
    if not 0 <= hits <= of:
        raise Invalid("That is no share.", fix="give a number of hits from 0 to `of`.")
    _check(tail)
    low = float(betaincinv(hits, of - hits + 1, tail)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, of - hits, 1 - tail)) if hits < of else 1.0
    return low, high


def garwood(events: float, *, tail: float = _TAIL) -> tuple[float, float]:
    """The exact interval of the mean of a Poisson count.

    Args:
        events: The count; may be a fraction, of an effective number.
        tail: Chance left out at each end.

    Raises:
        Invalid: the count is negative, or the tail is not between 0 and 1.

    Source: Garwood, Biometrika 1936;28(3-4):437-442.

    >>> low, high = garwood(0)
    >>> low, round(high, 4)
    (0.0, 3.6889)
    """
    if not events >= 0:
        raise Invalid("A count is negative.", fix="give how many there were, from 0 on.")
    _check(tail)
    low = float(gammaincinv(events, tail)) if events > 0 else 0.0
    return low, float(gammaincinv(events + 1, 1 - tail))


def wilson(share: float, n: float, *, z: float = Z) -> tuple[float, float]:
    """The score interval of a share, which has no width of 0 at none or all.

    Args:
        share: From 0 to 1.
        n: Of how many; above 0.
        z: So many standard errors to either side.

    Raises:
        Invalid: the share is outside 0 to 1, or n is not above 0.

    Source: Wilson, J Am Stat Assoc 1927;22:209-212.

    >>> low, high = wilson(0.5, 100)
    >>> round(low, 4), round(high, 4)
    (0.4038, 0.5962)
    """
    if not 0 <= share <= 1 or not n > 0:
        raise Invalid("That is no share.", fix="give a share from 0 to 1 of more than none.")
    z2 = z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low = 0.0 if share == 0 else max(middle - half, 0.0)
    return low, 1.0 if share == 1 else min(middle + half, 1.0)


def _check(tail: float) -> None:
    if not 0 < tail < 1:
        raise Invalid("The tail is not between 0 and 1.", fix="give 0.025 for 95 %, say.")
