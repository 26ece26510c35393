"""How far the patients of a time until an event were followed: made even, and told."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.metrics.survival.followed import Followed
from bedside.metrics.survival.horizon import Known
from bedside.monitor.disclosure import hide_small

__all__ = ["FOLLOWED", "follow_up", "followed_to"]

Floats = npt.NDArray[np.float64]

FOLLOWED = {
    "event": "had the event by then",
    "other_event": "had another event that rules it out",
    "past": "were followed past it without one",
    "censored": "were not followed so far",
}
"""What is known of a patient at a horizon. The last have no part in a figure of that horizon but
through the weights of the others, which stand for them (inverse probability of censoring)."""


def followed_to(cause: Floats, days: Floats, until: float) -> tuple[Floats, Floats]:
    """Cause and days as if nobody had been followed for more than a day past the last horizon.

    Outcomes come in as time goes on: of whom nothing new comes, less is known than of whoever has
    the event, and later events would seem more common than they are. Up to the last horizon all
    are noted anew each time, and nothing later counts for a figure.

    Args:
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        days: Shape (n,).
        until: Days, the last horizon.

    >>> made = followed_to(np.array([1.0, 1.0, 0.0]), np.array([5.0, 99.0, 7.0]), 10.0)
    >>> made[0].tolist(), made[1].tolist()
    ([1.0, 0.0, 0.0], [5.0, 11.0, 7.0])
    """
    later = days > until
    return np.where(later, 0.0, cause), np.where(later, until + 1.0, days)


def follow_up(cause: Floats, days: Floats, horizons: Sequence[float]) -> list[dict[str, Any]]:
    """Of n predictions, what is known at each horizon, by `FOLLOWED`; what is small is hidden.

    Args:
        cause: Shape (n,), 0 where follow-up ended first, 1 or 2.
        days: Shape (n,).
        horizons: Days.
    """
    if not days.size:
        return []
    followed = Followed.of(days, cause)
    told = []
    for day in horizons:
        known = Known.at(followed, float(day))
        parts = (known.case, known.ruled_out, known.free)
        counts = [int(part.sum()) for part in parts]
        shown = hide_small([*counts, days.size - sum(counts)])
        told.append({"days": float(day), **dict(zip(FOLLOWED, shown, strict=True))})
    return told
