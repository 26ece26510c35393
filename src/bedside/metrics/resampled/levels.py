"""Every metric of several levels as a function of how often each subject counts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.metrics.arrays import Floats, Ints, ratio
from bedside.metrics.family import Family, family_of_totals, summed
from bedside.metrics.kernel import kernel
from bedside.metrics.levels import level_surprises, ranked_errors, squared_distances
from bedside.metrics.resampled.ranking import Ranked

__all__ = ["level_families"]

Totals = Mapping[str, Floats]


def level_families(
    level: Ints, chances: Floats, subject: Ints, subjects: int, *, ordered: bool
) -> list[Family]:
    """The metrics of levels; three more where they are `ordered`.

    Args:
        level: Shape (n,), from 0 to m - 1.
        chances: Shape (n, m).
        subject: Shape (n,), from 0 to `subjects` - 1.
        subjects: How many there are.
        ordered: Whether the levels are.
    """
    likely = chances.argmax(axis=1)
    columns = {
        "rows": np.ones(level.size),
        "surprise": level_surprises(level, chances),
        "squared": squared_distances(level, chances),
        "right": (likely == level).astype(np.float64),
    }
    made = [
        family_of_totals(
            {name: summed(values, subject, subjects) for name, values in columns.items()},
            {
                "multiclass_log_loss": lambda t: ratio(t["surprise"], t["rows"]),
                "multiclass_brier": lambda t: ratio(t["squared"], t["rows"]),
                "accuracy": lambda t: ratio(t["right"], t["rows"]),
            },
        ),
        _areas(level, chances, subject),
    ]
    if ordered:
        made += [
            _kappa(level, likely, subject, subjects, chances.shape[1]),
            _ordinal_c(level, chances, subject),
            _ranked(level, chances, subject, subjects),
        ]
    return made


def _areas(level: Ints, chances: Floats, subject: Ints) -> Family:
    """Mean AUROC of each level against the rest, and of both levels of each pair.

    Source: Provost & Domingos, CeDER IS-00-04, 2001 (unweighted); Hand & Till, Mach Learn
        2001;45:171-186.
    """
    levels = range(chances.shape[1])
    rest = [Ranked.of(level == k, chances[:, k], subject) for k in levels]
    pairs = [
        Ranked.of(level[both] == k, chances[both, k], subject[both])
        for k in levels
        for other in levels
        if other != k
        for both in ((level == k) | (level == other),)
    ]

    def of(weights: Floats) -> Floats:
        return np.stack(
            [
                np.mean([one.areas(weights)[0] for one in ranked], axis=0, dtype=np.float64)
                for ranked in (rest, pairs)
            ]
        )

    return Family(names=("macro_auroc", "hand_till_auroc"), of=of)


def _kappa(level: Ints, likely: NDArray[Any], subject: Ints, subjects: int, levels: int) -> Family:
    """Agreement of the most likely level beyond chance, misses weighted by their square.

    Source: Cohen, Psychol Bull 1968;70:213-220.
    """
    columns = {
        "rows": np.ones(level.size),
        "missed": ((level - likely) ** 2).astype(np.float64),
        **{f"came{k}": (level == k).astype(np.float64) for k in range(levels)},
        **{f"said{k}": (likely == k).astype(np.float64) for k in range(levels)},
    }

    def kappa(t: Totals) -> Floats:
        chance = sum(
            (j - k) ** 2 * t[f"came{j}"] * t[f"said{k}"]
            for j in range(levels)
            for k in range(levels)
        )
        return np.asarray(1 - ratio(t["missed"] * t["rows"], chance))

    return family_of_totals(
        {name: summed(values, subject, subjects) for name, values in columns.items()},
        {"quadratic_kappa": kappa},
    )


def _ranked(level: Ints, chances: Floats, subject: Ints, subjects: int) -> Family:
    columns = {
        "rows": summed(np.ones(level.size), subject, subjects),
        "error": summed(ranked_errors(level, chances), subject, subjects),
    }
    return family_of_totals(
        columns, {"ranked_probability_score": lambda t: ratio(t["error"], t["rows"])}
    )


def _ordinal_c(level: Ints, chances: Floats, subject: Ints) -> Family:
    """Of two rows of different levels, how often the higher one's expected level is the higher.

    Twice this, less 1, is Somers' D of the expected level on the level.

    Source: Harrell, Regression Modeling Strategies, 2015, ch. 13; Somers, Am Sociol Rev
        1962;27:799-811.
    """
    expected = np.round(chances @ np.arange(chances.shape[1]), 12)  # so that sums tie alike
    order = np.argsort(expected, kind="stable")
    score = expected[order]
    last = np.append(score[1:] != score[:-1], True)
    whose, came = np.ascontiguousarray(subject[order], dtype=np.int64), level[order]

    def of(weights: Floats) -> Floats:
        sums = np.zeros((2, weights.shape[1]))
        _concordant(whose, came, last, chances.shape[1], weights, sums)
        return np.asarray(ratio(sums[0], sums[1]))[None]

    return Family(names=("ordinal_c",), of=of)


@kernel
def _concordant(
    subject: Ints,
    level: Ints,
    last: NDArray[np.bool_],
    levels: int,
    weights: Floats,
    sums: Floats,
) -> None:
    """Weight of concordant pairs, ties one half, and of all pairs of different levels."""
    width = weights.shape[1]
    below, tied = np.zeros((levels, width)), np.zeros((levels, width))
    for row in range(subject.size):
        for k in range(width):
            tied[level[row], k] += weights[subject[row], k]
        if not last[row]:
            continue
        for k in range(width):
            lower_below, lower_tied = 0.0, 0.0
            for at in range(levels):
                sums[0, k] += tied[at, k] * (lower_below + 0.5 * lower_tied)
                lower_below += below[at, k]
                lower_tied += tied[at, k]
        below += tied
        tied[:] = 0.0
    for k in range(width):
        lower = 0.0
        for at in range(levels):
            sums[1, k] += below[at, k] * lower
            lower += below[at, k]
