"""Distances of new patients from rows of a reference: by column, together, and weighted."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.arrays import Floats
from bedside.metrics.estimated import effective_size, weighted_performance
from bedside.metrics.joint import density_ratio, prepare_reconstruction, reconstruction_drift
from bedside.monitor.drift_of import FeatureDrift, drift_of
from bedside.monitor.joint import joint_drift_of

__all__ = ["RISK", "whole_drift"]

RISK = "predicted risk"
"""The column of the risk, after those of the features."""

LEAST = 40
"""Patients of either kind, below which a classifier has too few to learn from."""

_MOST = 20_000
_NOT_COMPUTED = f"fewer than {LEAST} patients, then or now"


def whole_drift(
    then: Floats,
    now: Floats,
    names: Sequence[str],
    *,
    categories: Mapping[str, Sequence[str]],
    risks: tuple[Floats, Floats],
    label: Floats | None,
    threshold: float | None,
    seed: int = 0,
) -> dict[str, Any]:
    """The tables `drift`, `joint` and `weighted`; counts of ten patients or fewer are hidden.

    Args:
        then: Shape (n, k), one row a patient, NaN where missing: those of the reference.
        now: Shape (m, k), the new ones.
        names: The k columns.
        categories: The levels of each column whose values are places of levels.
        risks: Shape (n,) and (m,).
        label: Shape (n,), 0 or 1, of the reference; None: what is predicted is no yes or no.
        threshold: Risks of at least this alert; None: nothing does.
        seed: Of the classifier, the folds and the halves.
    """
    sizes = {"then": len(then), "now": len(now)}
    if min(sizes.values()) <= SUPPRESS_AT_OR_BELOW:
        why = {"why": "ten patients or fewer, then or now"}
        return {"drift": why, "joint": why, "weighted": why}
    both = [np.column_stack([one, risk]) for one, risk in zip((then, now), risks, strict=True)]
    rows = drift_of(both[0], both[1], [*names, RISK], categories)
    told = [_shown(row, len(then), len(now)) for row in rows]
    moved = sum(one.p_adjusted is not None and one.p_adjusted <= 0.05 for one in rows)
    made: dict[str, Any] = {"drift": {**sizes, "moved": moved, "rows": told}}
    if min(sizes.values()) < LEAST or len(names) < 2:
        return made | {"joint": {"why": _NOT_COMPUTED}, "weighted": {"why": _NOT_COMPUTED}}
    joint = joint_drift_of(then, now, most_rows=_MOST, seed=seed)
    rebuilt = reconstruction_drift(prepare_reconstruction(then, seed=seed), now)
    made["joint"] = {
        **{name: getattr(joint, name) for name in ("auroc", "low", "high", "p_value")},
        "reconstruction": asdict(rebuilt),
    }
    chance = joint.chance if max(sizes.values()) <= _MOST else None
    made["weighted"] = _weighted(chance, risks[0], label, threshold, len(now))
    return made


def _shown(row: FeatureDrift, then: int, now: int) -> dict[str, Any]:
    """The row, without shares of few patients, or of all but few."""
    told = row.to_json()
    told["missing_then"] = _share(row.missing_then, then)
    told["missing_now"] = _share(row.missing_now, now)
    measured = round(now * (1 - row.missing_now))
    told["beyond"] = None if row.beyond is None else _share(row.beyond, measured)
    if row.infinite_now <= SUPPRESS_AT_OR_BELOW:
        told["infinite_now"] = 0 if row.infinite_now == 0 else None
    return told


def _share(share: float, n: int) -> float | None:
    count = round(share * n)
    few = 0 < count <= SUPPRESS_AT_OR_BELOW or 0 < n - count <= SUPPRESS_AT_OR_BELOW
    return None if few else share


def _weighted(
    chance: Floats | None,
    risk: Floats,
    label: Floats | None,
    threshold: float | None,
    now: int,
) -> dict[str, Any]:
    """Performance of the reference's patients, weighted to be like the new ones."""
    if label is None:
        return {"why": "what this model predicts is no yes or no"}
    if chance is None:
        return {"why": f"more than {_MOST:,} patients"}
    n = len(risk)
    known: NDArray[np.bool_] = np.isfinite(label)
    ill = int((label[known] > 0).sum())
    if min(ill, int(known.sum()) - ill) <= SUPPRESS_AT_OR_BELOW:
        return {"why": "ten patients or fewer with the outcome, or without it, in the reference"}
    weights = density_ratio(chance[:n], n, now)[known]
    if not weights.any() or effective_size(weights) < LEAST:
        return {"why": "too few patients of the reference are like the new ones"}
    bar = 1.0 if threshold is None else threshold
    figures = weighted_performance(label[known] > 0, risk[known], weights, threshold=bar)
    without = () if threshold is not None else ("sensitivity", "ppv", "alert_rate")
    return {
        "patients": effective_size(weights),
        "figures": {
            name: {"value": one.value, "low": one.low, "high": one.high}
            for name, one in figures.items()
            if np.isfinite([one.value, one.low, one.high]).all() and name not in without
        },
    }
