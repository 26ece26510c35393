"""The alert threshold, chosen as the declaration says."""

import math

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Threshold
from bedside.metrics.threshold import (
    threshold_for_min_sensitivity_ppv,
    threshold_for_sensitivity,
)
from bedside.metrics.utility import best_threshold

__all__ = ["choose_threshold", "rounded_down"]

DIGITS = 10  # as many as the evidence prints


def choose_threshold(
    chosen: Threshold,
    label: npt.NDArray[np.int64],
    risk: npt.NDArray[np.float64],
    subject: npt.NDArray[np.int64],
) -> float:
    """The threshold for these tuning rows; risks of at least it alert.

    A threshold that is a row's risk is rounded down to ten significant digits, so that this row
    still alerts and what the evidence prints is the threshold itself.

    Args:
        chosen: A fixed value, a wanted sensitivity, or the metric to maximise.
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        subject: Shape (n,), ascending; the rows of a subject in order of time.

    Raises:
        Invalid: no row is positive, and the choice needs one.
    """
    if chosen.value is not None:
        return chosen.value
    if not label.any():
        raise Invalid(
            "No tuning row is positive, so no threshold can be chosen.",
            fix="bring more subjects, or give evaluation.threshold.value.",
            code="empty_class",
        )
    if chosen.sensitivity is not None:
        return rounded_down(threshold_for_sensitivity(label, risk, sensitivity=chosen.sensitivity))
    if chosen.maximise == "min_sensitivity_ppv":
        return rounded_down(threshold_for_min_sensitivity_ppv(label, risk))
    return rounded_down(best_threshold(label, risk, subject))


def rounded_down(value: float) -> float:
    """The greatest number of ten significant digits that is not above the value.

    >>> rounded_down(0.123456789099)
    0.123456789
    """
    near = float(f"{value:.{DIGITS}g}")
    if near <= value:
        return near
    step = 10.0 ** (math.floor(math.log10(near)) - DIGITS + 1)
    return float(f"{near - step:.{DIGITS}g}")
