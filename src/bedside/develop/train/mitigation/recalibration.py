"""A calibration for each group, held to the common one where the group is small."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import LevelColumn, enough
from bedside.models.form import CalibrationMap, GroupMap, ModelForm
from bedside.models.learnt import LearntModel
from bedside.models.links import logistic

__all__ = ["held_platt", "with_group_calibration"]

Floats = npt.NDArray[np.float64]
INTERCEPT_SD = 1.0  # how far, in log-odds, a group is expected to lie from all
SLOPE_SD = 0.5  # how far its slope, on the common log-odds, is expected to lie from 1
HARDLY = 1e-6  # one over the variance of a prior that only keeps a fit finite
MOST_STEPS = 100
SMALLEST = 1e-10


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
    inside = {one: one.inside(tuning.features) for one in columns}
    kept = {one: rows for one, rows in inside.items() if enough(tuning, rows)}
    slope, intercepts = shared_slope(margin, tuning.label, list(kept.values()))
    groups = []
    for (one, rows), intercept in zip(kept.items(), intercepts, strict=True):
        times, plus = held_platt(slope * margin[rows] + intercept, tuning.label[rows])
        numbers = (times * slope, times * intercept + plus)
        calibration = CalibrationMap(kind="affine", numbers=numbers)
        groups.append(GroupMap(column=one.column, value=one.value, calibration=calibration))
    return replace(form, groups=tuple(groups))


def shared_slope(
    margin: Floats, label: npt.NDArray[np.int64], groups: Sequence[npt.NDArray[np.bool_]]
) -> tuple[float, list[float]]:
    """One slope on the margin within all groups, and the intercept of each.

    A group's intercept is held to the common one by a normal prior (sd 1). Without intercepts of
    their own, groups whose margins lie apart for no reason would flatten the slope of all.

    Args:
        margin: Shape (n,), not calibrated.
        label: Shape (n,), 0 or 1.
        groups: Shape (n,) each.
    """
    columns = [margin, np.ones(len(margin)), *(rows.astype(np.float64) for rows in groups)]
    design = np.stack(columns, axis=1)
    held = np.array([HARDLY, HARDLY, *(1 / INTERCEPT_SD**2 for _ in groups)])
    found = _most_likely(design, label, held, np.zeros(len(held)))
    return float(found[0]), [float(found[1] + one) for one in found[2:]]


def held_platt(odds: Floats, label: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept on log-odds that are nearly right: the most likely, held to (1, 0).

    The greatest of the likelihood times normal priors around slope 1 (sd 0.5) and intercept 0
    (sd 1); it is concave, so there is one. The fewer the rows, the nearer to (1, 0).

    >>> [round(one, 6) for one in held_platt(np.array([]), np.array([], int))]
    [1.0, 0.0]
    """
    design = np.stack([odds, np.ones(len(odds))], axis=1)
    held = np.array([1 / SLOPE_SD**2, 1 / INTERCEPT_SD**2])
    slope, intercept = _most_likely(design, label, held, np.array([1.0, 0.0]))
    return float(slope), float(intercept)


def _most_likely(
    design: Floats, label: npt.NDArray[np.int64], held: Floats, around: Floats
) -> Floats:
    """The greatest of the logistic likelihood times normal priors, by damped Newton steps.

    Args:
        design: Shape (n, p).
        label: Shape (n,), 0 or 1.
        held: Shape (p,), one over the variance of each prior.
        around: Shape (p,), the middle of each.
    """

    def loss(at: Floats) -> float:
        odds = design @ at
        return float((np.logaddexp(0, odds) - label * odds).sum() + held @ (at - around) ** 2 / 2)

    found, now = around.copy(), loss(around)
    for _ in range(MOST_STEPS):
        risk = logistic(design @ found)
        gradient = design.T @ (label - risk) - held * (found - around)
        bend = (design * (risk * (1 - risk))[:, None]).T @ design + np.diag(held)
        step, scale = np.linalg.solve(bend, gradient), 1.0
        while (after := loss(found + scale * step)) > now and scale > SMALLEST:
            scale /= 2
        found, now = found + scale * step, min(now, after)
        if np.abs(step).max() < SMALLEST:
            break
    return found
