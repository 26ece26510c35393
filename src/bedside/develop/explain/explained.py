"""Held-out rows beside what each feature gave to their margins."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.features.definition import FeatureSet

__all__ = ["Explained", "spread_rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """n rows of held-out subjects, explained.

    Args:
        feature_set: k features.
        values: Shape (n, k); NaN = missing.
        contributions: Shape (n, k), on the margin before calibration.
        subject: Shape (n,), counted from 0 without gaps.
    """

    feature_set: FeatureSet
    values: Floats
    contributions: Floats
    subject: Ints

    @property
    def subjects(self) -> int:
        """How many there are."""
        return int(self.subject.max()) + 1 if len(self.subject) else 0

    def by_subject(self, figures: Floats) -> Floats:
        """The sum over each subject's rows, shape (subjects, m), of figures of shape (n, m)."""
        made = np.zeros((self.subjects, figures.shape[1]))
        np.add.at(made, self.subject, figures)
        return made


def spread_rows(rows: int, most: int) -> Ints:
    """At most so many rows of all, evenly spread; rows stand by subject, so subjects are too.

    >>> spread_rows(9, 3).tolist()
    [0, 4, 8]
    """
    return np.linspace(0, rows - 1, min(rows, most)).astype(np.int64)
