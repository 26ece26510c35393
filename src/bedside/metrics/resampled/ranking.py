"""Areas under the ROC and precision-recall curves of many weightings, in one pass over the rows."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from bedside.metrics.arrays import Floats, Ints, ratio
from bedside.metrics.family import Family
from bedside.metrics.kernel import kernel

__all__ = ["Ranked", "ranking_family"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Rows from the highest risk down: whose each is, whether positive, and the ends of ties."""

    subject: Ints
    positive: NDArray[np.bool_]
    last: NDArray[np.bool_]

    @classmethod
    def of(cls, positive: NDArray[Any], risk: Floats, subject: Ints) -> Self:
        """Sort the rows once."""
        order = np.argsort(-risk, kind="stable")
        ranked = risk[order]
        return cls(
            subject=np.ascontiguousarray(subject[order], dtype=np.int64),
            positive=np.ascontiguousarray(positive[order], dtype=np.bool_),
            last=np.append(ranked[1:] != ranked[:-1], True),
        )

    def areas(self, weights: Floats) -> Floats:
        """AUROC and average precision of each weighting; shape (2, k), NaN without a class."""
        return _areas(self.subject, self.positive, self.last, weights)


def ranking_family(
    positive: NDArray[Any], risk: Floats, subject: Ints, names: tuple[str, str] = ("auroc", "auprc")
) -> Family:
    """AUROC and average precision, as `bedside.metrics.discrimination` defines them."""
    return Family(names=names, of=Ranked.of(positive, risk, subject).areas)


def _areas(
    subject: Ints, positive: NDArray[np.bool_], last: NDArray[np.bool_], weights: Floats
) -> Floats:
    out = np.zeros((4, weights.shape[1]))
    _sweep(subject, positive, last, weights, out)
    area, precision, true, false = out
    return np.stack([ratio(area, true * false), ratio(precision, true)])


@kernel
def _sweep(
    subject: Ints,
    positive: NDArray[np.bool_],
    last: NDArray[np.bool_],
    weights: Floats,
    out: Floats,
) -> None:
    """Fill in the area, the summed precision, and all positive and negative weight."""
    width = weights.shape[1]
    area, precision, true, false = out[0], out[1], out[2], out[3]
    tied_true, tied_false = np.zeros(width), np.zeros(width)
    first = True
    for row in range(subject.size):
        whose = subject[row]
        if first and last[row]:
            if positive[row]:
                for k in range(width):
                    weight = weights[whose, k]
                    true[k] += weight
                    precision[k] += weight * true[k] / max(true[k] + false[k], 1e-300)
            else:
                for k in range(width):
                    weight = weights[whose, k]
                    area[k] += weight * true[k]
                    false[k] += weight
            continue
        if positive[row]:
            for k in range(width):
                tied_true[k] += weights[whose, k]
        else:
            for k in range(width):
                tied_false[k] += weights[whose, k]
        first = last[row]
        if first:
            for k in range(width):
                area[k] += tied_false[k] * (true[k] + 0.5 * tied_true[k])
                true[k] += tied_true[k]
                false[k] += tied_false[k]
                precision[k] += tied_true[k] * true[k] / max(true[k] + false[k], 1e-300)
                tied_true[k] = 0.0
                tied_false[k] = 0.0
