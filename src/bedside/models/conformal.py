"""Conformal prediction: the labels that cannot be ruled out, or the interval around a number."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.models.form import ModelForm
from bedside.models.links import linked

__all__ = ["ConformalInterval", "ConformalSets", "edges_of", "likely", "margins_before"]
__all__ += ["strangeness"]

Floats = npt.NDArray[np.float64]
TIED = 1e-6  # what is stranger than the limit by no more than this is not ruled out


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformalSets:
    """A label is ruled out where it would be stranger than its limit; one limit for each label."""

    coverage: float
    limits: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformalInterval:
    """The truth lies within `half_width` of the predicted number."""

    coverage: float
    half_width: float


def edges_of(sets: ConformalSets) -> Floats:
    """How strange each label may just be that is not ruled out; shape (labels,)."""
    limits = np.asarray(sets.limits)
    return np.asarray(limits + TIED * (1 + np.abs(limits)))


def strangeness(form: ModelForm, margins: Floats) -> Floats:
    """How strange each label would be for each row (nonconformity); shape (n, labels).

    It is of the margins before calibration: for yes or no the margin that speaks against the
    label, for levels the chance that the model gives to the others.

    Args:
        form: Its link and cutpoints.
        margins: Shape (n, m), before calibration.
    """
    if form.outcome == "binary":
        return np.hstack([margins, -margins])
    return 1.0 - linked(form, margins)


def margins_before(form: ModelForm, outputs: Floats, margin: Floats) -> Floats:
    """The margins before calibration, for `strangeness`; shape (n, m).

    Several margins are found from what was predicted, as the calibration of levels can be undone;
    a number that all of them share plays no part.

    Args:
        form: Its link and calibration.
        outputs: Shape (n, levels), as predicted.
        margin: Shape (n,), of a form that has only one.
    """
    if form.link != "softmax":
        return margin[:, None]
    told = np.log(np.maximum(outputs, np.finfo(float).tiny))
    if form.calibration.kind == "none":
        return told
    numbers = np.asarray(form.calibration.numbers)
    return np.asarray((told - numbers[1:]) / numbers[0])


def likely(sets: ConformalSets, strange: Floats) -> npt.NDArray[np.bool_]:
    """The labels that cannot be ruled out; shape (n, labels), at least one in each row.

    Where every label would be ruled out, none is: a row between those usual for each label is no
    ground to rule out any. That only adds labels, so the coverage holds.

    >>> sets = ConformalSets(coverage=0.9, limits=(1.0, 1.0))
    >>> likely(sets, np.array([[0.5, -0.5], [2.0, -2.0], [1.5, 1.5]])).tolist()
    [[True, True], [False, True], [True, True]]

    Source: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World, 2005, section 4.5.
    """
    kept = strange <= edges_of(sets)
    return np.asarray(kept | ~kept.any(axis=1, keepdims=True))
