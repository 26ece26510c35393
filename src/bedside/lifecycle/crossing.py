"""Cross-validation of a build: the declared learner, fitted anew for each fold."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.declaration import Declaration
from bedside.data.store.snapshot import Snapshot
from bedside.develop.evaluate.cross_validation import cross_validate
from bedside.develop.evaluate.out_of_fold import trees
from bedside.features.definition import FeatureSet
from bedside.lifecycle.augmentation import copies_of, number_of_copies
from bedside.lifecycle.cohort import texts_of
from bedside.lifecycle.fairness import bars_of_folds, levels_of_rows
from bedside.lifecycle.judging import HOURS_A_ROW
from bedside.lifecycle.platform import Platform

__all__ = ["cross_validated"]


def cross_validated(
    platform: Platform,
    declaration: Declaration,
    feature_set: FeatureSet,
    snapshot: Snapshot,
    asked: pl.DataFrame,
    matrix: npt.NDArray[np.float64],
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """The part `cross_validation` of the evidence.

    The vocabulary is that of the version's own training subjects; everything else that is learnt
    is learnt anew in each fold.

    Args:
        platform: Whose engine and store are used.
        declaration: Its learner and folds.
        feature_set: k features.
        snapshot: Of prepared events.
        asked: Every asked row of known label, shape (n,).
        matrix: Shape (n, k).
        advance: Is told of each fold as it is done.
    """

    def copies(rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.float64]]:
        train = asked[rows.tolist()]
        return list(copies_of(platform, declaration, feature_set, snapshot, train, lambda _: None))

    name = declaration.evaluation.split.group
    levels = levels_of_rows(declaration, snapshot, asked)
    return cross_validate(
        declaration,
        asked,
        matrix,
        trees(declaration, feature_set, copies if number_of_copies(declaration) else None, levels),
        names=feature_set.names,
        days=np.full(asked.height, HOURS_A_ROW / 24),
        group=None if name is None else texts_of(declaration, name, snapshot),
        bars=bars_of_folds(declaration, feature_set),
        advance=advance,
    )
