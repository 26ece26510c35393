"""The integrated calibration index of many weightings."""

import numpy as np

from bedside.metrics.arrays import Floats, Ints
from bedside.metrics.family import Family
from bedside.metrics.kernel import kernel
from bedside.metrics.smoothing import BINS, bin_of, index_of

__all__ = ["binned", "ici_family"]


def ici_family(label: Ints, risk: Floats, subject: Ints) -> Family:
    """`ici`, as `bedside.metrics.smoothing` defines it."""
    order = np.argsort(risk, kind="stable")
    at, whose = bin_of(risk[order]), np.ascontiguousarray(subject[order], dtype=np.int64)
    risks, labels = risk[order], label[order].astype(np.float64)

    def of(weights: Floats) -> Floats:
        totals = np.zeros((3, BINS, weights.shape[1]))
        binned(at, whose, risks, labels, weights, totals)
        return index_of(totals)[None, :]

    return Family(names=("ici",), of=of)


@kernel
def binned(
    at: Ints, subject: Ints, risk: Floats, label: Floats, weights: Floats, totals: Floats
) -> None:
    """Add every row to its bin: its weight, and that times its risk and its outcome."""
    for row in range(at.size):
        whose, place, height = subject[row], at[row], risk[row]
        for k in range(weights.shape[1]):
            totals[0, place, k] += weights[whose, k]
            totals[1, place, k] += weights[whose, k] * height
        if label[row] != 0.0:
            for k in range(weights.shape[1]):
                totals[2, place, k] += weights[whose, k] * label[row]
