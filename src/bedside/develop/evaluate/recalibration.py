"""Recalibration alone: a model that ranks as before, with its risks set right on other patients."""

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid, Refused
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.learners.baseline_hazard import with_baseline
from bedside.develop.train.learners.cox_fitting import fit_cox
from bedside.develop.train.learners.risk_sets import censored_but, followed, risk_sets
from bedside.develop.train.matrix import Matrix
from bedside.metrics.calibration import log_odds, recalibrate, shift
from bedside.models.form import CalibrationMap, ModelForm
from bedside.models.learnt import LearntModel
from bedside.models.links import linked, logistic

__all__ = [
    "ENOUGH_EVENTS",
    "FOLDS",
    "Method",
    "events_of",
    "method_for",
    "moved",
    "recalibrated",
    "recalibrated_out_of_fold",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Method = Literal["intercept", "slope_and_intercept"]

FOLDS = 5
ENOUGH_EVENTS = 200
"""Subjects with the outcome from which on a slope is fitted as well.

Source: Van Calster et al., J Clin Epidemiol 2016;74:167-176 (at least 200 events and non-events).
"""


def events_of(rows: Matrix, outcome: str) -> int:
    """Subjects in whom something came true that tells of calibration; of a number, all of them."""
    came = np.ones(len(rows.label), np.bool_) if outcome == "regression" else rows.label > 0
    if outcome == "survival":
        came = rows.label == 1
    subject = np.arange(len(came)) if rows.subject is None else rows.subject
    return len(np.unique(subject[came]))


def method_for(rows: Matrix, outcome: str) -> Method:
    """How much may be fitted: the intercept alone, or with enough events the slope as well."""
    return "slope_and_intercept" if events_of(rows, outcome) >= ENOUGH_EVENTS else "intercept"


def recalibrated(form: ModelForm, rows: Matrix, method: Method) -> ModelForm:
    """The form with its calibration refitted on these rows; members and ranking stay as they are.

    On the scale of the link, what was predicted becomes intercept + slope * what was predicted.
    Of survival, the baseline hazards are estimated anew, and the slope is that of a Cox model.

    Args:
        form: As it was learnt.
        rows: Of other patients, with the features of the form.
        method: `intercept` leaves the slope at 1.

    Raises:
        Invalid: nothing can be fitted: a class is empty, or the risks separate the classes.
        Refused: the form has a survival model for each group.

    Source: Steyerberg et al., Stat Med 2004;23:2567-2586; Janssen et al., J Clin Epidemiol
        2008;61:76-86; for survival, van Houwelingen, Stat Med 2000;19:3401-3415.
    """
    if form.outcome == "survival":
        return _of_survival(form, rows, method)
    slope, shifts = _fitted(form, rows, method)
    if not np.isfinite([slope, *shifts]).all():
        raise _not_fitted()
    return replace(
        form,
        calibration=moved(form.calibration, slope, shifts),
        groups=tuple(
            replace(group, calibration=moved(group.calibration, slope, shifts))
            for group in form.groups
        ),
    )


def recalibrated_out_of_fold(form: ModelForm, rows: Rows, matrix: Matrix, method: Method) -> Rows:
    """The rows as a recalibrated model predicts them that was fitted on other subjects than theirs.

    Args:
        form: As it was learnt.
        rows: As it predicts them.
        matrix: The same rows, with the features of the form.
        method: As in `recalibrated`.

    Raises:
        Invalid, Refused: as `recalibrated`.
    """
    fold = _folds(rows)
    risk, curve = np.empty(len(rows.risk)), None if rows.curve is None else rows.curve.copy()
    outputs = np.empty((len(rows.risk), 1 if rows.outputs is None else rows.outputs.shape[1]))
    for number in range(FOLDS):
        judged = np.flatnonzero(fold == number)
        others = matrix.taken(np.flatnonzero(fold != number))
        model = LearntModel(recalibrated(form, others, method))
        features = matrix.features[judged]
        risk[judged], outputs[judged] = model.predict(features), model.outputs(features)
        if curve is not None and rows.curve_days is not None:
            curve[judged] = model.curve(features, rows.curve_days)
    return replace(rows, risk=risk, outputs=outputs, curve=curve)


def moved(calibration: CalibrationMap, slope: float, shifts: Floats) -> CalibrationMap:
    """The map whose result, on the scale of the link, is slope * what it was + shift.

    >>> moved(CalibrationMap(kind="affine", numbers=(2.0, 1.0)), 0.5, np.array([0.25])).numbers
    (1.0, 0.75)
    """
    if calibration.kind == "none":
        return CalibrationMap(kind="affine", numbers=(slope, *(float(one) for one in shifts)))
    if calibration.kind == "affine":
        first, *rest = calibration.numbers
        after = (slope * one + float(more) for one, more in zip(rest, shifts, strict=True))
        return CalibrationMap(kind="affine", numbers=(slope * first, *after))
    if calibration.kind == "beta":
        a, b, c = calibration.numbers
        return replace(calibration, numbers=(slope * a, slope * b, slope * c + float(shifts[0])))
    values = tuple(
        tuple(logistic(slope * log_odds(np.asarray(one)) + shifts[0]).tolist())
        for one in calibration.values
    )
    return replace(calibration, values=values)


def _fitted(form: ModelForm, rows: Matrix, method: Method) -> tuple[float, Floats]:
    """Slope and one shift for each margin."""
    model = LearntModel(form)
    if form.outcome == "binary":
        odds = log_odds(model.predict(rows.features))
        label, weights = rows.label.astype(np.float64), _weights(rows)
        if method == "intercept":
            return 1.0, np.array([shift(label, odds, weights)])
        intercept, slope = recalibrate(label, odds, weights)
        return slope, np.array([intercept])
    margins = _calibrated(form, model.margins(rows.features))
    if form.outcome == "regression":
        return _of_number(margins[:, 0], rows, method)
    return _of_levels(form, margins, rows, method)


def _calibrated(form: ModelForm, margins: Floats) -> Floats:
    if form.groups:
        raise Refused(
            "A model with a calibration for each group cannot be recalibrated for this outcome.",
            fix="build the model again on the new patients.",
            code="cannot_recalibrate",
        )
    if form.calibration.kind == "none":
        return margins
    numbers = np.asarray(form.calibration.numbers)
    return np.asarray(numbers[0] * margins + numbers[1:])


def _of_number(predicted: Floats, rows: Matrix, method: Method) -> tuple[float, Floats]:
    assert rows.target is not None  # noqa: S101 - a regression has its values
    if method == "intercept" or np.ptp(predicted) == 0:
        return 1.0, np.array([float((rows.target - predicted).mean())])
    slope, intercept = np.polyfit(predicted, rows.target, 1)
    return float(slope), np.array([float(intercept)])


def _of_levels(
    form: ModelForm, margins: Floats, rows: Matrix, method: Method
) -> tuple[float, Floats]:
    """By maximum likelihood; of several margins the first keeps its place."""
    from scipy.optimize import minimize  # noqa: PLC0415  (slow to import)

    width, at = margins.shape[1], np.arange(len(margins))
    first = 1 if form.link == "softmax" else 0

    def unpacked(numbers: Floats) -> tuple[float, Floats]:
        slope = float(numbers[0]) if method == "slope_and_intercept" else 1.0
        return slope, np.concatenate([np.zeros(first), numbers[-(width - first) :]])

    def surprise(numbers: Floats) -> float:
        slope, shifts = unpacked(numbers)
        share = linked(form, slope * margins + shifts)[at, rows.label]
        return float(-np.log(np.maximum(share, 1e-300)).mean())

    if len(np.unique(rows.label)) < len(form.levels):
        raise _not_fitted()
    start = np.zeros(width - first + (method == "slope_and_intercept"))
    if method == "slope_and_intercept":
        start[0] = 1.0
    return unpacked(minimize(surprise, start, method="BFGS", options={"gtol": 1e-7}).x)


def _of_survival(form: ModelForm, rows: Matrix, method: Method) -> ModelForm:
    if form.groups:
        raise Refused(
            "A survival model with a calibration for each group cannot be recalibrated.",
            fix="build the model again on the new patients.",
            code="cannot_recalibrate",
        )
    if not (rows.label == 1).any():
        raise _not_fitted()
    if method == "slope_and_intercept":
        margin = _calibrated(form, LearntModel(form).margins(rows.features))
        sets = risk_sets(followed(rows), censored_but(rows, 1), rows.weight)
        slope = float(fit_cox(sets, margin[:, :1], np.zeros((1, 1)))[0])
        form = replace(form, calibration=moved(form.calibration, slope, np.zeros(margin.shape[1])))
    return with_baseline(form, rows)


def _folds(rows: Rows) -> Ints:
    """The fold of each row, so that each has as many of the subjects with the outcome."""
    ill = np.zeros(rows.subjects, np.bool_)
    if rows.outcome != "regression":
        ill[rows.subject[rows.label > 0]] = True
    fold = np.empty(rows.subjects, np.int64)
    for some in (ill, ~ill):
        fold[some] = np.arange(some.sum()) % FOLDS
    return fold[rows.subject]


def _weights(rows: Matrix) -> Floats:
    return np.ones(len(rows.label)) if rows.weight is None else rows.weight


def _not_fitted() -> Invalid:
    return Invalid(
        "The model cannot be recalibrated on these patients: an outcome is absent among them, or "
        "the risks separate those with it from those without.",
        fix="bring more patients.",
        code="cannot_recalibrate",
    )
