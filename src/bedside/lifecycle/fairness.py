"""Where fairness meets a build: whose level is which, thresholds by group, before and after."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.ports import Predictor
from bedside.core.records.bundle import GroupThreshold
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import EVENT_COLUMNS
from bedside.data.store.snapshot import Snapshot
from bedside.develop.evaluate.alerting import choose_threshold, rounded_down
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.mitigation import Side, before_and_after
from bedside.develop.evaluate.out_of_fold import Bars
from bedside.develop.train.learning import learn
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.fitting import OF_ROWS
from bedside.develop.train.mitigation.groups import Levels, level_columns
from bedside.develop.train.mitigation.thresholds import group_thresholds
from bedside.features.definition import FeatureSet
from bedside.lifecycle.cohort import group_codes, groups_of, subject_indices
from bedside.lifecycle.judging import judged_rows, matrix_of
from bedside.models.form import ModelForm
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.learnt import LearntModel

__all__ = [
    "bars_of_folds",
    "fairness_evidence",
    "fit_depends_on",
    "group_bars",
    "levels_of_rows",
    "levels_of_sides",
    "row_thresholds",
    "unmitigated",
    "without_mitigation",
]

Floats = npt.NDArray[np.float64]


def unmitigated(
    declaration: Declaration,
    feature_set: FeatureSet,
    real: Matrix,
    tuning: Matrix,
    copies: Sequence[Matrix],
) -> bytes:
    """The model of the same learner without the declared mitigation, as JSON.

    Empty where no mitigation is declared, or it changes nothing that is learnt of the rows.
    """
    fairness = declaration.fairness
    if fairness is None or fairness.mitigation not in OF_ROWS:
        return b""
    plain = replace(declaration, fairness=replace(fairness, mitigation="none"))
    return form_to_json(learn(plain, feature_set, real, tuning, copies).form)


def fit_depends_on(told: Mapping[str, Any], events: str) -> dict[str, Any]:
    """What a fit depends on beside its rows and its learner, where fairness is declared.

    Args:
        told: The declaration as JSON.
        events: The digest of the prepared events.
    """
    if told["fairness"] is None:
        return {}
    evaluation = told["evaluation"]
    return {
        "events": events,
        "threshold": evaluation["threshold"],
        "subgroup": evaluation["subgroups"][told["fairness"]["subgroup"]],
    }


def levels_of_sides(
    declaration: Declaration, snapshot: Snapshot, asked: pl.DataFrame
) -> Levels | None:
    """The levels of the training and of the tuning rows; None where no fairness is declared."""
    every = levels_of_rows(declaration, snapshot, asked)
    if every is None:
        return None
    side = asked["side"].to_numpy()
    return Levels(train=every[side == "train"], tuning=every[side == "tuning"])


def levels_of_rows(
    declaration: Declaration, snapshot: Snapshot, asked: pl.DataFrame
) -> npt.NDArray[np.str_] | None:
    """The level of each row in the fairness subgroup, shape (n,); None where none is declared."""
    if declaration.fairness is None:
        return None
    told = pl.col("code").is_in(group_codes(declaration))
    events = pl.concat(list(snapshot.shards(EVENT_COLUMNS, told)))
    return groups_of(declaration, events, asked)[declaration.fairness.subgroup]


def group_bars(
    declaration: Declaration,
    feature_set: FeatureSet,
    asked: pl.DataFrame,
    matrix: Floats,
    predictor: Predictor,
    threshold: float | None,
) -> dict[str, GroupThreshold]:
    """The threshold of each level; empty where no thresholds by group are declared.

    Args:
        declaration: Its fairness.
        feature_set: k features.
        asked: Every row, with its side; shape (n,).
        matrix: Shape (n, k).
        predictor: Runs the model that will answer.
        threshold: The common one; None: nobody is alerted.
    """
    if threshold is None or not _by_group(declaration):
        return {}
    inside = asked["side"].to_numpy() == "tuning"
    tuning = matrix_of(asked.filter(pl.Series(inside)), matrix[inside], feature_set.names)
    risk = predictor.predict(tuning.features)
    return _bars(declaration, feature_set, tuning, risk, threshold)


def bars_of_folds(declaration: Declaration, feature_set: FeatureSet) -> Bars | None:
    """The same within cross-validation; None where no thresholds by group are declared."""
    if not _by_group(declaration):
        return None

    def bars(tuning: Matrix, risk: Floats, threshold: float, judged: Floats) -> float | Floats:
        made = _bars(declaration, feature_set, tuning, risk, threshold)
        return row_thresholds(made, threshold, judged)

    return bars


def _by_group(declaration: Declaration) -> bool:
    fairness = declaration.fairness
    return fairness is not None and fairness.mitigation == "thresholds_by_group"


def _bars(
    declaration: Declaration,
    feature_set: FeatureSet,
    tuning: Matrix,
    risk: Floats,
    threshold: float,
) -> dict[str, GroupThreshold]:
    assert declaration.fairness is not None  # noqa: S101 - asked only where it is declared
    chosen = group_thresholds(
        tuning,
        risk,
        level_columns(declaration, feature_set),
        overall=threshold,
        constraint=declaration.fairness.constraint,
    )
    return {
        one.level: GroupThreshold(column=one.column, value=one.value, threshold=rounded_down(bar))
        for one, bar in chosen
    }


def row_thresholds(
    bars: Mapping[str, GroupThreshold], threshold: float, features: Floats
) -> float | Floats:
    """The threshold of each row of shape (n, k), as `Bundle.threshold_for` gives it; or the one."""
    if not bars:
        return threshold
    made = np.full(len(features), threshold)
    for one in reversed(tuple(bars.values())):
        made[features[:, one.column] == one.value] = one.threshold
    return made


def fairness_evidence(
    declaration: Declaration,
    after: Side,
    groups: Mapping[str, npt.NDArray[np.str_]],
    *,
    bars: Mapping[str, GroupThreshold],
    before: Callable[[], Side],
) -> dict[str, Any]:
    """The part `fairness` of the evidence and, where a mitigation is declared, `mitigation`.

    The latter is as `before_and_after`, and `thresholds` holds the threshold of each level.

    Args:
        declaration: Its evaluation and fairness.
        after: The held-out rows as the released model judges them.
        groups: For each subgroup, the level of each held-out row.
        bars: From `group_bars`.
        before: Makes the same of the model without the mitigation.
    """
    options, seed = declaration.evaluation, declaration.learner.seed
    told: dict[str, Any] = {
        "fairness": fairness_of(after.rows, groups, after.threshold, options, seed)
    }
    fairness = declaration.fairness
    if fairness is not None and fairness.mitigation != "none":
        made = before_and_after(before(), after, groups, fairness, options, seed)
        thresholds = {level: one.threshold for level, one in bars.items()}
        told["mitigation"] = {**made, "thresholds": thresholds}
    return told


def without_mitigation(
    declaration: Declaration,
    asked: pl.DataFrame,
    matrix: Floats,
    *,
    form: ModelForm,
    plain: bytes,
) -> Side:
    """The held-out rows as they would be judged without the declared mitigation.

    Args:
        declaration: How the threshold is chosen.
        asked: Every row, with its side; shape (n,).
        matrix: Shape (n, k).
        form: The released model.
        plain: What `unmitigated` made of the same rows.
    """
    same = form_from_json(plain) if plain else replace(form, groups=())
    model, side = LearntModel(same), asked["side"].to_numpy()
    tuning, held = (asked.filter(pl.col("side") == name) for name in ("tuning", "held_out"))
    threshold = choose_threshold(
        declaration.evaluation.threshold,
        tuning["label"].to_numpy(),
        model.predict(matrix[side == "tuning"]),
        subject_indices(tuning),
    )
    rows = judged_rows(declaration, held, matrix[side == "held_out"], form=same, predictor=model)
    return Side(rows=rows, threshold=threshold)
