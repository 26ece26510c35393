"""The evidence about a model: every figure with its interval, small cells suppressed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.statistics import Rows

__all__ = ["HeldOut", "evaluate", "rounded"]

Floats = npt.NDArray[np.float64]
SUBGROUP_METRICS = ("auroc", "auprc", "brier", "expected_observed_ratio", "sensitivity", "ppv")
POINTS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Held-out predictions, shape (n,), sorted by subject, then time.

    `groups` holds, for each subgroup dimension, the level of each row ("" where unknown).
    `baseline` are the same rows as the baseline model predicts them, where there is one.
    `thresholds` are those of the rows, shape (n,), where they differ by group.
    """

    rows: Rows
    groups: Mapping[str, npt.NDArray[np.str_]]
    baseline: Rows | None = None
    thresholds: Floats | None = None


def evaluate(
    held_out: HeldOut, *, threshold: float, options: Evaluation, seed: int
) -> dict[str, Any]:
    """Metrics, the baseline's, subgroups and curves, ready for canonical JSON.

    Args:
        held_out: What to judge.
        threshold: Risks of at least this alert, but where `held_out.thresholds` are given; chosen
            on other subjects.
        options: What is measured, and with how many resamples.
        seed: Of the resampling.
    """
    rows, baseline = held_out.rows, held_out.baseline
    bars = threshold if held_out.thresholds is None else held_out.thresholds
    metrics = estimates(rows, bars, options, seed)
    compared = (
        {}
        if baseline is None
        else estimates(baseline, threshold, options, seed, only=("auroc", "auprc", "brier"))
    )
    evidence: dict[str, Any] = rounded(
        {
            "metrics": metrics,
            "baseline": compared,
            "threshold": {"value": threshold},
            "subgroups": {
                name: {
                    str(level): _subgroup(rows, groups == level, bars, options, seed)
                    for level in np.unique(groups)
                }
                for name, groups in held_out.groups.items()
            },
            "curves": _curves(rows),
        }
    )
    return evidence


def _subgroup(
    rows: Rows,
    mask: npt.NDArray[np.bool_],
    bars: float | Floats,
    options: Evaluation,
    seed: int,
) -> dict[str, Any]:
    subjects, index = np.unique(rows.subject[mask], return_inverse=True)
    ill = len(np.unique(rows.subject[mask & (rows.label == 1)]))
    well = len(subjects) - ill
    if len(subjects) <= SUPPRESS_AT_OR_BELOW:
        hidden = Estimate(estimate=None, low=None, high=None, n=None, why="10 subjects or fewer")
        return dict.fromkeys(SUBGROUP_METRICS, hidden.as_json())
    if min(ill, well) <= SUPPRESS_AT_OR_BELOW:
        hidden = Estimate(
            estimate=None,
            low=None,
            high=None,
            n=int(mask.sum()),
            why="10 subjects or fewer with, or without, the outcome",
        )
        return dict.fromkeys(SUBGROUP_METRICS, hidden.as_json())
    part = Rows(risk=rows.risk[mask], label=rows.label[mask], subject=index, days=rows.days[mask])
    own = bars[mask] if isinstance(bars, np.ndarray) else bars
    return estimates(part, own, options, seed, only=SUBGROUP_METRICS)


def _curves(rows: Rows) -> dict[str, Any]:
    order = np.argsort(-rows.risk, kind="stable")
    risk, label = rows.risk[order], rows.label[order]
    last = np.flatnonzero(np.append(risk[1:] != risk[:-1], True))
    true, alerts = np.cumsum(label)[last], last + 1.0
    positives, n = float(label.sum()), float(len(label))
    pick = np.unique(np.linspace(0, len(last) - 1, POINTS).astype(int))
    ranks = np.unique(np.geomspace(20, max(len(last), 21), POINTS).astype(int)) - 1
    ranks = ranks[ranks < len(last)]
    sensitivity, fall_out = true / positives, (alerts - true) / (n - positives)
    grid = np.linspace(0.01, 0.99, 99) if positives / n > 0.1 else np.linspace(0.002, 0.2, 100)
    reach = np.searchsorted(-rows.risk[order], -grid, side="right")
    found = np.append(0, np.cumsum(label))[reach]
    odds = grid / (1 - grid)
    return {
        "roc": {"x": [0.0, *fall_out[pick]], "y": [0.0, *sensitivity[pick]]},
        "precision_recall": {"x": list(sensitivity[ranks]), "y": list((true / alerts)[ranks])},
        "calibration": _calibration_curve(rows),
        "net_benefit": {
            "threshold": list(grid),
            "model": list((found - odds * (reach - found)) / n),
            "treat_all": list((positives - odds * (n - positives)) / n),
        },
    }


def _calibration_curve(rows: Rows) -> dict[str, Any]:
    """Tenths of the rows by risk, each with more than ten subjects; Wilson intervals."""
    bins = min(10, rows.subjects // 20)
    if bins < 2:
        return {"predicted": [], "observed": [], "low": [], "high": [], "n": []}
    parts = np.array_split(np.argsort(rows.risk, kind="stable"), bins)
    size = np.array([len(part) for part in parts], dtype=np.float64)
    observed = np.array([rows.label[part].mean() for part in parts])
    z = 1.959964
    middle = (observed + z * z / (2 * size)) / (1 + z * z / size)
    half = (
        z
        / (1 + z * z / size)
        * np.sqrt(observed * (1 - observed) / size + z * z / (4 * size * size))
    )
    return {
        "predicted": [rows.risk[part].mean() for part in parts],
        "observed": list(observed),
        "low": list(middle - half),
        "high": list(middle + half),
        "n": [int(s) for s in size],
    }


def rounded(value: Any) -> Any:
    """Floats to ten significant digits, NumPy numbers to Python's."""
    if isinstance(value, dict):
        return {str(key): rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.10g}")
    return value
