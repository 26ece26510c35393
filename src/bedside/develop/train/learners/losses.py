"""Losses of margins, with their gradients: of yes or no, of several levels, of ordered levels."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bedside.models.links import logistic

__all__ = ["Loss", "cutpoints_from", "ordered", "ordered_curvature", "softmax", "yes_or_no"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Loss = Callable[[Floats], tuple[Floats, Floats]]
"""From margins, shape (n, m): the loss of each row, shape (n,), and its gradient, shape (n, m)."""


def yes_or_no(label: Ints) -> Loss:
    """Log loss of one margin, the log-odds."""

    def loss(margins: Floats) -> tuple[Floats, Floats]:
        margin = margins[:, 0]
        told = np.logaddexp(0, margin) - label * margin
        return told, (logistic(margin) - label)[:, None]

    return loss


def softmax(label: Ints, levels: int) -> Loss:
    """Log loss of one margin for each level."""
    true = np.eye(levels)[label]

    def loss(margins: Floats) -> tuple[Floats, Floats]:
        most = margins.max(axis=1, keepdims=True)
        grown = np.exp(margins - most)
        total = grown.sum(axis=1, keepdims=True)
        told = np.log(total[:, 0]) + most[:, 0] - (true * margins).sum(axis=1)
        return told, grown / total - true

    return loss


def ordered(label: Ints, margin: Floats, cutpoints: Floats) -> tuple[Floats, Floats, Floats]:
    """Log loss of ordered levels, P(level > k) = logistic(margin - cutpoint k).

    Args:
        label: Shape (n,), the level's index.
        margin: Shape (n,).
        cutpoints: Ascending, shape (levels - 1,).

    Returns:
        The loss of each row, its gradient in the margin, shape (n,) each, and the gradient in the
        cutpoints of each row, shape (n, levels - 1).

    Source: McCullagh, J R Stat Soc B 1980;42:109-142 (proportional odds).
    """
    above, below = _bounds(label, margin, cutpoints)
    width = above - below
    with np.errstate(over="ignore", divide="ignore"):  # bounds far apart, or on each other
        told = np.logaddexp(0, -above) + np.logaddexp(0, below) - np.log(-np.expm1(-width))
        near = 1 / np.expm1(width)
    high, low = logistic(-above), logistic(below)  # of the loss: -d/d above, d/d below, less near
    by_cut = np.zeros((len(label), len(cutpoints) + 2))
    rows = np.arange(len(label))
    by_cut[rows, label + 1] = -(high + near)
    by_cut[rows, label] += low + near
    return told, high - low, by_cut[:, 1:-1]


def ordered_curvature(label: Ints, margin: Floats, cutpoints: Floats) -> Floats:
    """The second derivative of that loss in the margin, shape (n,)."""
    above, below = _bounds(label, margin, cutpoints)
    return logistic(above) * logistic(-above) + logistic(below) * logistic(-below)


def cutpoints_from(numbers: Floats) -> tuple[Floats, Floats]:
    """Ascending cutpoints of any numbers (the first, then logs of steps), and d cutpoints/d them.

    >>> cutpoints_from(np.array([-1.0, 0.0]))[0].tolist()
    [-1.0, 0.0]
    """
    steps = np.exp(numbers[1:])
    moved = np.tril(np.ones((len(numbers), len(numbers))))
    moved[:, 1:] *= steps
    return numbers[0] + np.concatenate([[0.0], np.cumsum(steps)]), moved


def _bounds(label: Ints, margin: Floats, cutpoints: Floats) -> tuple[Floats, Floats]:
    ends = np.concatenate([[-np.inf], cutpoints, [np.inf]])
    return ends[label + 1] - margin, ends[label] - margin
