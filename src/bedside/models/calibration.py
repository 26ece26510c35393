"""Calibrated predictions: the maps of a form, applied to margins."""

import numpy as np
import numpy.typing as npt

from bedside.models.form import CalibrationMap, ModelForm
from bedside.models.links import linked, logistic

__all__ = ["calibrated", "calibration_for", "venn_abers_pair"]

Floats = npt.NDArray[np.float64]


def calibrated(form: ModelForm, margins: Floats, matrix: Floats) -> Floats:
    """What is predicted, after calibration; shape (n, outputs).

    Args:
        form: Its link, calibration and groups.
        margins: Shape (n, m).
        matrix: Shape (n, k), for the groups.
    """
    made = _applied(form, form.calibration, margins)
    for group in form.groups:
        inside = matrix[:, group.column] == group.value
        if inside.any():
            made[inside] = _applied(form, group.calibration, margins[inside])
    return made


def calibration_for(form: ModelForm, row: Floats) -> CalibrationMap:
    """The calibration that applies to one row of features, shape (k,)."""
    inside = [one.calibration for one in form.groups if row[one.column] == one.value]
    return inside[-1] if inside else form.calibration


def venn_abers_pair(calibration: CalibrationMap, margin: Floats) -> Floats:
    """The two risks of Venn-Abers prediction, shape (n, 2): if the label were 0, and if it were 1.

    Source: Vovk & Petej, UAI 2014:829-838.
    """
    at = np.searchsorted(np.asarray(calibration.knots), margin, side="right")
    return np.stack([np.asarray(values)[at] for values in calibration.values], axis=1)


def _applied(form: ModelForm, calibration: CalibrationMap, margins: Floats) -> Floats:
    numbers = np.asarray(calibration.numbers)
    if calibration.kind == "affine":
        return linked(form, numbers[0] * margins + numbers[1:])
    if calibration.kind == "beta":
        sure, unsure = -np.logaddexp(0, -margins), -np.logaddexp(0, margins)
        return logistic(numbers[0] * sure - numbers[1] * unsure + numbers[2])
    if calibration.kind == "polyline":
        knots, risks = np.asarray(calibration.knots), np.asarray(calibration.values[0])
        return np.asarray(np.interp(margins, knots, risks))
    if calibration.kind == "venn_abers":
        pair = venn_abers_pair(calibration, margins[:, 0])
        return np.asarray(pair[:, 1:] / (1 - pair[:, :1] + pair[:, 1:]))
    return linked(form, margins)
