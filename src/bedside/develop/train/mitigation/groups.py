"""Who belongs to which level of the subgroup between whose levels errors must not differ."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Declaration
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import FeatureSet

__all__ = ["LevelColumn", "Levels", "enough", "level_columns"]

Masks = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The level of the training and tuning rows, shape (n,) each; "" where it is not known."""

    train: npt.NDArray[np.str_]
    tuning: npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelColumn:
    """By which feature the model itself knows a level: where `column` has this value."""

    level: str
    column: int
    value: float

    def inside(self, features: npt.NDArray[np.float64]) -> Masks:
        """Shape (n,), which rows of shape (n, k) have the level."""
        return np.asarray(features[:, self.column] == self.value)


def level_columns(declaration: Declaration, feature_set: FeatureSet) -> tuple[LevelColumn, ...]:
    """The levels of the declared fairness subgroup, as the model's features tell them.

    Empty where no feature is the last category of the subgroup's signal.
    """
    fairness = declaration.fairness
    if fairness is None:
        return ()
    signal = declaration.evaluation.subgroups[fairness.subgroup].signal
    found: dict[str, LevelColumn] = {}
    for one in _told(feature_set, signal):
        found.setdefault(one.level, one)
    return tuple(found.values())


def _told(feature_set: FeatureSet, signal: str) -> Iterator[LevelColumn]:
    for column, feature in enumerate(feature_set.features):
        if feature.signal != signal:
            continue
        if feature.aggregate == "last":
            for value, label in enumerate(feature.labels):
                yield LevelColumn(level=label, column=column, value=float(value))
        elif feature.aggregate == "last_is" and feature.category is not None:
            yield LevelColumn(level=feature.category, column=column, value=1.0)


def enough(rows: Matrix, inside: Masks) -> bool:
    """Whether more than ten of these subjects have the outcome, and more than ten have it not."""
    subject = np.arange(len(rows.label)) if rows.subject is None else rows.subject
    everyone = len(np.unique(subject[inside]))
    ill = len(np.unique(subject[inside & (rows.label == 1)]))
    return min(ill, everyone - ill) > SUPPRESS_AT_OR_BELOW
