"""What a means against unequal errors changed, and what it cost: the same subjects, both models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation, Fairness
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.bootstrap import estimate_from, replicate_blocks
from bedside.metrics.family import Family
from bedside.metrics.resampled.binary import alerting_family
from bedside.metrics.resampled.ranking import ranking_family

__all__ = ["Side", "before_and_after"]

Floats = npt.NDArray[np.float64]
SHOWN = ("auroc", "brier", "expected_observed_ratio", "sensitivity", "specificity", "ppv")
COSTS = ("auroc", "sensitivity", "alert_rate", "net_benefit_per_1000")
CONSTRAINED = ("reductions", "thresholds_by_group")  # that make the constraint hold
AT_ONCE = 16  # resamples that are weighed at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The held-out rows as one of the two models predicts them, and where it alerts.

    `threshold` is one for all rows, or of shape (n,).
    """

    rows: Rows
    threshold: float | Floats

    @property
    def alerts(self) -> npt.NDArray[np.bool_]:
        """Shape (n,)."""
        return self.rows.risk >= self.threshold


def before_and_after(
    before: Side,
    after: Side,
    groups: Mapping[str, npt.NDArray[np.str_]],
    fairness: Fairness,
    options: Evaluation,
    seed: int,
) -> dict[str, Any]:
    """The part `mitigation` of the evidence.

    `before` and `after` hold `gaps` of the declared subgroup, as `fairness_of`, and `metrics`.
    `cost` holds differences, after less before, each an `Estimate` on the same resamples of
    subjects: of `auroc`, `sensitivity`, `alert_rate` and `net_benefit_per_1000` subjects' rows.
    Net benefit prices a false alert in both models by the odds of the threshold before (`price`),
    because what a false alert costs does not change with the threshold at which one alerts.

    Args:
        before: Of the same learner without the means; its threshold is one for all.
        after: Of the model that is released.
        groups: As in `fairness_of`.
        fairness: As declared.
        options: How many resamples.
        seed: Of the resampling.

    Source: Vickers & Elkin, Med Decis Making 2006;26(6):565-574 (net benefit).
    """
    own = {fairness.subgroup: groups[fairness.subgroup]}
    price = float(np.max(before.threshold))
    told: dict[str, Any] = {
        "method": fairness.mitigation,
        "subgroup": fairness.subgroup,
        "constraint": fairness.constraint if fairness.mitigation in CONSTRAINED else None,
    }
    for word, side in (("before", before), ("after", after)):
        gaps = fairness_of(side.rows, own, side.threshold, options, seed)
        told[word] = {
            "gaps": gaps[fairness.subgroup],
            "metrics": estimates(side.rows, side.threshold, options, seed, only=SHOWN),
        }
    told["cost"] = {"price": price, **_differences(before, after, price, options, seed)}
    made: dict[str, Any] = rounded(told)
    return made


def _differences(
    before: Side, after: Side, price: float, options: Evaluation, seed: int
) -> dict[str, Any]:
    """After less before, each resample judging both."""
    sides = [_families(side, price) for side in (before, after)]
    subjects, n = before.rows.subjects, len(before.rows.label)
    point = _minus(sides, np.ones((subjects, 1)))
    blocks = replicate_blocks(subjects, options.bootstrap, seed, AT_ONCE)
    drawn = np.concatenate(
        [_minus(sides, np.ascontiguousarray(some.T, dtype=np.float64)) for some in blocks], axis=1
    )
    return {
        name: estimate_from(float(point[at, 0]), drawn[at], n).as_json()
        for at, name in enumerate(COSTS)
    }


def _families(side: Side, price: float) -> list[Family]:
    """What gives the figures of `COSTS`, in this order."""
    rows, sick = side.rows, side.rows.label == 1
    odds = np.full(len(rows.label), price / (1 - price) if price < 1 else 0.0)
    alerting = alerting_family(sick, side.alerts, odds, rows.subject, rows.subjects)
    return [
        ranking_family(sick, rows.risk, rows.subject).only(("auroc",)),
        *(alerting.only((name,)) for name in ("sensitivity", "alert_rate")),
        Family(
            names=("net_benefit_per_1000",),
            of=lambda weights: 1000 * alerting.only(("net_benefit",)).of(weights),
        ),
    ]


def _minus(sides: Sequence[Sequence[Family]], weights: Floats) -> Floats:
    """The second side's figures less the first's; shape (figures, k)."""
    first, second = (np.concatenate([one.of(weights) for one in side]) for side in sides)
    return np.asarray(second - first)
