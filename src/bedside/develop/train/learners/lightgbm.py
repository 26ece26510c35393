"""Gradient-boosted trees, by LightGBM."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.boosted_ordinal import BoostedOrdinal
from bedside.develop.train.learners.boosting import booster_options
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.refusals import refuse_nothing_to_learn
from bedside.develop.train.learners.weighting import row_weights
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Link, Member, ModelForm, Trees

__all__ = ["LightGbm"]

Floats = npt.NDArray[np.float64]
OBJECTIVES: dict[str, tuple[str, str, Link]] = {
    "binary": ("binary", "binary_logloss", "logistic"),
    "multiclass": ("multiclass", "multi_logloss", "softmax"),
    "regression": ("regression", "l2", "identity"),
}


class LightGbm:
    """Boosted trees on histograms; a missing value takes its own way in each split.

    Ordered levels have proportional odds: one margin, and cutpoints on it.
    """

    outcomes = frozenset({"binary", "multiclass", "ordinal", "regression"})
    takes_monotone = True
    parameters: Mapping[str, Bounds | None] = {
        "learning_rate": Bounds(low=0.01, high=0.2, log=True),
        "num_leaves": Bounds(low=4, high=64, log=True, whole=True),
        "min_child_samples": None,
        "min_data_in_leaf": Bounds(low=5, high=200, log=True, whole=True),
        "lambda_l2": Bounds(low=0.01, high=30.0, log=True),
        "lambda_l1": None,
        "feature_fraction": Bounds(low=0.2, high=1.0),
        "bagging_fraction": Bounds(low=0.5, high=1.0),
        "bagging_freq": None,
        "max_depth": None,
        "max_bin": None,
        "min_gain_to_split": None,
        "scale_pos_weight": None,
        "path_smooth": None,
        "extra_trees": None,
    }

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit boosted trees; see the contract."""
        kind, levels = plan.outcome.kind, plan.outcome.levels
        refuse_nothing_to_learn(train, kind, len(levels))
        if kind == "ordinal":
            return _ordinal(train, tuning, plan)
        objective, metric, link = OBJECTIVES[kind]
        outputs = len(levels) if kind == "multiclass" else 1
        options = {"objective": objective, "metric": metric}
        if outputs > 1:
            options["num_class"] = str(outputs)
        text = _boosted(train, tuning, plan, options)
        return ModelForm(
            outcome=kind,
            link=link,
            width=len(train.names),
            members=(Member(part=Trees(text=text, outputs=outputs)),),
            levels=levels,
        )


def _ordinal(train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
    """The trees grow on the likelihood of proportional odds, whose cutpoints move along."""
    odds = BoostedOrdinal(train, tuning, row_weights(train, plan), len(plan.outcome.levels))
    told = {"objective": odds.objective, "metric": "none"}
    text = _boosted(train, tuning, plan, told, measure=odds.measure)
    form = ModelForm(
        outcome="ordinal",
        link="cumulative_logistic",
        width=len(train.names),
        members=(Member(part=Trees(text=text)),),
        levels=plan.outcome.levels,
    )
    return odds.with_cutpoints(form)


def _boosted(
    train: Matrix, tuning: Matrix, plan: Plan, told: Mapping[str, Any], measure: Any = None
) -> str:
    """The trees' text.

    Args:
        train: The rows.
        tuning: For early stopping.
        plan: Its options and columns.
        told: What LightGBM is told beside them.
        measure: A measure of its own for early stopping.
    """
    import lightgbm  # noqa: PLC0415  (slow to import)

    learner = plan.options
    options = booster_options(plan, told)
    weight = row_weights(train, plan)
    data = lightgbm.Dataset(
        train.features,
        _target(train, plan),
        weight=None if (weight == 1.0).all() else weight,  # faster without
        feature_name=[f"f{at}" for at in range(len(train.names))],  # a name may hold any sign
    )
    stop = learner.early_stopping
    try:
        booster = lightgbm.train(
            options,
            data,
            num_boost_round=learner.rounds,
            valid_sets=[data.create_valid(tuning.features, _target(tuning, plan))]
            if stop
            else None,
            feval=measure if stop else None,
            callbacks=[lightgbm.early_stopping(stop, verbose=False)] if stop else None,
        )
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise Invalid(
            f"LightGBM refuses its parameters or rows ({type(error).__name__}).",
            fix="compare learner.parameters with LightGBM's documentation.",
            code="parameter",
        ) from None
    text: str = booster.model_to_string()
    return text


def _target(rows: Matrix, plan: Plan) -> Floats:
    if plan.outcome.kind == "regression" and rows.target is not None:
        return rows.target
    return rows.label.astype(np.float64)
