"""The declared calibration, fitted on rows that the learner did not see."""

from dataclasses import replace

from bedside.core.records.declaration import CalibrationMethod
from bedside.develop.train.calibrating.platt import platt
from bedside.develop.train.matrix import Matrix
from bedside.models.form import CalibrationMap, ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["with_calibration"]


def with_calibration(form: ModelForm, tuning: Matrix, method: CalibrationMethod) -> ModelForm:
    """The form with its calibration.

    Args:
        form: Not calibrated.
        tuning: Rows that the learner did not see, with the features of the form.
        method: As declared.
    """
    if method == "none":
        return form
    margin = LearntModel(form).margins(tuning.features)[:, 0]
    slope, intercept = platt(margin, tuning.label)
    return replace(form, calibration=CalibrationMap(kind="affine", numbers=(slope, intercept)))
