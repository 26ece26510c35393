"""How unusual a count is beside those before it, where the days differ by more than chance."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv, gammaln, logsumexp

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats

__all__ = ["count_tails", "dispersion"]

_LEAST_DISPERSION = 1e-9  # below it a count is a Poisson count
_SURE = 0.2


def dispersion(groups: Sequence[ArrayLike], *, sure: float = _SURE) -> float:
    """How much counts of one mean differ beyond chance: d of the variance m + d m², from above.

    Moments of a negative binomial, pooled over groups that each have a mean of their own, with
    the variance that a chi squared so low as at `sure` would leave; 0 at least.

    Args:
        groups: Each shape (n,), counts of one mean, such as of one day of the week.
        sure: Between 0 and 1, the chance that the counts varied less than they could have; the
            smaller, the further from above.

    Raises:
        Invalid: `sure` is not between 0 and 1.

    Source: Breslow, Appl Stat 1984;33(1):38-44, for the moments.

    >>> dispersion([[5, 5, 5, 5], [9, 9, 9]])
    0.0
    """
    if not 0 < sure < 1:
        raise Invalid("How sure is not between 0 and 1.", fix="give a share such as 0.2.")
    counts = [np.asarray(one, dtype=np.float64) for one in groups]
    counts = [one for one in counts if one.size > 1]
    free = sum(one.size - 1 for one in counts)
    squares = sum((one.size - 1) * float(one.mean()) ** 2 for one in counts)
    if free < 1 or squares <= 0:
        return 0.0
    spread = sum(float(((one - one.mean()) ** 2).sum()) for one in counts)
    chance = sum((one.size - 1) * float(one.mean()) for one in counts)
    wider = free / (2 * float(gammaincinv(free / 2, sure)))
    return float(max(0.0, (spread * wider - chance) / squares))


def count_tails(
    count: int, before: ArrayLike, *, spread: float, least: float, most: float
) -> tuple[float, float]:
    """Chances of so small a count, and of so large a one, given all counts together.

    Which share of the sum of all counts falls on this one does not depend on their mean, which
    nobody knows: it is beta-binomial, if counts are negative binomial. As before is a mean of
    `least` to `most` times that of the counts before; each chance is the largest of those.

    Args:
        count: Of the day.
        before: Shape (n,), counts of days like it.
        spread: Of `dispersion`; 0: Poisson counts.
        least: Least mean that is as before, as times the mean before; above 0.
        most: Largest such mean.

    Returns:
        Chance of `count` or fewer at `least`, and of `count` or more at `most`; 1 and 1 without
        counts before or where none of them, nor this one, is above 0.

    Raises:
        Invalid: a count is negative, or not 0 < least <= most.

    Source: Johnson, Kemp & Kotz, Univariate Discrete Distributions, 3rd ed., Wiley 2005, 6.2.2.

    >>> low, high = count_tails(0, [20, 19, 22, 21], spread=0.0, least=0.8, most=1.2)
    >>> low < 1e-6, high
    (True, 1.0)
    """
    past = np.asarray(before, dtype=np.float64)
    if not 0 < least <= most:
        raise Invalid("That is no range of means.", fix="give 0 < least <= most.")
    if count < 0 or (past.size and past.min() < 0):
        raise Invalid("A count is negative.", fix="give how many there were, from 0 on.")
    whole = count + int(past.sum())
    if past.size == 0 or whole == 0:
        return 1.0, 1.0
    size = 1 / max(spread, _LEAST_DISPERSION)
    few = np.arange(0, count + 1, dtype=np.float64)
    many = np.arange(count, whole + 1, dtype=np.float64)
    return (
        _chance(few, whole, size * least, size * past.size),
        _chance(many, whole, size * most, size * past.size),
    )


def _chance(counts: Floats, whole: int, a: float, b: float) -> float:
    """Of any of these counts, of a beta-binomial one of `whole`."""
    logs = (
        gammaln(whole + 1) - gammaln(counts + 1) - gammaln(whole - counts + 1)
        + _raised(a, counts) + _raised(b, whole - counts) - _raised(a + b, np.array(float(whole)))
    )  # fmt: skip
    return float(min(1.0, np.exp(logsumexp(logs))))


def _raised(a: float, k: Floats) -> Floats:
    """Log of the rising factorial a (a + 1) ... (a + k - 1)."""
    return np.asarray(gammaln(a + k) - gammaln(a))
