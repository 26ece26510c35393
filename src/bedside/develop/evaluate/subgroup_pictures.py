"""The subgroups of the evidence as forest plots, and in words which levels differ."""

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.core.records.evidence import JOINT
from bedside.develop.evaluate.fairness import UNKNOWN
from bedside.develop.evaluate.pictures import Picture
from bedside.develop.evaluate.subgroups import ALPHA, subgroup_metrics
from bedside.metrics.names import METRICS

__all__ = ["differing", "in_order", "main_metrics", "subgroup_pictures"]

_DRAWN = ("sensitivity", "expected_observed_ratio")  # beside the first metric
_TELLING = {"harrell_c": "survival", "ordinal_c": "ordinal", "macro_auroc": "multiclass",
            "mae": "regression"}  # fmt: skip


def main_metrics(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of the metrics of the evidence that are compared between groups, the main one first."""
    kind = next((kind for name, kind in _TELLING.items() if name in metrics), "binary")
    return tuple(name for name in subgroup_metrics(kind) if name in metrics)


def subgroup_pictures(evidence: Mapping[str, Any]) -> list[Picture]:
    """A forest for each of up to three metrics: every level of every subgroup and intersection."""
    names = main_metrics(evidence["metrics"])
    picked = [*names[:1], *(name for name in _DRAWN if name in names[1:])]
    return [_forest(evidence, name) for name in picked] if evidence["subgroups"] else []


def in_order(
    subgroups: Mapping[str, Any],
) -> list[tuple[str, list[tuple[str, Mapping[str, Any]]]]]:
    """Subgroups before intersections; bands by their edges, and what is unknown last.

    >>> in_order({"a × b": {}, "b": {"9 and over": {}, "unknown": {}, "under 9": {}}})
    [('b', [('under 9', {}), ('9 and over', {}), ('unknown', {})]), ('a × b', [])]
    """
    names = sorted(subgroups, key=lambda name: (JOINT in name, name))
    return [
        (name, sorted(subgroups[name].items(), key=lambda one: _place(one[0]))) for name in names
    ]


def _place(level: str) -> list[tuple[bool, float, str]]:
    """What a level is sorted by, part by part."""
    told = (
        (part, re.match(r"(under )?(-?[\d.e+]+)( to | and over|$)", part))
        for part in level.split(JOINT)
    )
    return [
        (part in UNKNOWN, float(edge[2]) - (0.5 if edge[1] else 0.0), "")
        if edge
        else (part in UNKNOWN, 0.0, part)
        for part, edge in told
    ]


def _forest(evidence: Mapping[str, Any], metric: str) -> Picture:
    whole = evidence["metrics"][metric]
    rows = [ForestRow(name="all patients", **_figures(whole))]
    for dimension, levels in in_order(evidence["subgroups"]):
        rows.append(ForestRow(name=dimension.replace("_", " ")))
        rows += [_row(level, told, metric) for level, told in levels]
    title = METRICS[metric].title
    starred = any(row.stands_out for row in rows)
    says = (
        f"{title} in each group of patients, with its 95 % interval; the dashed line is that of "
        "all. "
        + (
            "A diamond and a star mark a group that differs from all other patients."
            if starred
            else "No group can be said to differ from all other patients."
        )
        + " Worry where an interval lies wholly on the bad side of the line."
    )
    svg = forest_chart(
        rows, title=f"{title} by subgroup", says=says, figure_title=title,
        overall=whole["estimate"],
    )  # fmt: skip
    return Picture(title=f"{title} by subgroup", says=says, svg=Markup(svg))  # noqa: S704 - escaped


def _figures(figure: Mapping[str, Any]) -> dict[str, Any]:
    if figure["estimate"] is None:
        return {"why": figure.get("why") or "no figure"}
    return {name: figure[name] for name in ("estimate", "low", "high")}


def _row(level: str, told: Mapping[str, Any], metric: str) -> ForestRow:
    figure = told["metrics"].get(metric, {"estimate": None, "why": "not computed"})
    shown = _figures(figure)
    if "why" in shown and told["subjects"] is None:
        shown["why"] = "too few patients to be shown"
    return ForestRow(
        name=level or "unknown",
        n="" if told["subjects"] is None else f"{told['subjects']:,}",
        stands_out=told["differs"].get(metric, {}).get("is_different", False),
        **shown,
    )


def differing(evidence: Mapping[str, Any]) -> list[str]:
    """A sentence for each level and metric that differs from all other patients."""
    return [
        f"{dimension.replace('_', ' ')} {level}: {METRICS[metric].title} differs by "
        f"{one['difference']['estimate']:+.3f} from that of all others (adjusted p "
        f"{_p(one['adjusted'])})."
        for dimension, levels in in_order(evidence["subgroups"])
        for level, told in levels
        for metric, one in told["differs"].items()
        if one["is_different"]
    ]


def _p(value: float) -> str:
    """A p-value, as one prints it.

    >>> _p(0.00004), _p(0.0312)
    ('< 0.001', '0.031')
    """
    return "< 0.001" if value < ALPHA / 50 else f"{value:.3f}"
