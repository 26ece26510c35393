"""The leakage audit as one HTML page: what was found, what to do, and what was checked."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.dots import DotRow, dot_chart
from bedside.core.records.declaration import Declaration
from bedside.core.records.leakage import (
    DELAY_HOURS,
    CodeDelays,
    Finding,
    LeakageReport,
    Score,
)

__all__ = ["render_leakage"]

_FEW = 10
_COUNTS = ("events", "subjects", "stays", "groups", "rows_on_that_day", "rows_that_saw_it")
_CODES = 40
"""Codes whose delays are shown: those with the most events."""

_FEATURES = 12
_MEASURES = {"auroc": "AUROC", "auprc": "average precision"}


def render_leakage(declaration: Declaration, report: LeakageReport) -> str:
    """The page; the same report gives the same page.

    Counts of ten or fewer are hidden, and everything of the data is escaped.
    """
    environment = Environment(
        loader=PackageLoader("bedside.develop.evaluate"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    reasons = {one.finding: one.because for one in declaration.acknowledged}
    told = [_told(finding, reasons) for finding in report.findings]
    kinds = {finding.kind for finding in report.findings}
    return environment.get_template("leakage.html.j2").render(
        d=declaration,
        open=[one for one in told if one["is_leak"] and not one["because"]],
        accepted=[one for one in told if one["because"]],
        warnings=[one for one in told if not one["is_leak"] and not one["because"]],
        passed=[one for one in report.checked if one.number and not kinds & set(one.kinds)],
        failed=[one for one in report.checked if one.number and kinds & set(one.kinds)],
        unseen=[one for one in report.checked if not one.number],
        scores=report.scores,
        measures=_MEASURES,
        picture=_picture(report.scores),
        bands=_band_names(),
        delays=[_shares(one) for one in report.delays[:_CODES]],
        more_codes=max(len(report.delays) - _CODES, 0),
        unused=sorted(set(reasons) - {finding.name for finding in report.findings}),
    )


def _told(finding: Finding, reasons: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": finding.name,
        "text": finding.text,
        "fix": finding.fix,
        "is_leak": finding.severity == "leak",
        "because": reasons.get(finding.name, ""),
        "features": finding.features[:_FEATURES],
        "more": max(len(finding.features) - _FEATURES, 0),
        "evidence": [
            (name.replace("_", " "), _figure(name, value))
            for name, value in finding.evidence.items()
        ],
    }


def _figure(name: str, value: float) -> str:
    if name in _COUNTS:
        return "10 or fewer" if value <= _FEW else f"{value:,.0f}"
    if name.startswith("share"):
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if value == round(value) and abs(value) >= 2 else f"{value:.3g}"


def _picture(scores: tuple[Score, ...]) -> Markup | None:
    if not scores:
        return None
    rows = [
        DotRow(
            name=_alternative(score.without),
            figures={title: score.figures[name] for name, title in _MEASURES.items()},
        )
        for score in scores
    ]
    says = "How well a quick model ranks with all features, and without those of each suspect."
    return Markup(dot_chart(rows, says=says))  # noqa: S704 - drawn by charts, every word is escaped


def _alternative(without: str) -> str:
    if not without:
        return "all features"
    return "without every suspect" if without == "*" else f"without {without}"


def _band_names() -> list[str]:
    names = ["at once"] + [f"up to {_hours(edge)}" for edge in DELAY_HOURS[1:]]
    return [*names, f"over {_hours(DELAY_HOURS[-1])}"]


def _hours(edge: float) -> str:
    if edge < 1:
        return f"{60 * edge:g} min"
    return f"{edge:g} h" if edge <= 24 else f"{edge / 24:g} d"


def _shares(one: CodeDelays) -> dict[str, Any]:
    whole = sum(one.counts)
    return {
        "code": one.code,
        "events": "10 or fewer" if whole <= _FEW else f"{whole:,}",
        "shares": [count / whole for count in one.counts],
    }
