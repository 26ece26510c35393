"""What each tuning row says of the outcome, softened so that no risk is driven to 0 or 1."""

import numpy as np
import numpy.typing as npt

__all__ = ["soft_targets", "weights_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def weights_of(weight: Floats | None, rows: int) -> Floats:
    """How much each row counts, shape (rows,); once where nothing is said."""
    return np.ones(rows) if weight is None else weight


def soft_targets(label: Ints, levels: int, weight: Floats) -> Floats:
    """Shape (n, levels); each row adds up to 1.

    A row of a level that n rows have gives it (n + 1) / (n + levels), and 1 / (n + levels) to each
    other. With two levels these are Platt's targets.

    Source: Platt, Advances in Large Margin Classifiers 1999:61-74, section 2.2.

    >>> soft_targets(np.array([0, 0, 1]), 2, np.ones(3))[:, 1].round(3).tolist()
    [0.25, 0.25, 0.667]
    """
    counted = np.bincount(label, weights=weight, minlength=levels)
    each = (np.eye(levels) * counted[:, None] + 1) / (counted[:, None] + levels)
    return np.asarray(each[label])
