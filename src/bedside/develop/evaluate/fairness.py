"""The gaps between groups of subjects, each with its interval and the two groups that make it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.declaration import Evaluation
from bedside.core.records.evidence import Estimate
from bedside.develop.evaluate.evidence import rounded
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.evaluate.subgroups import judged_levels
from bedside.metrics.bootstrap import estimate_from, left_out, replicate_blocks
from bedside.metrics.fairness import GAPS, GroupRates, spread

__all__ = ["UNKNOWN", "fairness_of"]

Floats = npt.NDArray[np.float64]
Texts = npt.NDArray[np.str_]
UNKNOWN = ("", "unknown")  # levels that are no group of people
AT_ONCE = 16  # resamples that are weighed at once


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
    the resampled gaps, at least 0). The interval is that of the gap as it is, and always holds it:
    resampled gaps are too wide as well. Where no gap is seen, no level is the highest. Groups are
    the levels that `judged_levels` gives, so that nothing is told here of one that is hidden there;
    subjects of whom the level is not known are no group.

    Args:
        rows: What to judge; outcomes other than binary have no gaps.
        groups: For each subgroup, shape (n,), the level of each row.
        threshold: Risks of at least this alert; one for all rows, or shape (n,).
        options: How many resamples, which interval, and how large a level must be.
        seed: Of the resampling.

    Source: Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 10 (bias), 13.
    """
    if rows.outcome != "binary" or not groups:
        return {}
    shown = judged_levels(rows, groups, options)
    made = {
        name: _judged(rows, level, threshold, [one for one in shown[name] if one not in UNKNOWN])
        for name, level in groups.items()
    }
    rates = {name: one.rates for name, one in made.items() if len(one.levels) > 1}
    drawn = _spreads(rates, _resamples(rows.subjects, options.bootstrap, seed))
    without: Mapping[str, Mapping[str, Floats]] = {}
    if options.interval == "bca":
        without = _spreads(rates, left_out(rows.subjects, AT_ONCE))
    return {
        name: _figures(one, drawn[name], without.get(name, {}), options)
        if name in rates
        else dict.fromkeys(GAPS, _hidden("fewer than two groups are large enough", None))
        for name, one in made.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """The judged levels of one subgroup, their rates, and the rates of the rows as they are."""

    levels: list[str]
    rates: GroupRates
    point: Mapping[str, Floats]
    n: int


def _judged(rows: Rows, level: Texts, threshold: float | Floats, names: list[str]) -> _Judged:
    place = np.full(len(level), -1)
    for number, name in enumerate(names):
        place[level == name] = number
    rates = GroupRates.of(
        rows.label,
        rows.risk,
        alert=rows.risk >= threshold,
        subject=rows.subject,
        group=place,
    )
    point = rates.rates(np.ones((rows.subjects, 1))) if names else {}
    return _Judged(levels=names, rates=rates, point=point, n=int((place >= 0).sum()))


def _figures(
    judged: _Judged,
    drawn: Mapping[str, Floats],
    without: Mapping[str, Floats],
    options: Evaluation,
) -> dict[str, Any]:
    """Every gap of one subgroup."""
    return {
        gap: _figure(
            estimate_from(
                float(spread(rates)[0]),
                drawn[gap],
                judged.n,
                interval=options.interval,
                jackknife=without.get(gap),
            ),
            rates[:, 0],
            drawn[gap],
            judged.levels,
        )
        for gap, rates in judged.point.items()
    }


def _resamples(subjects: int, replicates: int, seed: int) -> Iterator[Floats]:
    for counts in replicate_blocks(subjects, replicates, seed, AT_ONCE):
        yield np.ascontiguousarray(counts.T, dtype=np.float64)


def _spreads(
    rates: Mapping[str, GroupRates], weightings: Iterator[Floats]
) -> dict[str, dict[str, Floats]]:
    """For each subgroup, each gap under every weighting."""
    found: dict[str, dict[str, list[Floats]]] = {name: {gap: [] for gap in GAPS} for name in rates}
    for weights in weightings:
        for name, one in rates.items():
            for gap, values in one.rates(weights).items():
                found[name][gap].append(spread(values))
    return {
        name: {gap: np.concatenate(values) for gap, values in gaps.items()}
        for name, gaps in found.items()
    }


def _figure(shown: Estimate, rates: Floats, drawn: Floats, names: Sequence[str]) -> dict[str, Any]:
    """One gap as it stands in the evidence.

    Args:
        shown: The gap with its interval.
        rates: Shape (g,), as measured.
        drawn: Shape (replicates,), resampled gaps.
        names: Of the g groups.
    """
    gap = shown.estimate
    if gap is None:
        return _hidden("undefined in one of the groups", shown.n)
    pair = [names[int(rates.argmax())], names[int(rates.argmin())]] if gap else []
    corrected = None
    if shown.low is not None:
        shown = replace(shown, low=min(shown.low, gap))
        bias = float(drawn[np.isfinite(drawn)].mean()) - gap
        corrected = max(0.0, gap - bias)
    told: dict[str, Any] = rounded({**shown.as_json(), "corrected": corrected})
    return {**told, "levels": pair}


def _hidden(why: str, n: int | None) -> dict[str, Any]:
    hidden = Estimate(estimate=None, low=None, high=None, n=n, why=why)
    return {**hidden.as_json(), "corrected": None, "levels": []}
