"""The curves of the evidence, by kind of outcome, with bands by resampling subjects.

A point of a curve stands apart from the next by no subject, or by more than ten, so that nobody
can be picked out. Bands are 95 % percentile intervals over at most `REPLICATES` resamples.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.develop.evaluate.binning import (
    drawings,
    even_cuts,
    interval,
    kept_cuts,
    place_of,
    sums,
)
from bedside.develop.evaluate.curves_of_levels import level_curves
from bedside.develop.evaluate.curves_of_survival import survival_curves
from bedside.develop.evaluate.curves_of_values import value_curves
from bedside.develop.evaluate.disclosure import hidden_cells
from bedside.develop.evaluate.smoothing import smooth_calibration
from bedside.develop.evaluate.statistics import Rows

__all__ = ["curves_of", "risk_curves"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
POINTS = 80
TENTHS = 10
MOST_COLUMNS, A_COLUMN = 20, 25  # of a histogram; subjects for each


def curves_of(rows: Rows, options: Evaluation, seed: int) -> dict[str, Any]:
    """Curves of whatever kind the outcome is.

    Args:
        rows: What to judge.
        options: With how many resamples.
        seed: Of the resampling.
    """
    weights = drawings(rows.subjects, options.bootstrap, seed)
    if rows.outcome == "survival":
        return survival_curves(rows, weights)
    if rows.outcome == "regression":
        return value_curves(rows, weights)
    if rows.outcome in ("multiclass", "ordinal"):
        ill = (rows.label > 0).astype(np.int64)
        return {**risk_curves(rows, ill, weights), **level_curves(rows, weights)}
    return risk_curves(rows, rows.label, weights)


def risk_curves(rows: Rows, label: Ints, weights: Floats) -> dict[str, Any]:
    """Of a risk against what came true: ROC, precision and recall, calibration, net benefit.

    Args:
        rows: What to judge.
        label: Shape (n,), 0 or 1.
        weights: Shape (subjects, 1 + B), from `drawings`.
    """
    return {
        **_ranked(rows, label, weights),
        "calibration": _calibration(rows, label, weights),
        "risks": _risks(rows),
        "net_benefit": _net_benefit(rows, label, weights),
    }


def _above(
    rows: Rows, label: Ints, cuts: Floats, weights: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Weighted rows with and without the outcome from each cut up, and in all."""
    place = place_of(rows.risk, cuts)
    bins = len(cuts) + 1
    ill = sums(place, bins, rows.subject, label.astype(np.float64), weights)
    well = sums(place, bins, rows.subject, (1 - label).astype(np.float64), weights)
    true, false = (part[::-1].cumsum(axis=0)[::-1][1:] for part in (ill, well))
    return true, false, ill.sum(axis=0), well.sum(axis=0)


def _ranked(rows: Rows, label: Ints, weights: Floats) -> dict[str, Any]:
    n = len(rows.risk)
    shares = np.union1d(
        np.linspace(0, 1, POINTS), np.geomspace(min(11 / n, 1), 1, POINTS)
    )  # fine among the highest risks
    cuts = kept_cuts(rows.risk, rows.subject, np.unique(np.quantile(rows.risk, 1 - shares)))
    true, false, ill, well = _above(rows, label, cuts, weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity, fall_out = true[::-1] / ill, false[::-1] / well
        precision = (true / (true + false))[::-1]
    x = np.concatenate([[0.0], fall_out[:, 0], [1.0]])
    found = _along(x, fall_out, sensitivity)
    recall = sensitivity[:, 0]
    return {
        "roc": {
            "x": x.tolist(),
            "y": [0.0, *sensitivity[:, 0].tolist(), 1.0],
            **_band(found),
        },
        "precision_recall": {
            "x": recall.tolist(),
            "y": precision[:, 0].tolist(),
            **_band(_along(recall, sensitivity, precision, ends=False)),
            "prevalence": float(label.mean()),
        },
    }


def _along(at: Floats, x: Floats, y: Floats, *, ends: bool = True) -> Floats:
    """Each resample's y where its x is `at`, by straight lines; shape (len(at), 1 + B)."""
    made = np.full((len(at), x.shape[1]), np.nan)
    for column in range(x.shape[1]):
        told = np.isfinite(x[:, column]) & np.isfinite(y[:, column])
        if not told.any():
            continue
        a, b = x[told, column], y[told, column]
        if ends:
            a, b = np.concatenate([[0.0], a, [1.0]]), np.concatenate([[0.0], b, [1.0]])
        made[:, column] = np.interp(at, a, b)
    return made


def _band(table: Floats) -> dict[str, Any]:
    told = interval(table)
    return {"low": told["low"], "high": told["high"]}


def _calibration(rows: Rows, label: Ints, weights: Floats) -> dict[str, Any]:
    """Tenths by risk, each with more than ten subjects, and a smooth curve."""
    cuts = kept_cuts(rows.risk, rows.subject, even_cuts(rows.risk, TENTHS))
    place = place_of(rows.risk, cuts)
    bins = len(cuts) + 1
    size = sums(place, bins, rows.subject, np.ones(len(label)), weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = sums(place, bins, rows.subject, rows.risk, weights) / size
        observed = sums(place, bins, rows.subject, label.astype(np.float64), weights) / size
    told = interval(observed)
    pairs = np.unique(np.column_stack([place, rows.subject]), axis=0)
    return {
        "predicted": predicted[:, 0].tolist(),
        "observed": told["estimate"],
        "low": told["low"],
        "high": told["high"],
        "subjects": np.bincount(pairs[:, 0], minlength=bins).tolist(),
        "rows": size[:, 0].astype(int).tolist(),
        "smooth": smooth_calibration(rows.risk, label, rows.subject, weights),
    }


def _risks(rows: Rows) -> dict[str, Any]:
    """How many predictions lie in each step of the scale; few subjects are hidden."""
    columns = min(max(rows.subjects // A_COLUMN, 4), MOST_COLUMNS)
    top = float(f"{max(np.quantile(rows.risk, 0.995), 1e-6):.1g}")
    edges = np.linspace(0, min(max(top, rows.risk.mean()), 1.0), columns + 1)
    place = place_of(rows.risk, edges[1:-1])
    pairs = np.unique(np.column_stack([place, rows.subject]), axis=0)
    hidden = hidden_cells(np.bincount(pairs[:, 0], minlength=columns), [range(columns)])
    counts = np.bincount(place, minlength=columns)
    return {
        "edges": edges.tolist(),
        "rows": [None if few else int(n) for n, few in zip(counts, hidden, strict=True)],
    }


def _net_benefit(rows: Rows, label: Ints, weights: Floats) -> dict[str, Any]:
    """Against treating everyone; thresholds that only ten or fewer reach are left out."""
    often = label.mean() > 0.1
    grid = np.linspace(0.01, 0.99, 99) if often else np.linspace(0.002, 0.2, 100)
    grid = kept_cuts(rows.risk, rows.subject, grid)
    reached = [len(np.unique(rows.subject[rows.risk >= bar])) for bar in grid]
    grid = grid[np.array(reached, dtype=int) > SUPPRESS_AT_OR_BELOW]
    true, false, ill, well = _above(rows, label, grid, weights)
    odds = (grid / (1 - grid))[:, None]
    model = (true - odds * false) / (ill + well)
    return {
        "threshold": grid.tolist(),
        "model": model[:, 0].tolist(),
        **_band(model),
        "treat_all": ((ill - odds * well) / (ill + well))[:, 0].tolist(),
    }
