"""Rows to learn from: features, what came true, and how much each row counts."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

__all__ = ["Matrix"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Rows of one side of a split.

    Args:
        features: Shape (n, k); NaN = missing.
        label: Shape (n,). Binary: 0 or 1. Levels: their index. Survival: 0 censored, 1 the event,
            2 a competing one. Regression: 0.
        names: Of the k features.
        target: Shape (n,). Survival: days until the event or the end of follow-up. Regression:
            the value. None otherwise.
        weight: Shape (n,), how often each row counts; None: once.
        subject: Shape (n,), whose row it is, counted from 0; None: each row is someone else's.
    """

    features: Floats
    label: Ints
    names: tuple[str, ...]
    target: Floats | None = None
    weight: Floats | None = None
    subject: Ints | None = None

    def with_features(self, features: Floats, names: tuple[str, ...]) -> "Matrix":
        """The same rows with other columns."""
        return replace(self, features=features, names=names)

    def taken(self, rows: Ints | npt.NDArray[np.bool_]) -> "Matrix":
        """Only these rows."""

        def some(values: npt.NDArray[np.float64] | None) -> Floats | None:
            return None if values is None else values[rows]

        return replace(
            self,
            features=self.features[rows],
            label=self.label[rows],
            target=some(self.target),
            weight=some(self.weight),
            subject=None if self.subject is None else self.subject[rows],
        )
