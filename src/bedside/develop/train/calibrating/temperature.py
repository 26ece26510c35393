"""Affine calibration of what is no yes or no: several levels, ordered levels, a number."""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.calibrating.newton import Evaluated, minimum
from bedside.develop.train.calibrating.targets import soft_targets, weights_of
from bedside.models.links import logistic

__all__ = ["line", "ordinal_affine", "softmax_affine"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def softmax_affine(margins: Floats, label: Ints, weight: Floats | None = None) -> tuple[float, ...]:
    """One slope (the inverse temperature) and an intercept for each level, the first 0.

    Args:
        margins: Shape (n, m), one for each level.
        label: Shape (n,), the index of the level.
        weight: Shape (n,), how much each row counts; None: once.

    Source: Guo et al., ICML 2017 (PMLR 70:1321-1330), with intercepts, which vector scaling has.
    """
    levels = margins.shape[1]
    counts = weights_of(weight, len(label))
    target = soft_targets(label, levels, counts)

    def loss(at: Floats) -> Evaluated:
        logits = at[0] * margins + np.concatenate([[0.0], at[1:]])
        top = logits.max(axis=1, keepdims=True)
        share = np.exp(logits - top)
        total = share.sum(axis=1, keepdims=True)
        share /= total
        every = (np.log(total) + top)[:, 0] - (target * logits).sum(axis=1)
        error = counts[:, None] * (share - target)
        gradient = np.concatenate([[(error * margins).sum()], error[:, 1:].sum(axis=0)])
        shared = (share * margins).sum(axis=1, keepdims=True)
        curvature = np.empty((levels, levels))
        spread = share * (margins - shared)
        curvature[0, 0] = (counts[:, None] * spread * margins).sum()
        curvature[0, 1:] = curvature[1:, 0] = (counts[:, None] * spread)[:, 1:].sum(axis=0)
        rest = share[:, 1:]
        weighted = counts[:, None] * rest
        curvature[1:, 1:] = np.diag(weighted.sum(axis=0)) - weighted.T @ rest
        return float((counts * every).sum()), gradient, curvature

    found = minimum(np.concatenate([[1.0], np.zeros(levels - 1)]), loss)
    return (float(found[0]), 0.0, *(float(one) for one in found[1:]))


def ordinal_affine(
    margin: Floats, label: Ints, cutpoints: Floats, weight: Floats | None = None
) -> tuple[float, float]:
    """Slope and intercept of the one margin of a cumulative logistic model.

    Args:
        margin: Shape (n,).
        label: Shape (n,), the index of the level.
        cutpoints: Ascending, one fewer than the levels.
        weight: Shape (n,), how much each row counts; None: once.

    Source: McCullagh, J R Stat Soc B 1980;42:109-142, for the likelihood.
    """
    counts = weights_of(weight, len(label))
    target = soft_targets(label, len(cutpoints) + 1, counts) * counts[:, None]
    design = np.stack([margin, np.ones(len(margin))], axis=1)
    widths = np.log(-np.expm1(-np.diff(cutpoints)))

    def loss(at: Floats) -> Evaluated:
        above = (design @ at)[:, None] - cutpoints
        over, under = logistic(above), logistic(-above)
        told = np.zeros_like(target)  # ln P(level)
        told[:, 1:] -= np.logaddexp(0, -above)
        told[:, :-1] -= np.logaddexp(0, above)
        told[:, 1:-1] += widths
        pull = np.zeros_like(target)  # its derivative by the margin
        pull[:, 1:] += under
        pull[:, :-1] -= over
        bend = np.zeros_like(target)  # less its second one
        bend[:, 1:] += over * under
        bend[:, :-1] += over * under
        gradient = -design.T @ (target * pull).sum(axis=1)
        curvature = (design * (target * bend).sum(axis=1)[:, None]).T @ design
        return -float((target * told).sum()), gradient, curvature

    slope, intercept = minimum(np.array([1.0, 0.0]), loss).tolist()
    return slope, intercept


def line(margin: Floats, target: Floats, weight: Floats | None = None) -> tuple[float, float]:
    """Slope and intercept of a number on its prediction, by least squares; never turned round.

    Where the predictions are all the same or run against the truth, the slope is 0 and the
    intercept the mean.

    >>> line(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 5.0]))
    (2.0, -1.0)
    """
    counts = weights_of(weight, len(target))
    total = counts.sum()
    mean, middle = (counts * margin).sum() / total, (counts * target).sum() / total
    spread = (counts * (margin - mean) ** 2).sum()
    shared = (counts * (margin - mean) * (target - middle)).sum()
    slope = max(float(shared / spread), 0.0) if spread > 0 else 0.0
    return slope, float(middle - slope * mean)
