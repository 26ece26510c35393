"""The baseline hazard beside the margins of a survival model."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bedside.develop.train.learners.risk_sets import censored_but, followed, risk_sets
from bedside.develop.train.matrix import Matrix
from bedside.models.form import Hazards, ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["POINTS", "breslow", "hazards_of", "with_baseline"]

Floats = npt.NDArray[np.float64]

POINTS = 500  # days at which a model keeps its baseline hazards


def with_baseline(form: ModelForm, train: Matrix) -> ModelForm:
    """The same model with the baseline hazards that these rows have under its margins.

    Of an affine calibration, the calibrated margins count. For an ensemble, whose margins are
    means, and for patients of another place, whose hazard is another.

    Args:
        form: Of a survival outcome, with or without hazards.
        train: Rows as `form` takes them, with their days.

    Raises:
        Invalid: a cause has no event in these rows, or a row no days.
    """
    margins = LearntModel(form).margins(train.features)
    if form.calibration.kind == "affine":
        numbers = np.asarray(form.calibration.numbers)
        margins = numbers[0] * margins + numbers[1:]
    return replace(form, hazards=hazards_of(train, margins, form.horizons))


def hazards_of(train: Matrix, margins: Floats, horizons: Sequence[float]) -> Hazards:
    """Breslow's cumulative baseline hazard of each cause, at no more than 500 days.

    Where there are more event days, kept are: for each horizon, the last event day up to it; the
    last of all; and, between them, the days at which the hazards, each divided by its greatest
    value, together pass equal steps. Values at kept days are exact, so the hazard at a horizon is
    exact; elsewhere a day has the value of the last kept day before it.

    Args:
        train: n rows.
        margins: Shape (n, causes), log-hazards of cause 1, or of causes 1 and 2.
        horizons: In days.

    Raises:
        Invalid: a cause has no event, or a row no days.
    """
    told = [
        breslow(followed(train), censored_but(train, cause), margins[:, cause - 1], train.weight)
        for cause in range(1, margins.shape[1] + 1)
    ]
    days = np.unique(np.concatenate([day for day, _ in told]))
    every = np.stack(
        [
            np.concatenate([[0.0], hazard])[np.searchsorted(day, days, side="right")]
            for day, hazard in told
        ]
    )
    kept = _kept(days, every, np.asarray(horizons, np.float64))
    return Hazards(
        days=tuple(days[kept].tolist()),
        cumulative=tuple(tuple(one.tolist()) for one in every[:, kept]),
    )


def breslow(
    days: Floats, event: npt.NDArray[np.bool_], margin: Floats, weight: Floats | None = None
) -> tuple[Floats, Floats]:
    """The days with an event, and the cumulative baseline hazard on each; both of shape (g,).

    On each event day it grows by the weight of the day's events over the summed weight times
    exp(margin) of whoever is at risk.

    Source: Breslow, discussion of Cox, J R Stat Soc B 1972;34:216-217.
    """
    sets = risk_sets(days, event, weight, ties="breslow")
    sorted_margin = margin[sets.order]
    greatest = sorted_margin.max()
    relative = sets.weight * np.exp(sorted_margin - greatest)
    growth = sets.of_events(sets.weight) / sets.at_risk(relative) * np.exp(-greatest)
    return sets.day, np.cumsum(growth)


def _kept(days: Floats, every: Floats, horizons: Floats) -> npt.NDArray[np.int64]:
    if len(days) <= POINTS:
        return np.arange(len(days))
    at_horizons = np.searchsorted(days, horizons, side="right") - 1
    fixed = np.unique([*at_horizons[at_horizons >= 0], len(days) - 1])
    share = (every / every[:, -1:]).mean(axis=0)
    steps = np.linspace(0, 1, max(POINTS - len(fixed), 0) + 1)[1:]
    passed = np.searchsorted(share, steps - 1e-12, side="left").clip(max=len(days) - 1)
    return np.unique(np.concatenate([fixed, passed]))
