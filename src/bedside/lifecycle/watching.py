"""What a bundle is watched by: its reference, and what of an outcome can be watched."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.develop.evaluate.statistics import Rows
from bedside.features.definition import FeatureSet
from bedside.features.wording import title
from bedside.monitor.reference import make_reference

__all__ = ["reference_of", "watched_label", "watched_value"]

Floats = npt.NDArray[np.float64]


def reference_of(
    feature_set: FeatureSet,
    matrix: Floats,
    rows: Rows,
    groups: Mapping[str, npt.NDArray[np.str_]],
    *,
    threshold: float | None,
    seed: int,
    streams: Mapping[str, Any],
) -> dict[str, Any]:
    """The monitoring reference of these patients.

    Args:
        feature_set: k features.
        matrix: Shape (n, k).
        rows: The n predictions and what came true.
        groups: The level of each row in each subgroup.
        threshold: Risks of at least this alert; None: nothing does.
        seed: Which row of each patient is drawn.
        streams: The baseline by which live answers are watched, as JSON.
    """
    made = make_reference(
        matrix,
        feature_set.names,
        labels_text={feature.name: title(feature) for feature in feature_set.features},
        units={feature.name: feature.unit for feature in feature_set.features},
        risk=rows.risk,
        label=watched_label(rows.outcome, rows.label),
        subject_index=rows.subject,
        groups=groups,
        threshold=threshold,
        seed=seed,
        is_risk=rows.outcome != "regression",
    )
    return {**made, "streams": dict(streams)}


def watched_label(outcome: str, label: npt.NDArray[Any]) -> npt.NDArray[Any] | None:
    """Whether the outcome came, shape (n,); None where it is no yes or no: a time, a number."""
    if outcome == "binary":
        return label
    return (label > 0).astype(np.int64) if outcome in ("multiclass", "ordinal") else None


def watched_value(outcome: str, value: float) -> float:
    """One label, as `watched_label`; NaN where it is no yes or no."""
    found = watched_label(outcome, np.array([value]))
    return float("nan") if found is None else float(found[0])
