"""Platt scaling: the risk as a logistic function of the margin."""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.calibrating.targets import soft_targets, weights_of

__all__ = ["platt"]

Floats = npt.NDArray[np.float64]
MOST_STEPS = 100  # of Newton's method


def platt(
    margin: Floats, label: npt.NDArray[np.int64], weight: Floats | None = None
) -> tuple[float, float]:
    """Slope and intercept of the risk as a logistic function of the margin; never falling.

    Where the likelihood asks for a falling one, because these rows are ranked worse than by chance,
    the most likely that does not fall is flat: everyone has the mean risk, as of isotonic
    regression. Turning the model round would turn its reasons against its risks.

    Args:
        margin: Shape (n,).
        label: Shape (n,), 0 or 1.
        weight: Shape (n,), how much each row counts; None: once.

    Source: Platt, Advances in Large Margin Classifiers 1999:61-74, with his smoothed targets.
    """
    counts = weights_of(weight, len(label))
    target = soft_targets(label, 2, counts)[:, 1]
    slope, intercept = 1.0, 0.0
    loss = _log_loss(slope * margin + intercept, target, counts)
    for _ in range(MOST_STEPS):
        risk = 0.5 * (1 + np.tanh((slope * margin + intercept) / 2))  # never overflows
        bend = counts * np.maximum(risk * (1 - risk), 1e-12)
        error = counts * (target - risk)
        a, b, c = (bend * margin**2).sum(), (bend * margin).sum(), bend.sum()
        determinant = a * c - b * b
        if determinant < 1e-9 * a * c or not np.isfinite(determinant):
            break
        g, h = (error * margin).sum(), error.sum()
        step = (c * g - b * h) / determinant, (a * h - b * g) / determinant
        moved = (slope + step[0]) * margin + intercept + step[1]
        scale, now = 1.0, _log_loss(moved, target, counts)
        while now > loss * (1 + 1e-12) and scale > 1e-9:  # too far: where a risk is 0 or 1, half
            scale /= 2
            moved = (slope + scale * step[0]) * margin + intercept + scale * step[1]
            now = _log_loss(moved, target, counts)
        slope, intercept, loss = slope + scale * step[0], intercept + scale * step[1], now
        if max(abs(step[0]), abs(step[1])) < 1e-10:
            break
    if slope < 0:
        mean = float(np.average(target, weights=counts))
        return 0.0, float(np.log(mean / (1 - mean)))
    return float(slope), float(intercept)


def _log_loss(logit: Floats, target: Floats, counts: Floats) -> float:
    return float((counts * (np.logaddexp(0, logit) - target * logit)).sum())
