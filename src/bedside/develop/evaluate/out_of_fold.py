"""Risks out of fold: every subject is judged by a model that never saw them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.folds import folds, sides_of_fold
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration, Evaluation
from bedside.core.records.split import Split
from bedside.develop.evaluate.alerting import choose_threshold
from bedside.develop.train.learning import learn
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import Levels
from bedside.features.definition import FeatureSet
from bedside.models.learnt import LearntModel

__all__ = [
    "Bars",
    "Fold",
    "Judged",
    "Learn",
    "Predict",
    "labels_of",
    "out_of_fold",
    "subjects_of",
    "trees",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Predict = Callable[[Floats], Floats]
"""From features, shape (n, k), to calibrated risks, shape (n,)."""

Bars = Callable[[Matrix, Floats, float, Floats], float | Floats]
"""From tuning rows, their risks, the common threshold and the judged features, shape (n, k), to the
thresholds of the judged rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What one model may see: its training and tuning rows, from other folds than it judges.

    `rows` are the numbers of the training rows among the asked rows of known label, ascending;
    `tuning_rows` those of the tuning rows.
    """

    number: int
    train: Matrix
    tuning: Matrix
    rows: Ints
    tuning_rows: Ints


Learn = Callable[[Fold], Predict]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """For each row, shape (n,): its fold, its risk by that fold's model, and where this alerts."""

    fold: Ints
    risk: Floats
    threshold: Floats


def trees(
    declaration: Declaration,
    feature_set: FeatureSet,
    copies: Callable[[Ints], Sequence[Floats]] | None = None,
    levels: npt.NDArray[np.str_] | None = None,
) -> Learn:
    """The declared learner, with its imputation and augmentation, for one fold after the other.

    Args:
        declaration: What is fitted.
        feature_set: k features.
        copies: From the numbers of the training rows, ascending, one matrix for each declared
            jitter or time warp, of shape (copies * rows, k).
        levels: Of every row, in the fairness subgroup, where the declaration has one.

    Raises:
        Invalid: copies are declared, but nobody can make them.
    """
    changed = any(one.resample is None for one in declaration.augmentation)
    if changed and copies is None:
        raise Invalid(
            "Changed copies of the training subjects are declared, but cannot be made.",
            fix="pass `copies`.",
        )

    def fitted(fold: Fold) -> Predict:
        label, names = fold.train.label, fold.train.names
        made = [
            Matrix(features=one, label=np.tile(label, len(one) // len(label)), names=names)
            for one in (copies(fold.rows) if copies is not None and changed else ())
        ]
        own = None
        if levels is not None:
            own = Levels(train=levels[fold.rows], tuning=levels[fold.tuning_rows])
        form = learn(declaration, feature_set, fold.train, fold.tuning, made, levels=own).form
        return LearntModel(form, threads=declaration.learner.threads).predict

    return fitted


def out_of_fold(
    asked: pl.DataFrame,
    matrix: Floats,
    learner: Learn,
    *,
    options: Evaluation,
    names: tuple[str, ...],
    group: pl.DataFrame | None = None,
    bars: Bars | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Judged:
    """Risk and alert threshold of each row, by a model of the folds in which its subject is not.

    The threshold of a fold is chosen on that fold's own tuning subjects, never on those judged;
    `bars` makes those of groups of it.

    Raises:
        Invalid: as `cross_validate`.
    """
    fold = folds(asked, options.folds, options.split, group=group)
    label, subject = labels_of(asked), asked["subject_id"]
    risk, threshold = np.full(len(label), np.nan), np.full(len(label), np.nan)
    for number in range(options.folds):
        sides = _sides(asked, fold, number, options.split, group)
        parts = {
            side: Matrix(
                features=matrix[inside],
                label=label[inside],
                names=names,
                subject=subjects_of(subject.filter(pl.Series(inside))),
            )
            for side in ("train", "tuning")
            for inside in (sides == side,)
        }
        rows, tuning_rows = (np.flatnonzero(sides == side) for side in ("train", "tuning"))
        predict = learner(Fold(number=number, rows=rows, tuning_rows=tuning_rows, **parts))
        tuning, judged = parts["tuning"], matrix[sides == "held_out"]
        seen = predict(tuning.features)
        common = choose_threshold(
            options.threshold,
            tuning.label,
            seen,
            subjects_of(subject.filter(pl.Series(sides == "tuning"))),
        )
        threshold[sides == "held_out"] = (
            common if bars is None else bars(tuning, seen, common, judged)
        )
        risk[sides == "held_out"] = predict(judged)
        advance(1)
    return Judged(fold=fold.to_numpy().astype(np.int64), risk=risk, threshold=threshold)


def _sides(
    asked: pl.DataFrame, fold: pl.Series, number: int, split: Split, group: pl.DataFrame | None
) -> npt.NDArray[Any]:
    """The side of each row in one fold; each side has both classes."""
    sides = sides_of_fold(asked, fold, number, split, group=group).to_numpy()
    for side in ("train", "tuning"):
        if len(np.unique(asked["label"].to_numpy()[sides == side])) < 2:
            raise Invalid(
                f"In fold {number + 1}, the {side} subjects have no positive or no negative case.",
                fix="ask for fewer folds, or bring more subjects.",
                code="empty_class",
            )
    return sides


def labels_of(asked: pl.DataFrame) -> Ints:
    """The label of each row, 0 or 1."""
    return asked["label"].to_numpy().astype(np.int64)


def subjects_of(subject: pl.Series) -> Ints:
    """The subject of each row, counted from 0 in row order."""
    return subject.rle_id().cast(pl.Int64).to_numpy()
