"""What was predicted against what was measured, for an outcome that is a number."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.develop.evaluate.binning import even_cuts, interval, kept_cuts, place_of, sums
from bedside.develop.evaluate.disclosure import hidden_cells
from bedside.develop.evaluate.statistics import Rows

__all__ = ["value_curves"]

Floats = npt.NDArray[np.float64]
TENTHS, COLUMNS = 10, 20


def value_curves(rows: Rows, weights: Floats) -> dict[str, Any]:
    """`predicted_observed`: by tenths of the prediction; `residuals`: observed less predicted.

    Each tenth has more than ten subjects: the mean prediction, the mean observed value with its
    interval, and between which values the middle eight tenths of its residuals lie.

    Args:
        rows: Of a regression.
        weights: Shape (subjects, 1 + B), from `drawings`.
    """
    target = rows.target if rows.target is not None else np.full(len(rows.risk), np.nan)
    residual = target - rows.risk
    cuts = kept_cuts(rows.risk, rows.subject, even_cuts(rows.risk, TENTHS))
    place = place_of(rows.risk, cuts)
    bins = len(cuts) + 1
    size = sums(place, bins, rows.subject, np.ones(len(target)), weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = sums(place, bins, rows.subject, rows.risk, weights) / size
        observed = sums(place, bins, rows.subject, target, weights) / size
        off = sums(place, bins, rows.subject, residual, weights) / size
    spread = [np.quantile(residual[place == at], [0.1, 0.5, 0.9]) for at in range(bins)]
    pairs = np.unique(np.column_stack([place, rows.subject]), axis=0)
    told, mean = interval(observed), interval(off)
    return {
        "predicted_observed": {
            "predicted": predicted[:, 0].tolist(),
            "observed": told["estimate"],
            "low": told["low"],
            "high": told["high"],
            "subjects": np.bincount(pairs[:, 0], minlength=bins).tolist(),
        },
        "residuals": {
            "predicted": predicted[:, 0].tolist(),
            "mean": mean["estimate"],
            "low": mean["low"],
            "high": mean["high"],
            "tenth": [float(part[0]) for part in spread],
            "median": [float(part[1]) for part in spread],
            "ninetieth": [float(part[2]) for part in spread],
            **_histogram(rows, residual),
        },
    }


def _histogram(rows: Rows, residual: Floats) -> dict[str, Any]:
    reach = float(f"{max(np.quantile(np.abs(residual), 0.99), 1e-9):.2g}")
    edges = np.linspace(-reach, reach, COLUMNS + 1)
    place = place_of(residual, edges[1:-1])
    pairs = np.unique(np.column_stack([place, rows.subject]), axis=0)
    hidden = hidden_cells(np.bincount(pairs[:, 0], minlength=COLUMNS), [range(COLUMNS)])
    counts = np.bincount(place, minlength=COLUMNS)
    return {
        "edges": edges.tolist(),
        "rows": [None if few else int(n) for n, few in zip(counts, hidden, strict=True)],
    }
