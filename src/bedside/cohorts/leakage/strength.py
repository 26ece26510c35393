"""Features so strong alone that they may be the label in other clothes."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bedside.cohorts.leakage.inputs import Floats, Result
from bedside.core.records.leakage import Checked, Finding

__all__ = ["audit_features", "strong_alone"]

STRONG_MCC = 0.9
STRONG_AUPRC = 0.5
STRONG_LIFT = 10.0
ROWS = 200_000
"""Of more rows, evenly spaced ones are looked at."""


def audit_features(
    matrix: Floats, label: npt.NDArray[np.int64], names: Sequence[str]
) -> list[Finding]:
    """Features so strong alone that they may be the label in other clothes.

    A feature is named when one threshold on it agrees with the label at a Matthews correlation
    of 0.9 or more, or when its average precision is at least 0.5 and ten times the prevalence.
    A missing value is its own side of the threshold.

    Args:
        matrix: Shape (n, k), of training rows alone.
        label: Shape (n,), 0 or 1.
        names: The k columns.
    """
    return list(strong_alone(matrix, label, names).findings)


def strong_alone(matrix: Floats, label: npt.NDArray[np.int64], names: Sequence[str]) -> Result:
    """The same, with what was looked at."""
    looked = Checked(
        detector="strength", what="features, none of which alone nearly is the label", number=0
    )
    if len(label) > ROWS:
        some = np.linspace(0, len(label) - 1, num=ROWS).astype(np.int64)
        matrix, label = matrix[some], label[some]
    positive = int(label.sum())
    if not 0 < positive < len(label):
        return Result(checked=(looked,))
    prevalence = positive / len(label)
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
                    text=f"'{name}' alone nearly is the label (Matthews correlation {mcc:.2f}, "
                    f"average precision {precision:.2f} at a prevalence of {prevalence:.3f}).",
                    fix="find out where it comes from and when it is known; leave it out, or "
                    "acknowledge that it may be this strong.",
                    features=(name,),
                    evidence={
                        "matthews_correlation": mcc,
                        "average_precision": precision,
                        "prevalence": prevalence,
                    },
                )
            )
    checked = Checked(detector=looked.detector, what=looked.what, number=len(names))
    return Result(findings=tuple(findings), checked=(checked,))


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
