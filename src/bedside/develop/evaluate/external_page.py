"""The evaluation on other patients as one HTML page: no script, no network."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.charts.lines import Line, line_chart
from bedside.core.records.evidence import figure_text
from bedside.core.records.flow_words import ToldStep
from bedside.develop.evaluate.cohort_page import flow_picture
from bedside.develop.evaluate.subgroup_pictures import in_order as groups_in_order
from bedside.develop.evaluate.subgroup_pictures import main_metrics
from bedside.metrics.names import METRICS, metrics_by

__all__ = [
    "difference_text",
    "in_order",
    "proof_template",
    "render_external",
    "summary_of",
    "title_of",
    "ways_of",
]

MOST_SHOWN = 14
FIRST = ("harrell_c", "uno_c", "integrated_brier")
WAYS = ("as_it_is", "intercept", "slope_and_intercept")


def render_external(evidence: Mapping[str, Any]) -> str:
    """The page; the same evidence gives the same page."""
    named = evidence.get("metrics", {})
    groups = evidence.get("subgroups", {})
    steps = [ToldStep(**step) for step in evidence["flow"]]
    page: str = proof_template("external.html.j2").render(
        e=evidence,
        says=list(summary_of(evidence)),
        names=in_order(named),
        groups=groups_in_order(groups),
        group_names=main_metrics(named),
        title=partial(title_of, days=evidence.get("horizon_days")),
        meaning=partial(_meaning, days=evidence.get("horizon_days")),
        figure=figure_text,
        difference=difference_text,
        number=lambda value: "not shown" if value is None else f"{value:.3g}",
        signed=lambda value: "" if value is None else f"{value:+.2f}",
        share=lambda value: "not shown" if value is None else f"{100 * value:.1f} %",
        ways=ways_of(evidence),
        survival=evidence["outcome"] == "survival",
        calibration=_calibration(evidence),
        mix=_mix(evidence),
        flow=Markup(flow_picture(steps)) if steps else None,  # noqa: S704 - escaped by charts
    )
    return page


def proof_template(name: str) -> Any:
    """A template of the pages that prove something."""
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def difference_text(figure: Mapping[str, Any]) -> str:
    """A difference with its sign and interval.

    >>> difference_text({"estimate": -0.02, "low": -0.05, "high": 0.01})
    '-0.020 (-0.050 to +0.010)'
    """
    if figure.get("estimate") is None:
        return f"not shown: {figure.get('why', 'no figure')}"
    text = f"{figure['estimate']:+.3f}"
    if figure.get("low") is None:
        return text
    return f"{text} ({figure['low']:+.3f} to {figure['high']:+.3f})"


def ways_of(evidence: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Each way to recalibrate, in words.

    >>> ways_of({"outcome": "survival"})[1]
    ('intercept', 'Baseline hazard')
    """
    what = "baseline hazard" if evidence["outcome"] == "survival" else "intercept"
    words = ("As it is", what.capitalize(), f"Slope and {what}")
    return tuple(zip(WAYS, words, strict=True))


def in_order(named: Iterable[str]) -> list[str]:
    """Metrics in the order of the manual; how a survival model ranks comes first.

    >>> in_order(["brier", "harrell_c", "auroc"])
    ['harrell_c', 'auroc', 'brier']
    """
    known = [*FIRST, *(name for name in METRICS if name not in FIRST)]
    rank = {name: place for place, name in enumerate(known)}
    return sorted(named, key=lambda name: rank.get(name, len(rank)))


def title_of(name: str, days: float | None = None) -> str:
    """A metric's title; its name where it has none.

    Args:
        name: Of the metric.
        days: The last horizon of a survival model, which the title then names.

    >>> title_of("auroc"), title_of("of_tomorrow")
    ('AUROC', 'of_tomorrow')
    """
    try:
        return metrics_by(days)[name].title
    except KeyError:
        return name


def _meaning(name: str, days: float | None) -> str:
    try:
        return metrics_by(days)[name].meaning
    except KeyError:
        return ""


def summary_of(evidence: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a reader must know first: `text`, and whether it is a reason to worry (`warn`)."""
    known = evidence["familiar"]
    if not known["checked"]:
        yield {
            "text": "Whether some of these patients were among those the model learnt from could "
            f"not be checked: {known['why']}.",
            "warn": True,
        }
    elif known["left_out"] != "0":
        yield {
            "text": f"{known['left_out']} patients were left out, because the model was fitted "
            "on them.",
            "warn": False,
        }
    if known["checked"] and known["same_identifier"] != "0":
        yield {
            "text": f"{known['same_identifier']} patients have an identifier of the build, but no "
            "record in common with it. They were kept: if they are the same people, this "
            "evaluation flatters the model.",
            "warn": True,
        }
    if known.get("held_out", "0") != "0":
        yield {
            "text": f"{known['held_out']} of these patients were held out at the build. The model "
            "did not learn from them, but they are not other patients: this repeats the build, and "
            "is no external validation.",
            "warn": True,
        }
    yield from _worse(evidence)
    c = evidence.get("case_mix", {}).get("membership", {}).get("c_statistic")
    if c is not None:
        yield {
            "text": f"The patients are told apart from those of the build with a c-statistic of "
            f"{c:.2f}: they are {_alike(c)}.",
            "warn": False,
        }


def _worse(evidence: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if "difference" not in evidence:
        return
    worse = [
        title_of(name, evidence.get("horizon_days"))
        for name, told in evidence["difference"].items()
        if name in METRICS and told.get("low") is not None and _is_worse(name, told)
    ]
    if worse:
        yield {"text": f"Surely worse than at the build: {', '.join(worse)}.", "warn": True}
    else:
        yield {"text": "No figure is surely worse than at the build.", "warn": False}


def _is_worse(name: str, told: Mapping[str, Any]) -> bool:
    way = METRICS[name].better
    return (way == "high" and told["high"] < 0) or (way == "low" and told["low"] > 0)


def _alike(c: float) -> str:
    if c < 0.6:
        return "much alike"
    return "somewhat different" if c < 0.75 else "of another kind"


def _calibration(evidence: Mapping[str, Any]) -> Markup | None:
    curves: Mapping[str, Any] = evidence.get("recalibration", {}).get("curves", {})
    if not curves or not curves["as_it_is"]["predicted"]:
        return None
    values = [v for one in curves.values() for v in (*one["predicted"], *one["observed"])]
    low, top = min(0.0, *values), max(*values, *curves["as_it_is"]["high"], 0.01) * 1.05
    lines = [
        Line(
            name=words,
            x=curves[way]["predicted"],
            y=curves[way]["observed"],
            dots=True,
            low=curves[way]["low"] if way == "as_it_is" else (),
            high=curves[way]["high"] if way == "as_it_is" else (),
        )
        for way, words in ways_of(evidence)
        if way in curves
    ]
    svg = line_chart(
        [*lines, Line(name="perfect", x=[low, top], y=[low, top], dashed=True)],
        title="Calibration on other patients",
        says="Predicted against observed, as it is and after each recalibration.",
        x_title="predicted",
        y_title="observed",
        x_range=(low, top),
        y_range=(low, top),
    )
    return Markup(svg)  # noqa: S704 - escaped by charts


def _mix(evidence: Mapping[str, Any]) -> Markup | None:
    rows: list[Mapping[str, Any]] = evidence.get("case_mix", {}).get("features", [])
    told = [
        ForestRow(name=f"{row['text']}{more}", estimate=row[name])
        for row in rows
        for name, more in (("difference", ""), ("difference_of_missing", " — missing"))
        if row[name]
    ]
    told = sorted(told, key=lambda row: -abs(row.estimate or 0.0))[:MOST_SHOWN]
    if not told:
        return None
    svg = forest_chart(
        told,
        title="How the patients differ",
        says="Standardised differences of features, here less at the build.",
        figure_title="standardised difference",
        overall=0.0,
        digits=2,
        n_title="",
    )
    return Markup(svg)  # noqa: S704 - escaped by charts
