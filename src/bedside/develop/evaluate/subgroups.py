"""How a model does in each group of patients, and whether a group differs from all others.

What is suppressed: a level with ten subjects or fewer, with the outcome or without it; then, in
each dimension and each row and column of an intersection, the next smallest levels, until what is
hidden could not be worked out from the totals (see `disclosure`); and each part of a hidden level.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from bedside.core.records.declaration import Evaluation
from bedside.core.records.evidence import JOINT, SUPPRESS_AT_OR_BELOW, Estimate
from bedside.develop.evaluate.disclosure import hidden_cells
from bedside.develop.evaluate.intervals import Drawn, drawn_by
from bedside.develop.evaluate.statistics import Rows
from bedside.metrics.multiplicity import holm

__all__ = ["ALPHA", "crossed_name", "judged_levels", "subgroup_evidence", "subgroup_metrics"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.str_]

ALPHA = 0.05
"""The chance, for each metric, that any level is wrongly said to differ."""

_METRICS = {
    "binary": ("auroc", "auprc", "brier", "expected_observed_ratio", "sensitivity", "ppv"),
    "survival": ("harrell_c", "uno_c", "integrated_brier", "expected_observed_ratio"),
    "multiclass": ("macro_auroc", "auroc", "accuracy", "multiclass_brier", "sensitivity", "ppv"),
    "ordinal": ("ordinal_c", "auroc", "ranked_probability_score", "sensitivity", "ppv"),
    "regression": ("mae", "rmse", "mean_error", "r2"),
}
_HIDDEN = "10 subjects or fewer, with or without the outcome, or what would tell them"


def subgroup_metrics(outcome: str) -> tuple[str, ...]:
    """The metrics that are told by subgroup, the first of them drawn first."""
    return _METRICS[outcome]


def crossed_name(names: tuple[str, ...]) -> str:
    """The name of subgroups that are judged together.

    >>> crossed_name(("sex", "age_band"))
    'sex × age_band'
    """
    return JOINT.join(names)


def subgroup_evidence(
    rows: Rows,
    groups: Mapping[str, Texts],
    threshold: float | Floats | None,
    options: Evaluation,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """By subgroup (and intersection), by level: counts, metrics and how it differs from the rest.

    A level is `{"subjects", "with_outcome", "metrics", "differs"}`. `metrics` are `Estimate`s;
    `differs` has, for each of `subgroup_metrics`, the `difference` from all other subjects (an
    `Estimate`), its `p`, `adjusted` for all levels that are tested, and `is_different`. A level
    that is suppressed (both counts are then None) or has fewer than `minimum_subgroup` subjects
    has `why`, and is neither judged nor tested.

    The test is a normal one: the difference over the standard deviation of its resamples, both
    sides being resampled together. p-values are adjusted by Holm, for each metric over all levels
    of all subgroups and intersections.

    Args:
        rows: What to judge.
        groups: For each declared subgroup, shape (n,), the level of each row.
        threshold: Risks of at least this alert; one for all rows, or shape (n,).
        options: Its intersections, minimum, resamples and interval.
        seed: Of the resampling.

    Source: Holm, Scand J Stat 1979;6(2):65-70.
    """
    tables = _tables(rows, groups, options)
    inside: dict[str, Bools] = {}
    for name, table in tables.items():
        whose = _level_of(groups, name)
        judged = [level for level, told in table.items() if "why" not in told]
        inside.update({_key(name, level): whose == level for level in judged})
    outside = {key: ~mask for key, mask in inside.items() if not mask.all()}
    main = subgroup_metrics(rows.outcome)
    few = main if rows.outcome == "survival" else None  # each of its figures is slow to resample
    own = drawn_by(rows, inside, threshold, options, seed, few) if inside else {}
    rest = drawn_by(rows, outside, threshold, options, seed, main) if outside else {}
    for name, table in tables.items():
        for level, told in table.items():
            told["metrics"] = _figures(
                own.get(_key(name, level)), told.get("why", ""), options, main
            )
            told["differs"] = {}
    _compare(tables, own, rest, options)
    return tables


def judged_levels(
    rows: Rows, groups: Mapping[str, Texts], options: Evaluation
) -> dict[str, list[str]]:
    """By declared subgroup, the levels that are neither hidden nor too small to be judged."""
    return {
        name: [level for level, told in table.items() if "why" not in told]
        for name, table in _tables(rows, groups, options).items()
        if name in groups
    }


def _figures(
    own: Mapping[str, Drawn] | None, why: str, options: Evaluation, main: tuple[str, ...]
) -> dict[str, Any]:
    if own is None:
        hidden = Estimate(estimate=None, low=None, high=None, n=None, why=why)
        return dict.fromkeys(main, hidden.as_json())
    return {name: figure.estimate(options.interval).as_json() for name, figure in own.items()}


def _key(name: str, level: str) -> str:
    return f"{name}\n{level}"


def _level_of(groups: Mapping[str, Texts], name: str) -> Texts:
    """The level of each row, of a subgroup or an intersection."""
    if name in groups:
        return groups[name]
    first, *others = name.split(JOINT)
    joined = groups[first]
    for other in others:
        joined = np.char.add(np.char.add(joined, JOINT), groups[other])
    return joined


def _compare(
    tables: dict[str, dict[str, Any]],
    own: Mapping[str, Mapping[str, Drawn]],
    rest: Mapping[str, Mapping[str, Drawn]],
    options: Evaluation,
) -> None:
    """Fill in `differs`: each level against everybody else, adjusted by metric."""
    tests: dict[str, list[tuple[dict[str, Any], Drawn, float]]] = {}
    for name, table in tables.items():
        for level, told in table.items():
            for metric, others in rest.get(_key(name, level), {}).items():
                apart = own[_key(name, level)][metric].minus(others)
                p = _p_value(apart)
                if p is not None:
                    tests.setdefault(metric, []).append((told, apart, p))
    for metric, made in tests.items():
        adjusted = holm([p for _, _, p in made])
        for (told, apart, p), corrected in zip(made, adjusted, strict=True):
            told["differs"][metric] = {
                "difference": apart.estimate(options.interval).as_json(),
                "p": p,
                "adjusted": float(corrected),
                "is_different": bool(corrected <= ALPHA),
            }


def _p_value(apart: Drawn) -> float | None:
    """Two-sided, of no difference; None where resamples do not tell."""
    told = apart.drawn[np.isfinite(apart.drawn)]
    if not np.isfinite(apart.point) or len(told) < 0.95 * len(apart.drawn) or len(told) < 2:
        return None
    deviation = float(told.std(ddof=1))
    if deviation == 0:
        return None
    return float(2 * ndtr(-abs(apart.point) / deviation))


def _tables(
    rows: Rows, groups: Mapping[str, Texts], options: Evaluation
) -> dict[str, dict[str, Any]]:
    """By subgroup and intersection, by level: the counts, or why there are none."""
    made, hidden = {}, {}
    for name, levels in groups.items():
        names, counts = _counted(rows, levels)
        cells = hidden_cells(counts, [np.arange(len(names))], also=_few(counts))
        hidden[name] = {level for level, few in zip(names, cells, strict=True) if few}
        made[name] = _told(names, counts, cells, options)
    for pair in options.intersections:
        name = crossed_name(pair)
        joined = _level_of(groups, name)
        names, counts = _counted(rows, joined)
        _, where = np.unique(joined, return_index=True)
        parts = [[groups[one][at] for one in pair] for at in where]
        also = _few(counts) | np.array(
            [any(p in hidden[g] for p, g in zip(part, pair, strict=True)) for part in parts]
        )
        lines = [
            np.flatnonzero([part[side] == level for part in parts])
            for side, group in enumerate(pair)
            for level in np.unique(groups[group])
        ]
        cells = hidden_cells(counts, [*lines, np.arange(len(names))], also=also)
        made[name] = _told(names, counts, cells, options)
    return made


def _counted(rows: Rows, levels: Texts) -> tuple[list[str], Ints]:
    """Each level, and its subjects: all, with the outcome, without it (numbers: all alone)."""
    names, place = np.unique(levels, return_inverse=True)
    ill = rows.label > 0 if rows.outcome != "regression" else np.zeros(len(place), bool)
    if rows.outcome == "survival":
        ill = rows.label == 1
    every = np.unique(np.column_stack([place, rows.subject]), axis=0)
    with_it = np.unique(np.column_stack([place[ill], rows.subject[ill]]), axis=0)
    n, sick = (np.bincount(pairs[:, 0], minlength=len(names)) for pairs in (every, with_it))
    if rows.outcome == "regression":
        return [str(name) for name in names], n[:, None]
    return [str(name) for name in names], np.column_stack([n, sick, n - sick])


def _few(counts: Ints) -> Bools:
    """Levels with few subjects of some kind; that nobody has the outcome is told neither."""
    return np.asarray((counts <= SUPPRESS_AT_OR_BELOW).any(axis=1))


def _told(names: list[str], counts: Ints, hidden: Bools, options: Evaluation) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for level, count, few in zip(names, counts, hidden, strict=True):
        if few:
            made[level] = {"subjects": None, "with_outcome": None, "why": _HIDDEN}
            continue
        told: dict[str, Any] = {
            "subjects": int(count[0]),
            "with_outcome": int(count[1]) if len(count) > 1 else None,
        }
        if count[0] < options.minimum_subgroup:
            told["why"] = f"fewer than {options.minimum_subgroup} subjects"
        made[level] = told
    return made
