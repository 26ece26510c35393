"""Predicted and observed, in groups of rows of like risk, for any kind of outcome."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.intervals import wilson

__all__ = ["calibration_groups", "came_by"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST, SUBJECTS_EACH = 10, 20


def calibration_groups(rows: Rows) -> dict[str, Any]:
    """Tenths of the rows by what is predicted, with as many rows each and at least 20 subjects.

    Of survival, observed is the cumulative incidence by the last horizon (Aalen-Johansen); of
    levels, the share above the first; of a number, the mean. A share has Wilson's interval, which
    takes rows for independent.
    """
    parts = min(MOST, rows.subjects // SUBJECTS_EACH)
    if parts < 2:
        return {"predicted": [], "observed": [], "low": [], "high": []}
    groups = np.array_split(np.argsort(rows.risk, kind="stable"), parts)
    observed = [_observed(rows, group) for group in groups]
    ends = [_ends(rows, share, len(group)) for share, group in zip(observed, groups, strict=True)]
    return {
        "predicted": [float(rows.risk[group].mean()) for group in groups],
        "observed": observed,
        "low": [low for low, _ in ends if low is not None],
        "high": [high for _, high in ends if high is not None],
    }


def came_by(days: Floats, label: Ints, horizon: float) -> float:
    """The share in whom the event came by a day, of whom some were censored or died of another.

    Args:
        days: Shape (n,), until the event or the end of follow-up.
        label: Shape (n,), 0 censored, 1 the event, 2 a competing one.
        horizon: In days.

    Source: Aalen & Johansen, Scand J Stat 1978;5:141-150.

    >>> round(came_by(np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1]), 2.5), 6)
    0.333333
    """
    order = np.argsort(days, kind="stable")
    days, label = days[order], label[order]
    moments, first = np.unique(days, return_index=True)
    at_risk = len(days) - first
    ours = np.add.reduceat((label == 1).astype(np.float64), first)
    every = np.add.reduceat((label > 0).astype(np.float64), first)
    free = np.cumprod(1 - every / at_risk)
    before = np.append(1.0, free[:-1])
    return float((before * ours / at_risk)[moments <= horizon].sum())


def _observed(rows: Rows, some: Ints) -> float:
    if rows.outcome == "survival":
        assert rows.target is not None  # noqa: S101 - survival has its days
        return came_by(rows.target[some], rows.label[some], rows.horizons[-1])
    if rows.outcome == "regression":
        assert rows.target is not None  # noqa: S101 - a number has its values
        return float(rows.target[some].mean())
    return float((rows.label[some] > 0).mean())


def _ends(rows: Rows, share: float, size: int) -> tuple[float | None, float | None]:
    if rows.outcome in ("survival", "regression"):
        return None, None
    return wilson(share, size)
