"""The comparison of two versions as one HTML page: no script, no network."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.core.records.evidence import figure_text
from bedside.develop.evaluate.external_page import (
    difference_text,
    in_order,
    proof_template,
    title_of,
)
from bedside.metrics.names import METRICS

__all__ = ["render_comparison"]

ON_ONE_SCALE = ("auroc", "auprc", "harrell_c", "uno_c", "macro_auroc", "ordinal_c")


def render_comparison(document: Mapping[str, Any]) -> str:
    """The page; the same document gives the same page."""
    metrics, days = document["metrics"], document.get("horizon_days")
    page: str = proof_template("comparison.html.j2").render(
        c=document,
        names=in_order(metrics),
        title=partial(title_of, days=days),
        figure=figure_text,
        difference=difference_text,
        count=lambda value: "not shown" if value is None else f"{value:,}",
        forest=_forest(metrics, days),
    )
    return page


def _forest(metrics: Mapping[str, Any], days: float | None) -> Markup | None:
    rows = [
        ForestRow(name=title_of(name, days), **_ends(told["difference"]))
        for name, told in ((name, metrics[name]) for name in in_order(metrics))
        if name in METRICS
        and (METRICS[name].style == "share" or name.partition("_at_")[0] in ON_ONE_SCALE)
        and told["difference"].get("estimate") is not None
    ]
    if not rows:
        return None
    svg = forest_chart(
        rows,
        title="Differences between the two versions",
        says="For each measure that runs from 0 to 1, the second version less the first.",
        figure_title="second less first",
        overall=0.0,
        n_title="",
    )
    return Markup(svg)  # noqa: S704 - escaped by charts


def _ends(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("estimate", "low", "high")}
