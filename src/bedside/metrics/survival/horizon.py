"""Rows of which it is known whether the event came by a day, weighted for those not known."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bedside.metrics.arrays import Floats, Ints
from bedside.metrics.survival.followed import Curves, Followed

__all__ = ["Known"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """Where things stand at a day: `case` had the event, `ruled_out` a competing one, `free` none.

    Whoever was watched up to the day itself without an event is free at it. Rows that were
    censored before are none of the three; the others carry their weight, each by the inverse chance
    to be watched until its event or, without one, until the day.

    Source: Graf et al., Stat Med 1999;18:2529-2545; Blanche et al., Stat Med 2013;32:5381-5397.
    """

    day: float
    case: NDArray[np.bool_]
    ruled_out: NDArray[np.bool_]
    free: NDArray[np.bool_]

    @classmethod
    def at(cls, followed: Followed, day: float) -> Self:
        """Sort the rows out."""
        by = followed.days <= day
        watched = (followed.days > day) | ((followed.days == day) & (followed.cause == 0))
        return cls(
            day=day,
            case=by & (followed.cause == 1),
            ruled_out=by & (followed.cause == 2),
            free=watched,
        )

    def weights(self, followed: Followed, curves: Curves, weights: Floats, subject: Ints) -> Floats:
        """The weight of each row, 0 where it is not known; shape (n, k).

        NaN for all rows under a weighting in which nobody is watched until the day.
        """
        watched = curves.watched_before[followed.at]
        watched[self.free] = followed.watched_at(curves, self.day)
        inverse = np.divide(1.0, watched, out=np.zeros_like(watched), where=watched > 0)
        inverse[~(self.case | self.ruled_out | self.free)] = 0.0
        made: Floats = inverse * weights[subject]
        nobody = ~(followed.watched_at(curves, self.day) > 0)
        made[:, nobody] = np.nan
        return made
