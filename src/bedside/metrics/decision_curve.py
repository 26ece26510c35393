"""Net benefit over many thresholds: of the model, of alerting everybody, and of nobody (0)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, Ints, as_labels, as_probabilities, as_weights, ratio
from bedside.metrics.family import Family
from bedside.metrics.resampled.smoothing import binned

__all__ = ["DecisionCurve", "decision_curve", "decision_family"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCurve:
    """Net benefit at each threshold, shape (t,). Alerting nobody is 0 at all of them."""

    thresholds: Floats
    model: Floats
    treat_all: Floats


def decision_curve(
    label: ArrayLike, risk: ArrayLike, thresholds: ArrayLike, weights: ArrayLike | None = None
) -> DecisionCurve:
    """Net benefit of alerting from each threshold up, a false alert costing the odds of it.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        thresholds: Shape (t,), in (0, 1), ascending.
        weights: Shape (n,), at least 0; None counts every row once.

    Raises:
        Invalid: a threshold is not in (0, 1) or they do not ascend, lengths differ, n = 0, or a
            value is out of range.

    Source: Vickers & Elkin, Med Decis Making 2006;26(6):565-574.

    >>> decision_curve([1, 0], [0.9, 0.3], [0.2, 0.5]).model.tolist()
    [0.375, 0.5]
    """
    labels = as_labels(label)
    risks = as_probabilities(risk, labels.size)
    column = np.ascontiguousarray(as_weights(weights, labels.size)[:, None])
    bars = np.asarray(thresholds, dtype=np.float64)
    whose = np.arange(labels.size)
    family = decision_family(labels.astype(np.int64), risks, whose, bars)
    figures = family.of(column)[:, 0]
    return DecisionCurve(
        thresholds=bars, model=figures[: bars.size], treat_all=figures[bars.size :]
    )


def decision_family(label: Ints, risk: Floats, subject: Ints, thresholds: Floats) -> Family:
    """The same of many weightings: the model's t figures, then those of alerting everybody.

    Raises:
        Invalid: a threshold is not in (0, 1) or they do not ascend.
    """
    inside = (thresholds > 0) & (thresholds < 1)
    if not inside.all() or not (np.diff(thresholds) > 0).all():
        raise Invalid(
            "The thresholds of a decision curve do not ascend between 0 and 1.",
            fix="give them ascending, each above 0 and below 1.",
        )
    at = np.searchsorted(thresholds, risk, side="right").astype(np.int64)
    labels, whose = label.astype(np.float64), np.ascontiguousarray(subject, dtype=np.int64)
    odds = (thresholds / (1 - thresholds))[:, None]

    def of(weights: Floats) -> Floats:
        totals = np.zeros((3, thresholds.size + 1, weights.shape[1]))
        binned(at, whose, risk, labels, weights, totals)
        alerts, true = np.cumsum(totals[[0, 2], ::-1], axis=1)[:, ::-1]
        every, ill = alerts[0], true[0]
        model = ratio(true[1:] - odds * (alerts[1:] - true[1:]), every)
        return np.concatenate([model, ratio(ill - odds * (every - ill), every)])

    names = [f"{bar:g}" for bar in thresholds]
    return Family(names=(*names, *(f"all at {name}" for name in names)), of=of)
