"""Boosted trees on Cox's partial likelihood, by LightGBM."""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.baseline_hazard import with_baseline
from bedside.develop.train.learners.boosting import booster_options
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.cox_fitting import gradient_and_curvature, log_likelihood
from bedside.develop.train.learners.refusals import refuse_nothing_to_learn
from bedside.develop.train.learners.risk_sets import RiskSets, censored_but, followed, risk_sets
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Additive, Member, ModelForm, Trees

__all__ = ["BoostedCox"]

Floats = npt.NDArray[np.float64]

DEFAULTS: dict[str, float | int | bool | str] = {
    "learning_rate": 0.01,
    "num_leaves": 6,
    "min_data_in_leaf": 5,
    "lambda_l2": 1.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
}


class BoostedCox:
    """Trees that add up to the log-hazard; a missing value takes its own way in each split.

    Each tree follows the slope of the log partial likelihood (Efron's ties) and its second
    derivative along each margin. A competing event ends a row's follow-up. Parameters are
    LightGBM's own. By itself: a learning rate of 0.01, 6 leaves of at least 5 rows, lambda_l2 of
    1, and half the rows and half the features for each tree, which suits 100 to 10,000 rows and
    the 400 rounds that a declaration has by itself. Of more rows, more rounds can learn more.

    Source: Ridgeway, Comput Sci Stat 1999;31:172-181; Ke et al., NeurIPS 2017:3146-3154.
    """

    outcomes = frozenset({"survival"})
    takes_monotone = True
    parameters: Mapping[str, Bounds | None] = {
        "learning_rate": Bounds(low=0.005, high=0.1, log=True),
        "num_leaves": Bounds(low=2, high=16, log=True, whole=True),
        "min_data_in_leaf": Bounds(low=5, high=100, log=True, whole=True),
        "lambda_l2": Bounds(low=0.01, high=30.0, log=True),
        "lambda_l1": None,
        "feature_fraction": Bounds(low=0.2, high=1.0),
        "bagging_fraction": Bounds(low=0.4, high=1.0),
        "bagging_freq": None,
        "max_depth": None,
        "max_bin": None,
        "min_gain_to_split": None,
        "path_smooth": None,
        "extra_trees": None,
    }

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit boosted trees; see the contract."""
        refuse_nothing_to_learn(train, plan.outcome.kind)
        part = _boosted(train, tuning, plan)
        form = ModelForm(
            outcome="survival",
            link="proportional_hazards",
            width=len(train.names),
            members=(Member(part=part),),
            horizons=plan.horizons,
        )
        return with_baseline(form, train)


def _boosted(train: Matrix, tuning: Matrix, plan: Plan) -> Trees | Additive:
    """The trees; nothing at all where no feature can be split."""
    sets = _sets(train)
    import lightgbm  # noqa: PLC0415  (slow to import)

    learner = plan.options
    options = booster_options(plan, {"objective": _objective(sets), "metric": "none"}, DEFAULTS)
    numbered = [f"f{at}" for at in range(len(train.names))]  # a name may hold any sign
    stop = learner.early_stopping
    try:
        data = lightgbm.Dataset(
            train.features,
            np.zeros(len(train.label)),
            feature_name=numbered,
            params={**options, "objective": "none"},
        ).construct()
        if not any(data.feature_num_bin(at) for at in range(len(numbered))):
            return Additive(intercept=(0.0,), terms=())
        held = data.create_valid(tuning.features, np.zeros(len(tuning.label)))
        booster = lightgbm.train(
            options,
            data,
            num_boost_round=learner.rounds,
            valid_sets=[held] if stop else None,
            feval=_measure(_sets(tuning)) if stop else None,
            callbacks=[lightgbm.early_stopping(stop, verbose=False)] if stop else None,
        )
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise Invalid(
            f"LightGBM refuses its parameters or rows ({type(error).__name__}).",
            fix="compare learner.parameters with LightGBM's documentation.",
            code="parameter",
        ) from None
    return Trees(text=booster.model_to_string())


def _sets(rows: Matrix) -> RiskSets:
    return risk_sets(followed(rows), censored_but(rows, 1), rows.weight)


def _objective(sets: RiskSets) -> Callable[[Floats, object], tuple[Floats, Floats]]:
    def told(margin: Floats, data: object) -> tuple[Floats, Floats]:
        del data
        return gradient_and_curvature(sets, margin)

    return told


def _measure(sets: RiskSets) -> Callable[[Floats, object], tuple[str, float, bool]]:
    events = sets.weight[sets.events].sum()

    def told(margin: Floats, data: object) -> tuple[str, float, bool]:
        del data
        return "partial_likelihood", log_likelihood(sets, margin) / events, True

    return told
