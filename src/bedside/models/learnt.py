"""Runs a form: margins, predictions, survival curves, and what each feature gave."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.models.additive import Scorer, scorer_of
from bedside.models.calibration import calibrated
from bedside.models.form import Additive, ModelForm, Trees
from bedside.models.links import incidence, primary_of
from bedside.models.tree_shap import tree_shap

__all__ = ["LearntModel"]

Floats = npt.NDArray[np.float64]
Explainer = Callable[[Floats], Floats]
"""From rows of shape (n, k) to contributions of shape (n, m, k + 1)."""


class LearntModel:
    """A form that predicts and explains; safe to call from several threads.

    Args:
        form: The model as data.
        threads: For one call on trees.
    """

    def __init__(self, form: ModelForm, *, threads: int = 1) -> None:
        self.form = form
        self._threads = threads
        self._boosters: list[Callable[..., object] | None] = [None] * len(form.members)
        self._explainers: list[Explainer | None] = [None] * len(form.members)
        self._scorers: list[list[Scorer]] = [
            [scorer_of(term) for term in member.part.terms]
            if isinstance(member.part, Additive)
            else []
            for member in form.members
        ]

    def margins(self, matrix: Floats) -> Floats:
        """Before calibration; shape (n, m) of rows of shape (n, k)."""
        return np.asarray(
            sum(
                member.weight * self._margins(at, matrix)
                for at, member in enumerate(self.form.members)
            )
        )

    def outputs(self, matrix: Floats) -> Floats:
        """What is predicted, calibrated; shape (n, outputs)."""
        return calibrated(self.form, self.margins(matrix), matrix)

    def predict(self, matrix: Floats) -> Floats:
        """The one number of each row that is compared with the threshold; shape (n,)."""
        return primary_of(self.form.outcome, self.outputs(matrix))

    def curve(self, matrix: Floats, days: Floats) -> Floats:
        """Risk of the event by each of these ascending days; shape (n, len(days)).

        Raises:
            Invalid: the model is none of survival.
        """
        if self.form.hazards is None:
            raise Invalid("This model has no survival curve.", fix="declare outcome: survival.")
        margins = self.margins(matrix)
        if self.form.calibration.kind == "affine":
            numbers = np.asarray(self.form.calibration.numbers)
            margins = numbers[0] * margins + numbers[1:]
        return incidence(self.form.hazards, margins, days)

    def contributions(self, matrix: Floats) -> Floats:
        """What each feature gave to the margin, before calibration; shape (n, k + 1).

        The last column is the expected margin. Of several margins: that of the first cause, or,
        for levels, the mean of all margins but the first, less the first.
        """
        only = self.form.members[0]
        if len(self.form.members) == 1 and only.weight == 1.0 and isinstance(only.part, Trees):
            every = self._explainer(0, only.part)(matrix)
        else:
            every = self._contributions(matrix)
        if self.form.link != "softmax":
            return every[:, 0]
        return np.asarray(every[:, 1:].mean(axis=1) - every[:, 0])

    def margin(self, matrix: Floats) -> Floats:
        """What the contributions of each row add up to, but for the last digits; shape (n,)."""
        every = self.margins(matrix)
        if self.form.link != "softmax":
            return every[:, 0]
        return np.asarray(every[:, 1:].mean(axis=1) - every[:, 0])

    def _margins(self, at: int, matrix: Floats) -> Floats:
        part = self.form.members[at].part
        if isinstance(part, Trees):
            booster = self._booster(at, part)
            made = np.asarray(booster(matrix, raw_score=True, num_threads=self._threads))
            return made.reshape(len(matrix), part.outputs)
        total = np.tile(np.asarray(part.intercept), (len(matrix), 1))
        for scorer in self._scorers[at]:
            total += scorer(matrix)
        return total

    def _contributions(self, matrix: Floats) -> Floats:
        """Shape (n, m, k + 1)."""
        width = self.form.width + 1
        total = np.zeros((len(matrix), self.form.members[0].part.outputs, width))
        for at, (member, scorers) in enumerate(zip(self.form.members, self._scorers, strict=True)):
            if isinstance(member.part, Trees):
                total += member.weight * self._explainer(at, member.part)(matrix)
            else:
                total += member.weight * _shares(member.part, scorers, matrix, width)
        return total

    def _explainer(self, at: int, part: Trees) -> Explainer:
        """Read when the first reason is asked for: most models only predict."""
        made = self._explainers[at]
        if made is None:
            own = tree_shap(part.text, outputs=part.outputs, width=self.form.width)
            made = own or partial(self._by_lightgbm, at, part)
            self._explainers[at] = made
        return made

    def _by_lightgbm(self, at: int, part: Trees, matrix: Floats) -> Floats:
        """The same, of trees in a form that is not known here."""
        made = np.asarray(self._booster(at, part)(matrix, pred_contrib=True, num_threads=1))
        return made.reshape(len(matrix), part.outputs, -1)

    def _booster(self, at: int, part: Trees) -> Callable[..., object]:
        """Read when it is first asked: who serves has ONNX Runtime, and only explains here."""
        made = self._boosters[at]
        if made is None:
            made = self._boosters[at] = _booster(part)
        return made


def _shares(part: Additive, scorers: Sequence[Scorer], matrix: Floats, width: int) -> Floats:
    """Each term less its mean goes to its feature, half to each of two."""
    made = np.zeros((len(matrix), part.outputs, width))
    made[:, :, -1] = np.asarray(part.intercept)
    for number, (term, scorer) in enumerate(zip(part.terms, scorers, strict=True)):
        mean = np.asarray(part.expected[number]) if part.expected else np.zeros(part.outputs)
        share = (scorer(matrix) - mean) / len(term.features)
        for feature in term.features:
            made[:, :, feature] += share
        made[:, :, -1] += mean
    return made


def _booster(part: Trees) -> Callable[..., object]:
    import lightgbm  # noqa: PLC0415  (slow to import)

    predict: Callable[..., object] = lightgbm.Booster(model_str=part.text).predict
    return predict
