"""How bad a model's predictions are for rows that it did not see: what tuning makes small."""

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.develop.train.matrix import Matrix
from bedside.metrics.survival.brier import brier_over
from bedside.models.form import ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["LOSSES", "loss_of"]

Floats = npt.NDArray[np.float64]
LOSSES = {
    "binary": "log loss",
    "multiclass": "log loss",
    "ordinal": "log loss",
    "regression": "squared error",
    "survival": "integrated Brier score",
}
LEAST = 1e-15  # the least probability, so that a wrong certainty costs much, not everything
DAYS = 25  # at which a survival curve is judged, evenly up to the last horizon
WORST = 1e12  # instead of a loss that is no number


def loss_of(form: ModelForm, rows: Matrix) -> float:
    """The mean loss over the rows, to ten significant digits.

    Yes or no and levels: minus the log of the probability of what came true. Regression: the
    squared error. Survival: the Brier score, weighted for censoring, averaged over days up to the
    last horizon.

    Args:
        form: The model.
        rows: n rows that it did not see.
    """
    loss = _of_survival(form, rows) if form.outcome == "survival" else _of_rows(form, rows)
    return float(f"{loss:.10g}") if np.isfinite(loss) else WORST


def _of_rows(form: ModelForm, rows: Matrix) -> float:
    outputs = LearntModel(form).outputs(rows.features)
    if form.outcome == "regression":
        each = (outputs[:, 0] - _target(rows)) ** 2
    else:
        if form.outcome == "binary":
            true = np.where(rows.label == 1, outputs[:, -1], 1 - outputs[:, -1])
        else:
            true = outputs[np.arange(len(outputs)), rows.label]
        each = -np.log(np.clip(true, LEAST, None))
    return float(np.average(each, weights=rows.weight))


def _of_survival(form: ModelForm, rows: Matrix) -> float:
    """Days until which nobody was followed do not count.

    Source: Graf et al., Stat Med 1999;18:2529-2545.
    """
    days = np.linspace(0, form.horizons[-1], DAYS + 1)[1:]
    curve = np.clip(LearntModel(form).curve(rows.features, days), 0, 1)
    score = brier_over(_target(rows), rows.label, curve, days, rows.weight)
    return float(np.nanmean(score)) if np.isfinite(score).any() else WORST


def _target(rows: Matrix) -> Floats:
    if rows.target is None:
        raise Invalid("These rows have no values or days.", fix="give them a target.")
    return rows.target
