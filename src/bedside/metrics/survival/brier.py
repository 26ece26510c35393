"""How far the predicted risk by each day lies from what came true, for people not all followed."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, Ints, as_weights, ratio
from bedside.metrics.family import Family, summed
from bedside.metrics.survival.followed import Followed
from bedside.metrics.survival.horizon import Known

__all__ = ["brier_family", "brier_over"]


def brier_over(
    days: ArrayLike,
    cause: ArrayLike,
    risk: ArrayLike,
    at: ArrayLike,
    weights: ArrayLike | None = None,
) -> Floats:
    """The mean squared distance, by each day, between the risk and whether the event came.

    Rows censored before a day have no part in it; the others carry their weight (see
    `bedside.metrics.survival.horizon.Known`), and the sum is over the weight of all rows.

    Args:
        days: Shape (n,), at least 0.
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        risk: Shape (n, m), in [0, 1].
        at: Shape (m,), ascending: by which days the risks are.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        Shape (m,), NaN for a day until which nobody was followed.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Graf et al., Stat Med 1999;18:2529-2545; Schoop et al., Biom J 2011;53:88-112
        (competing events).

    >>> brier_over([1, 2, 3], [1, 0, 1], [[0.5], [0.5], [0.5]], [1.5]).tolist()
    [0.25]
    """
    followed = Followed.of(days, cause)
    size = followed.days.size
    risks, when = np.asarray(risk, dtype=np.float64), np.asarray(at, dtype=np.float64)
    if risks.shape != (size, when.size) or not ((risks >= 0) & (risks <= 1)).all():
        raise Invalid("A risk is missing or outside 0 to 1.", fix="give one for every row and day.")
    column = np.ascontiguousarray(as_weights(weights, size)[:, None])
    whose = np.arange(size)
    made = [
        brier_family("", followed, risks[:, m : m + 1], when[m : m + 1], np.ones(1), whose, size)
        for m in range(when.size)
    ]
    return np.array([float(one.of(column)[0, 0]) for one in made])


def brier_family(
    name: str,
    followed: Followed,
    risks: Floats,
    at: Floats,
    share: Floats,
    subject: Ints,
    subjects: int,
) -> Family:
    """The mean of `brier_over` over days that count by `share`.

    Args:
        name: Of the figure.
        followed: n rows.
        risks: Shape (n, m).
        at: Shape (m,), ascending.
        share: Shape (m,).
        subject: Shape (n,), from 0.
        subjects: How many.
    """
    still = np.empty((at.size, subjects))
    after = np.zeros(followed.days.size)
    for m, day in enumerate(at):
        known, risk = Known.at(followed, float(day)), risks[:, m]
        still[m] = summed(share[m] * risk**2 * known.free, subject, subjects)
        after += share[m] * ((1 - risk) ** 2 * known.case + risk**2 * known.ruled_out)
    came = np.flatnonzero(after > 0)
    rows = summed(np.ones(followed.days.size), subject, subjects)

    def of(weights: Floats) -> Floats:
        curves = followed.curves(weights, subject)
        watched = np.stack([followed.watched_at(curves, float(day)) for day in at])
        waiting = np.asarray(ratio(still @ weights, watched)).sum(axis=0)
        before = curves.watched_before[followed.at[came]]
        inverse = np.divide(1.0, before, out=np.zeros_like(before), where=before > 0)
        event = (after[came, None] * weights[subject[came]] * inverse).sum(axis=0)
        return np.asarray(ratio(waiting + event, rows @ weights))[None]

    return Family(names=(name,), of=of)
