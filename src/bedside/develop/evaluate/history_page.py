"""The history of a model as one HTML page: no script, no network."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bedside.charts.lines import Line, line_chart
from bedside.core.records.evidence import figure_text
from bedside.develop.evaluate.external_page import proof_template, title_of

__all__ = ["render_history"]

MOST_TICKS = 12
Versions = Sequence[Mapping[str, Any]]


def render_history(model: str, headline: Sequence[str], versions: Versions) -> str:
    """The page; the same versions give the same page."""
    page: str = proof_template("history.html.j2").render(
        model=model,
        headline=headline,
        versions=versions,
        title=title_of,
        figure=figure_text,
        picture=_picture(headline[0], versions) if headline else None,
    )
    return page


def _picture(metric: str, versions: Versions) -> Markup | None:
    """The first headline of each version, and of its evaluations on none but other patients."""
    built = [
        (at, told["metrics"][metric])
        for at, told in enumerate(versions, 1)
        if told["metrics"].get(metric, {}).get("estimate") is not None
    ]
    others = [
        (at + 0.12, one["metrics"][metric])
        for at, told in enumerate(versions, 1)
        for one in told["evaluations"]
        if one["held_out"] == "0" and one["metrics"].get(metric, {}).get("estimate") is not None
    ]
    if not built:
        return None
    ends = [
        value
        for _, one in (*built, *others)
        for value in (one["estimate"], one["low"], one["high"])
        if value is not None
    ]
    spare = 0.1 * (max(ends) - min(ends)) or 0.05
    lines = [_dots("as judged at the build", built)]
    if others:
        lines.append(_dots("other patients", others))
    svg = line_chart(
        lines,
        title=f"{title_of(metric)} of each version",
        says=f"{title_of(metric)} with its interval, of each version from the oldest on.",
        x_title="version, oldest first",
        y_title=title_of(metric),
        x_range=(0, len(versions) + 1),
        x_ticks=range(1, len(versions) + 1, -(-len(versions) // MOST_TICKS)),
        y_range=(min(ends) - spare, max(ends) + spare),
    )
    return Markup(svg)  # noqa: S704 - escaped by charts


def _dots(name: str, points: Sequence[tuple[float, Mapping[str, Any]]]) -> Line:
    return Line(
        name=name,
        x=[at for at, _ in points],
        y=[one["estimate"] for _, one in points],
        low=[_or_estimate(one, "low") for _, one in points],
        high=[_or_estimate(one, "high") for _, one in points],
        dots=True,
        drawn=False,
    )


def _or_estimate(figure: Mapping[str, Any], end: str) -> float:
    value = figure[end] if figure[end] is not None else figure["estimate"]
    return float(value)
