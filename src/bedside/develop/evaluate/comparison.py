"""Two sets of figures beside each other: of other patients, or of another model on the same."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.intervals import difference_estimates, estimates
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.comparison import delong_test
from bedside.metrics.crossed import crossed_counts

__all__ = ["compare_on_same_rows", "independent_difference", "reclassification"]

Floats = npt.NDArray[np.float64]
Threshold = float | Floats | None


def independent_difference(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """A figure on some patients less the same figure on others, with its 95 % interval.

    Each argument is as `Estimate.as_json` gives it. The interval is made of the two intervals,
    which need not be symmetric.

    Source: Zou & Donner, Stat Med 2008;27:1693-1702 (MOVER).

    >>> told = independent_difference({"estimate": 0.8, "low": 0.77, "high": 0.83},
    ...                               {"estimate": 0.9, "low": 0.86, "high": 0.94})
    >>> [round(told[name], 6) for name in ("estimate", "low", "high")]
    [-0.1, -0.15, -0.05]
    """
    if new.get("estimate") is None or old.get("estimate") is None:
        return {"estimate": None, "low": None, "high": None, "why": "one of the two has no figure"}
    apart = new["estimate"] - old["estimate"]
    if None in (new["low"], new["high"], old["low"], old["high"]):
        return {"estimate": apart, "low": None, "high": None}
    below = np.hypot(new["estimate"] - new["low"], old["high"] - old["estimate"])
    above = np.hypot(new["high"] - new["estimate"], old["estimate"] - old["low"])
    return {"estimate": apart, "low": float(apart - below), "high": float(apart + above)}


def compare_on_same_rows(
    first: Rows,
    second: Rows,
    thresholds: tuple[Threshold, Threshold],
    options: Evaluation,
    seed: int,
) -> dict[str, Any]:
    """Every figure of two models on the same rows, and the paired difference: second less first.

    Args:
        first: What one model predicts, beside what came true.
        second: The same rows, as the other predicts them.
        thresholds: Where each alerts.
        options: What is measured, and with how many resamples.
        seed: Of the resampling.

    Returns:
        `metrics`: for each, `first`, `second` and `difference`, as `Estimate.as_json`; `auroc`, of
        a yes-or-no outcome, DeLong's test; `reclassification`, where both alert.

    Raises:
        Invalid: the rows are not the same.

    Source: DeLong et al., Biometrics 1988;44:837-845, for independent rows; where subjects have
        several rows, the bootstrap by subject holds and no test is given.
    """
    if len(first.risk) != len(second.risk) or not np.array_equal(first.label, second.label):
        raise Invalid(
            "The two models are not judged on the same rows.",
            fix="compare them on patients whom both can be asked about.",
            code="other_rows",
        )
    one, other = (
        estimates(rows, threshold, options, seed)
        for rows, threshold in zip((first, second), thresholds, strict=True)
    )
    shared = tuple(name for name in one if name in other)
    apart = difference_estimates(
        second, first, thresholds[1], thresholds[0], options, seed, only=shared
    )
    made: dict[str, Any] = {
        "metrics": {
            name: {"first": one[name], "second": other[name], "difference": apart[name]}
            for name in shared
            if name in apart
        }
    }
    alone = first.subjects == len(first.risk)
    if first.outcome == "binary" and alone and len(np.unique(first.label)) == 2:
        difference, low, high, p = delong_test(first.label, second.risk, first.risk)
        made["auroc"] = {"difference": difference, "low": low, "high": high, "p": p}
    if thresholds[0] is not None and thresholds[1] is not None:
        made["reclassification"] = reclassification(first, second, thresholds[0], thresholds[1])
    return made


def reclassification(
    first: Rows, second: Rows, threshold: float | Floats, other: float | Floats
) -> dict[str, Any]:
    """How many rows each of two models alerts, of those with the outcome and of the others.

    A count of ten or fewer is None. Where it could be found by subtraction from other figures of
    the comparison, so is every count of the same outcome. Rows of unknown outcome by the horizon
    (censored before it) are among those without.
    """
    alerts = first.risk >= threshold, second.risk >= other
    came = first.label == 1 if first.outcome in ("binary", "survival") else first.label > 0
    return {
        name: crossed_counts(alerts[0][some], alerts[1][some])
        for name, some in (("with_outcome", came), ("without_outcome", ~came))
    }
