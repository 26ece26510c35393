"""Cross-validation of a build: the declared learner, fitted anew for each fold."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.declaration import Declaration
from bedside.data.store.snapshot import Snapshot
from bedside.develop.evaluate.cross_validation import cross_validate
from bedside.develop.evaluate.out_of_fold import trees
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import FeatureSet
from bedside.lifecycle.augmentation import copies_of, number_of_copies
from bedside.lifecycle.cohort import texts_of
from bedside.lifecycle.fairness import bars_of_folds, levels_of_rows
from bedside.lifecycle.judging import HOURS_A_ROW
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import StepRunner
from bedside.lifecycle.tuning import best_parameters, tuned, with_tuned

__all__ = ["cross_validated"]


def cross_validated(
    platform: Platform,
    steps: StepRunner,
    declaration: Declaration,
    feature_set: FeatureSet,
    snapshot: Snapshot,
    asked: pl.DataFrame,
    matrix: npt.NDArray[np.float64],
    advance: Callable[[int], None],
) -> dict[str, Any]:
    """The part `cross_validation` of the evidence; with tuning, what each fold chose is `tuning`.

    The vocabulary is that of the version's own training subjects; everything else that is learnt,
    parameters included, is learnt anew in each fold, so that tuning never saw who is judged.

    Args:
        platform: Whose engine and store are used.
        steps: Where finished trials of tuning are kept.
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

    chosen: list[dict[str, Any]] = []

    def tune(rows: Matrix, made: Sequence[npt.NDArray[np.float64]]) -> Declaration:
        platform.progress.note(f"fold {len(chosen) + 1} of {declaration.evaluation.folds}:")
        told = tuned(
            platform, steps, declaration, feature_set, rows, made, lambda _: None,
            platform.progress.note,
        )  # fmt: skip
        chosen.append(told)
        return with_tuned(declaration, told)

    name = declaration.evaluation.split.group
    levels = levels_of_rows(declaration, snapshot, asked)
    tunes = declaration.learner.tuning is not None
    told = cross_validate(
        declaration,
        asked,
        matrix,
        trees(
            declaration,
            feature_set,
            copies if number_of_copies(declaration) else None,
            levels,
            tune if tunes else None,
        ),
        names=feature_set.names,
        days=np.full(asked.height, HOURS_A_ROW / 24),
        group=None if name is None else texts_of(declaration, name, snapshot),
        bars=bars_of_folds(declaration, feature_set),
        advance=advance,
    )
    return {**told, **({"tuning": [best_parameters(one) for one in chosen]} if tunes else {})}
