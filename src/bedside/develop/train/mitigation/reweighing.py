"""Weights under which the outcome is as frequent in one group of the training rows as in another.

Source: Kamiran & Calders, Knowl Inf Syst 2012;33:1-33.
"""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import enough

__all__ = ["row_weights"]

Floats = npt.NDArray[np.float64]


def row_weights(levels: npt.NDArray[np.str_], rows: Matrix) -> Floats:
    """How often each row counts: P(level) P(label) / P(level and label); shape (n,).

    The rows of a level with ten subjects or fewer with, or without, the outcome count once, and so
    do those of whom the level is not known. Within the others, the weights of each label add up to
    how many rows have it.

    Args:
        levels: Shape (n,).
        rows: Their labels, 0 or 1, and subjects.

    >>> sex = np.repeat(["f", "m"], [40, 60])
    >>> label = np.r_[np.arange(40) < 12, np.arange(60) < 28].astype(int)
    >>> rows = Matrix(features=np.zeros((100, 1)), label=label, names=("x",))
    >>> weight = row_weights(sex, rows)
    >>> [round(float(np.average(label[sex == one], weights=weight[sex == one])), 6) for one in "fm"]
    [0.4, 0.4]
    """
    names, place = np.unique(levels, return_inverse=True)
    judged = np.array(
        [name not in ("", "unknown") and enough(rows, place == at) for at, name in enumerate(names)]
    )
    inside = judged[place]
    weight = np.ones(len(levels))
    if not inside.any():
        return weight
    group, label = place[inside], rows.label[inside]
    both = np.zeros((len(names), 2))
    np.add.at(both, (group, label), 1.0)
    expected = both.sum(axis=1)[group] * both.sum(axis=0)[label] / len(label)
    weight[inside] = expected / both[group, label]
    return weight
