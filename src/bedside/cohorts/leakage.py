"""The leakage audit: what looks into the future is named, and fails the build."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.declaration import Declaration

__all__ = ["Finding", "audit_declaration", "audit_features", "audit_splits", "audit_visibility"]

Floats = npt.NDArray[np.float64]
STRONG_MCC = 0.9
STRONG_AUPRC = 0.5
STRONG_LIFT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One leak. `name` is what an acknowledgement must name."""

    name: str
    kind: str
    text: str


def audit_declaration(declaration: Declaration) -> list[Finding]:
    """Signals that read the outcome's own column or code."""
    outcomes = {s.column for s in declaration.signals.values() if s.role == "outcome"}
    codes = {s.code for s in declaration.signals.values() if s.role == "outcome"}
    used = {name for rule in declaration.features for name in rule.signals}
    return [
        Finding(
            name=f"label_among_features:{name}",
            kind="label_among_features",
            text=f"'{name}' is read from the outcome itself, and is among the features.",
        )
        for name, signal in declaration.signals.items()
        if name in used and (signal.column in outcomes or signal.code in codes)
    ] + [
        Finding(
            name=f"label_among_features:{rule.since}",
            kind="label_among_features",
            text=f"A feature counts the hours since {rule.since}, which is the outcome itself.",
        )
        for rule in declaration.features
        if rule.since in codes
    ]


def audit_splits(asked: pl.DataFrame) -> list[Finding]:
    """Subjects on more than one side."""
    both = asked.group_by("subject_id").agg(pl.col("side").n_unique()).filter(pl.col("side") > 1)
    if both.is_empty():
        return []
    return [
        Finding(
            name="subject_on_both_sides",
            kind="split",
            text=f"{both.height} subjects are on more than one side of the split.",
        )
    ]


def audit_visibility(
    events: pl.DataFrame,
    asked: pl.DataFrame,
    matrix: Floats,
    names: Sequence[str],
    recompute: Callable[[pl.DataFrame, pl.DataFrame], Floats],
    *,
    sample: int = 200,
) -> list[Finding]:
    """Features that change when everything known after the prediction time is removed.

    Each sampled row is computed again from a record that ends at its prediction time; any
    difference means that the feature saw the future.
    """
    picked = np.unique(np.linspace(0, asked.height - 1, num=min(sample, asked.height)).astype(int))
    differs = np.zeros(len(names), dtype=bool)
    for row in picked:
        one = asked[int(row) : int(row) + 1]
        moment = one["prediction_time"].item()
        seen = events.filter(
            (pl.col("subject_id") == one["subject_id"].item())
            & (pl.col("known_at") <= moment)
            & (pl.col("time").is_null() | (pl.col("time") <= moment))
        )
        again = recompute(seen, one)[0]
        same = (again == matrix[row]) | (np.isnan(again) & np.isnan(matrix[row]))
        differs |= ~same
    return [
        Finding(
            name=f"sees_the_future:{name}",
            kind="visibility",
            text=f"'{name}' changes when facts known after the prediction time are removed.",
        )
        for name, bad in zip(names, differs, strict=True)
        if bad
    ]


def audit_features(
    matrix: Floats, label: npt.NDArray[np.int64], names: Sequence[str]
) -> list[Finding]:
    """Features so strong alone that they may be the label in other clothes.

    A feature is named when one threshold on it agrees with the label at a Matthews correlation
    of 0.9 or more, or when its average precision is at least 0.5 and ten times the prevalence.
    A missing value is its own side of the threshold.
    """
    prevalence = float(label.mean())
    findings = []
    for column, name in enumerate(names):
        mcc, precision = _alone(matrix[:, column], label)
        if mcc >= STRONG_MCC or (
            precision >= STRONG_AUPRC and precision >= STRONG_LIFT * prevalence
        ):
            findings.append(
                Finding(
                    name=f"strong_alone:{name}",
                    kind="strong_alone",
                    text=(
                        f"'{name}' alone nearly is the label (Matthews correlation {mcc:.2f}, "
                        f"average "
                        f"precision {precision:.2f} at a prevalence of {prevalence:.3f})."
                    ),
                )
            )
    return findings


def _alone(values: Floats, label: npt.NDArray[np.int64]) -> tuple[float, float]:
    """The best Matthews correlation and average precision over thresholds, in both directions."""
    best_mcc = best_precision = 0.0
    for direction in (1.0, -1.0):
        score = np.where(np.isnan(values), -np.inf, direction * values)
        order = np.argsort(-score, kind="stable")
        ranked, positive = score[order], label[order].astype(np.float64)
        last = np.append(ranked[1:] != ranked[:-1], True)
        tp = np.cumsum(positive)[last]
        alerts = np.flatnonzero(last) + 1.0
        n, p = float(len(label)), float(positive.sum())
        spread = np.sqrt(alerts * (n - alerts) * p * (n - p))
        mcc = np.divide(n * tp - alerts * p, spread, out=np.zeros_like(spread), where=spread > 0)
        gain = np.diff(np.append(0.0, tp)) / p
        best_mcc = max(best_mcc, float(mcc.max()))
        best_precision = max(best_precision, float((gain * tp / alerts).sum()))
    return best_mcc, best_precision
