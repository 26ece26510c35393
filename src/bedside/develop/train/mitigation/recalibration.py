"""A calibration for each group, held to the common one where the group is small."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.develop.train.calibrating.platt import platt
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import LevelColumn, enough
from bedside.models.form import CalibrationMap, GroupMap, ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["held_platt", "with_group_calibration"]

Floats = npt.NDArray[np.float64]
INTERCEPT_SD = 1.0  # how far, in log-odds, a group is expected to lie from all
SLOPE_SD = 0.5  # how far its slope, on the common log-odds, is expected to lie from 1
MOST_STEPS = 100


def with_group_calibration(
    form: ModelForm, tuning: Matrix, columns: tuple[LevelColumn, ...]
) -> ModelForm:
    """The form with a logistic calibration of its own for each level that is large enough.

    A level with ten tuning subjects or fewer with, or without, the outcome keeps the common
    calibration.

    Args:
        form: Calibrated for all.
        tuning: Rows that the learner did not see, with the features of the form.
        columns: By which feature a level is known.
    """
    margin = LearntModel(form).margins(tuning.features)[:, 0]
    slope, intercept = platt(margin, tuning.label)
    common = slope * margin + intercept
    groups = []
    for one in columns:
        inside = one.inside(tuning.features)
        if enough(tuning, inside):
            times, plus = held_platt(common[inside], tuning.label[inside])
            numbers = (times * slope, times * intercept + plus)
            calibration = CalibrationMap(kind="affine", numbers=numbers)
            groups.append(GroupMap(column=one.column, value=one.value, calibration=calibration))
    return replace(form, groups=tuple(groups))


def held_platt(odds: Floats, label: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept on log-odds that are nearly right: the most likely, held to (1, 0).

    The greatest of the likelihood times normal priors around slope 1 (sd 0.5) and intercept 0
    (sd 1), by Newton's method; it is concave, so there is one. The fewer the rows, the nearer to
    the common calibration.

    >>> [round(one, 6) for one in held_platt(np.array([]), np.array([], int))]
    [1.0, 0.0]
    """
    slope, intercept = 1.0, 0.0
    held = 1 / SLOPE_SD**2, 1 / INTERCEPT_SD**2
    for _ in range(MOST_STEPS):
        risk = 0.5 * (1 + np.tanh((slope * odds + intercept) / 2))
        weight, error = risk * (1 - risk), label - risk
        a = (weight * odds**2).sum() + held[0]
        b, c = (weight * odds).sum(), weight.sum() + held[1]
        g = (error * odds).sum() - held[0] * (slope - 1)
        h = error.sum() - held[1] * intercept
        determinant = a * c - b * b
        step = (c * g - b * h) / determinant, (a * h - b * g) / determinant
        longest = max(abs(step[0]), abs(step[1]))
        short = min(1.0, 1.0 / longest) if longest else 1.0
        slope, intercept = slope + short * step[0], intercept + short * step[1]
        if longest < 1e-10:
            break
    return float(slope), float(intercept)
