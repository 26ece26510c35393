"""Cox's model of each cause, where another event can make the outcome impossible."""

from collections.abc import Mapping

from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.cox import Cox, ridge_model
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = ["CompetingRisks"]


class CompetingRisks:
    """The event and the competing one each have their own coefficients and baseline hazard.

    What is predicted is the cumulative incidence of the event: who had the other one before can
    have it no more. `ridge` is that of `cox`, for both.

    Source: Prentice et al., Biometrics 1978;34:541-554; Putter et al., Stat Med 2007;26:2389-2430.
    """

    outcomes = frozenset({"survival"})
    takes_monotone = False
    parameters: Mapping[str, Bounds | None] = Cox.parameters

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit one model for each cause; see the contract."""
        del tuning
        return ridge_model(train, plan, causes=2)
