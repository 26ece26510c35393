"""From margins to what is predicted, and to the one number that alerts."""

import numpy as np
import numpy.typing as npt

from bedside.core.records.outcome import OutcomeKind
from bedside.models.form import Hazards, ModelForm

__all__ = ["CERTAIN", "incidence", "linked", "logistic", "primary_of"]

Floats = npt.NDArray[np.float64]

CERTAIN = 500.0  # a greater log-hazard says no more, and would overflow


def logistic(margin: Floats) -> Floats:
    """1 / (1 + exp(-margin)), without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(margin / 2)))


def linked(form: ModelForm, margins: Floats) -> Floats:
    """What is predicted; shape (n, outputs).

    Args:
        form: Its link, cutpoints, hazards and horizons.
        margins: Shape (n, m), calibrated.
    """
    if form.link == "identity":
        return margins
    if form.link == "logistic":
        return logistic(margins)
    if form.link == "softmax":
        grown = np.exp(margins - margins.max(axis=1, keepdims=True))
        return np.asarray(grown / grown.sum(axis=1, keepdims=True))
    if form.link == "cumulative_logistic":
        above = logistic(margins - np.asarray(form.cutpoints))
        ends = np.ones((len(margins), 1)), np.zeros((len(margins), 1))
        return np.asarray(-np.diff(np.hstack([ends[0], above, ends[1]]), axis=1))
    assert form.hazards is not None  # noqa: S101 - the reader refuses a form without
    return incidence(form.hazards, margins, np.asarray(form.horizons))


def incidence(hazards: Hazards, margins: Floats, days: Floats) -> Floats:
    """Chance that the first cause has come by each of these days; shape (n, len(days)).

    With one cause, 1 - exp(-H(day) exp(margin)). With several, the cumulative incidence: at each
    step of the baselines, whoever is still free of all causes has one of them with the hazards'
    chance, and the first cause with its share of it.

    Args:
        hazards: Of each cause.
        margins: Shape (n, causes), log-hazards.
        days: Ascending.

    Source: Kalbfleisch & Prentice, The Statistical Analysis of Failure Time Data, 2002, ch. 8.
    """
    at = np.searchsorted(np.asarray(hazards.days), days, side="right")
    cumulative = np.hstack([np.zeros((len(hazards.cumulative), 1)), np.asarray(hazards.cumulative)])
    relative = np.exp(np.minimum(margins, CERTAIN))
    if len(cumulative) == 1:
        return np.asarray(-np.expm1(-relative * cumulative[0][at][None, :]))
    steps = np.diff(cumulative, axis=1)
    ours = relative[:, :1] * steps[0]
    every = relative @ steps
    free = np.exp(-(np.cumsum(every, axis=1) - every))
    share = np.divide(ours, every, out=np.zeros_like(every), where=every > 0)
    grown = np.minimum(np.cumsum(free * -np.expm1(-every) * share, axis=1), 1.0)
    return np.hstack([np.zeros((len(margins), 1)), grown])[:, at]


def primary_of(outcome: OutcomeKind, outputs: Floats) -> Floats:
    """The one number that is compared with the threshold; shape (n,).

    The risk of a binary outcome, the risk by the last horizon, the chance of any but the first
    level, or the predicted value.
    """
    if outcome in ("multiclass", "ordinal"):
        return np.asarray(1.0 - outputs[:, 0])
    return outputs[:, -1]
