"""The declared means against unequal errors, where they belong in learning."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import Levels, level_columns
from bedside.develop.train.mitigation.recalibration import with_group_calibration
from bedside.develop.train.mitigation.reductions import reduced
from bedside.develop.train.mitigation.reweighing import row_weights
from bedside.features.definition import FeatureSet
from bedside.models.form import ModelForm

__all__ = ["OF_ROWS", "fitted", "recalibrated"]

Fit = Callable[[Matrix], ModelForm]
OF_ROWS = ("reweighing", "reductions")
"""The means that change how the training rows count, so that another model is learnt."""


def fitted(
    declaration: Declaration, fit: Fit, train: Matrix, tuning: Matrix, levels: Levels | None
) -> ModelForm:
    """The learner's model of the training rows, reweighed or reduced where that is declared.

    Args:
        declaration: Its fairness and threshold.
        fit: The declared learner.
        train: Training rows, shape (n, k), in the order of the levels.
        tuning: Tuning rows with the same features.
        levels: Of the declared fairness subgroup.

    Raises:
        Invalid: the levels are not known (code `no_levels`), or as `reduced`.
    """
    fairness = declaration.fairness
    if fairness is None or fairness.mitigation not in OF_ROWS:
        return fit(train)
    if levels is None or len(levels.train) != len(train.label):
        raise Invalid(
            f"Nothing says to which level of '{fairness.subgroup}' each training row belongs.",
            fix="pass the levels of the training rows, without made rows.",
            code="no_levels",
        )
    if fairness.mitigation == "reweighing":
        given = np.ones(len(train.label)) if train.weight is None else train.weight
        return fit(replace(train, weight=given * row_weights(levels.train, train)))
    return reduced(
        fit,
        train,
        tuning,
        levels.train,
        constraint=fairness.constraint,
        chosen=declaration.evaluation.threshold,
    )


def recalibrated(
    declaration: Declaration, feature_set: FeatureSet, form: ModelForm, tuning: Matrix
) -> ModelForm:
    """The calibrated form, with a calibration for each group where that is declared."""
    fairness = declaration.fairness
    if fairness is None or fairness.mitigation != "recalibration_by_group":
        return form
    return with_group_calibration(form, tuning, level_columns(declaration, feature_set))
