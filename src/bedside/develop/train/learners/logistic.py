"""Logistic regression with an elastic net: of two levels, of several, of ordered ones."""

from collections.abc import Mapping

import numpy as np

from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.losses import softmax, yes_or_no
from bedside.develop.train.learners.penalised import fit_margins, fit_ordered
from bedside.develop.train.learners.preparing import Design, prepare
from bedside.develop.train.learners.refusals import number_of, refuse_nothing_to_learn
from bedside.develop.train.learners.weighting import row_weights
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Member, ModelForm

__all__ = ["Logistic"]

SMALLEST, GREATEST = 1e-8, 1e8  # of C


class Logistic:
    """One coefficient for each number and label (one for each level where there are several).

    `C` is the inverse strength of the penalty, as scikit-learn has it, on standardised numbers;
    `l1_ratio` is the lasso's share of it. Ordered levels have proportional odds.

    Source: Zou & Hastie, J R Stat Soc B 2005;67:301-320 (the elastic net).
    """

    outcomes = frozenset({"binary", "multiclass", "ordinal"})
    takes_monotone = False
    parameters: Mapping[str, Bounds | None] = {
        "C": Bounds(low=0.001, high=10.0, log=True),
        "l1_ratio": Bounds(low=0.0, high=1.0),
    }

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit by L-BFGS; see the contract."""
        del tuning
        levels = plan.outcome.levels
        refuse_nothing_to_learn(train, plan.outcome.kind, len(levels))
        strength = 1 / number_of(plan, "C", 0.1, low=SMALLEST, high=GREATEST)
        share = number_of(plan, "l1_ratio", 0.0, low=0.0, high=1.0)
        ridge, lasso = strength * (1 - share), strength * share
        design = prepare(train, plan.columns)
        if plan.outcome.kind == "ordinal":
            return _ordinal(train, plan, design, ridge, lasso)
        binary = plan.outcome.kind == "binary"
        coefficients, intercept = fit_margins(
            design.matrix,
            row_weights(train, plan),
            yes_or_no(train.label) if binary else softmax(train.label, len(levels)),
            1 if binary else len(levels),
            ridge=ridge,
            lasso=lasso,
        )
        return ModelForm(
            outcome=plan.outcome.kind,
            link="logistic" if binary else "softmax",
            width=len(train.names),
            members=(Member(part=design.additive(coefficients, intercept)),),
            levels=levels,
        )


def _ordinal(train: Matrix, plan: Plan, design: Design, ridge: float, lasso: float) -> ModelForm:
    levels = plan.outcome.levels
    coefficients, cutpoints = fit_ordered(
        design.matrix,
        row_weights(train, plan),
        train.label,
        len(levels),
        ridge=ridge,
        lasso=lasso,
    )
    return ModelForm(
        outcome="ordinal",
        link="cumulative_logistic",
        width=len(train.names),
        members=(Member(part=design.additive(coefficients[:, None], np.zeros(1))),),
        levels=levels,
        cutpoints=tuple(cutpoints.tolist()),
    )
