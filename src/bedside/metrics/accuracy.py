"""How far the risks lie from what came true: Brier score and log loss."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.metrics.arrays import Floats, as_labels, as_probabilities, as_weights, ratio

__all__ = ["brier", "log_loss", "squared_errors", "surprises"]

_EPSILON = float(np.finfo(np.float64).eps)


def squared_errors(label: Floats, risk: Floats) -> Floats:
    """Per row, the squared distance between the risk and the label."""
    return (risk - label) ** 2


def surprises(label: Floats, risk: Floats) -> Floats:
    """Per row, minus the log of the probability given to what came true, in nats.

    Risks are kept one machine epsilon away from 0 and 1, so that no row is infinite.
    """
    kept = np.clip(risk, _EPSILON, 1 - _EPSILON)
    return np.where(label > 0, -np.log(kept), -np.log1p(-kept))


def brier(label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean squared distance between risk and label.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In [0, 1], 0 is perfect; NaN when all weights are 0.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Brier, Mon Weather Rev 1950;78(1):1-3.

    >>> brier([0, 1], [0.5, 1.0])
    0.125
    """
    labels = as_labels(label)
    return _mean(squared_errors(labels, as_probabilities(risk, labels.size)), weights)


def log_loss(label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Mean of minus the log of the probability given to what came true, in nats.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1]; kept one machine epsilon away from both ends.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        At least 0; NaN when all weights are 0.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Good, J R Stat Soc B 1952;14(1):107-114.

    >>> round(log_loss([0, 1], [0.5, 0.5]), 6)
    0.693147
    """
    labels = as_labels(label)
    return _mean(surprises(labels, as_probabilities(risk, labels.size)), weights)


def _mean(values: Floats, weights: ArrayLike | None) -> float:
    counted = as_weights(weights, values.size)
    return float(ratio((values * counted).sum(), counted.sum()))
