"""What an answer needs to say how sure it is, learnt on the training and tuning rows."""

from collections.abc import Sequence
from typing import Any

from bedside.core.records.declaration import Uncertainty
from bedside.develop.train.conforming import learn_conformal
from bedside.develop.train.likeness import learn_domain
from bedside.develop.train.matrix import Matrix
from bedside.models.form import ModelForm
from bedside.models.uncertainty import LearntUncertainty, uncertainty_told

__all__ = ["learn_uncertainty"]


def learn_uncertainty(
    form: ModelForm,
    train: Matrix,
    tuning: Matrix,
    options: Uncertainty,
    *,
    categories: Sequence[int] = (),
) -> dict[str, Any]:
    """What goes into the bundle as `uncertainty.json`; empty where nothing is declared.

    Args:
        form: Calibrated.
        train: The real training rows, as the form takes them.
        tuning: The tuning rows.
        options: As declared.
        categories: How many categories each feature has, 0 where it is a number; none given: all
            are numbers.

    Raises:
        Invalid: there are too few subjects for what is declared, or it is not for this outcome.
    """
    conformal = domain = None
    if options.coverage is not None:
        conformal = learn_conformal(form, tuning, options.coverage)
    if options.domain is not None:
        labels = categories or (0,) * len(train.names)
        domain = learn_domain(train, labels, options.domain)
    return uncertainty_told(LearntUncertainty(conformal=conformal, domain=domain))
