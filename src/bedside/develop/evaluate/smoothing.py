"""A smooth calibration curve: how often the outcome comes at each predicted risk."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.develop.evaluate.binning import interval, sums

__all__ = ["smooth_calibration"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
CELLS, POINTS = 200, 60
EDGE = 1e-6  # risks nearer to 0 or 1 than this are taken for it, so that log-odds are finite


def smooth_calibration(
    risk: Floats, label: Ints, subject: Ints, weights: Floats
) -> dict[str, Any]:  # fmt: skip
    """`predicted`, and `observed` with `low` and `high`; empty where risks do not differ.

    The outcome is smoothed over the log-odds of the risk by local lines with Gaussian weights, of
    a width by the normal rule (1.06 standard deviations over the fifth root of the number of
    subjects), on 200 cells. The curve runs where more than ten subjects lie on either side.

    Args:
        risk: Shape (n,), in [0, 1].
        label: Shape (n,), 0 or 1.
        subject: Shape (n,).
        weights: Shape (subjects, 1 + B), from `drawings`.

    Source: Van Calster et al., J Clin Epidemiol 2016;74:167-176 (flexible calibration curves); Fan
        & Gijbels, Local Polynomial Modelling, 1996, ch. 3.
    """
    clipped = np.clip(risk, EDGE, 1 - EDGE)
    odds = np.log(clipped / (1 - clipped))
    start, end = _inside(odds, subject)
    empty: dict[str, Any] = {"predicted": [], "observed": [], "low": [], "high": []}
    if not end > start:
        return empty
    width = max(1.06 * odds.std() * len(weights) ** -0.2, (end - start) / CELLS)
    edges = np.linspace(odds.min(), odds.max() + 1e-9, CELLS + 1)
    cell = np.clip(np.searchsorted(edges, odds, side="right") - 1, 0, CELLS - 1)
    size = sums(cell, CELLS, subject, np.ones(len(odds)), weights)
    ill = sums(cell, CELLS, subject, label.astype(np.float64), weights)
    grid = np.linspace(start, end, POINTS)
    away = (edges[:-1] + edges[1:])[None, :] / 2 - grid[:, None]
    kernel = np.exp(-0.5 * (away / width) ** 2)
    s0, s1, s2 = (kernel * away**power @ size for power in range(3))
    t0, t1 = (kernel * away**power @ ill for power in range(2))
    below = s0 * s2 - s1 * s1
    with np.errstate(divide="ignore", invalid="ignore"):
        line = (s2 * t0 - s1 * t1) / below
        made = np.where(below > 1e-9 * s0 * s2, line, t0 / s0)
    told = interval(np.clip(made, 0, 1))
    return {
        "predicted": (1 / (1 + np.exp(-grid))).tolist(),
        "observed": told["estimate"],
        "low": told["low"],
        "high": told["high"],
    }


def _inside(odds: Floats, subject: Ints) -> tuple[float, float]:
    """From the eleventh lowest to the eleventh highest subject, each by its own extreme."""
    subjects = int(subject[-1]) + 1
    if subjects <= 2 * SUPPRESS_AT_OR_BELOW:
        return 0.0, 0.0
    lowest, highest = np.full(subjects, np.inf), np.full(subjects, -np.inf)
    np.minimum.at(lowest, subject, odds)
    np.maximum.at(highest, subject, odds)
    place = SUPPRESS_AT_OR_BELOW
    return float(np.sort(lowest)[place]), float(np.sort(highest)[-place - 1])
