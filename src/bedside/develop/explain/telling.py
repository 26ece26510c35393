"""The explanations of a build: importance, shapes, losses, stability and counter-checks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Declaration
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.explain.checks import counter_checks
from bedside.develop.explain.explained import Explained
from bedside.develop.explain.importance import feature_importance, signal_importance
from bedside.develop.explain.permutation import permutation_losses
from bedside.develop.explain.shapes import shape_of
from bedside.develop.explain.stability import reason_stability
from bedside.develop.train.matrix import Matrix
from bedside.metrics.bootstrap import replicate_counts

__all__ = ["EXPLAINED", "Subjects", "explanations_of", "importance_of"]

Floats = npt.NDArray[np.float64]
EXPLAINED = 2000
"""Over so many held-out rows at most, evenly spread, contributions are averaged."""

DRAWN = 10  # signals whose shape is told and whose loss is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """The rows that a model was learnt from, and held-out ones to explain.

    `judged` are the predictions for rows of held-out features, beside what came true.
    """

    train: Matrix
    tuning: Matrix
    held_out: Matrix
    judged: Callable[[Floats], Rows]


def importance_of(explained: Explained, *, replicates: int, seed: int) -> list[dict[str, Any]]:
    """Each feature's share of the reasons with its interval; see `feature_importance`."""
    return feature_importance(explained, replicate_counts(explained.subjects, replicates, seed))


def explanations_of(
    declaration: Declaration,
    explained: Explained,
    rows: Subjects,
    *,
    replicates: int,
    learnt_here: bool = True,
) -> dict[str, Any]:
    """The part `explanations` of the evidence.

    Args:
        declaration: With the chosen parameters.
        explained: The held-out rows by the very model of the version.
        rows: The same held-out rows, and those to refit on.
        replicates: Resamples for intervals.
        learnt_here: Whether the declared learner made the model, and can be refitted.

    Returns:
        `by_signal`: see `signal_importance`; the leading ones with their `loss`, as
        `permutation_losses` gives it. `shapes`: of the strongest feature of each of these.
        `stability`: see `reason_stability`. `checks`: see `counter_checks`.
    """
    seed = declaration.learner.seed
    counts = replicate_counts(explained.subjects, replicates, seed)
    names = explained.feature_set.names
    by_signal = signal_importance(explained, counts)
    leading = [one for one in by_signal[:DRAWN] if one["share"] > 0]
    columns = [np.array([names.index(name) for name in one["features"]]) for one in leading]
    losses = permutation_losses(explained.values, columns, rows.judged, seed=seed)
    for one, loss in zip(leading, losses, strict=True):
        if loss is not None:
            one["loss"] = loss
    why = "the model uses no feature" if learnt_here else "the model was not learnt here"
    told: dict[str, Any] = {
        "by_signal": by_signal,
        "shapes": [shape_of(explained, int(one[0]), counts) for one in columns],
        "stability": {"why": why},
        "checks": {"why": why},
    }
    if leading and learnt_here:
        told["stability"] = reason_stability(
            declaration, explained.feature_set, rows.train, rows.tuning, explained.values
        )
        told["checks"] = counter_checks(
            declaration,
            explained.feature_set,
            rows.train,
            rows.tuning,
            rows.held_out,
            copied=int(np.abs(explained.contributions).sum(axis=0).argmax()),
        )
    return told
