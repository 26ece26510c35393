"""The arrays that every metric takes, checked once: labels, risks and row weights."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid

__all__ = ["Floats", "Ints", "as_labels", "as_probabilities", "as_weights", "ratio"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def as_labels(label: ArrayLike) -> Floats:
    """The labels as floats of 0 and 1, shape (n,).

    Raises:
        Invalid: there is no row, or a label is neither 0 nor 1.
    """
    labels = np.asarray(label, dtype=np.float64)
    if labels.ndim != 1 or labels.size == 0:
        raise Invalid("The labels are not a list of at least one row.", fix="give shape (n,).")
    if not np.isin(labels, (0.0, 1.0)).all():
        raise Invalid("A label is neither 0 nor 1.", fix="give 0 or 1 for every row.")
    return labels


def as_probabilities(risk: ArrayLike, rows: int) -> Floats:
    """The risks as floats in [0, 1], shape (rows,).

    Raises:
        Invalid: the length differs, or a risk is missing or outside [0, 1].
    """
    risks = np.asarray(risk, dtype=np.float64)
    _same_length("risks", risks, rows)
    if not ((risks >= 0) & (risks <= 1)).all():
        raise Invalid(
            "A risk is missing or outside 0 to 1.", fix="give a probability for every row."
        )
    return risks


def as_weights(weights: ArrayLike | None, rows: int) -> Floats:
    """The row weights, all 1 when None. A weight of 2 counts a row twice.

    Raises:
        Invalid: the length differs, or a weight is negative or not finite.
    """
    if weights is None:
        return np.ones(rows)
    given = np.asarray(weights, dtype=np.float64)
    _same_length("weights", given, rows)
    if not (np.isfinite(given) & (given >= 0)).all():
        raise Invalid("A weight is negative or not a number.", fix="give counts of at least 0.")
    return given


def ratio(numerator: Any, denominator: Any) -> Any:
    """Numerator over denominator; NaN, without a warning, where the denominator is 0.

    >>> ratio(1.0, 4.0), ratio(1.0, 0.0)
    (0.25, nan)
    """
    top, bottom = np.broadcast_arrays(
        np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    )
    out = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=out, where=bottom != 0)
    return float(out) if out.ndim == 0 else out


def _same_length(what: str, values: NDArray[Any], rows: int) -> None:
    if values.shape != (rows,):
        raise Invalid(
            f"There are {rows} labels, but the {what} have shape {values.shape}.",
            fix="give one value per row.",
        )
