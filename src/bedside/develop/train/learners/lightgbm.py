"""Gradient-boosted trees, by LightGBM."""

from collections.abc import Mapping
from typing import Any

from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.contract import Plan
from bedside.develop.train.learners.refusals import refuse_nothing_to_learn
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Member, ModelForm, Trees

__all__ = ["LightGbm"]


class LightGbm:
    """Boosted trees on histograms; a missing value takes its own way in each split."""

    outcomes = frozenset({"binary"})
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
        refuse_nothing_to_learn(train, plan.outcome.kind)
        import lightgbm  # noqa: PLC0415  (slow to import)

        learner = plan.options
        options: dict[str, Any] = {
            **learner.parameters,
            "objective": "binary",
            "metric": "binary_logloss",
            "verbosity": -1,
            "seed": learner.seed,
            "num_threads": learner.threads,
            "deterministic": True,
            "force_row_wise": True,
        }
        if any(column.monotone for column in plan.columns):
            options["monotone_constraints"] = [column.monotone for column in plan.columns]
        numbered = [f"f{at}" for at in range(len(train.names))]  # a name may hold any sign
        data = lightgbm.Dataset(
            train.features, train.label, weight=train.weight, feature_name=numbered
        )
        stop = learner.early_stopping
        booster = lightgbm.train(
            options,
            data,
            num_boost_round=learner.rounds,
            valid_sets=[data.create_valid(tuning.features, tuning.label)] if stop else None,
            callbacks=[lightgbm.early_stopping(stop, verbose=False)] if stop else None,
        )
        return ModelForm(
            outcome="binary",
            link="logistic",
            width=len(train.names),
            members=(Member(part=Trees(text=booster.model_to_string())),),
        )
