"""How the figures grow with the number of training patients, and whether more would help."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.intervals import difference_estimates, estimates
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.matrix import Matrix
from bedside.metrics.names import METRICS

__all__ = ["METRICS_OF", "SHARES", "Point", "curve_told", "rows_of_share"]

SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)
"""Of the training patients; the last doubling is from a half to all of them."""

METRICS_OF = {
    "binary": ("auroc", "brier"),
    "multiclass": ("macro_auroc", "multiclass_log_loss"),
    "ordinal": ("ordinal_c", "multiclass_log_loss"),
    "regression": ("rmse", "r2"),
    "survival": ("harrell_c", "integrated_brier"),
}
"""By outcome: what is drawn. The first decides whether more patients would help."""

LESS_IS_BETTER = frozenset({"rmse"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What the model of some of the training patients predicts of the held-out ones."""

    share: float
    subjects: int
    rows: Rows


def rows_of_share(train: Matrix, share: float, seed: int) -> npt.NDArray[np.int64]:
    """The numbers of the rows of a share of the training patients, ascending.

    A greater share holds every patient of a smaller one, and all shares have patients with the
    outcome alike.

    Args:
        train: n rows.
        share: In (0, 1].
        seed: Of the draw.
    """
    one = np.arange(len(train.label))
    if train.subject is not None:
        one = np.unique(train.subject, return_inverse=True)[1]
    most = np.zeros(one.max() + 1, np.int64)
    np.maximum.at(most, one, train.label)
    order = np.random.default_rng(seed).permutation(len(most))
    order = order[np.argsort(most[order], kind="stable")]
    within = np.empty(len(most))
    for level in np.unique(most):
        mine = order[most[order] == level]
        within[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
    return np.flatnonzero((within < share)[one])


def curve_told(points: Sequence[Point], options: Evaluation, seed: int) -> dict[str, Any]:
    """The part `learning_curve` of the evidence.

    `subjects` who were learnt from and their `share`, ascending; `metric`: for each, one
    `Estimate` a point; `gain` of the last doubling (of the first metric, positive is better);
    `more_would_help`, None where that is not known; and `text`.

    Args:
        points: By share, ascending; the last is of all.
        options: Its resamples and interval.
        seed: Of the resampling.
    """
    names = METRICS_OF[points[0].rows.outcome]
    drawn = [estimates(one.rows, None, options, seed, only=names) for one in points]
    made = {
        "subjects": [one.subjects for one in points],
        "share": [one.share for one in points],
        "metric": {name: [one[name] for one in drawn if name in one] for name in names},
        **_doubling(points, names[0], options, seed),
    }
    told: dict[str, Any] = rounded(made)
    return told


def _doubling(points: Sequence[Point], name: str, options: Evaluation, seed: int) -> dict[str, Any]:
    """What the last doubling gained, each resample of the held-out patients judging both models."""
    half = [one for one in points if one.share == 0.5]
    if not half:
        return _unknown("half of the training patients are too few to learn from")
    all_of, before = points[-1], half[0]
    first, second = (before, all_of) if name in LESS_IS_BETTER else (all_of, before)
    gain = difference_estimates(first.rows, second.rows, None, None, options, seed, only=(name,))
    figure = gain.get(name)
    if figure is None or figure["low"] is None:
        return _unknown("the difference cannot be told on so few held-out patients")
    helps = bool(figure["low"] > 0)
    return {
        "gain": figure,
        "more_would_help": helps,
        "text": _sentence(figure, name, before.subjects, all_of.subjects, helps=helps),
    }


def _unknown(why: str) -> dict[str, Any]:
    return {"gain": None, "more_would_help": None,
            "text": f"It is not known whether more patients would help: {why}."}  # fmt: skip


def _sentence(gain: Mapping[str, Any], name: str, before: int, after: int, *, helps: bool) -> str:
    """`gain` is positive where the model of more patients is better."""
    figure = f"{gain['estimate']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f})"
    said = (
        f"From {before:,} to {after:,} training patients, the {METRICS[name].title} changed by "
        f"{figure}, where more than 0 is better"
    )
    if helps:
        return f"More patients would still help. {said}. That is more than chance explains."
    return f"More patients of the same kind may not help much. {said}. Chance can explain that."
