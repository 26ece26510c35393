"""What a bundle keeps of the patients its model learnt from, to set others beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.develop.evaluate.case_mix import Group, describe_group, linear_predictor
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.external import came_true
from bedside.develop.evaluate.statistics import Rows
from bedside.features.definition import FeatureSet
from bedside.lifecycle.cohort import subject_indices

__all__ = ["training_group"]


def training_group(
    feature_set: FeatureSet,
    asked: pl.DataFrame,
    matrix: npt.NDArray[np.float64],
    held_out: Rows,
    importance: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The part `case_mix` of the evidence: moments over more than ten subjects, no value of one.

    Args:
        feature_set: k features.
        asked: Every row, with its side.
        matrix: Shape (n, k).
        held_out: The predictions for the held-out rows.
        importance: The most important features, as the evidence lists them.
    """
    train = (asked["side"] == "train").to_numpy()
    rows = asked.filter(pl.Series(train))
    label = rows["label"].to_numpy()
    trained = Rows(
        risk=np.zeros(len(label)),
        label=label.astype(np.int64),
        subject=subject_indices(rows),
        days=np.zeros(len(label)),
        outcome=held_out.outcome,
    )
    group = Group(
        matrix=matrix[train],
        subject=trained.subject,
        came=came_true(trained),
        predictor=linear_predictor(held_out.outcome, held_out.risk),
    )
    told = describe_group(
        group,
        feature_set.names,
        [len(feature.labels) for feature in feature_set.features],
        [str(one["feature"]) for one in importance],
    )
    described: dict[str, Any] = rounded(told)
    return described
