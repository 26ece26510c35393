"""Which level was predicted against which came true, and the calibration of each level."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.develop.evaluate.binning import even_cuts, interval, kept_cuts, place_of, sums
from bedside.develop.evaluate.disclosure import hidden_cells
from bedside.develop.evaluate.statistics import Rows

__all__ = ["level_curves"]

Floats = npt.NDArray[np.float64]
FIFTHS = 5


def level_curves(rows: Rows, weights: Floats) -> dict[str, Any]:
    """`confusion`: the likeliest level, as shares of the true one; and `level_calibration`.

    Cells with ten subjects or fewer are None, and so is whatever would tell them.

    Args:
        rows: Of a multi-class or ordinal outcome; `outputs` are the m probabilities.
        weights: Shape (subjects, 1 + B), from `drawings`.
    """
    if rows.outputs is None:
        return {}
    many = len(rows.levels)
    said = rows.outputs.argmax(axis=1)
    cell = rows.label * many + said
    pairs = np.unique(np.column_stack([cell, rows.subject]), axis=0)
    subjects = np.bincount(pairs[:, 0], minlength=many * many)
    square = np.arange(many * many).reshape(many, many)
    hidden = hidden_cells(subjects, [*square, *square.T, square.ravel()]).reshape(many, many)
    counts = np.bincount(cell, minlength=many * many).reshape(many, many)
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    share = np.where(hidden, np.nan, counts / total)
    return {
        "confusion": {
            "levels": list(rows.levels),
            "share": [[float(s) if np.isfinite(s) else None for s in row] for row in share],
        },
        "level_calibration": {
            name: _calibrated(rows, at, weights) for at, name in enumerate(rows.levels)
        },
    }


def _calibrated(rows: Rows, level: int, weights: Floats) -> dict[str, Any]:
    outputs = rows.outputs if rows.outputs is not None else np.empty((0, level + 1))
    risk = outputs[:, level]
    cuts = kept_cuts(risk, rows.subject, even_cuts(risk, FIFTHS))
    place = place_of(risk, cuts)
    bins = len(cuts) + 1
    size = sums(place, bins, rows.subject, np.ones(len(risk)), weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = sums(place, bins, rows.subject, risk, weights) / size
        came = (rows.label == level).astype(np.float64)
        observed = sums(place, bins, rows.subject, came, weights) / size
    told = interval(observed)
    return {
        "predicted": predicted[:, 0].tolist(),
        "observed": told["estimate"],
        "low": told["low"],
        "high": told["high"],
    }
