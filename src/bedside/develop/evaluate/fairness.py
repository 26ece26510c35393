"""The gaps between groups of subjects, each with its interval and the two groups that make it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, Estimate
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.bootstrap import replicate_counts
from bedside.metrics.fairness import GAPS, GroupRates, spread

__all__ = ["UNKNOWN", "fairness_of", "judged_levels"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]
UNKNOWN = ("", "unknown")  # levels that are no group of people
DEFINED_SHARE = 0.95  # of resamples in which a gap must be defined to have an interval
DIGITS = 10


def fairness_of(
    rows: Rows,
    groups: Mapping[str, Texts],
    threshold: float | Floats,
    options: Evaluation,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """For each subgroup, every gap as `Estimate.as_json`, with `levels` and `corrected`.

    `levels` are the group with the highest and the one with the lowest rate. A gap is the greatest
    of several differences and never below 0, so that chance alone makes it too wide, most in small
    groups: `corrected` is the gap less the bootstrap's estimate of that bias (2 x gap - mean of
    the resampled gaps, at least 0). The interval is that of the gap as it is, by percentiles.
    A group of whom it is not known is no group.

    Args:
        rows: What to judge; outcomes other than binary have no gaps.
        groups: For each subgroup, shape (n,), the level of each row.
        threshold: Risks of at least this alert; one for all rows, or shape (n,).
        options: How many resamples, and how large a level must be.
        seed: Of the resampling.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 10 (bias), 13.
    """
    if rows.outcome != "binary" or not groups:
        return {}
    counts = replicate_counts(rows.subjects, options.bootstrap, seed)
    return {
        name: _gaps(rows, level, threshold, counts, options.minimum_subgroup)
        for name, level in groups.items()
    }


def judged_levels(
    level: Texts, label: npt.NDArray[np.int64], subject: npt.NDArray[np.int64], minimum: int
) -> list[str]:
    """The levels, in alphabetical order, that are large enough to be judged.

    These have at least `minimum` subjects, and more than ten with and without the outcome.

    >>> sex = np.repeat(["female", "male", "unknown"], [40, 15, 40])
    >>> judged_levels(sex, np.arange(95) % 2, np.arange(95), 20)
    ['female']
    """
    kept = []
    for name in np.unique(level):
        inside = level == name
        everyone = len(np.unique(subject[inside]))
        ill = len(np.unique(subject[inside & (label == 1)]))
        enough = everyone >= minimum and min(ill, everyone - ill) > SUPPRESS_AT_OR_BELOW
        if enough and name not in UNKNOWN:
            kept.append(str(name))
    return kept


def _gaps(
    rows: Rows,
    level: Texts,
    threshold: float | Floats,
    counts: npt.NDArray[np.int32],
    minimum: int,
) -> dict[str, Any]:
    names = judged_levels(level, rows.label, rows.subject, minimum)
    if len(names) < 2:
        why = "fewer than two groups are large enough to be judged"
        return {gap: _hidden(why, None) for gap in GAPS}
    place = np.full(len(level), -1)
    for number, name in enumerate(names):
        place[level == name] = number
    made = GroupRates.of(
        rows.label,
        rows.risk,
        alert=rows.risk >= threshold,
        subject=rows.subject,
        group=place,
    )
    point = made.rates(np.ones((1, counts.shape[1])))
    drawn = made.rates(counts)
    n = int((place >= 0).sum())
    return {gap: _figure(point[gap], spread(drawn[gap]), names, n) for gap in GAPS}


def _figure(rates: Floats, drawn: Floats, names: Sequence[str], n: int) -> dict[str, Any]:
    """One gap.

    Args:
        rates: Shape (1, g), as measured.
        drawn: Shape (replicates,), resampled gaps.
        names: Of the g groups.
        n: Rows.
    """
    gap = float(spread(rates)[0])
    if not np.isfinite(gap):
        return _hidden("undefined in one of the groups", n)
    pair = [names[int(rates[0].argmax())], names[int(rates[0].argmin())]]
    defined = drawn[np.isfinite(drawn)]
    if len(defined) < DEFINED_SHARE * len(drawn):
        why = "undefined in many resamples"
        shown = Estimate(estimate=_short(gap), low=None, high=None, n=n, why=why)
        return {**shown.as_json(), "levels": pair, "corrected": None}
    low, high = (_short(one) for one in np.percentile(defined, [2.5, 97.5]))
    shown = Estimate(estimate=_short(gap), low=low, high=high, n=n)
    corrected = _short(max(0.0, 2 * gap - float(defined.mean())))
    return {**shown.as_json(), "levels": pair, "corrected": corrected}


def _hidden(why: str, n: int | None) -> dict[str, Any]:
    hidden = Estimate(estimate=None, low=None, high=None, n=n, why=why)
    return {**hidden.as_json(), "levels": [], "corrected": None}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
