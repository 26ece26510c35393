"""What an answer needs to say how sure it is, learnt on the training and tuning rows."""

from typing import Any

from bedside.core.records.declaration import Uncertainty
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm

__all__ = ["learn_uncertainty"]


def learn_uncertainty(
    form: ModelForm, train: Matrix, tuning: Matrix, options: Uncertainty
) -> dict[str, Any]:
    """What goes into the bundle as `uncertainty.json`; empty where nothing is declared.

    Args:
        form: Calibrated.
        train: The real training rows, as the form takes them.
        tuning: The tuning rows.
        options: As declared.
    """
    del form, train, tuning, options
    return {}
