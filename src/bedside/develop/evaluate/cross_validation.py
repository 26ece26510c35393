"""Figures over all subjects, each judged by a model that never saw them, and how far folds differ.

What the figures mean:

- Cross-validation judges the way of training, not the model of a version. Its models learn from
  fewer subjects, and its figure is that of the average model trained on such subjects rather than
  of any one model (proven for linear models: Bates, Hastie & Tibshirani, J Am Stat Assoc
  2024;119(546):1434-1445).
- `pooled` is over all out-of-fold predictions together. Its interval resamples the subjects who are
  judged, with the predictions as they are: it says how the figure varies with whom these models
  judge. It does not carry how the models would vary with whom they learn from, so it is too narrow
  for a model that is yet to be trained. Risks of different models are ranked together.
- `by_fold` is the mean of the figure within each fold, with the standard deviation over folds and
  the lowest and highest: models and judged subjects differ at once. The models of different folds
  share subjects, so the folds are not independent, and the deviation over the root of their number
  is no standard error (Bengio & Grandvalet, J Mach Learn Res 2004;5:1089-1105).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.declaration import Declaration, Evaluation
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.out_of_fold import (
    Bars,
    Judged,
    Learn,
    labels_of,
    out_of_fold,
    subjects_of,
    target_of,
)
from bedside.develop.evaluate.statistics import Rows, statistics

__all__ = ["cross_validate", "spread_text"]

Floats = npt.NDArray[np.float64]


def cross_validate(
    declaration: Declaration,
    asked: pl.DataFrame,
    matrix: Floats,
    learner: Learn,
    *,
    names: tuple[str, ...],
    days: Floats,
    group: pl.DataFrame | None = None,
    bars: Bars | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> dict[str, Any]:
    """The part `cross_validation` of the evidence, ready for canonical JSON.

    `folds`: how many. `counts`: subjects, rows and positive rows judged. `by_fold`: subjects, rows
    and threshold of each. `metrics`: for each metric of the evaluation, `pooled` (an `Estimate`)
    and `by_fold` (`mean`, `sd`, `lowest`, `highest` and in how many folds it is defined); see the
    module for what each means.

    Args:
        declaration: Its `evaluation.folds`, at least 2, its split, threshold and metrics.
        asked: `subject_id`, `label` and, where the outcome has one, `target`; subject by subject,
            then by time, as a build asks them.
            Rows whose label is null are passed over.
        matrix: Their features, shape (n, k).
        learner: Fits one model, such as `trees`.
        names: Of the k features.
        days: Shape (n,), the time that each row stands for.
        group: As in `bedside.cohorts.splits.assign`, where the split has a group.
        bars: Makes thresholds by group, where these are declared.
        advance: Is told of each fold as it is done.

    Raises:
        Invalid: a fold, or what is left to learn from or to tune on, lacks a class.
    """
    known = asked["label"].is_not_null()
    if not known.all():
        asked, mask = asked.filter(known), known.to_numpy()
        matrix, days = matrix[mask], days[mask]
    options = declaration.evaluation
    outcome = declaration.question.outcome
    judged = out_of_fold(
        asked,
        matrix,
        learner,
        options=options,
        names=names,
        outcome=outcome,
        group=group,
        bars=bars,
        advance=advance,
    )
    rows = Rows(
        risk=judged.risk,
        label=labels_of(asked),
        subject=subjects_of(asked["subject_id"]),
        days=days,
        outcome=outcome.kind,
        target=target_of(asked),
        outputs=judged.outputs,
        levels=judged.levels,
        horizons=judged.horizons,
        curve=judged.curve,
        curve_days=judged.curve_days,
    )
    pooled = estimates(rows, judged.threshold, options, declaration.learner.seed)
    spread = _by_fold(rows, judged, options)
    told: dict[str, Any] = rounded(
        {
            "folds": options.folds,
            "counts": {**_counts(rows), "positive": int(_ill(rows).sum())},
            "by_fold": [
                {**_counts(part), "threshold": None if bar is None else float(bar[0])}
                for part, bar in _parts(rows, judged)
            ],
            "metrics": {
                name: {"pooled": figure, "by_fold": spread[name]} for name, figure in pooled.items()
            },
        }
    )
    return told


def spread_text(figure: Mapping[str, Any]) -> tuple[str, str]:
    """The mean over folds, and the deviation with the lowest and highest, in words.

    >>> spread_text({"mean": 0.9, "sd": 0.02, "lowest": 0.875, "highest": 0.925, "folds": 5})
    ('0.900', '0.020 (0.875 to 0.925)')
    """
    if figure["mean"] is None:
        return f"not shown: {figure['why']}", ""
    sd = "unknown" if figure["sd"] is None else f"{figure['sd']:.3f}"
    return f"{figure['mean']:.3f}", f"{sd} ({figure['lowest']:.3f} to {figure['highest']:.3f})"


def _parts(rows: Rows, judged: Judged) -> list[tuple[Rows, Floats | None]]:
    """The rows of each fold, and where they alert."""
    bar = judged.threshold
    return [
        (rows.taken(inside), None if bar is None else bar[inside])
        for number in np.unique(judged.fold)
        for inside in (judged.fold == number,)
    ]


def _ill(rows: Rows) -> npt.NDArray[np.bool_]:
    """Whether what calls for something came true; of a number, never."""
    if rows.outcome == "regression":
        return np.zeros(len(rows.label), np.bool_)
    return rows.label == 1 if rows.outcome in ("binary", "survival") else rows.label > 0


def _counts(rows: Rows) -> dict[str, int]:
    return {"subjects": rows.subjects, "rows": len(rows.risk)}


def _by_fold(rows: Rows, judged: Judged, options: Evaluation) -> dict[str, Any]:
    """Mean, standard deviation, lowest and highest of each metric within the folds."""
    parts = _parts(rows, judged)
    made = [
        statistics(
            part, bar, utility=options.utility is not None, repeated=options.burden_per == "day"
        )
        for part, bar in parts
    ]
    if any(_few(part) for part, _ in parts):
        why = "a fold has 10 subjects or fewer with, or without, the outcome"
        hidden = {"mean": None, "sd": None, "lowest": None, "highest": None, "folds": 0, "why": why}
        return dict.fromkeys(made[0], hidden)
    return {
        name: _spread(
            np.array(
                [
                    one[name](np.ones(part.subjects))
                    for one, (part, _) in zip(made, parts, strict=True)
                ]
            )
        )
        for name in made[0]
    }


def _few(rows: Rows) -> bool:
    """Whether so few subjects have, or lack, the outcome that a figure could name them."""
    if rows.outcome == "regression":
        return rows.subjects <= SUPPRESS_AT_OR_BELOW
    ill = len(np.unique(rows.subject[_ill(rows)]))
    return min(ill, rows.subjects - ill) <= SUPPRESS_AT_OR_BELOW


def _spread(figures: Floats) -> dict[str, Any]:
    defined = figures[np.isfinite(figures)]
    if not len(defined):
        why = "undefined in every fold"
        return {"mean": None, "sd": None, "lowest": None, "highest": None, "folds": 0, "why": why}
    return {
        "mean": float(defined.mean()),
        "sd": float(defined.std(ddof=1)) if len(defined) > 1 else None,
        "lowest": float(defined.min()),
        "highest": float(defined.max()),
        "folds": len(defined),
    }
