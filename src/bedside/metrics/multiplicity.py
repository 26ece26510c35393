"""Many tests in one run: p-values adjusted so that the chance of any false alarm stays small."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats

__all__ = ["holm"]


def holm(p_values: ArrayLike) -> Floats:
    """Holm's step-down adjusted p-values, in the order given.

    Calling everything with an adjusted p of at most alpha keeps the chance of even one false
    call at or below alpha, however the tests depend on each other.

    Args:
        p_values: Shape (m,), each in [0, 1]; m may be 0.

    Returns:
        Shape (m,), each at least as large as the p-value it adjusts, at most 1.

    Raises:
        Invalid: a p-value is missing or outside [0, 1].

    Source: Holm, Scand J Stat 1979;6(2):65-70.

    >>> holm([0.01, 0.04, 0.03]).round(6).tolist()
    [0.03, 0.06, 0.06]
    """
    given = np.asarray(p_values, dtype=np.float64).reshape(-1)
    if not ((given >= 0) & (given <= 1)).all():
        raise Invalid("A p-value is missing or outside 0 to 1.", fix="leave tests not made out.")
    order = np.argsort(given, kind="stable")
    stepped = given[order] * np.arange(given.size, 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted
