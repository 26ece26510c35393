"""Where fairness meets a build: whose level is which, thresholds by group, before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.bundle import GroupThreshold
from bedside.core.records.declaration import Declaration
from bedside.develop.evaluate.alerting import rounded_down
from bedside.develop.train.matrix import Matrix
from bedside.develop.train.mitigation.groups import Levels, level_columns
from bedside.develop.train.mitigation.thresholds import group_thresholds
from bedside.features.definition import FeatureSet
from bedside.lifecycle.cohort import groups_of

__all__ = [
    "fit_depends_on",
    "group_bars",
    "is_mitigated",
    "levels_of_rows",
    "levels_of_sides",
    "row_thresholds",
    "unmitigated",
]

Floats = npt.NDArray[np.float64]


def is_mitigated(declaration: Declaration) -> bool:
    """Whether a means against unequal errors is declared."""
    return declaration.fairness is not None and declaration.fairness.mitigation != "none"


def unmitigated(declaration: Declaration) -> Declaration:
    """The same declaration without the means, so that the two can be compared."""
    if declaration.fairness is None:
        return declaration
    return replace(declaration, fairness=replace(declaration.fairness, mitigation="none"))


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


def levels_of_rows(
    declaration: Declaration, events: pl.DataFrame, asked: pl.DataFrame
) -> npt.NDArray[np.str_] | None:
    """The level of each asked row in the declared fairness subgroup; None where none is declared.

    Args:
        declaration: Its fairness and subgroups.
        events: Those that say to which subgroup a subject belongs.
        asked: n rows.
    """
    if declaration.fairness is None:
        return None
    return groups_of(declaration, events, asked)[declaration.fairness.subgroup]


def levels_of_sides(
    declaration: Declaration, events: pl.DataFrame, asked: pl.DataFrame
) -> Levels | None:
    """The levels of the training and of the tuning rows; None where no fairness is declared."""
    every = levels_of_rows(declaration, events, asked)
    if every is None:
        return None
    side = asked["side"].to_numpy()
    return Levels(train=every[side == "train"], tuning=every[side == "tuning"])


def group_bars(
    declaration: Declaration,
    feature_set: FeatureSet,
    tuning: Matrix,
    risk: Floats,
    threshold: float,
) -> list[dict[str, Any]]:
    """The thresholds by group, as `evidence["threshold"]["groups"]` holds them; none undeclared.

    Args:
        declaration: Its fairness.
        feature_set: k features.
        tuning: Tuning rows, shape (n, k).
        risk: Shape (n,), of the model that will answer.
        threshold: The common one.
    """
    fairness = declaration.fairness
    if fairness is None or fairness.mitigation != "thresholds_by_group":
        return []
    chosen = group_thresholds(
        tuning,
        risk,
        level_columns(declaration, feature_set),
        overall=threshold,
        constraint=fairness.constraint,
    )
    return [
        asdict(
            GroupThreshold(
                column=level.column, value=level.value, threshold=rounded_down(threshold)
            )
        )
        for level, threshold in chosen
    ]


def row_thresholds(
    groups: Sequence[Mapping[str, Any]], threshold: float, features: Floats
) -> float | Floats:
    """The threshold of each row of shape (n, k), as `Bundle.threshold_for` gives it; or the one."""
    if not groups:
        return threshold
    bars = np.full(len(features), threshold)
    for group in reversed(groups):
        bars[features[:, group["column"]] == group["value"]] = group["threshold"]
    return bars
