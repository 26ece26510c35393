"""From asked rows and their features to predictions that can be judged."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.clock import HOUR
from bedside.core.ports import Predictor
from bedside.core.records.declaration import Declaration
from bedside.develop.evaluate.out_of_fold import curve_days_of, target_of
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.matrix import Matrix
from bedside.lifecycle.cohort import subject_indices
from bedside.models.form import ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["HOURS_A_ROW", "judged_rows", "matrix_of"]

Floats = npt.NDArray[np.float64]
HOURS_A_ROW = 1.0  # what a prediction stands for where alerts are counted by the day


def matrix_of(asked: pl.DataFrame, features: Floats, names: tuple[str, ...]) -> Matrix:
    """The rows of known label to learn from; `asked` and `features` have the same rows."""
    return Matrix(
        features=features,
        label=asked["label"].to_numpy().astype(np.int64),
        names=names,
        target=target_of(asked),
        subject=subject_indices(asked),
    )


def judged_rows(
    declaration: Declaration,
    asked: pl.DataFrame,
    features: Floats,
    *,
    form: ModelForm,
    predictor: Predictor | LearntModel,
) -> Rows:
    """The predictions for these rows, beside what came true.

    Args:
        declaration: Its outcome.
        asked: n rows of known label, by subject, then time.
        features: Shape (n, k).
        form: The model, for its levels, horizons and survival curve.
        predictor: Runs it.
    """
    curve_days, curve = curve_days_of(form), None
    if curve_days is not None:
        curve = LearntModel(form).curve(features, curve_days)
    return Rows(
        risk=predictor.predict(features),
        label=asked["label"].to_numpy().astype(np.int64),
        subject=subject_indices(asked),
        days=np.full(asked.height, HOURS_A_ROW / 24),
        outcome=declaration.question.outcome.kind,
        outputs=predictor.outputs(features),
        target=target_of(asked),
        levels=form.levels,
        horizons=form.horizons,
        curve=curve,
        curve_days=curve_days,
        hours=_hours(asked, "prediction_time"),
        event_hours=_hours(asked, "event_time"),
    )


def _hours(asked: pl.DataFrame, column: str) -> Floats | None:
    """A time in hours since 1970 UTC, NaN where there is none; None without such a column."""
    if column not in asked.columns:
        return None
    micros = asked[column].to_physical().cast(pl.Float64)
    return (micros / HOUR).fill_null(np.nan).to_numpy()
