"""The explanations of a fitted model, over its held-out rows."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.ports import Explainer, Predictor
from bedside.core.records.declaration import Declaration
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.explain.explained import Explained, spread_rows
from bedside.develop.explain.telling import (
    EXPLAINED,
    Subjects,
    explanations_of,
    importance_of,
)
from bedside.features.definition import FeatureSet
from bedside.lifecycle.cohort import subject_indices
from bedside.lifecycle.judging import judged_rows, matrix_of
from bedside.models.form import ModelForm

__all__ = ["Explanations", "explain_model"]

Floats = npt.NDArray[np.float64]
Explanations = tuple[list[dict[str, Any]], dict[str, Any]]
"""The parts `importance` and `explanations` of the evidence."""


def explain_model(
    declaration: Declaration,
    *,
    feature_set: FeatureSet,
    asked: pl.DataFrame,
    matrix: Floats,
    form: ModelForm,
    predictor: Predictor,
    explainer: Explainer,
    learnt_here: bool = True,
) -> Explanations:
    """The parts `importance` and `explanations` of the evidence.

    Args:
        declaration: With the parameters that tuning chose, where it has any.
        feature_set: k features.
        asked: Every row, with its side; shape (n,).
        matrix: Shape (n, k).
        form: The model of the version.
        predictor: Runs it.
        explainer: Explains it.
        learnt_here: Whether the declared learner made it, and can be refitted.
    """

    def side(name: str) -> tuple[pl.DataFrame, Floats]:
        inside = asked["side"] == name
        return asked.filter(inside), matrix[inside.to_numpy()]

    held, values = side("held_out")
    picked = spread_rows(held.height, EXPLAINED)
    held, values = held[picked], values[picked]
    explained = Explained(
        feature_set=feature_set,
        values=values,
        contributions=np.asarray(explainer.contributions(values))[:, :-1],
        subject=np.unique(subject_indices(held), return_inverse=True)[1],
    )
    rows = Subjects(
        train=matrix_of(*side("train"), feature_set.names),
        tuning=matrix_of(*side("tuning"), feature_set.names),
        held_out=matrix_of(held, values, feature_set.names),
        judged=lambda some: judged_rows(declaration, held, some, form=form, predictor=predictor),
    )
    draws = declaration.evaluation.bootstrap
    importance = importance_of(explained, replicates=draws, seed=declaration.learner.seed)
    told: dict[str, Any] = rounded(
        explanations_of(declaration, explained, rows, replicates=draws, learnt_here=learnt_here)
    )
    return importance, told
