"""The page of a watched version: no script, no network, the same bytes for the same report."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from bedside.core.clock import day_number
from bedside.core.records.evidence import figure_text
from bedside.core.records.watch import step_words
from bedside.monitor.causes.telling import day_words
from bedside.monitor.figure_words import mean_words
from bedside.monitor.judged.telling import (
    BURDEN,
    CARE_WORDS,
    STATES,
    broken_gates,
    estimate_lines,
    follow_lines,
    intervention_table,
    main_metrics,
    main_of_group,
    month_chart,
    share_text,
    treated_line,
)
from bedside.monitor.live_page.page_charts import (
    area_chart,
    calibration_chart,
    evidence_chart,
    share_chart,
    signal_chart,
)
from bedside.monitor.wording import per_cent

__all__ = ["render_live_page"]

_SYMBOLS = {"moved": "!", "quiet": "✓", "cannot_know": "?"}
_CARE = {
    "not alerted": "no alert",
    "not shown": "alerts that nobody was shown",
    "shown": "alerts that were shown, and nobody acted",
    "acted": "alerts on which staff acted",
}
_WHY_NOT = {
    "not_due": "the outcome is not due yet",
    "nobody": "they name nobody",
    "erased": "the patient was erased",
    "untold": "no outcome was told, though it was due",
}


def render_live_page(report: Mapping[str, Any]) -> str:
    """The report that `live_report` made, as an HTML page that opens from a file.

    Everything in it is escaped.
    """
    page = Environment(
        loader=PackageLoader("bedside.monitor"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters.update(
        day=_day,
        moment=_moment,
        per_cent=per_cent,
        interval=_interval,
        difference=_difference,
        mean=mean_words,
        step=_step,
        ago=_ago,
    )
    return page.get_template("live.html").render(
        report=report,
        symbol=_SYMBOLS[report["state"]],
        care=_CARE,
        why_not=_WHY_NOT,
        risks=share_chart(
            report,
            "risks",
            title="Mean rank of the risks",
            says="Where risks lie among those before; 0.5 is as before, higher is riskier.",
            y_title="mean rank",
            whole=True,
        ),
        alerts=share_chart(
            report,
            "alerts",
            title="Share of patients with an alert",
            says="Of the patients who count, the share whose answer alerted.",
            y_title="share of patients",
        ),
        calibration=calibration_chart(report),
        evidence=evidence_chart(report),
        area=area_chart(report),
        signals=signal_chart(report),
        broken=broken_gates(report["performance"] or {}),
        **_judged(report["performance"]),
    )


def _judged(told: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the part about what came true needs."""
    if told is None or told.get("left_out"):
        return {}
    return {
        "metrics": main_metrics(told),
        "months": month_chart(told),
        "estimates": estimate_lines(told),
        "treated": treated_line(told),
        "intervened": intervention_table(told),
        "share": share_text,
        "followed": follow_lines(told),
        "burden": BURDEN,
        "care_words": CARE_WORDS,
        "states": STATES,
        "figure": figure_text,
        "main_of": main_of_group,
    }


def _day(iso: str | None) -> str:
    return "–" if not iso else day_words(day_number(iso[:10]))


def _moment(iso: str | None) -> str:
    """A moment to the minute."""
    return "–" if not iso else f"{_day(iso)}, {iso[11:16]} UTC"


def _interval(figure: Mapping[str, Any]) -> str:
    """An estimate with its interval, or why there is none."""
    if figure["estimate"] is None:
        return str(figure.get("why", "–"))
    return f"{figure['estimate']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _difference(figure: Mapping[str, Any]) -> str:
    """A difference of shares with its interval, in points of 100."""
    if figure["estimate"] is None:
        return str(figure.get("why", "–"))
    middle, low, high = (100 * figure[key] for key in ("estimate", "low", "high"))
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def _step(step: Mapping[str, Any]) -> str:
    """What happened to an alarm, when, by whom, and what is told of it."""
    did, told = step_words(step["kind"], step["by"], step["text"])
    words = f"{did[:1].upper()}{did[1:]}: {_moment(step['at'])}, {step['by']}"
    return f"{words}; {told}" if told else words


def _ago(days: int) -> str:
    """So many days before the page was made."""
    return "today" if days == 0 else f"{days} day{'' if days == 1 else 's'} ago"
