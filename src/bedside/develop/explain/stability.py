"""Whether the same patient would get the same reasons from other training patients."""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.develop.explain.refitting import ROWS, drawn_rows, refitted
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import FeatureSet
from bedside.features.grouping import signal_groups

__all__ = ["REFITS", "agreement", "jaccard_by_chance", "reason_stability"]

Floats = npt.NDArray[np.float64]
REFITS = 5
TOP = 3


def reason_stability(
    declaration: Declaration,
    feature_set: FeatureSet,
    train: Matrix,
    tuning: Matrix,
    values: Floats,
) -> dict[str, Any]:
    """How far the reasons of the same patients agree between models of resampled patients.

    The declared learner is fitted on each of `REFITS` bootstrap resamples of the training
    patients, of about `ROWS` rows at most; every two of the models are compared on every row.

    Args:
        declaration: With the chosen parameters.
        feature_set: k features.
        train: The training rows.
        tuning: The tuning rows.
        values: Shape (n, k), held-out rows.

    Returns:
        As `agreement`, with how it was measured; or `why` there is none.
    """
    groups = signal_groups(feature_set)
    subject = np.arange(len(train.label)) if train.subject is None else train.subject
    made, seen = [], []
    for number in range(REFITS):
        some = drawn_rows(subject, ROWS, declaration.learner.seed + number, again=True)
        try:
            model = refitted(declaration, feature_set, train.taken(some), tuning)
        except Invalid:
            return {"why": "a resample of the training patients had nothing to learn from"}
        made.append(groups.sums(model.contributions(values)[:, :-1]))
        seen.append(len(some))
    return {
        "refits": REFITS,
        "training_rows": int(np.mean(seen)),
        "rows": len(values),
        **agreement(made),
    }


def agreement(contributions: Sequence[Floats]) -> dict[str, Any]:
    """How far the reasons of several models agree, over rows and pairs of models.

    Args:
        contributions: Of each model, shape (n, g): what each of g signals gave.

    Returns:
        `top`: how many reasons are compared. `jaccard`: of the signals among the top reasons of
        two models, the share that both have; `jaccard_by_chance` if reasons were drawn at random.
        `first`: how often both have the same first reason. `spearman`: rank correlation of all
        contributions of a row. Each is the `mean` over rows and pairs, with the `lowest` and the
        `highest` mean of a pair; None where it is not defined.

    Source: Jaccard, Bull Soc Vaud Sci Nat 1901;37:547-579; Nogueira, Sechidis & Brown, J Mach
        Learn Res 2018;18(174):1-54 (stability of selected features, and its value by chance).
    """
    from scipy.stats import rankdata  # noqa: PLC0415  (slow to import)

    signals = contributions[0].shape[1]
    top = min(TOP, max(1, signals - 1))
    leading = [_leading(one, top) for one in contributions]
    first = [_leading(one, 1) for one in contributions]
    ranks = [rankdata(one, axis=1) for one in contributions]
    pairs = list(combinations(range(len(contributions)), 2))
    return {
        "top": top,
        "jaccard": _spread([_shared(leading[a], leading[b]) for a, b in pairs]),
        "jaccard_by_chance": float(f"{jaccard_by_chance(signals, top):.6g}"),
        "first": _spread([_shared(first[a], first[b]) for a, b in pairs]),
        "spearman": _spread([_correlated(ranks[a], ranks[b]) for a, b in pairs]),
    }


def jaccard_by_chance(signals: int, top: int) -> float:
    """The expected Jaccard index of two sets of `top` out of `signals`, drawn at random.

    >>> round(jaccard_by_chance(4, 1), 6), jaccard_by_chance(3, 3)
    (0.25, 1.0)
    """
    whole = comb(signals, top)
    return sum(
        comb(top, both) * comb(signals - top, top - both) / whole * both / (2 * top - both)
        for both in range(1, top + 1)
    )


def _leading(contributions: Floats, top: int) -> npt.NDArray[np.bool_]:
    """The signals that moved each row most; one that moved nothing is none."""
    size = np.abs(contributions)
    order = np.argsort(-size, axis=1, kind="stable")[:, :top]
    made = np.zeros(size.shape, dtype=np.bool_)
    np.put_along_axis(made, order, True, axis=1)
    return made & (size > 0)


def _shared(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> Floats:
    """Jaccard index of each row; NaN where both are empty."""
    either = (one | other).sum(axis=1)
    made: Floats = np.divide(
        (one & other).sum(axis=1), either, out=np.full(len(one), np.nan), where=either > 0
    )
    return made


def _correlated(one: Floats, other: Floats) -> Floats:
    """Correlation of ranks in each row; NaN where all are the same."""
    a = one - one.mean(axis=1, keepdims=True)
    b = other - other.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    made: Floats = np.divide(
        (a * b).sum(axis=1), size, out=np.full(len(one), np.nan), where=size > 0
    )
    return made


def _spread(by_pair: Sequence[Floats]) -> dict[str, float] | None:
    means = [float(one[np.isfinite(one)].mean()) for one in by_pair if np.isfinite(one).any()]
    if not means:
        return None
    return {
        name: float(f"{value:.6g}")
        for name, value in (
            ("mean", float(np.mean(means))), ("lowest", min(means)), ("highest", max(means)),
        )
    }  # fmt: skip
