"""An alert threshold for each group, so that the declared constraint holds on the tuning rows.

The thresholds are plain numbers: the same row always gets the same answer. With two lines chosen
by lot (Hardt et al., NeurIPS 2016) equalised odds could be met exactly, but two like patients
would then be treated unlike; here it is met as nearly as one threshold for each group can.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import LevelColumn, enough

__all__ = ["Constraint", "group_thresholds"]

Floats = npt.NDArray[np.float64]
Constraint = Literal["equal_opportunity", "equalized_odds", "demographic_parity"]
Miss = Callable[[Floats, Floats, Floats], Floats]


def group_thresholds(
    tuning: Matrix,
    risk: Floats,
    columns: tuple[LevelColumn, ...],
    *,
    overall: float,
    constraint: Constraint,
) -> list[tuple[LevelColumn, float]]:
    """For each level that is large enough, the risk from which its rows alert.

    What is aimed at is what the common threshold `overall` reaches over all rows of these levels:
    the sensitivity (equal opportunity), the sensitivity and the share of false alarms (equalised
    odds: the greater of the two distances is made least), or the share that alerts (demographic
    parity). Of two thresholds that are as near, the higher. A level with ten subjects or fewer
    with, or without, the outcome is left out: the common threshold holds for it.

    Args:
        tuning: Rows that the learner did not see, shape (n, k).
        risk: Shape (n,), calibrated.
        columns: By which feature a level is known.
        overall: The common threshold.
        constraint: What is to be equal.
    """
    judged = [(one, one.inside(tuning.features)) for one in columns]
    judged = [(one, inside) for one, inside in judged if enough(tuning, inside)]
    if not judged:
        return []
    every = np.any([inside for _, inside in judged], axis=0)
    aim = _reached(tuning.label[every], risk[every], overall)
    return [
        (one, _nearest(tuning.label[inside], risk[inside], aim, constraint))
        for one, inside in judged
    ]


def _reached(label: npt.NDArray[np.int64], risk: Floats, threshold: float) -> Floats:
    """Sensitivity, share of false alarms, and share alerted."""
    alert = risk >= threshold
    return np.array([alert[label == 1].mean(), alert[label == 0].mean(), alert.mean()])


def _nearest(
    label: npt.NDArray[np.int64], risk: Floats, aim: Floats, constraint: Constraint
) -> float:
    """The one of the group's own risks at which alerting comes nearest to the aim."""
    order = np.argsort(-risk, kind="stable")
    falling, sick = risk[order], label[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True))
    true, alerts = np.cumsum(sick)[last], last + 1.0
    reached = np.stack(
        [
            true / sick.sum(),
            (alerts - true) / (len(sick) - sick.sum()),
            alerts / len(sick),
        ]
    )
    looked_at = {"equal_opportunity": [0], "equalized_odds": [0, 1], "demographic_parity": [2]}
    some = looked_at[constraint]
    miss = np.abs(reached[some] - aim[some, None]).max(axis=0)
    return float(falling[last][int(np.argmin(miss))])
