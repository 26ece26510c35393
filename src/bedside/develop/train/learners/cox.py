"""Cox's proportional hazards with a ridge penalty."""

from collections.abc import Mapping

import numpy as np

from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.hazard_form import additive_hazards, declared
from bedside.develop.train.learners.preparing import prepare
from bedside.develop.train.learners.refusals import refuse_nothing_to_learn
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = ["Cox", "ridge_model"]

RIDGES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


class Cox:
    """One coefficient for each number and label; a competing event ends a row's follow-up.

    `ridge` is the penalty for one event: the log partial likelihood loses, for each event,
    ridge / 2 times the summed squares of the standardised coefficients. Without it, the one of
    seven from 0.001 to 1 that cross-validation prefers.

    Source: Cox, J R Stat Soc B 1972;34:187-220; Simon et al., J Stat Softw 2011;39(5):1-13.
    """

    outcomes = frozenset({"survival"})
    takes_monotone = False
    parameters: Mapping[str, Bounds | None] = {"ridge": Bounds(low=0.001, high=1.0, log=True)}

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit by Newton's method; see the contract."""
        del tuning
        return ridge_model(train, plan, causes=1)


def ridge_model(train: Matrix, plan: Plan, *, causes: int) -> ModelForm:
    """A Cox model of each cause with the declared ridge, or the one that is best for it.

    Raises:
        Invalid: nothing can be learnt, or `ridge` is out of bounds.
    """
    refuse_nothing_to_learn(train, plan.outcome.kind)
    ridge = declared(plan, "ridge", low=1e-6, high=1e6)
    design = prepare(train, plan.columns)
    each = np.eye(design.matrix.shape[1])
    ridges = RIDGES if ridge is None else (ridge,)
    return additive_hazards(train, plan, design, [one * each for one in ridges], causes)
