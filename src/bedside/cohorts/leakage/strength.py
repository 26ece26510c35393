"""Features so strong alone that they may be the label in other clothes."""

from collections.abc import Sequence
from dataclasses import replace

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
        detector="strength",
        what="features, none of which alone nearly is the label",
        number=0,
        kinds=("strong_alone",),
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
    checked = replace(looked, number=len(names))
    return Result(findings=tuple(findings), checked=(checked,))


def _alone(values: Floats, label: npt.NDArray[np.int64]) -> tuple[float, float]:
    """The best Matthews correlation and average precision of an alert above or below a threshold.

    Missing values are alerted first or last.
    """
    missing = np.isnan(values)
    order = np.argsort(values[~missing], kind="stable")
    ranked, positive = values[~missing][order], label[~missing][order]
    last = np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)]
    count = np.diff(np.flatnonzero(last) + 1.0, prepend=0.0)
    hits = np.diff(np.cumsum(positive)[last].astype(np.float64), prepend=0.0)
    best = np.zeros(2)
    for rising in (True, False):
        groups = (count, hits) if rising else (count[::-1], hits[::-1])
        for place in (0, len(count)) if missing.any() else (0,):
            alerts, true = groups
            if missing.any():
                alerts = np.insert(alerts, place, missing.sum())
                true = np.insert(true, place, label[missing].sum())
            best = np.maximum(best, _figures(np.cumsum(alerts), np.cumsum(true)))
    return float(best[0]), float(best[1])


def _figures(alerts: Floats, true: Floats) -> tuple[float, float]:
    """Matthews correlation and average precision of alerting ever more rows.

    Args:
        alerts: Shape (g,). The rows that are alerted at each threshold; the last is every row.
        true: Those of them that are positive.
    """
    n, p = alerts[-1], true[-1]
    spread = np.sqrt(alerts * (n - alerts) * p * (n - p))
    mcc = np.divide(n * true - alerts * p, spread, out=np.zeros_like(spread), where=spread > 0)
    gain = np.diff(true, prepend=0.0) / p
    return float(mcc.max()), float((gain * true / alerts).sum())
