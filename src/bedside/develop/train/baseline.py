"""The model that any other must beat: a regularised regression of the outcome at hand."""

from dataclasses import replace

import numpy as np

from bedside.core.records.declaration import Learner
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.loading import learner_of
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = ["fit_baseline"]

MOST_ROWS = 50_000
"""A plain regression learns little from more rows, and would take longer than the model itself."""

LEARNERS = {
    "binary": "logistic",
    "multiclass": "logistic",
    "ordinal": "logistic",
    "regression": "linear",
    "survival": "cox",
}


def fit_baseline(train: Matrix, plan: Plan) -> ModelForm:
    """A ridge regression with that learner's own defaults; not calibrated.

    Missing values take the training median, with a coefficient for being missing; numbers are
    standardised. It depends on neither the declared learner nor its fills. Of more than
    `MOST_ROWS` rows, it learns from whole subjects drawn by the seed, up to so many.

    Args:
        train: The real training rows, with gaps.
        plan: What is to be learnt; its options are not used.

    Raises:
        Invalid: there is nothing to learn.
    """
    kind = LEARNERS[plan.outcome.kind]
    options = Learner(kind=kind, seed=plan.options.seed, threads=1)
    some = _some_subjects(train, plan.options.seed)
    return learner_of(kind).fit(some, some, replace(plan, options=options))


def _some_subjects(train: Matrix, seed: int) -> Matrix:
    """Whole subjects, in an order drawn by the seed, as long as their rows are not too many."""
    if len(train.label) <= MOST_ROWS:
        return train
    subject = np.arange(len(train.label)) if train.subject is None else train.subject
    rows = np.bincount(subject)
    drawn = np.random.Generator(np.random.PCG64(seed)).permutation(len(rows))
    kept = np.zeros(len(rows), dtype=bool)
    kept[drawn[np.cumsum(rows[drawn]) <= MOST_ROWS]] = True
    some = train.taken(kept[subject])
    return some if len(np.unique(some.label)) == len(np.unique(train.label)) else train
