"""How well a model can rank other patients, from what it predicts of them alone."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.metrics.arrays import as_weights
from bedside.metrics.discrimination import auroc

__all__ = ["expected_auroc"]


def expected_auroc(risk: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The AUROC of these patients if each risk is right: no outcome is asked for.

    Each patient counts by the risk as one with the outcome, and by the rest as one without it. So
    it is the AUROC that the build's patients would have, weighted to be like these: it changes with
    the mix of patients, and not with how the outcome depends on what the model sees.

    Args:
        risk: Shape (n,), in [0, 1].
        weights: Shape (n,), at least 0; None counts every patient once.

    Returns:
        In [0.5, 1]; NaN when every risk is 0, or every one is 1.

    Source: van Klaveren et al., Stat Med 2016;35:4136-4152 (the model-based concordance).

    >>> round(expected_auroc([0.2, 0.8]), 3)
    0.8
    """
    risks = np.asarray(risk, dtype=np.float64)
    each = as_weights(weights, risks.size)
    label = np.repeat([1.0, 0.0], risks.size)
    both = np.concatenate([each * risks, each * (1 - risks)])
    return auroc(label, np.concatenate([risks, risks]), both)
