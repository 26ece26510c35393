"""What a site may tell a hub of a version on its own patients: figures, and no small cell.

Everything that is told is named here; whatever else the evidence holds stays where it is. Nothing
is told of ten patients or fewer, with the outcome or without it, nor what would tell them by
subtraction.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.develop.evaluate.statistics import Rows

__all__ = ["BY_RISK", "BY_TABLE", "aggregates_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BY_RISK = (
    "auroc", "auprc", "brier", "scaled_brier", "log_loss", "calibration_slope",
    "calibration_intercept", "expected_observed_ratio", "ici", "harrell_c", "uno_c",
    "integrated_brier", "macro_auroc", "hand_till_auroc", "ordinal_c", "quadratic_kappa",
    "multiclass_log_loss", "multiclass_brier", "ranked_probability_score", "mae", "rmse", "r2",
    "mean_error", "regression_slope", "regression_intercept",
)  # fmt: skip
"""Figures over all rows, in which nobody can be counted."""
BY_TABLE = (
    "sensitivity", "specificity", "ppv", "npv", "nne", "min_sensitivity_ppv", "alert_rate",
    "alerts_per_100_subjects", "net_benefit", "standardised_net_benefit",
)  # fmt: skip
"""Figures of alerts against outcomes: from some of them the four cells can be worked out, so that
all are told, or none."""
_BINS = 10
_DIGITS = 3


def aggregates_of(
    rows: Rows, evidence: Mapping[str, Any], thresholds: float | Floats | None
) -> dict[str, Any]:
    """The part of the evidence that may leave the site.

    Args:
        rows: The predictions that were judged, beside what came true.
        evidence: Of these rows, as `evaluate` makes it: its `metrics` and `subgroups`, which are
            suppressed already.
        thresholds: Where they alert; one for all rows, or shape (n,). None: nowhere.

    Returns:
        `outcome`; `subjects` and `with_outcome`, None where hidden; `figures` by name; `hidden`,
        the names of what is not told because it would be of few; `calibration`, groups of rows of
        like risk, lowest first; `subgroups` by dimension and level.
    """
    ill = None if rows.outcome == "regression" else _ill(rows)
    few = rows.subjects <= SUPPRESS_AT_OR_BELOW
    few = few or (ill is not None and _few_of_a_kind(rows, ill))
    shown = {name: one for name, one in evidence["metrics"].items() if one["estimate"] is not None}
    told = set() if few else {name for name in BY_RISK if name in shown}
    if not few and ill is not None and thresholds is not None:
        alerts = rows.risk >= thresholds
        cells = [one & other for one in (alerts, ~alerts) for other in (ill, ~ill)]
        if not _few(rows, cells):
            told |= {name for name in BY_TABLE if name in shown}
    return {
        "outcome": rows.outcome,
        "subjects": rows.subjects if rows.subjects > SUPPRESS_AT_OR_BELOW else None,
        "with_outcome": None if few or ill is None else _subjects(rows, ill),
        "figures": {name: _figure(shown[name]) for name in sorted(told)},
        "hidden": sorted(set(shown) & {*BY_RISK, *BY_TABLE} - told),
        "calibration": [] if few or ill is None else _calibration(rows, ill),
        "subgroups": {} if few else _subgroups(evidence["subgroups"]),
    }


def _ill(rows: Rows) -> Bools:
    return np.asarray(rows.label == 1 if rows.outcome == "survival" else rows.label > 0)


def _subjects(rows: Rows, some: Bools) -> int:
    return len(np.unique(rows.subject[some]))


def _few_of_a_kind(rows: Rows, ill: Bools) -> bool:
    """Whether ten subjects or fewer ever have the outcome, or never; or had a row without it."""
    with_it = _subjects(rows, ill)
    counts = (with_it, rows.subjects - with_it, _subjects(rows, ~ill))
    return min(counts) <= SUPPRESS_AT_OR_BELOW


def _few(rows: Rows, cells: list[Bools]) -> bool:
    """Whether a cell has ten subjects or fewer; that it has none is told neither."""
    return min(_subjects(rows, cell) for cell in cells) <= SUPPRESS_AT_OR_BELOW


def _figure(estimate: Mapping[str, Any]) -> dict[str, float | None]:
    return {
        name: None if estimate[name] is None else round(float(estimate[name]), _DIGITS)
        for name in ("estimate", "low", "high")
    }


def _calibration(rows: Rows, ill: Bools) -> list[dict[str, Any]]:
    """Rows of like risk together, each group with more than ten subjects of either kind.

    Where a group would tell fewer, the next is joined to it; what is left at the end joins the last
    group. Without a single such group there is none.
    """
    order = np.argsort(rows.risk, kind="stable")
    groups: list[Ints] = []
    held = np.empty(0, dtype=np.int64)
    for part in np.array_split(order, min(_BINS, len(order))):
        held = np.concatenate([held, part])
        if _enough(rows, ill, held):
            groups.append(held)
            held = np.empty(0, dtype=np.int64)
    if len(held) and groups:
        groups[-1] = np.concatenate([groups[-1], held])
    return [
        {
            "subjects": len(np.unique(rows.subject[group])),
            "predicted": round(float(rows.risk[group].mean()), _DIGITS),
            "observed": round(float(ill[group].mean()), _DIGITS),
        }
        for group in groups
    ]


def _enough(rows: Rows, ill: Bools, group: Ints) -> bool:
    sides = (group[ill[group]], group[~ill[group]])
    return all(len(np.unique(rows.subject[side])) > SUPPRESS_AT_OR_BELOW for side in sides)


def _subgroups(found: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Single dimensions alone: what several of them tell together is told of nobody."""
    return {
        dimension: {level: _level(told) for level, told in levels.items()}
        for dimension, levels in found.items()
        if " × " not in dimension
    }


def _level(told: Mapping[str, Any]) -> dict[str, Any]:
    figures = {
        name: _figure(one)
        for name, one in sorted(told["metrics"].items())
        if name in BY_RISK and one["estimate"] is not None
    }
    return {
        "subjects": told["subjects"],
        "with_outcome": told["with_outcome"],
        "figures": {} if told["subjects"] is None else figures,
    }
