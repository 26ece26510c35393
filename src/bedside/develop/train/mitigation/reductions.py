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
from bedside.models.links import logistic

__all__ = ["reduced", "threshold_margin"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
GAMES = 2
ROUNDS = 8  # of a game; each fits the learner a few times on half of the subjects
ALLOWED = 0.01  # difference of a group from all that the game is content with
LEAST_SHARE = 0.02  # of a model in the lottery, below which it is left out
EDGE = 1e-3  # how near to 0 or 1 the operating point may lie


def reduced(
    fit: Callable[[Matrix], ModelForm],
    train: Matrix,
    tuning: Matrix,
    levels: npt.NDArray[np.str_],
    *,
    constraint: Constraint,
    chosen: Threshold,
) -> ModelForm:
    """One model, not calibrated, of the models that the game ends with.

    In the game a missed case costs (1 - t) / t false alarms, so that the groups are made alike
    where the model will alert, and not at a risk of one half; t is the learner's own risk, on the
    scale of the training rows, at which the threshold of the model without mitigation lies. The
    game is played again with the t at which the threshold of its model lies. A model that treats
    everyone alike would only add a constant to the margins, which calibration takes away again.

    Args:
        fit: The declared learner, on rows with weights.
        train: Training rows, shape (n, k), each of which counts once.
        tuning: Rows that the learner did not see, on which the threshold is chosen.
        levels: Shape (n,), of the training rows.
        constraint: What is to be equal.
        chosen: How the threshold is chosen.

    Raises:
        Invalid: no model is left but such as treat everyone alike (code `reductions`).
    """
    odds, form = 0.0, fit(train)
    for _ in range(GAMES):
        odds += threshold_margin(form, tuning, chosen)
        form = _averaged(_played(fit, train, levels, constraint, float(logistic(np.array(odds)))))
    return form


def threshold_margin(form: ModelForm, tuning: Matrix, chosen: Threshold) -> float:
    """The margin from which a model that is not calibrated would alert; 0 where it says nothing.

    Args:
        form: Not calibrated.
        tuning: Rows that the learner did not see.
        chosen: How the threshold is chosen, on the calibrated risks of these rows.
    """
    margin = LearntModel(form).margins(tuning.features)[:, 0]
    slope, intercept = platt(margin, tuning.label)
    threshold = _threshold(logistic(slope * margin + intercept), tuning, chosen)
    if slope <= 0 or not 0 < threshold < 1:
        return 0.0
    return (float(np.log(threshold / (1 - threshold))) - intercept) / slope


def _threshold(risk: Floats, tuning: Matrix, chosen: Threshold) -> float:
    if chosen.value is not None:
        return chosen.value
    if chosen.sensitivity is not None:
        return threshold_for_sensitivity(tuning.label, risk, sensitivity=chosen.sensitivity)
    if chosen.maximise == "normalised_utility" and tuning.subject is not None:
        return best_threshold(tuning.label, risk, tuning.subject)
    return threshold_for_min_sensitivity_ppv(tuning.label, risk)


def _played(
    fit: Callable[[Matrix], ModelForm],
    train: Matrix,
    levels: npt.NDArray[np.str_],
    constraint: Constraint,
    point: float,
) -> list[tuple[float, ModelForm]]:
    """The models that the game ends with, each with its share."""
    from fairlearn import reductions  # noqa: PLC0415  (slow to import)

    kinds = {
        "equal_opportunity": reductions.TruePositiveRateParity,
        "equalized_odds": reductions.EqualizedOdds,
        "demographic_parity": reductions.DemographicParity,
    }
    price = min(max(point, EDGE), 1 - EDGE)
    game = reductions.ExponentiatedGradient(
        _Fitted(fit, train),
        kinds[constraint](difference_bound=ALLOWED),
        objective=reductions.ErrorRate(costs={"fp": price, "fn": 1 - price}),
        max_iter=ROUNDS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about fairlearn's own tables
        game.fit(np.arange(len(levels)).reshape(-1, 1), train.label, sensitive_features=levels)
    shares = [
        (float(game.weights_[at]), made)
        for at, made in game.predictors_.items()
        if isinstance(made, _Fitted)
    ]
    kept = [(share, made.whole()) for share, made in shares if share >= LEAST_SHARE]
    if not kept:
        raise Invalid(
            "The reductions end with models that alert everybody or nobody.",
            fix="use another mitigation, or a threshold that alerts some.",
            code="reductions",
        )
    return kept


@dataclass
class _Fitted:
    """The learner as fairlearn asks for it: it is shown the numbers of rows.

    Whether a row alerts is said by a model of the other half of the subjects, so that the game is
    not played on what the learner knows by heart.
    """

    learner: Callable[[Matrix], ModelForm]
    train: Matrix
    changed: Matrix | None = None
    alerts: Ints | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Fitted":
        return _Fitted(self.learner, self.train)

    def fit(self, numbers: Any, label: Any, sample_weight: Any) -> "_Fitted":
        """Learn from changed labels and weights."""
        weight = np.asarray(sample_weight, dtype=np.float64)
        rows = replace(self.train, label=np.asarray(label, dtype=np.int64), weight=weight)
        half = _whose(rows) % 2
        self.alerts = np.zeros(len(weight), dtype=np.int64)
        for at in (0, 1):
            judged = half == at
            self.alerts[judged] = self._alerts(rows.taken(~judged), rows.features[judged])
        self.changed = rows
        return self

    def predict(self, numbers: Any) -> Ints:
        """Whether each of these rows alerts."""
        assert self.alerts is not None  # noqa: S101 - fairlearn asks after it has fitted
        some: Ints = self.alerts[np.asarray(numbers, dtype=np.int64)[:, 0]]
        return some

    def whole(self) -> ModelForm:
        """The model of all rows, as they were changed."""
        assert self.changed is not None  # noqa: S101 - as above
        return self.learner(self.changed)

    def _alerts(self, rows: Matrix, judged: Floats) -> Ints | int:
        if len(np.unique(rows.label)) < 2:
            return int(rows.label[0]) if len(rows.label) else 0
        margin = LearntModel(self.learner(rows)).margins(judged)[:, 0]
        return (margin > 0).astype(np.int64)


def _whose(rows: Matrix) -> Ints:
    return np.arange(len(rows.label)) if rows.subject is None else rows.subject


def _averaged(kept: list[tuple[float, ModelForm]]) -> ModelForm:
    """One form whose margin is the mean of the margins, by share."""
    total = sum(share for share, _ in kept)
    members = tuple(
        Member(part=member.part, weight=member.weight * share / total)
        for share, form in kept
        for member in form.members
    )
    return replace(kept[0][1], members=members)
