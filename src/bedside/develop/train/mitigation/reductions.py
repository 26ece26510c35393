"""The learner refitted under changing weights until groups are treated alike, as one model.

fairlearn's exponentiated gradient plays a game: one side fits the declared learner to rows whose
weights and labels the other side changes where the constraint is broken. Its outcome is a lottery
over the fitted models, and a lottery is not fit for the bedside: here the margins of the models
are averaged with the lottery's shares, and calibrated again. This is an approximation of the
lottery, for which its guarantee is not proven: what was reached is what the evidence measures.

Source: Agarwal et al., ICML 2018;PMLR 80:60-69.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Threshold
from bedside.develop.train.calibrating.platt import platt
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.thresholds import Constraint
from bedside.metrics.threshold import threshold_for_min_sensitivity_ppv, threshold_for_sensitivity
from bedside.metrics.utility import best_threshold
from bedside.models.form import Member, ModelForm
from bedside.models.learnt import LearntModel

__all__ = ["operating_point", "reduced"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
ROUNDS = 8  # of the game; each fits the learner a few times
ALLOWED = 0.01  # difference of a group from all that the game is content with
LEAST_SHARE = 0.02  # of a model in the lottery, below which it is left out
EDGE = 1e-3  # how near to 0 or 1 the operating point may lie


def operating_point(form: ModelForm, tuning: Matrix, chosen: Threshold) -> float:
    """The risk from which the model without mitigation alerts, on the tuning rows.

    Args:
        form: Not calibrated.
        tuning: Rows that the learner did not see, with the features of the form.
        chosen: How the threshold is chosen.
    """
    if chosen.value is not None:
        return chosen.value
    margin = LearntModel(form).margins(tuning.features)[:, 0]
    slope, intercept = platt(margin, tuning.label)
    risk = 0.5 * (1 + np.tanh((slope * margin + intercept) / 2))
    if chosen.sensitivity is not None:
        return threshold_for_sensitivity(tuning.label, risk, sensitivity=chosen.sensitivity)
    if chosen.maximise == "normalised_utility" and tuning.subject is not None:
        return best_threshold(tuning.label, risk, tuning.subject)
    return threshold_for_min_sensitivity_ppv(tuning.label, risk)


def reduced(
    fit: Callable[[Matrix], ModelForm],
    train: Matrix,
    levels: npt.NDArray[np.str_],
    *,
    constraint: Constraint,
    threshold: float,
) -> ModelForm:
    """One model, not calibrated, of the models that the game ends with.

    A missed case costs (1 - threshold) / threshold false alarms, so that the models are made equal
    where they will alert, and not at a risk of one half. A model of the lottery that treats
    everyone alike would only add a constant to the margins, which calibration takes away again.

    Args:
        fit: The declared learner, on rows with weights.
        train: Training rows, shape (n, k), each of which counts once.
        levels: Shape (n,).
        constraint: What is to be equal.
        threshold: The risk from which the model is to alert.

    Raises:
        Invalid: no model is left but such as treat everyone alike (code `reductions`).
    """
    from fairlearn import reductions  # noqa: PLC0415  (slow to import)

    kinds = {
        "equal_opportunity": reductions.TruePositiveRateParity,
        "equalized_odds": reductions.EqualizedOdds,
        "demographic_parity": reductions.DemographicParity,
    }
    point = min(max(threshold, EDGE), 1 - EDGE)
    game = reductions.ExponentiatedGradient(
        _Fitted(fit, train),
        kinds[constraint](difference_bound=ALLOWED),
        objective=reductions.ErrorRate(costs={"fp": point, "fn": 1 - point}),
        max_iter=ROUNDS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about fairlearn's own tables
        game.fit(np.arange(len(levels)).reshape(-1, 1), train.label, sensitive_features=levels)
    shares = [
        (float(game.weights_[at]), made.form)
        for at, made in game.predictors_.items()
        if isinstance(made, _Fitted) and made.form is not None
    ]
    kept = [(share, form) for share, form in shares if share >= LEAST_SHARE]
    if not kept:
        raise Invalid(
            "The reductions end with models that alert everybody or nobody.",
            fix="use another mitigation, or a threshold that alerts some.",
            code="reductions",
        )
    return _averaged(kept)


@dataclass
class _Fitted:
    """The learner as fairlearn asks for it: it is shown the numbers of rows."""

    learner: Callable[[Matrix], ModelForm]
    train: Matrix
    form: ModelForm | None = None
    alerts: Ints | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Fitted":
        return _Fitted(self.learner, self.train)

    def fit(self, numbers: Any, label: Any, sample_weight: Any) -> "_Fitted":
        """Fit to changed labels and weights."""
        weight = np.asarray(sample_weight, dtype=np.float64)
        rows = replace(self.train, label=np.asarray(label, dtype=np.int64), weight=weight)
        self.form = self.learner(rows)
        margin = LearntModel(self.form).margins(self.train.features)[:, 0]
        self.alerts = (margin > 0).astype(np.int64)
        return self

    def predict(self, numbers: Any) -> Ints:
        """Whether each of these rows alerts."""
        assert self.alerts is not None  # noqa: S101 - fairlearn asks after it has fitted
        some: Ints = self.alerts[np.asarray(numbers, dtype=np.int64)[:, 0]]
        return some


def _averaged(kept: list[tuple[float, ModelForm]]) -> ModelForm:
    """One form whose margin is the mean of the margins, by share."""
    total = sum(share for share, _ in kept)
    members = tuple(
        Member(part=member.part, weight=member.weight * share / total)
        for share, form in kept
        for member in form.members
    )
    return replace(kept[0][1], members=members)
