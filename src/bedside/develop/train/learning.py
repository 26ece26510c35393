"""From training rows to a fitted model: gaps filled, rows made, trees grown, fills folded in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.clock import days_of
from bedside.core.errors import Invalid, Refused
from bedside.core.records.declaration import Declaration
from bedside.core.records.training import Augmentation
from bedside.develop.train.calibrating.fitting import with_calibration
from bedside.develop.train.folding import folded_part
from bedside.develop.train.imputation import Fills, fit_fills
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.loading import learner_of
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.fitting import fitted, recalibrated
from bedside.develop.train.mitigation.groups import Levels
from bedside.develop.train.resampling import (
    REAL,
    REPEATED,
    SYNTHETIC,
    TrainingRows,
    in_order,
    resampled,
)
from bedside.develop.train.uncertainty import learn_uncertainty
from bedside.features.definition import FeatureSet
from bedside.models.form import ModelForm, Trees
from bedside.models.learnt import LearntModel

__all__ = ["Trained", "copies_of_rows", "learn", "plan_of"]

SAME = 1e-12  # of a margin that is a sum of terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A fitted model for features with gaps, and what its evidence says of its training rows.

    `uncertainty` is what goes into the bundle beside it.
    """

    form: ModelForm
    uncertainty: dict[str, Any]
    told: dict[str, Any]


def learn(
    declaration: Declaration,
    feature_set: FeatureSet,
    real: Matrix,
    tuning: Matrix,
    copies: Sequence[Matrix],
    *,
    levels: Levels | None = None,
) -> Trained:
    """Fit the declared learner.

    Fills are of the real training rows. Calibration sees the real tuning rows, and nothing else
    of this sees them, but for early stopping.

    Args:
        declaration: Its learner, imputation and augmentation.
        feature_set: k features.
        real: Training rows, shape (n, k).
        tuning: Tuning rows.
        copies: One matrix for each declared jitter or time warp, in their order.
        levels: Of the fairness subgroup, where the declaration has one.

    Raises:
        Invalid: a statistic or a resampling cannot be made on these rows, or a class is empty.
    """
    fills = fit_fills(declaration, feature_set.features, real.features)
    whole = real.with_features(fills.filled(real.features), fills.columns)
    train, made = whole, None
    if declaration.augmentation:
        train, made = _augmented(declaration, feature_set, whole, copies, fills)
    shown = tuning.with_features(fills.filled(tuning.features), fills.columns)
    plan = plan_of(declaration, feature_set, fills)
    learner = learner_of(declaration.learner.kind)
    form = fitted(declaration, lambda some: learner.fit(some, shown, plan), train, shown, levels)
    if fills.any:
        form = _folded(form, fills, tuning, shown)
    form = with_calibration(form, tuning, declaration.learner.calibration)
    form = recalibrated(declaration, feature_set, form, tuning)
    uncertainty = learn_uncertainty(
        form,
        real,
        tuning,
        declaration.uncertainty,
        categories=[len(feature.labels) for feature in feature_set.features],
    )
    return Trained(
        form=form,
        uncertainty=uncertainty,
        told={
            "imputation": fills.as_json(),
            "augmentation": made,
        },
    )


def copies_of_rows(
    real: Matrix,
    copies: Sequence[npt.NDArray[np.float64]],
    some: npt.NDArray[np.int64] | None = None,
) -> list[Matrix]:
    """Changed copies of the training rows, with what came true of the rows that they are of.

    Args:
        real: Training rows, shape (n, k).
        copies: From each declared jitter or time warp, shape (c * n, k), one copy after another.
        some: Only the copies of these rows, by their numbers; None: of all.
    """
    rows, width = real.features.shape
    picked = np.arange(rows) if some is None else some
    made = []
    for copy in copies:
        features = copy.reshape(-1, rows, width)[:, picked].reshape(-1, width)
        times = len(copy) // rows
        made.append(
            Matrix(
                features=features,
                label=np.tile(real.label[picked], times),
                names=real.names,
                target=None if real.target is None else np.tile(real.target[picked], times),
            )
        )
    return made


def plan_of(declaration: Declaration, feature_set: FeatureSet, fills: Fills | None = None) -> Plan:
    """What is to be learnt, with what is known of each filled column, or of each feature."""
    told = declaration.learner.monotone
    way = {"increasing": 1, "decreasing": -1}
    columns = [
        Column(
            name=feature.name,
            categories=len(feature.labels),
            monotone=way.get(told.get(feature.name, told.get(feature.signal, "")), 0),
        )
        for feature in feature_set.features
    ]
    told_of = () if fills is None else fills.columns[len(columns) :]
    outcome = declaration.question.outcome
    return Plan(
        options=declaration.learner,
        columns=(*columns, *(Column(name=name) for name in told_of)),
        outcome=outcome,
        horizons=tuple(days_of(one) for one in outcome.horizons),
    )


def _augmented(
    declaration: Declaration,
    feature_set: FeatureSet,
    real: Matrix,
    copies: Sequence[Matrix],
    fills: Fills,
) -> tuple[Matrix, dict[str, Any]]:
    """The filled training rows after every declared step, and what each step did."""
    if real.weight is not None or declaration.question.outcome.kind != "binary":
        raise Invalid(
            "Rows can be made up of a binary outcome without weights only.",
            fix="remove augmentation, or the mitigation that weighs rows.",
            code="augmentation",
        )
    rows = _as_rows(real)
    categorical = np.array(
        [
            *(bool(feature.labels) for feature in feature_set.features),
            *(True for _ in fills.told),
        ]
    )
    series, steps = iter(copies), []
    for entry in declaration.augmentation:
        before = rows
        if entry.resample is not None:
            rows = resampled(rows, entry.resample, categorical)
        else:
            copy = next(series)
            filled = copy.with_features(fills.filled(copy.features), fills.columns)
            rows = rows.followed_by(_as_rows(filled, SYNTHETIC))
        steps.append({**_described(entry), **_difference(before, rows)})
    made = in_order(rows)
    train = Matrix(features=made.features, label=made.label, names=fills.columns)
    return train, {"steps": steps, **_counts(made)}


def _as_rows(matrix: Matrix, origin: int = REAL) -> TrainingRows:
    return TrainingRows(
        features=matrix.features,
        label=matrix.label,
        origin=np.full(len(matrix.label), origin),
    )


def _described(entry: Augmentation) -> dict[str, Any]:
    if entry.jitter is not None:
        return {
            "method": "jitter",
            "seed": entry.jitter.seed,
            "sd": entry.jitter.sd,
            "copies": entry.jitter.copies,
            "signals": list(entry.jitter.signals),
        }
    if entry.time_warp is not None:
        warp = entry.time_warp
        return {"method": "time_warp", "seed": warp.seed, "sd": warp.sd, "copies": warp.copies}
    plan = entry.resample
    assert plan is not None  # noqa: S101 - the reader refuses an entry without any
    return {
        "method": plan.method,
        "seed": plan.seed,
        "ratio": plan.ratio,
        "neighbours": plan.neighbours,
    }


def _counts(rows: TrainingRows) -> dict[str, dict[str, int]]:
    """Rows by where they come from and by label."""
    return {
        word: _by_label(rows, rows.origin == origin)
        for word, origin in (("real", REAL), ("repeated", REPEATED), ("synthetic", SYNTHETIC))
    }


def _by_label(rows: TrainingRows, some: Any) -> dict[str, int]:
    positive = int(rows.label[some].sum())
    return {"positive": positive, "negative": int(some.sum()) - positive}


def _difference(before: TrainingRows, after: TrainingRows) -> dict[str, Any]:
    """How many rows of each origin and label a step added, or (below 0) left out."""
    old, new = _counts(before), _counts(after)
    return {
        "added": {
            word: {label: new[word][label] - old[word][label] for label in new[word]}
            for word in new
            if new[word] != old[word]
        }
    }


def _folded(form: ModelForm, fills: Fills, tuning: Matrix, shown: Matrix) -> ModelForm:
    """The model for features with gaps, checked on every tuning row to be the same.

    To the bit, where it is trees alone; sums of terms may differ in their last digits.
    """
    members = tuple(replace(one, part=folded_part(one.part, fills)) for one in form.members)
    made = replace(form, members=members, width=len(fills.names))
    filled = LearntModel(form).margins(shown.features)
    found = LearntModel(made).margins(tuning.features)
    trees = all(isinstance(one.part, Trees) for one in members)
    allowed = 0.0 if trees else SAME * (1 + np.abs(filled))
    if (np.abs(found - filled) > allowed).any():
        raise Refused(
            "The model with the fills in it differs from the model on filled values.",
            fix="report this as a defect; no version was made.",
            code="parity",
        )
    return made
