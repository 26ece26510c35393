"""Follow-up in order of time, and the curves of events and of censoring under many weightings.

Where an event and a censoring fall on the same day, the event comes first.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, Ints, as_weights, ratio
from bedside.metrics.kernel import kernel

__all__ = ["Curves", "Followed", "aalen_johansen", "censoring_survival", "kaplan_meier"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """At each of t distinct days, under each of k weightings.

    `free`, shape (t, k), is the chance to have had no event by the day, and `incidence` that of
    having had the first cause. `watched_before`, shape (t + 1, k), is the chance not to have been
    censored before the day; its last row is that of any later day.
    """

    free: Floats
    incidence: Floats
    watched_before: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Followed:
    """n rows: days to the event or the end of follow-up, and what came.

    `cause` is 0 where follow-up ended first, 1 for the event, 2 for an event that rules it out.
    `times` are the t distinct days, ascending, and `at` is the place of each row's day in them.
    """

    days: Floats
    cause: Ints
    times: Floats
    at: Ints

    @classmethod
    def of(cls, days: ArrayLike, cause: ArrayLike) -> Self:
        """Check and sort.

        Raises:
            Invalid: n = 0, lengths differ, a day is missing or negative, or a cause is not 0, 1, 2.
        """
        when = np.asarray(days, dtype=np.float64)
        what = np.asarray(cause, dtype=np.int64)
        if when.ndim != 1 or not when.size or what.shape != when.shape:
            raise Invalid("Days and causes are not of the same rows.", fix="give shape (n,) each.")
        if not (np.isfinite(when) & (when >= 0)).all():
            raise Invalid("A day of follow-up is missing or negative.", fix="give days from 0.")
        if not np.isin(what, (0, 1, 2)).all():
            raise Invalid("A cause is not 0, 1 or 2.", fix="give 0 where follow-up ended first.")
        times, at = np.unique(when, return_inverse=True)
        return cls(days=when, cause=what, times=times, at=at.astype(np.int64))

    def curves(self, weights: Floats, subject: Ints) -> Curves:
        """Kaplan-Meier, Aalen-Johansen and censoring curves.

        Args:
            weights: Shape (subjects, k).
            subject: Shape (n,).

        Source: Kaplan & Meier, J Am Stat Assoc 1958;53:457-481; Aalen & Johansen, Scand J Stat
            1978;5:141-150.
        """
        came = np.zeros((3, self.times.size, weights.shape[1]))
        _tally(subject, self.at, self.cause, weights, came)
        at_risk = np.cumsum(came.sum(axis=0)[::-1], axis=0)[::-1]
        events = came[1] + came[2]
        free: Floats = np.cumprod(1 - _share(events, at_risk), axis=0, dtype=np.float64)
        start = np.ones((1, weights.shape[1]))
        staying = 1 - _share(came[0], at_risk - events)
        watched: Floats = np.cumprod(np.concatenate([start, staying]), axis=0, dtype=np.float64)
        before = np.concatenate([start, free[:-1]])
        first = np.cumsum(before * _share(came[1], at_risk), axis=0)
        return Curves(free=free, incidence=first, watched_before=watched)

    def before(self, day: float) -> int:
        """How many of the distinct days are earlier than this one."""
        return int(np.searchsorted(self.times, day, side="left"))

    def upto(self, day: float) -> int:
        """How many of the distinct days are not later than this one."""
        return int(np.searchsorted(self.times, day, side="right"))

    def watched_at(self, curves: Curves, day: float) -> Floats:
        """The chance not to have been censored before `day`, shape (k,)."""
        at: Floats = curves.watched_before[self.before(day)]
        return at

    def incidence_at(self, curves: Curves, day: float) -> Floats:
        """The chance that the event came by `day`, shape (k,)."""
        place = self.upto(day)
        by: Floats = curves.incidence[place - 1] if place else np.zeros(curves.free.shape[1])
        return by


def kaplan_meier(
    days: ArrayLike, event: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """The distinct days, and the chance to have had no event by each.

    Args:
        days: Shape (n,), at least 0.
        event: Shape (n,), 0 where follow-up ended first, otherwise 1.
        weights: Shape (n,), at least 0; None counts every row once.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Kaplan & Meier, J Am Stat Assoc 1958;53:457-481.

    >>> times, free = kaplan_meier([6, 6, 6, 6, 7, 9], [1, 1, 1, 0, 1, 0])
    >>> free.round(6).tolist()
    [0.5, 0.25, 0.25]
    """
    followed, curves = _plain(days, event, weights)
    return followed.times, curves.free[:, 0]


def aalen_johansen(
    days: ArrayLike, cause: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """The distinct days, and the chance that cause 1 has come by each, before any other.

    Args:
        days: Shape (n,), at least 0.
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        weights: Shape (n,), at least 0; None counts every row once.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Aalen & Johansen, Scand J Stat 1978;5:141-150.

    >>> aalen_johansen([1, 2, 3, 4], [1, 2, 1, 0])[1].tolist()
    [0.25, 0.25, 0.5, 0.5]
    """
    followed, curves = _plain(days, cause, weights)
    return followed.times, curves.incidence[:, 0]


def censoring_survival(
    days: ArrayLike, cause: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """The distinct days, and the chance not to have been censored before each.

    Its inverse is the weight of a row whose event came on that day (inverse probability of
    censoring weighting): such rows stand for those who were not followed so far.

    Args:
        days: Shape (n,), at least 0.
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        weights: Shape (n,), at least 0; None counts every row once.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Robins & Finkelstein, Biometrics 2000;56:779-788.

    >>> censoring_survival([1, 2, 3, 4], [0, 1, 0, 1])[1].tolist()
    [1.0, 0.75, 0.75, 0.375]
    """
    followed, curves = _plain(days, cause, weights)
    return followed.times, curves.watched_before[:-1, 0]


def _plain(days: ArrayLike, cause: ArrayLike, weights: ArrayLike | None) -> tuple[Followed, Curves]:
    followed = Followed.of(days, cause)
    size = followed.days.size
    column = as_weights(weights, size)[:, None]
    return followed, followed.curves(column, np.arange(size))


def _share(part: Floats, whole: Floats) -> Floats:
    """Part over whole, 0 where nobody is left."""
    return np.asarray(np.nan_to_num(ratio(part, np.maximum(whole, 0.0))), dtype=np.float64)


@kernel
def _tally(subject: Ints, at: Ints, cause: Ints, weights: Floats, came: NDArray[Any]) -> None:
    """Add each row's weight to what came on its day."""
    for row in range(at.size):
        for k in range(weights.shape[1]):
            came[cause[row], at[row], k] += weights[subject[row], k]
