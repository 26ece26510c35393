"""Linear regression with an elastic net, by scikit-learn."""

import warnings
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.preparing import prepare
from bedside.develop.train.learners.refusals import number_of, refuse_nothing_to_learn
from bedside.develop.train.learners.weighting import row_weights
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Member, ModelForm

__all__ = ["Linear"]

Floats = npt.NDArray[np.float64]


class Linear:
    """One coefficient for each number and label.

    `alpha` is the strength of the penalty, as scikit-learn's ElasticNet has it, on a standardised
    outcome and standardised numbers; `l1_ratio` is the lasso's share of it.

    Source: Zou & Hastie, J R Stat Soc B 2005;67:301-320 (the elastic net).
    """

    outcomes = frozenset({"regression"})
    takes_monotone = False
    parameters: Mapping[str, Bounds | None] = {
        "alpha": Bounds(low=0.0001, high=1.0, log=True),
        "l1_ratio": Bounds(low=0.0, high=1.0),
    }

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit in closed form, or with a lasso by coordinate descent; see the contract."""
        del tuning
        refuse_nothing_to_learn(train, "regression")
        assert train.target is not None  # noqa: S101 - refused above
        alpha = number_of(plan, "alpha", 0.01, low=1e-8, high=1e8)
        share = number_of(plan, "l1_ratio", 0.0, low=0.0, high=1.0)
        weight = row_weights(train, plan)
        mean = float(np.average(train.target, weights=weight))
        spread = float(np.sqrt(np.average((train.target - mean) ** 2, weights=weight)))
        design = prepare(train, plan.columns)
        scaled = (train.target - mean) / spread
        coefficients = _fitted(design.matrix, scaled, weight, alpha, share) * spread
        return ModelForm(
            outcome="regression",
            link="identity",
            width=len(train.names),
            members=(Member(part=design.additive(coefficients[:, None], np.array([mean]))),),
        )


def _fitted(matrix: Floats, scaled: Floats, weight: Floats, alpha: float, share: float) -> Floats:
    """Both have mean 0, so there is no intercept."""
    if matrix.shape[1] == 0:
        return np.zeros(0)
    from sklearn.linear_model import ElasticNet, Ridge  # noqa: PLC0415  (slow to import)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    if share:
        model = ElasticNet(
            alpha=alpha, l1_ratio=share, fit_intercept=False, max_iter=100_000, tol=1e-8
        )
    else:
        model = Ridge(alpha=alpha * weight.sum(), fit_intercept=False, solver="cholesky")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stops at its last step is as good as it gets
        return np.asarray(model.fit(matrix, scaled, sample_weight=weight).coef_)
