"""How often each training row counts."""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.matrix import Matrix

__all__ = ["row_weights"]

Floats = npt.NDArray[np.float64]


def row_weights(train: Matrix, plan: Plan) -> Floats:
    """Shape (n,): the rows' own weight, times `positive_weight` where the outcome came true."""
    weight = np.ones(len(train.label)) if train.weight is None else train.weight
    if plan.outcome.kind != "binary" or plan.options.positive_weight == 1.0:
        return weight
    return weight * np.where(train.label == 1, plan.options.positive_weight, 1.0)
