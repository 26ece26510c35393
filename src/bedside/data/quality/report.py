"""The quality report as one page for a data steward: no script, no network, no clock."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.columns import histogram, trend
from bedside.core.records.evidence import FEW
from bedside.core.records.quality import QualityReport
from bedside.core.records.version import GateResult
from bedside.core.units import display
from bedside.data.quality.completeness import period_words
from bedside.data.quality.figures import figures_of
from bedside.data.quality.shown import number, per_cent
from bedside.data.quality.words import unit_words

__all__ = ["render_html"]

_PICTURES = 60
"""Codes with a picture: the ones that most subjects have."""

_APART = 0.05
"""Of the patients, or of a tenth of the middle half: less is no difference between sites."""

_STATES = {
    "kept": "kept as it is",
    "converted": "converted",
    "not_understood": "not understood: set aside",
    "wrong": "does not convert: set aside",
    "absent": "no unit: set aside",
}
_FROM = {
    "declared": "declared",
    "range": "from the declared range",
    "table": "built-in table",
    "most used": "most used in the data",
}
_TEMPORAL = {
    "known_before_it_happened": "known before it happened",
    "ends_before_it_begins": "ends before it begins",
    "after_death": "after death",
    "before_birth": "before birth",
    "in_the_future": "in the future",
}


def render_html(report: QualityReport, gates: Sequence[GateResult] = ()) -> str:
    """The report as a page that opens from a file; the same report gives the same page.

    It ends with what to do next, and says at the top how much that is. Everything of the data is
    escaped, and what is true of ten patients or fewer is hidden.
    """
    page = Environment(
        loader=PackageLoader("bedside.data.quality"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters.update(number=_number, per_cent=per_cent, unit=_unit, width=_width, shown=_shown)
    figures = figures_of(report, gates)
    return page.get_template("quality.html.j2").render(
        r=figures,
        pictures=[_pictures(code, figures["every"]) for code in figures["codes"][:_PICTURES]],
        complete=sorted(figures["codes"][:_PICTURES], key=_completeness_order),
        differences=_differences(figures),
        states=_STATES,
        origins=_FROM,
        temporal=_TEMPORAL,
        broken=_broken(figures),
        most=_PICTURES,
    )


def _pictures(code: Mapping[str, Any], every: str | None) -> dict[str, Any]:
    name = code["name"] or code["code"]
    unit = unit_words(code["conformance"]["unit"])
    bars = code["plausibility"]["histogram"]
    periods, spread = code["trend"], code["plausibility"]["quantiles"]
    return {
        "code": code,
        "values": _safe(
            histogram(
                bars["edges"],
                bars["counts"],
                unit=unit,
                says=f"How the values of {name} are distributed.",
            )
        )
        if bars
        else None,
        "trend": _safe(
            trend(
                [period_words(period["start"], every) for period in periods],
                [rows if isinstance(rows := period["rows"], int) else None for period in periods],
                [period["median"] for period in periods],
                unit=unit,
                around=[spread[name] for name in ("p25", "p75") if name in spread],
                says=f"Rows of {name} in each {every}, and their median.",
            )
        )
        if len(periods) > 1
        else None,
    }


def _completeness_order(code: Mapping[str, Any]) -> tuple[bool, float, str]:
    """What is expected first, then what most patients lack an answer of."""
    told = code["completeness"]
    return not told["expected"], _middle(told["of_subjects"]), code["code"]


def _safe(svg: str) -> Markup:
    return Markup(svg)  # noqa: S704 - drawn by charts, and every word in it is escaped


def _differences(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The codes that differ most between sites, by who has them and by their median."""
    found = []
    for code in figures["codes"]:
        sites = [site for site in code["sites"] if "have_it" in site]
        if len(sites) < 2:
            continue
        have = [_middle(site["have_it"]) for site in sites]
        medians = [site["median"] for site in sites if site["median"] is not None]
        spread = code["plausibility"]["quantiles"]
        middle = spread.get("p75", 0.0) - spread.get("p25", 0.0)
        moved = (max(medians) - min(medians)) / middle if middle and len(medians) > 1 else 0.0
        found.append({"code": code, "sites": sites, "size": max(max(have) - min(have), moved / 2)})
    told = [one for one in found if one["size"] > _APART]
    return sorted(told, key=lambda one: -float(one["size"]))[:15]


def _middle(shown: Mapping[str, float]) -> float:
    return shown.get("share", shown.get("at_least", shown.get("at_most", 0.0)))


def _broken(figures: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any], str]]:
    """Each check of times and of repetition that some code breaks: its words, rows and code."""
    found = []
    for code in figures["codes"]:
        checks = {
            **{_TEMPORAL[name]: row for name, row in code["plausibility"]["temporal"].items()},
            "repeated word for word": code["plausibility"]["repeated"],
            "several answers at once": code["plausibility"]["contradictions"],
        }
        found += [(words, row, code["code"]) for words, row in checks.items() if row["rows"]]
    return sorted(found, key=lambda one: -one[1]["subjects"] if one[1]["subjects"] != FEW else 0)


def _number(value: float | int | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else number(float(value))


def _shown(count: int | str) -> str:
    return count if isinstance(count, str) else f"{count:,}"


def _unit(unit: str | None) -> str:
    return display(unit) or (unit or "no unit")


def _width(shown: Mapping[str, float]) -> str:
    """How long the bar of a share is, in per cent."""
    return f"{100 * _middle(shown):.1f}"
