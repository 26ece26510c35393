"""Beta calibration: a map of risks that may bend them at each end on its own."""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.calibrating.newton import Evaluated, minimum
from bedside.develop.train.calibrating.targets import soft_targets, weights_of
from bedside.models.links import logistic

__all__ = ["beta"]

Floats = npt.NDArray[np.float64]
_FREE = ((True, True), (True, False), (False, True), (False, False))


def beta(
    margin: Floats, label: npt.NDArray[np.int64], weight: Floats | None = None
) -> tuple[float, float, float]:
    """The a, b and c of log-odds = a ln p - b ln(1 - p) + c, with a and b not below 0.

    p is the logistic of the margin. A number that would be negative is held at 0: the best of the
    ways to do so is taken, which is the least loss under the bounds, as the loss is convex. The
    targets are Platt's, so that it ends on separated classes too.

    Args:
        margin: Shape (n,).
        label: Shape (n,), 0 or 1.
        weight: Shape (n,), how much each row counts; None: once.

    Source: Kull, Silva Filho & Flach, AISTATS 2017 (PMLR 54:623-631).
    """
    counts = weights_of(weight, len(label))
    target = soft_targets(label, 2, counts)[:, 1]
    sides = np.stack([-np.logaddexp(0, -margin), np.logaddexp(0, margin)], axis=1)
    best, least = np.zeros(3), np.inf
    for free in _FREE:
        numbers = _fitted(sides[:, list(free)], target, counts)
        whole = np.zeros(3)
        whole[[*free, True]] = numbers
        loss = _loss(np.hstack([sides, np.ones((len(sides), 1))]), whole, target, counts)[0]
        if (whole[:2] >= 0).all() and loss < least:
            best, least = whole, loss
    a, b, c = best.tolist()
    return a, b, c


def _fitted(columns: Floats, target: Floats, weight: Floats) -> Floats:
    design = np.hstack([columns, np.ones((len(columns), 1))])
    start = np.zeros(design.shape[1])
    start[:-1] = 1.0
    return minimum(start, lambda at: _loss(design, at, target, weight))


def _loss(design: Floats, at: Floats, target: Floats, weight: Floats) -> Evaluated:
    logit = design @ at
    risk = logistic(logit)
    loss = (weight * (np.logaddexp(0, logit) - target * logit)).sum()
    gradient = design.T @ (weight * (risk - target))
    curvature = (design * (weight * risk * (1 - risk))[:, None]).T @ design
    return float(loss), gradient, curvature
