"""Boosting of ordered levels with proportional odds: one margin, and cutpoints that move along."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.develop.train.learners.losses import ordered, ordered_curvature
from bedside.develop.train.learners.penalised import first_cutpoints, fit_cutpoints
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["BoostedOrdinal"]

Floats = npt.NDArray[np.float64]
EVERY = 10  # rounds between two moves of the cutpoints
STEPS = 10  # of one move
LEAST = 1e-6  # of a curvature


class BoostedOrdinal:
    """The objective and the measure of early stopping, for LightGBM.

    One margin for all levels keeps a score's reasons a sum, where one model for each cut would
    not, and keeps the levels in their order for every patient.

    Args:
        train: n rows.
        tuning: For early stopping.
        weight: Shape (n,), of the training rows.
        levels: How many.
    """

    def __init__(self, train: Matrix, tuning: Matrix, weight: Floats, levels: int) -> None:
        self._train, self._tuning, self._weight = train, tuning, weight
        self._cutpoints = first_cutpoints(train.label, weight, levels)
        self._round = 0

    def objective(self, margin: Floats, data: object) -> tuple[Floats, Floats]:
        """Gradient and curvature of the loss of each training row, times its weight."""
        del data
        label = self._train.label
        if self._round % EVERY == 0 and self._round:
            self._cutpoints = fit_cutpoints(
                label, margin, self._weight, self._cutpoints, steps=STEPS
            )
        self._round += 1
        _, gradient, _ = ordered(label, margin, self._cutpoints)
        curvature = np.maximum(ordered_curvature(label, margin, self._cutpoints), LEAST)
        return gradient * self._weight, curvature * self._weight

    def measure(self, margin: Floats, data: object) -> tuple[str, float, bool]:
        """The mean loss of the tuning rows; less is better."""
        del data
        told, _, _ = ordered(self._tuning.label, margin, self._cutpoints)
        return "ordinal_logloss", float(told.mean()), False

    def with_cutpoints(self, form: ModelForm) -> ModelForm:
        """The form with the cutpoints that are most likely for its margins of the training rows."""
        margin = LearntModel(form).margins(self._train.features)[:, 0]
        cutpoints = fit_cutpoints(self._train.label, margin, self._weight, self._cutpoints)
        return replace(form, cutpoints=tuple(cutpoints.tolist()))
