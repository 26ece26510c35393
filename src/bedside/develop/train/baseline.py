"""The model that any other must beat: a regularised regression of the outcome at hand."""

from dataclasses import replace

from bedside.core.records.declaration import Learner
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.loading import learner_of
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = ["fit_baseline"]

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
    standardised. It depends on neither the declared learner nor its fills.

    Args:
        train: The real training rows, with gaps.
        plan: What is to be learnt; its options are not used.

    Raises:
        Invalid: there is nothing to learn.
    """
    kind = LEARNERS[plan.outcome.kind]
    options = Learner(kind=kind, seed=plan.options.seed, threads=1)
    return learner_of(kind).fit(train, train, replace(plan, options=options))
