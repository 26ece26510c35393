"""The evidence about a model: every figure with its interval, small cells suppressed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.alerts import alert_evidence
from bedside.develop.evaluate.curves import curves_of
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.evaluate.subgroups import subgroup_evidence, subgroup_metrics

__all__ = ["HeldOut", "evaluate", "rounded"]

Floats = npt.NDArray[np.float64]
COMPARED = ("auroc", "auprc", "brier")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Held-out predictions, shape (n,), sorted by subject, then time.

    `groups` holds, for each subgroup dimension, the level of each row ("unknown" where it is not
    recorded). `baseline` are the same rows as the baseline model predicts them, where there is one.
    `thresholds` are those of the rows, shape (n,), where they differ by group.
    """

    rows: Rows
    groups: Mapping[str, npt.NDArray[np.str_]]
    baseline: Rows | None = None
    thresholds: Floats | None = None


def evaluate(
    held_out: HeldOut, *, threshold: float | None, options: Evaluation, seed: int
) -> dict[str, Any]:
    """What is measured on these rows, ready for canonical JSON.

    `metrics`, and `baseline` for some of them: an `Estimate` each. `threshold`: its `value`, None
    where nothing alerts. `subgroups`: see `subgroup_evidence`.
    `curves`: see `curves_of`. `alerts`, where alerts are counted by the day: see `alert_evidence`;
    its figures are among the metrics too.

    Args:
        held_out: What to judge.
        threshold: Risks of at least this alert, but where `held_out.thresholds` are given; chosen
            on other subjects. None: nothing alerts.
        options: What is measured, and with how many resamples.
        seed: Of the resampling.
    """
    rows, baseline = held_out.rows, held_out.baseline
    bars = threshold if held_out.thresholds is None else held_out.thresholds
    compared = tuple(dict.fromkeys([*COMPARED, *subgroup_metrics(rows.outcome)[:3]]))
    made: dict[str, Any] = {
        "metrics": estimates(rows, bars, options, seed),
        "baseline": {}
        if baseline is None
        else estimates(baseline, threshold, options, seed, only=compared),
        "threshold": {"value": threshold},
        "subgroups": subgroup_evidence(rows, held_out.groups, bars, options, seed),
        "curves": curves_of(rows, options, seed),
    }
    if bars is not None and options.burden_per == "day" and rows.outcome == "binary":
        made["alerts"] = alert_evidence(rows, bars, options, seed)
        made["metrics"].update(made["alerts"].pop("figures"))
    evidence: dict[str, Any] = rounded(made)
    return evidence


def rounded(value: Any) -> Any:
    """Floats to ten significant digits, NumPy numbers to Python's."""
    if isinstance(value, dict):
        return {str(key): rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    if isinstance(value, float | np.floating):
        return float(f"{float(value):.10g}")
    return value
