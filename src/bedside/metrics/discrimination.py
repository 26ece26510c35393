"""How well the risks rank: area under the ROC curve and under the precision–recall curve."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.metrics.arrays import Floats, as_labels, as_probabilities, as_weights, ratio

__all__ = ["Ranking", "auprc", "auprc_of", "auroc", "auroc_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Rows sorted once from the highest risk down, so that any weighting is a cumulative sum.

    `order` sorts rows (None when they came sorted), `label` is in that order, and `ends` holds
    the last position of each group of equal risks.
    """

    order: NDArray[np.intp] | None
    label: Floats
    ends: NDArray[np.intp]

    @classmethod
    def of(cls, label: Floats, risk: Floats) -> Self:
        """Sort the rows. Rows that are sorted already are not moved."""
        falling = bool((risk[1:] <= risk[:-1]).all())
        order = None if falling else np.argsort(-risk, kind="stable")
        ranked = risk if order is None else risk[order]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        return cls(order=order, label=label if order is None else label[order], ends=ends)

    def alerts(self, weights: Floats) -> tuple[Floats, Floats]:
        """True and false alerts when alerting from each distinct risk up, highest risk first."""
        ranked = weights if self.order is None else weights[self.order]
        positives = ranked * self.label
        true = np.cumsum(positives)
        every = np.cumsum(ranked)
        if self.ends.size < true.size:
            true, every = true[self.ends], every[self.ends]
        return true, every - true


def auroc_of(true: Floats, false: Floats) -> float:
    """AUROC from cumulative true and false alerts; NaN when either class is empty."""
    step_false = np.diff(false, prepend=0.0)
    step_true = np.diff(true, prepend=0.0)
    area = (step_false * (true - 0.5 * step_true)).sum()
    return float(ratio(area, true[-1] * false[-1]))


def auprc_of(true: Floats, false: Floats) -> float:
    """Average precision from cumulative true and false alerts; NaN when no row is positive."""
    every = true + false
    precision = np.divide(true, every, out=np.zeros_like(true), where=every > 0)
    return float(ratio((np.diff(true, prepend=0.0) * precision).sum(), true[-1]))


def auroc(label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The chance that a random positive row has a higher risk than a random negative one.

    Ties count one half.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In [0, 1]; NaN when one class is empty.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Hanley & McNeil, Radiology 1982;143(1):29-36.

    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8])
    0.875
    """
    labels = as_labels(label)
    ranking = Ranking.of(labels, as_probabilities(risk, labels.size))
    return auroc_of(*ranking.alerts(as_weights(weights, labels.size)))


def auprc(label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Average precision: the precision at each distinct risk, weighted by the recall it adds.

    No interpolation, so it never flatters.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In [0, 1]; NaN when no row is positive.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: scikit-learn's `average_precision_score`; Davis & Goadrich, ICML 2006:233-240.

    >>> round(auprc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 6)
    0.833333
    """
    labels = as_labels(label)
    ranking = Ranking.of(labels, as_probabilities(risk, labels.size))
    return auprc_of(*ranking.alerts(as_weights(weights, labels.size)))
