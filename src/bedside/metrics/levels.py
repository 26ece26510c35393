"""How well the chances of several levels, ordered or not, agree with the level that came true."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, Ints

__all__ = ["as_chances", "level_surprises", "ranked_errors", "squared_distances"]

_EPSILON = float(np.finfo(np.float64).eps)


def as_chances(level: ArrayLike, chances: ArrayLike) -> tuple[Ints, Floats]:
    """The level of each row, shape (n,), and the chance of each level, shape (n, m).

    Raises:
        Invalid: n = 0, m < 2, lengths differ, a level is not from 0 to m - 1, or the chances of a
            row are outside 0 to 1 or do not add up to 1.
    """
    given = np.asarray(chances, dtype=np.float64)
    levels = np.asarray(level, dtype=np.int64)
    if given.ndim != 2 or given.shape[1] < 2 or not given.shape[0]:
        raise Invalid("The chances are not of two levels or more.", fix="give shape (n, levels).")
    if levels.shape != (given.shape[0],) or not np.isin(levels, range(given.shape[1])).all():
        raise Invalid("A level is missing or is not one of them.", fix="give one for every row.")
    if not ((given >= 0) & (given <= 1)).all() or not np.allclose(given.sum(axis=1), 1, atol=1e-6):
        raise Invalid("The chances of a row do not add up to 1.", fix="give one for every level.")
    return levels, given


def level_surprises(level: Ints, chances: Floats) -> Floats:
    """Per row, minus the log of the chance given to the level that came true, in nats.

    Chances are kept one machine epsilon above 0, so that no row is infinite.
    """
    given = chances[np.arange(level.size), level]
    return np.asarray(-np.log(np.clip(given, _EPSILON, 1.0)))


def squared_distances(level: Ints, chances: Floats) -> Floats:
    """Per row, the squared distance over all levels (Brier, Mon Weather Rev 1950;78(1):1-3)."""
    given = chances[np.arange(level.size), level]
    return np.asarray((chances**2).sum(axis=1) - given**2 + (1 - given) ** 2)


def ranked_errors(level: Ints, chances: Floats) -> Floats:
    """Per row, the squared distance of the chances of at most each level, over the steps.

    Source: Epstein, J Appl Meteorol 1969;8:985-987; Murphy, J Appl Meteorol 1971;10:155-156.
    """
    at_most = np.cumsum(chances, axis=1)[:, :-1]
    came = level[:, None] <= np.arange(at_most.shape[1])
    return np.asarray(((at_most - came) ** 2).mean(axis=1))
