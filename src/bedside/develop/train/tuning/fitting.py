"""Fits one trial on the other folds, and judges it on one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration, Learner, Uncertainty
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.learning import copies_of_rows, learn
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.tuning.folds import subject_folds
from bedside.develop.train.tuning.loss import loss_of
from bedside.develop.train.tuning.trial import Parameters
from bedside.features.definition import FeatureSet

__all__ = ["fold_loss", "single_threaded", "with_parameters"]

STOPPING = 5  # of the subjects learnt from, one in so many says when to stop early


def with_parameters(learner: Learner, parameters: Parameters) -> Learner:
    """The learner with these parameters, the others as declared.

    >>> with_parameters(Learner(parameters={"a": 1, "b": 2}), {"b": 3}).parameters
    {'a': 1, 'b': 3}
    """
    return replace(learner, parameters={**learner.parameters, **parameters})


def single_threaded(learner: Learner) -> Learner:
    """The learner on one thread, for an engine that fits several side by side.

    >>> single_threaded(Learner(threads=8)).threads
    1
    """
    members = tuple(replace(member, threads=1) for member in learner.members)
    return replace(learner, threads=1, members=members)


def fold_loss(
    declaration: Declaration,
    feature_set: FeatureSet,
    rows: Matrix,
    copies: Sequence[npt.NDArray[np.float64]],
    *,
    folds: int,
    fold: int,
    seed: int,
) -> float:
    """The loss in one fold of a model that is learnt, gaps and made rows and all, on the others.

    Where a calibration is declared, the predictions are first calibrated by two numbers (Platt's,
    or its like for other outcomes) on the judged fold: parameters are chosen for what calibration
    cannot mend, as calibration is learnt on the tuning subjects later. What is declared against
    unfairness comes after tuning.

    Args:
        declaration: Its learner is what is tried.
        feature_set: k features.
        rows: Every training row, shape (n, k).
        copies: From each declared jitter or time warp, shape (c * n, k).
        folds: How many.
        fold: Which one judges.
        seed: Of the folds.

    Raises:
        Invalid: what is left to learn from lacks a class, or a parameter is out of bounds.
    """
    inside = subject_folds(rows, folds, seed)
    learnt_from = np.flatnonzero(inside != fold)
    stopping = learnt_from
    if _stops_early(declaration.learner):
        some = subject_folds(rows.taken(learnt_from), STOPPING, seed) == 0
        learnt_from, stopping = learnt_from[~some], learnt_from[some]
    judged = rows.taken(inside == fold)
    if not len(judged.label) or not len(stopping):
        raise Invalid(
            "There are fewer training subjects than folds to tune in.",
            fix="declare fewer learner.tuning.folds, or bring more subjects.",
            code="too_few_subjects",
        )
    form = learn(
        _plain(declaration),
        feature_set,
        rows.taken(learnt_from),
        rows.taken(stopping),
        copies_of_rows(rows, copies, learnt_from),
    ).form
    calibrated = declaration.learner.calibration != "none"
    return loss_of(with_calibration(form, judged, "platt") if calibrated else form, judged)


def _plain(declaration: Declaration) -> Declaration:
    """The same without what is learnt after the fit."""
    return replace(
        declaration,
        learner=replace(declaration.learner, calibration="none", tuning=None),
        uncertainty=Uncertainty(),
        fairness=None,
    )


def _stops_early(learner: Learner) -> bool:
    return learner.early_stopping > 0 or any(one.early_stopping for one in learner.members)
