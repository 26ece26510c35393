"""Outcomes that came for each that was foretold, month by month of the predictions."""

from typing import Any

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.estimated import weighted_performance
from bedside.monitor.judged.rows import LiveRows

__all__ = ["FEW", "calibration_by_month", "few_of"]

FEW = "ten patients or fewer with the outcome, or without it"


def calibration_by_month(rows: LiveRows) -> list[dict[str, Any]]:
    """Observed over expected of each month, with its interval; what is small is not shown.

    Args:
        rows: Answers of a yes-or-no outcome, or of levels (any but the first counts).

    Returns:
        For each month `month`, `estimate`, `low`, `high` and `n` (answers), or `why` not.
    """
    known = rows.take(rows.known)
    months = (known.day + np.datetime64("1970-01-01", "D")).astype("datetime64[M]").astype(str)
    found = []
    for month in np.unique(months):
        inside = known.take(months == month)
        told: dict[str, Any] = {"month": str(month), "estimate": None, "low": None, "high": None}
        if few_of(inside) or not inside.risk.sum() > 0:
            found.append({**told, "n": None, "why": FEW})
            continue
        made = weighted_performance(
            inside.label > 0,
            np.clip(inside.risk, 0.0, 1.0),
            np.ones(len(inside)),
            threshold=1.0,
            subject=inside.subject,
        )["observed_expected"]
        found.append(
            told | {"estimate": made.value, "low": made.low, "high": made.high, "n": len(inside)}
        )
    return found


def few_of(rows: LiveRows) -> bool:
    """Whether ten patients or fewer have the outcome, or are without it."""
    ill = rows.label > 0
    counts = len(np.unique(rows.subject[ill])), len(np.unique(rows.subject[~ill]))
    return min(counts) <= SUPPRESS_AT_OR_BELOW
