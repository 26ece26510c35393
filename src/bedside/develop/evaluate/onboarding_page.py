"""The onboarding report of a new site as one HTML page: the verdict first, then why."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bedside.charts.dots import DotRow, dot_chart
from bedside.charts.forest import ForestRow, forest_chart
from bedside.core.records.evidence import figure_text
from bedside.core.units import display
from bedside.develop.evaluate.external_page import in_order, proof_template, title_of

__all__ = ["render_onboarding"]

MOST_SHOWN = 14
_WORDS = {
    "go": ("✓", "Go", "Validate it, let a named person approve it, begin in silence."),
    "recalibrate": ("↻", "Recalibrate first", "It ranks these patients well enough, but its risks "
                    "are not right for them."),
    "no-go": ("✗", "No-go for now", "It must not be used here before what stands below is mended."),
}  # fmt: skip


def render_onboarding(told: Mapping[str, Any]) -> str:
    """The page; the same findings give the same page. Everything of the data is escaped."""
    measured = told["measured"]
    page: str = proof_template("onboarding.html.j2").render(
        t=told,
        sign=_WORDS[told["verdict"]["word"]],
        names=in_order(measured.get("metrics", {})),
        title=title_of,
        figure=figure_text,
        unit=lambda one: display(one) or one or "none",
        share=lambda one: "not known" if one is None else f"{100 * one:.0f} %",
        number=lambda one: "" if one is None else f"{one:.3g}",
        coverage=_coverage(told),
        mix=_mix(told),
        performance=_performance(told),
    )
    return page


def _coverage(told: Mapping[str, Any]) -> Markup | None:
    """How many questions have a value of each signal, here and at the build."""
    rows = [
        DotRow(
            name=one["label"],
            figures={"at the build": 1 - one["missing_then"], "here": 1 - one["missing_here"]},
        )
        for one in told["feeds"]
        if one["missing_then"] is not None
    ]
    rows = sorted(
        rows, key=lambda row: row.figures["here"] - row.figures["at the build"]
    )[:MOST_SHOWN]  # fmt: skip
    if not rows:
        return None
    svg = dot_chart(
        rows,
        says="The share of questions with a value of each signal, at the build and here. Worry "
        "where the square lies far left of the dot.",
    )
    return Markup(svg)  # noqa: S704 - escaped by charts


def _mix(told: Mapping[str, Any]) -> Markup | None:
    rows = [
        ForestRow(name=f"{row['text']}{more}", estimate=row[name])
        for row in told["case_mix"].get("features", [])
        for name, more in (("difference", ""), ("difference_of_missing", " — missing"))
        if row[name]
    ]
    rows = sorted(rows, key=lambda row: -abs(row.estimate or 0.0))[:MOST_SHOWN]
    if not rows:
        return None
    svg = forest_chart(
        rows,
        title="How these patients differ",
        says="Standardised differences of features, here less at the build. Worry beyond 0.5.",
        figure_title="standardised difference",
        overall=0.0,
        digits=2,
        n_title="",
    )
    return Markup(svg)  # noqa: S704 - escaped by charts


def _performance(told: Mapping[str, Any]) -> Markup | None:
    figures = (
        ("held out at the build", told["built"].get("auroc")),
        ("to expect here", told["expected"]),
        ("measured here", told["measured"].get("metrics", {}).get("auroc")),
    )
    rows = [
        ForestRow(name=name, **{key: one[key] for key in ("estimate", "low", "high")})
        for name, one in figures
        if one is not None and one["estimate"] is not None
    ]
    if not rows:
        return None
    svg = forest_chart(
        rows,
        title="How well the model ranks",
        says="AUROC at the build, to expect here, and measured here, with 95 % intervals. Worry "
        "where what was measured lies below what was to be expected.",
        figure_title="AUROC",
        n_title="",
        low=0.5,
        high=1.0,
    )
    return Markup(svg)  # noqa: S704 - escaped by charts
