"""Explainable boosting: a step function of each feature and of a few pairs, by interpret."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Bounds
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.refusals import (
    number_of,
    refuse_nothing_to_learn,
    whole_of,
)
from bedside.develop.train.learners.weighting import row_weights
from bedside.develop.train.matrix import Matrix
from bedside.models.additive import term_scores
from bedside.models.form import Additive, Link, Member, ModelForm, Term

__all__ = ["ExplainableBoosting"]

Floats = npt.NDArray[np.float64]
MAIN, PAIRS = 0, 1  # the two resolutions of bins
LINKS: dict[str, Link] = {"binary": "logistic", "multiclass": "softmax", "regression": "identity"}


class ExplainableBoosting:
    """A generalised additive model grown by boosting one feature after the other.

    Source: Lou et al., KDD 2013:623-631; Nori et al., arXiv:1909.09223 (interpret).
    """

    outcomes = frozenset(LINKS)
    takes_monotone = True
    parameters: Mapping[str, Bounds | None] = {
        "learning_rate": Bounds(low=0.005, high=0.05, log=True),
        "interactions": Bounds(low=0, high=20, whole=True),
        "max_bins": Bounds(low=16, high=512, log=True, whole=True),
        "max_interaction_bins": None,
        "outer_bags": None,
        "max_rounds": None,
        "min_samples_leaf": Bounds(low=2, high=50, log=True, whole=True),
        "max_leaves": Bounds(low=2, high=4, whole=True),
        "reg_lambda": Bounds(low=0.001, high=10.0, log=True),
        "smoothing_rounds": None,
    }

    def fit(self, train: Matrix, tuning: Matrix, plan: Plan) -> ModelForm:
        """Fit by bagged boosting; it keeps rows aside for its own early stopping."""
        del tuning
        kind, levels = plan.outcome.kind, plan.outcome.levels
        refuse_nothing_to_learn(train, kind, len(levels))
        model = fitted_boosting(train, plan)
        return ModelForm(
            outcome=kind,
            link=LINKS[kind],
            width=len(train.names),
            members=(Member(part=additive_of(model, train)),),
            levels=levels,
        )


def fitted_boosting(train: Matrix, plan: Plan) -> Any:
    """Interpret's own model.

    Raises:
        Invalid: a parameter is out of bounds, or the rows are too few.
    """
    from interpret.glassbox import (  # noqa: PLC0415  (slow to import)
        ExplainableBoostingClassifier,
        ExplainableBoostingRegressor,
    )

    number = plan.outcome.kind == "regression"
    made = (ExplainableBoostingRegressor if number else ExplainableBoostingClassifier)(
        **_options(plan),
        feature_names=[f"f{at}" for at in range(len(train.names))],
        feature_types=[_type(column) for column in plan.columns],
        monotone_constraints=_monotone(plan),
        random_state=plan.options.seed % 2**31,
        n_jobs=1,
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its pictures do not show what is missing; ours do
            made.fit(
                train.features,
                train.target if number else train.label,
                sample_weight=row_weights(train, plan),
            )
    except ValueError as error:
        raise Invalid(
            f"Explainable boosting cannot learn from these rows ({type(error).__name__}).",
            fix="bring more subjects, or use another learner.",
            code="too_few",
        ) from None
    return made


def additive_of(model: Any, train: Matrix) -> Additive:
    """The fitted model as terms on raw rows, with their means over these."""
    terms = [
        term
        for features, scores in zip(model.term_features_, model.term_scores_, strict=True)
        if (term := _term(model, features, np.asarray(scores))) is not None
    ]
    weight = np.ones(len(train.label)) if train.weight is None else train.weight
    means = [weight @ term_scores(term, train.features) / weight.sum() for term in terms]
    return Additive(
        intercept=tuple(np.atleast_1d(model.intercept_).tolist()),
        terms=tuple(terms),
        expected=tuple(tuple(mean.tolist()) for mean in means),
    )


def _term(model: Any, features: tuple[int, ...], scores: Floats) -> Term | None:
    """Without the last bin along each feature, which is for what is no number; None if all 0."""
    if not scores.any():
        return None
    outputs = scores.shape[len(features) :]
    whole = scores[tuple(slice(None, -1) for _ in features)]
    flat = whole.reshape(-1, int(np.prod(outputs, dtype=int)))
    resolution = PAIRS if len(features) > 1 else MAIN
    bins = [model.bins_[at] for at in features]
    edges = [one[min(resolution, len(one) - 1)] for one in bins]
    return Term(
        kind="steps",
        features=tuple(int(at) for at in features),
        scores=tuple(tuple(one) for one in flat.T.tolist()),
        edges=tuple(tuple(np.asarray(one).tolist()) for one in edges),
    )


def _options(plan: Plan) -> dict[str, Any]:
    """Interpret's parameters, checked; the defaults are chosen for a model that can be read."""
    return {
        "learning_rate": number_of(plan, "learning_rate", 0.03, low=1e-5, high=1.0),
        "interactions": whole_of(plan, "interactions", 10, low=0, high=1000),
        "max_bins": whole_of(plan, "max_bins", 256, low=3, high=65_535),
        "max_interaction_bins": whole_of(plan, "max_interaction_bins", 32, low=3, high=1024),
        "outer_bags": whole_of(plan, "outer_bags", 8, low=1, high=1000),
        "max_rounds": whole_of(plan, "max_rounds", 25_000, low=1, high=1_000_000),
        "min_samples_leaf": whole_of(plan, "min_samples_leaf", 4, low=1, high=1_000_000),
        "max_leaves": whole_of(plan, "max_leaves", 2, low=2, high=16),
        "reg_lambda": number_of(plan, "reg_lambda", 0.0, low=0.0, high=1e6),
        "smoothing_rounds": whole_of(plan, "smoothing_rounds", 75, low=0, high=100_000),
    }


def _type(column: Column) -> str | list[float]:
    """Cuts between any two categories, or between as many tied numbers as there are bins."""
    if column.categories < 2:
        return "continuous"
    return [at + 0.5 for at in range(column.categories - 1)]


def _monotone(plan: Plan) -> list[int] | None:
    told = [column.monotone for column in plan.columns]
    return told if any(told) else None
