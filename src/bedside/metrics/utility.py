"""The PhysioNet/CinC Challenge 2019 utility: what an alert at each hour of a stay is worth.

Source: Reyna et al., Crit Care Med 2020;48(2):210-217.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid

__all__ = ["HourlyUtility", "best_threshold", "hourly_utility", "normalised_utility"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

EARLY, OPTIMAL, LATE = -12, -6, 3  # hours from onset
MISSED, FALSE_ALERT = -2.0, -0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class HourlyUtility:
    """For each hour, shape (n,): its worth with an alert, without one, and under the best plan."""

    alert: Floats
    silence: Floats
    best: Floats


def hourly_utility(label: Ints, subject_index: Ints) -> HourlyUtility:
    """The worth of every hour.

    Args:
        label: Shape (n,), 1 from six hours before onset on.
        subject_index: Shape (n,), ascending; rows of a subject are consecutive hours.
    """
    n = len(label)
    starts = np.flatnonzero(np.append(True, subject_index[1:] != subject_index[:-1]))
    lengths = np.diff(np.append(starts, n))
    hour = np.arange(n) - np.repeat(starts, lengths)
    septic_hour = np.where(label == 1, hour, n)
    first = np.minimum.reduceat(septic_hour, starts) if n else septic_hour
    septic = np.repeat(first < n, lengths)
    since = hour - np.repeat(first, lengths) + OPTIMAL  # hours since onset
    rising = np.maximum((since - EARLY) / (OPTIMAL - EARLY), FALSE_ALERT)
    falling = (LATE - since) / (LATE - OPTIMAL)
    judged = since <= LATE
    alert = np.where(since <= OPTIMAL, rising, falling)
    silence = np.where(since <= OPTIMAL, 0.0, MISSED * (since - OPTIMAL) / (LATE - OPTIMAL))
    alert = np.where(septic, np.where(judged, alert, 0.0), FALSE_ALERT)
    silence = np.where(septic & judged, silence, 0.0)
    planned = septic & judged & (since >= EARLY)
    return HourlyUtility(alert=alert, silence=silence, best=np.where(planned, alert, silence))


def normalised_utility(label: Ints, alert: npt.NDArray[np.bool_], subject_index: Ints) -> float:
    """Utility on a scale where 0 is never alerting and 1 is the best plan.

    Raises:
        Invalid: no subject is septic, so that the scale has no length.

    >>> labels = np.array([0, 0, 1, 1]); same = np.zeros(4, dtype=int)
    >>> normalised_utility(labels, np.array([True, True, True, True]), same)
    1.0
    """
    worth = hourly_utility(label, subject_index)
    idle = worth.silence.sum()
    span = worth.best.sum() - idle
    if span <= 0:
        raise Invalid(
            "No subject is septic, so the utility is undefined.",
            fix="judge on subjects with the outcome.",
            code="undefined",
        )
    return float((np.where(alert, worth.alert, worth.silence).sum() - idle) / span)


def best_threshold(label: Ints, risk: Floats, subject_index: Ints) -> float:
    """The threshold on the risk with the greatest utility; the higher one on a tie."""
    worth = hourly_utility(label, subject_index)
    order = np.argsort(-risk, kind="stable")
    gain = np.cumsum((worth.alert - worth.silence)[order])
    ranked = risk[order]
    last = np.append(ranked[1:] != ranked[:-1], True)
    return float(ranked[last][np.argmax(gain[last])])
