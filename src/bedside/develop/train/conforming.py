"""Conformal limits, learnt on tuning rows that the learner did not see."""

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.develop.train.matrix import Matrix
from bedside.models.conformal import ConformalInterval, ConformalSets, strangeness
from bedside.models.form import ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["learn_conformal", "shares_by_subject"]

Floats = npt.NDArray[np.float64]
LEAST_SLOPE = 1e-6  # of a calibration that can be undone


def learn_conformal(
    form: ModelForm, tuning: Matrix, coverage: float
) -> ConformalSets | ConformalInterval:
    """The limits of a conformal set, one for each label, or the interval of a number.

    Each subject counts once, however many rows it has: its rows (of one label) share a weight of
    1. Then the set holds the truth of a random row of a new subject with at least this chance,
    whatever its label is.

    Args:
        form: Calibrated. Its calibration plays no part for labels.
        tuning: Rows that the learner did not see.
        coverage: In (0, 1).

    Raises:
        Invalid: the outcome is a survival time, or there are too few subjects for this coverage.

    Source: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2005
    (inductive and label-conditional); Lei et al., J Am Stat Assoc 2018;113(523):1094-1111 (the
    interval); Lee, Barber & Willett, arXiv:2306.06342 (several rows of one subject).
    """
    if form.outcome == "survival":
        raise Invalid("There is no conformal set of a time.", fix="remove uncertainty.coverage.")
    if form.outcome == "regression":
        return _interval(form, tuning, coverage)
    _refuse_flat(form)
    strange = strangeness(form, LearntModel(form).margins(tuning.features))
    limits = []
    for label in range(strange.shape[1]):
        inside = tuning.label == label
        weight = shares_by_subject(tuning.taken(inside))
        limits.append(_limit(strange[inside, label], weight, coverage))
    return ConformalSets(coverage=coverage, limits=tuple(limits))


def shares_by_subject(rows: Matrix) -> Floats:
    """The weight of each row, shape (n,): those of one subject add up to 1."""
    own = np.ones(len(rows.label)) if rows.weight is None else rows.weight
    if rows.subject is None:
        return np.ones(len(own))
    _, whose = np.unique(rows.subject, return_inverse=True)
    return np.asarray(own / np.bincount(whose, weights=own)[whose])


def _limit(strange: Floats, weight: Floats, coverage: float) -> float:
    """The greatest strangeness whose p-value is above 1 - coverage."""
    error = round(1 - coverage, 12)
    total = weight.sum()
    if 1 / (total + 1) > error:
        raise _too_few(coverage, "with each answer")
    values, place = np.unique(-strange, return_inverse=True)  # the strangest first
    above = np.cumsum(np.bincount(place, weights=weight)) + 1
    first = int(np.argmax(above > error * (total + 1) * (1 + 1e-12)))
    return float(-values[first])


def _interval(form: ModelForm, tuning: Matrix, coverage: float) -> ConformalInterval:
    if tuning.target is None:
        raise Invalid("The tuning rows have no values.", fix="give them a target.")
    away = np.abs(tuning.target - LearntModel(form).outputs(tuning.features)[:, 0])
    weight = shares_by_subject(tuning)
    needed = coverage * (weight.sum() + 1)
    order = np.argsort(away, kind="stable")
    within = np.cumsum(weight[order])
    at = int(np.searchsorted(within, needed * (1 - 1e-12)))
    if at == len(within):
        raise _too_few(coverage, "in all")
    return ConformalInterval(coverage=coverage, half_width=float(away[order][at]))


def _refuse_flat(form: ModelForm) -> None:
    if form.link != "softmax":
        return
    if form.groups or (
        form.calibration.kind != "none" and form.calibration.numbers[0] < LEAST_SLOPE
    ):
        raise Invalid(
            "The calibration of these levels cannot be undone, so no set can be given: it differs "
            "by group, or the model told the levels of the tuning rows no better than chance.",
            fix="remove uncertainty.coverage.",
        )


def _too_few(coverage: float, where: str) -> Invalid:
    least = int(np.ceil(round(coverage / (1 - coverage), 9)))
    return Invalid(
        f"A coverage of {coverage:g} needs at least {least} tuning subjects {where}; "
        "there are fewer, so nothing could ever be ruled out.",
        fix="lower uncertainty.coverage, or give the tuning side of evaluation.split more.",
        code="too_few_rows",
    )
