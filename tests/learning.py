"""Small fits for tests that are about what comes after."""

from typing import Any

from bedside.core.records.declaration import CalibrationMethod, Learner
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = ["fitted_trees"]


def fitted_trees(
    train: Matrix, tuning: Matrix, *, calibration: CalibrationMethod = "platt", **options: Any
) -> ModelForm:
    """Calibrated boosted trees of a binary outcome; `options` are the learner's."""
    learner = Learner(**{"threads": 1, **options})
    plan = Plan(options=learner, columns=tuple(Column(name=name) for name in train.names))
    return with_calibration(LightGbm().fit(train, tuning, plan), tuning, calibration)
