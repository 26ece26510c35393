"""The declared calibration, fitted on rows that the learner did not see."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import CalibrationMethod
from bedside.develop.train.calibrating.beta import beta
from bedside.develop.train.calibrating.isotonic import isotonic
from bedside.develop.train.calibrating.platt import platt
from bedside.develop.train.calibrating.temperature import line, ordinal_affine, softmax_affine
from bedside.develop.train.calibrating.venn_abers import venn_abers
from bedside.develop.train.matrix import Matrix
from bedside.models.form import CalibrationMap, ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["FEWEST_OF_A_CLASS", "FEWEST_ROWS", "calibration_of", "with_calibration"]

Floats = npt.NDArray[np.float64]
FEWEST_ROWS = 200
FEWEST_OF_A_CLASS = 20
"""What isotonic and Venn-Abers calibration need, which fit steps and not two or three numbers."""


def with_calibration(form: ModelForm, tuning: Matrix, method: CalibrationMethod) -> ModelForm:
    """The form with its calibration; as it is, where none is declared or it is one of survival.

    Args:
        form: Not calibrated.
        tuning: Rows that the learner did not see, with the features of the form.
        method: As declared.

    Raises:
        Invalid: there are too few rows for the method, or it is one for yes or no alone.
    """
    if method == "none" or form.outcome == "survival":
        return form
    margins = LearntModel(form).margins(tuning.features)
    return replace(form, calibration=calibration_of(form, margins, tuning, method))


def calibration_of(
    form: ModelForm, margins: Floats, tuning: Matrix, method: CalibrationMethod
) -> CalibrationMap:
    """The calibration map of these rows.

    Args:
        form: Its outcome and cutpoints.
        margins: Shape (n, m), of the rows, before calibration.
        tuning: n rows; their labels, weights and targets count.
        method: As declared, and not for survival.

    Raises:
        Invalid: as `with_calibration`.
    """
    if method == "none":
        return CalibrationMap()
    margin, weight = margins[:, 0], tuning.weight
    if form.outcome != "binary":
        return _affine(form, margins, tuning, method)
    if method == "platt":
        return CalibrationMap(kind="affine", numbers=platt(margin, tuning.label, weight))
    if method == "beta":
        return CalibrationMap(kind="beta", numbers=beta(margin, tuning.label, weight))
    _refuse_too_few(tuning, method)
    if method == "isotonic":
        return isotonic(margin, tuning.label, weight)
    return venn_abers(margin, tuning.label, weight)


def _affine(
    form: ModelForm, margins: Floats, tuning: Matrix, method: CalibrationMethod
) -> CalibrationMap:
    if method != "platt":
        raise Invalid(
            f"{method} calibration is for an outcome of yes or no.",
            fix="use learner.calibration: platt or none.",
        )
    numbers: tuple[float, ...]
    if form.outcome == "multiclass":
        numbers = softmax_affine(margins, tuning.label, tuning.weight)
    elif form.outcome == "ordinal":
        cutpoints = np.asarray(form.cutpoints)
        numbers = ordinal_affine(margins[:, 0], tuning.label, cutpoints, tuning.weight)
    elif tuning.target is None:
        raise Invalid("The tuning rows have no values.", fix="give them a target.")
    else:
        numbers = line(margins[:, 0], tuning.target, tuning.weight)
    return CalibrationMap(kind="affine", numbers=numbers)


def _refuse_too_few(tuning: Matrix, method: str) -> None:
    """Rows, and whose they are: many rows of one patient tell little."""
    whose = np.arange(len(tuning.label)) if tuning.subject is None else tuning.subject
    few = min(len(np.unique(whose[tuning.label == label])) for label in (0, 1))
    if len(tuning.label) < FEWEST_ROWS or few < FEWEST_OF_A_CLASS:
        raise Invalid(
            f"{method} calibration needs at least {FEWEST_ROWS} tuning rows, with the outcome in "
            f"at least {FEWEST_OF_A_CLASS} subjects and without it in as many; there are fewer.",
            fix="use learner.calibration: platt, or give the tuning side of "
            "evaluation.split a larger share.",
            code="too_few_rows",
        )
