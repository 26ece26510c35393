"""Risks out of fold: every subject is judged by a model that never saw them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.folds import folds, sides_of_fold
from bedside.cohorts.question.primary import missing_case, primary_label
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration, Evaluation, Threshold
from bedside.core.records.outcome import Outcome
from bedside.core.records.split import Split
from bedside.develop.evaluate.alerting import choose_threshold
from bedside.develop.train.learning import copies_of_rows, learn
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import Levels
from bedside.features.definition import FeatureSet
from bedside.models.form import ModelForm
from bedside.models.learnt import LearntModel

__all__ = [
    "Bars",
    "Fold",
    "Judged",
    "Learn",
    "Predict",
    "Tune",
    "curve_days_of",
    "labels_of",
    "out_of_fold",
    "subjects_of",
    "target_of",
    "trees",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BINARY = Outcome()
CURVE_POINTS = 100
Predict = Callable[[Floats], Floats]
"""From features, shape (n, k), to calibrated risks, shape (n,)."""

Bars = Callable[[Matrix, Floats, float, Floats], float | Floats]
"""From tuning rows, their risks, the common threshold and the judged features, shape (n, k), to the
thresholds of the judged rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What one model may see: its training and tuning rows, from other folds than it judges.

    `rows` are the numbers of the training rows among the asked rows of known label, ascending;
    `tuning_rows` those of the tuning rows.
    """

    number: int
    train: Matrix
    tuning: Matrix
    rows: Ints
    tuning_rows: Ints


Learn = Callable[[Fold], Predict | LearntModel]
"""Fits one model; of a mere function the risk is all that is known."""

Tune = Callable[[Matrix, Sequence[Floats]], Declaration]
"""From a fold's training rows and their changed copies, to the declaration with its parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """For each row, shape (n,): its fold, its risk by that fold's model, and where this alerts.

    `threshold` is None where none is declared. `outputs` and `curve` are what `Rows` calls so, with
    the same levels, horizons and curve days in every fold; None where the models do not say.
    """

    fold: Ints
    risk: Floats
    threshold: Floats | None
    outputs: Floats | None = None
    curve: Floats | None = None
    curve_days: Floats | None = None
    levels: tuple[str, ...] = ()
    horizons: tuple[float, ...] = ()


def trees(
    declaration: Declaration,
    feature_set: FeatureSet,
    copies: Callable[[Ints], Sequence[Floats]] | None = None,
    levels: npt.NDArray[np.str_] | None = None,
    tune: Tune | None = None,
) -> Learn:
    """The declared learner, with its imputation and augmentation, for one fold after the other.

    Args:
        declaration: What is fitted.
        feature_set: k features.
        copies: From the numbers of the training rows, ascending, one matrix for each declared
            jitter or time warp, of shape (copies * rows, k).
        levels: Of every row, in the fairness subgroup, where the declaration has one.
        tune: Chooses parameters anew in each fold, where tuning is declared.

    Raises:
        Invalid: copies are declared, but nobody can make them.
    """
    changed = any(one.resample is None for one in declaration.augmentation)
    if changed and copies is None:
        raise Invalid(
            "Changed copies of the training subjects are declared, but cannot be made.",
            fix="pass `copies`.",
        )

    def fitted(fold: Fold) -> LearntModel:
        made = copies(fold.rows) if copies is not None and changed else ()
        chosen = declaration if tune is None else tune(fold.train, made)
        own = None
        if levels is not None:
            own = Levels(train=levels[fold.rows], tuning=levels[fold.tuning_rows])
        again = copies_of_rows(fold.train, made)
        form = learn(chosen, feature_set, fold.train, fold.tuning, again, levels=own).form
        return LearntModel(form, threads=declaration.learner.threads)

    return fitted


def out_of_fold(
    asked: pl.DataFrame,
    matrix: Floats,
    learner: Learn,
    *,
    options: Evaluation,
    names: tuple[str, ...],
    outcome: Outcome = BINARY,
    group: pl.DataFrame | None = None,
    bars: Bars | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Judged:
    """Risk and alert threshold of each row, by a model of the folds in which its subject is not.

    The threshold of a fold is chosen on that fold's own tuning subjects, never on those judged;
    `bars` makes those of groups of it.

    Raises:
        Invalid: as `cross_validate`.
    """
    fold = folds(asked, options.folds, options.split, group=group, outcome=outcome)
    whole = Matrix(
        features=matrix,
        label=labels_of(asked),
        names=names,
        target=target_of(asked),
        subject=subjects_of(asked["subject_id"]),
    )
    alerts = options.threshold != Threshold()
    threshold = np.full(asked.height, np.nan)
    made = _Predicted(asked.height)
    for number in range(options.folds):
        sides = _sides(asked, fold, number, options.split, group, outcome)
        rows, tuning_rows, held = (
            np.flatnonzero(sides == side) for side in ("train", "tuning", "held_out")
        )
        train, tuning = _alone(whole, rows), _alone(whole, tuning_rows)
        model = learner(
            Fold(number=number, train=train, tuning=tuning, rows=rows, tuning_rows=tuning_rows)
        )
        judged = matrix[held]
        made.add(held, model, judged)
        if alerts:
            seen, subject = _risk_of(model, tuning.features), subjects_of(pl.Series(tuning.subject))
            ill = primary_label(asked, outcome).to_numpy()[tuning_rows].astype(np.int64)
            common = choose_threshold(options.threshold, ill, seen, subject)
            threshold[held] = common if bars is None else bars(tuning, seen, common, judged)
        advance(1)
    return made.judged(fold, threshold if alerts else None)


class _Predicted:
    """What the models of all folds say of `n` rows."""

    def __init__(self, n: int) -> None:
        self.risk = np.full(n, np.nan)
        self.parts: dict[str, Any] = {}

    def add(self, held: Ints, model: Predict | LearntModel, features: Floats) -> None:
        """The rows of one fold."""
        self.risk[held] = _risk_of(model, features)
        if not isinstance(model, LearntModel):
            return
        form = model.form
        self.parts |= {"levels": form.levels, "horizons": form.horizons}
        self._keep("outputs", held, model.outputs(features))
        days = curve_days_of(form)
        if days is not None:
            self.parts["curve_days"] = days
            self._keep("curve", held, model.curve(features, days))

    def _keep(self, name: str, held: Ints, values: Floats) -> None:
        made = self.parts.setdefault(name, np.full((len(self.risk), values.shape[1]), np.nan))
        made[held] = values

    def judged(self, fold: pl.Series, threshold: Floats | None) -> Judged:
        """All of them."""
        return Judged(
            fold=fold.to_numpy().astype(np.int64),
            risk=self.risk,
            threshold=threshold,
            **self.parts,
        )


def _alone(whole: Matrix, rows: Ints) -> Matrix:
    """These rows, with their subjects counted anew from 0."""
    some = whole.taken(rows)
    return replace(some, subject=subjects_of(pl.Series(some.subject)))


def _risk_of(model: Predict | LearntModel, features: Floats) -> Floats:
    return model.predict(features) if isinstance(model, LearntModel) else model(features)


def _sides(
    asked: pl.DataFrame,
    fold: pl.Series,
    number: int,
    split: Split,
    group: pl.DataFrame | None,
    outcome: Outcome,
) -> npt.NDArray[Any]:
    """The side of each row in one fold; each side has the cases that it needs."""
    sides = sides_of_fold(asked, fold, number, split, group=group)
    label = primary_label(asked, outcome)
    for side in ("train", "tuning"):
        word = missing_case(label.filter((sides == side).fill_null(False)), outcome)
        if word is not None:
            raise Invalid(
                f"In fold {number + 1}, the {side} subjects have no {word} case.",
                fix="ask for fewer folds, or bring more subjects.",
                code="empty_class",
            )
    return sides.to_numpy()


def curve_days_of(form: ModelForm) -> Floats | None:
    """The days at which a survival model's curve is judged, up to its last horizon; else None."""
    if form.hazards is None:
        return None
    return np.linspace(0, form.horizons[-1], CURVE_POINTS + 1)[1:]


def labels_of(asked: pl.DataFrame) -> Ints:
    """The label of each row, all of which are known."""
    return asked["label"].to_numpy().astype(np.int64)


def target_of(asked: pl.DataFrame) -> Floats | None:
    """The target of each row, NaN where it has none; None without such a column."""
    if "target" not in asked.columns:
        return None
    return asked["target"].cast(pl.Float64).fill_null(np.nan).to_numpy()


def subjects_of(subject: pl.Series) -> Ints:
    """The subject of each row, counted from 0 in row order."""
    return subject.rle_id().cast(pl.Int64).to_numpy()
