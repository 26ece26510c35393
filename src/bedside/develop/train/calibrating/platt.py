"""Platt scaling: the risk as a logistic function of the margin."""

import numpy as np
import numpy.typing as npt

__all__ = ["platt"]

Floats = npt.NDArray[np.float64]
MOST_STEPS = 100  # of Newton's method


def platt(margin: Floats, label: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept of the risk as a logistic function of the margin.

    Source: Platt, Advances in Large Margin Classifiers 1999:61-74, with his smoothed targets.
    """
    positive = float(label.sum())
    negative = len(label) - positive
    high, low = (positive + 1) / (positive + 2), 1 / (negative + 2)
    target = np.where(label == 1, high, low)
    slope, intercept = 1.0, 0.0
    loss = _log_loss(slope * margin + intercept, target)
    for _ in range(MOST_STEPS):
        risk = 0.5 * (1 + np.tanh((slope * margin + intercept) / 2))  # never overflows
        weight = np.maximum(risk * (1 - risk), 1e-12)
        error = target - risk
        a, b, c = (weight * margin**2).sum(), (weight * margin).sum(), weight.sum()
        determinant = a * c - b * b
        if determinant < 1e-9 * a * c or not np.isfinite(determinant):
            break
        g, h = (error * margin).sum(), error.sum()
        step = (c * g - b * h) / determinant, (a * h - b * g) / determinant
        scale, now = 1.0, _log_loss((slope + step[0]) * margin + intercept + step[1], target)
        while now > loss * (1 + 1e-12) and scale > 1e-9:  # too far: where a risk is 0 or 1, half
            scale /= 2
            moved = (slope + scale * step[0]) * margin + intercept + scale * step[1]
            now = _log_loss(moved, target)
        slope, intercept, loss = slope + scale * step[0], intercept + scale * step[1], now
        if max(abs(step[0]), abs(step[1])) < 1e-10:
            break
    return float(slope), float(intercept)


def _log_loss(logit: Floats, target: Floats) -> float:
    return float((np.logaddexp(0, logit) - target * logit).sum())
