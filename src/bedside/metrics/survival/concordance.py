"""Whether whoever has the event first had the higher risk: Harrell's and Uno's C."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, Ints, as_weights, ratio
from bedside.metrics.kernel import kernel
from bedside.metrics.survival.followed import Followed

__all__ = ["Concordance", "harrell_c", "uno_c"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walk:
    """Steps through the rows, such that whoever an event is compared with was put there before."""

    row: Ints
    asks: NDArray[np.bool_]

    @classmethod
    def of(cls, followed: Followed, keys: list[tuple[NDArray[np.bool_], Floats, bool]]) -> Self:
        """Order the steps.

        Args:
            followed: The rows.
            keys: Which rows take a step, at which place in the order, and whether they ask.
        """
        row = np.concatenate([np.flatnonzero(mask) for mask, _, _ in keys])
        place = np.concatenate([when[mask] for mask, when, _ in keys])
        asks = np.concatenate([np.full(int(mask.sum()), ask) for mask, _, ask in keys])
        order = np.argsort(place, kind="stable")
        return cls(row=row[order].astype(np.int64), asks=asks[order])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Concordance:
    """Rows with their ranks, ready for many weightings. See `harrell_c` and `uno_c`."""

    followed: Followed
    subject: Ints
    rank: Ints
    harrell_walk: _Walk
    later_walk: _Walk
    ruled_out_walk: _Walk

    @classmethod
    def of(cls, followed: Followed, risk: Floats, subject: Ints, until: float) -> Self:
        """Order the steps of each index.

        Args:
            followed: n rows.
            risk: Shape (n,).
            subject: Shape (n,).
            until: Events before this day are asked for Uno's C.
        """
        # The latest day first, with three places for each day.
        back, after, last = (np.asarray(k - 3.0 * followed.at, dtype=np.float64) for k in range(3))
        forward: Floats = -back
        event, other = followed.cause == 1, followed.cause == 2
        early = event & (followed.days < until)
        censored = followed.cause == 0
        return cls(
            followed=followed,
            subject=subject.astype(np.int64),
            rank=np.unique(risk, return_inverse=True)[1].astype(np.int64),
            harrell_walk=_Walk.of(
                followed,
                [
                    (other, np.full(back.size, -np.inf), False),
                    (censored, back, False),
                    (event, after, True),
                    (event, last, False),
                ],
            ),
            later_walk=_Walk.of(
                followed,
                [(censored, back, False), (early, after, True), (~censored, last, False)],
            ),
            ruled_out_walk=_Walk.of(
                followed, [(other, forward, False), (early, forward + 1, True)]
            ),
        )

    def harrell(self, weights: Floats) -> Floats:
        """Shape (k,), NaN where no two rows can be compared."""
        whole = weights[self.subject]
        return _index(_walked(self.harrell_walk, self.rank, whole, whole))

    def uno(self, weights: Floats) -> Floats:
        """Shape (k,), NaN where no two rows can be compared."""
        curves = self.followed.curves(weights, self.subject)
        watched = curves.watched_before[self.followed.at]
        inverse = np.divide(1.0, watched, out=np.zeros_like(watched), where=watched > 0)
        whole = weights[self.subject]
        told = whole * inverse
        sums = _walked(self.later_walk, self.rank, whole, told * inverse)
        if (self.followed.cause == 2).any():
            sums += _walked(self.ruled_out_walk, self.rank, told, told)
        return _index(sums)


def harrell_c(
    days: ArrayLike, cause: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Of two rows of which it is known whose event came first, how often that one's risk is higher.

    Two events on one day are not compared; a censoring on the day of an event is later than it.
    Equal risks count one half. A competing event (2) is later than every event.

    Args:
        days: Shape (n,), at least 0.
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        risk: Shape (n,), or any figure that rises with it.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In [0, 1]; NaN where no two rows can be compared.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Harrell et al., Stat Med 1996;15:361-387; Wolbers et al., Epidemiology 2009;20:555-561
        (competing events).

    >>> harrell_c([1, 2, 3, 4], [1, 1, 0, 1], [0.9, 0.4, 0.5, 0.1])
    0.8
    """
    made, column = _plain(days, cause, risk, weights, np.inf)
    return float(made.harrell(column)[0])


def uno_c(
    days: ArrayLike,
    cause: ArrayLike,
    risk: ArrayLike,
    *,
    until: float,
    weights: ArrayLike | None = None,
) -> float:
    """The same chance for events before `until`, whatever the censoring was.

    An event is weighted by the inverse square of the chance to be still watched just before it,
    which is taken from the rows themselves; a pair with an earlier competing event by the product
    of both rows' inverse chances.

    Args:
        days: Shape (n,), at least 0.
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        risk: Shape (n,), or any figure that rises with it.
        until: Days.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In [0, 1]; NaN where no two rows can be compared.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Uno et al., Stat Med 2011;30:1105-1117; Wolbers et al., Biostatistics 2014;15:526-539
        (competing events).

    >>> uno_c([1, 2, 3, 4], [1, 1, 1, 1], [0.9, 0.4, 0.5, 0.1], until=5.0)
    0.8333333333333334
    """
    made, column = _plain(days, cause, risk, weights, until)
    return float(made.uno(column)[0])


def _plain(
    days: ArrayLike, cause: ArrayLike, risk: ArrayLike, weights: ArrayLike | None, until: float
) -> tuple[Concordance, Floats]:
    followed = Followed.of(days, cause)
    size = followed.days.size
    risks = np.asarray(risk, dtype=np.float64)
    if risks.shape != (size,) or not np.isfinite(risks).all():
        raise Invalid("A risk is missing.", fix="give a number for every row.")
    made = Concordance.of(followed, risks, np.arange(size), until)
    return made, np.ascontiguousarray(as_weights(weights, size)[:, None])


def _index(sums: Floats) -> Floats:
    return np.asarray(ratio(sums[0] + 0.5 * sums[1], sums[2]))


def _walked(walk: _Walk, rank: Ints, comes: Floats, asked: Floats) -> Floats:
    """Weight of concordant, tied and all pairs; shape (3, k)."""
    sums = np.zeros((3, comes.shape[1]))
    _sweep(walk.row, walk.asks, rank, int(rank.max()) + 1, comes, asked, sums)
    return sums


@kernel
def _sweep(
    rows: Ints,
    asks: NDArray[np.bool_],
    rank: Ints,
    ranks: int,
    comes: Floats,
    asked: Floats,
    sums: NDArray[Any],
) -> None:
    """Keep the weight that has come at each rank in a Fenwick tree, and ask it at each event.

    Source: Fenwick, Softw Pract Exp 1994;24(3):327-336.
    """
    width = comes.shape[1]
    tree, exact = np.zeros((ranks + 1, width)), np.zeros((ranks, width))
    every, below = np.zeros(width), np.zeros(width)
    for step in range(rows.size):
        row = rows[step]
        place = rank[row]
        if asks[step]:
            below[:] = 0.0
            at = place
            while at > 0:
                for k in range(width):
                    below[k] += tree[at, k]
                at -= at & -at
            for k in range(width):
                sums[0, k] += asked[row, k] * below[k]
                sums[1, k] += asked[row, k] * exact[place, k]
                sums[2, k] += asked[row, k] * every[k]
        else:
            at = place + 1
            while at <= ranks:
                for k in range(width):
                    tree[at, k] += comes[row, k]
                at += at & -at
            for k in range(width):
                exact[place, k] += comes[row, k]
                every[k] += comes[row, k]
