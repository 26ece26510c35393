"""Isotonic calibration: the risks that rise with the margin and fit the tuning rows best."""

import numpy as np
import numpy.typing as npt

from bedside.develop.train.calibrating.targets import weights_of
from bedside.models.form import CalibrationMap

__all__ = ["distinct", "isotonic"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def isotonic(margin: Floats, label: Ints, weight: Floats | None = None) -> CalibrationMap:
    """A `polyline`: each block of pooled rows has one risk, the share of it with the outcome.

    Knots stand only at the two ends of a block; between two blocks the risk is a straight line.
    Of a block in which nobody had the outcome among n, the risk is 1 / (n + 2) instead of 0, and
    of one in which everybody had, (n + 1) / (n + 2) (Laplace's rule of succession), but never
    beyond that of the next block: a risk of exactly 0 or 1 would claim what n rows cannot show.

    Args:
        margin: Shape (n,).
        label: Shape (n,), 0 or 1.
        weight: Shape (n,), how much each row counts; None: once.

    Source: Zadrozny & Elkan, KDD 2002:694-699.
    """
    from sklearn.isotonic import isotonic_regression  # noqa: PLC0415  (slow to import)

    at, counts, positive = distinct(margin, label, weights_of(weight, len(label)))
    fitted = np.asarray(isotonic_regression(positive / counts, sample_weight=counts))
    begins = np.flatnonzero(np.concatenate([[True], np.diff(fitted) > 0]))
    ends = np.concatenate([begins[1:], [len(at)]]) - 1
    size, events = np.add.reduceat(counts, begins), np.add.reduceat(positive, begins)
    risk = events / size
    none, every = events == 0, events == size
    if none[0]:
        risk[0] = min(1 / (size[0] + 2), risk[1] if len(risk) > 1 else 1.0)
    if every[-1]:
        low = risk[-2] if len(risk) > 1 else 0.0
        risk[-1] = max((size[-1] + 1) / (size[-1] + 2), low)
    wide = ends > begins
    place = np.argsort(np.concatenate([begins, ends[wide]]), kind="stable")
    knots = np.concatenate([at[begins], at[ends[wide]]])[place]
    values = np.concatenate([risk, risk[wide]])[place]
    return CalibrationMap(
        kind="polyline", knots=tuple(knots.tolist()), values=(tuple(values.tolist()),)
    )


def distinct(margin: Floats, label: Ints, weight: Floats) -> tuple[Floats, Floats, Floats]:
    """Each margin once, ascending, with the rows that have it and those of them with the outcome.

    The order of the rows plays no part, to the bit.

    >>> [one.tolist() for one in distinct(np.array([2.0, 1, 2]), np.array([1, 0, 0]), np.ones(3))]
    [[1.0, 2.0], [1.0, 2.0], [0.0, 1.0]]
    """
    order = np.lexsort([weight, label, margin])
    at, place = np.unique(margin[order], return_inverse=True)
    counts = np.bincount(place, weights=weight[order])
    positive = np.bincount(place, weights=(weight * label)[order])
    return at, np.asarray(counts, dtype=np.float64), np.asarray(positive, dtype=np.float64)
