"""What live predictions showed, in the words and pictures of the page."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.core.records.evidence import figure_text
from bedside.core.records.outcome import at_horizon
from bedside.metrics.names import METRICS, metrics_by
from bedside.monitor.judged.follow_up import FOLLOWED
from bedside.monitor.judged.rows import MARKED_BY
from bedside.monitor.wording import per_cent

__all__ = [
    "BURDEN",
    "CARE_WORDS",
    "STATES",
    "broken_gates",
    "estimate_lines",
    "follow_lines",
    "intervention_table",
    "main_metrics",
    "main_of_group",
    "month_chart",
    "share_text",
    "treated_line",
    "treated_lines",
]

Told = Mapping[str, Any]

STATES = {"pass": "✓", "fail": "✗", "not yet": "?"}
CARE_WORDS = {
    "all": "everybody",
    "not_acted": "without patients on whom staff acted",
    "not_shown": "patients about whom nobody was shown anything",
}
BURDEN = {
    "alerts_per_day": "alerts a day",
    "alerts_per_patient_day": "alerts for each patient and day",
    "alerts_per_100_answers": "alerts for 100 answers",
    "false_alert_share": "share of alerts after which the outcome did not come",
}
_MAIN = {
    "binary": ("auroc", "brier", "calibration_slope", "sensitivity", "ppv", "net_benefit"),
    "multiclass": ("macro_auroc", "accuracy", "sensitivity", "ppv", "net_benefit"),
    "ordinal": ("ordinal_c", "quadratic_kappa", "sensitivity", "ppv", "net_benefit"),
    "survival": ("harrell_c", "uno_c", "auroc", "brier", "calibration_slope", "sensitivity", "ppv"),
    "regression": ("mae", "rmse", "r2", "mean_error"),
}
ESTIMATED = ("auroc", "brier", "sensitivity", "ppv", "observed_expected")
_OBSERVED = "Observed / expected"
_FOLLOWED = {
    "followed": "it followed {} of the shown alerts",
    "unshown": "it followed {} of the alerts that nobody was shown",
    "of_accepted": "{} of those whose card was accepted",
    "of_overridden": "{} of those whose card was overridden",
    "hours": "{} hours after a shown alert (median)",
    "to_outcome": "{} hours before the outcome (median)",
}


INTERVENED = {
    "followed": "after alerts that were shown",
    "unshown": "after alerts that nobody was shown",
    "of_accepted": "where the card was accepted",
    "of_overridden": "where it was overridden",
    "hours": "hours after a shown alert (median)",
    "to_outcome": "hours before the outcome (median)",
}
"""Heads of the table of interventions, by figure."""


def main_metrics(told: Told) -> list[dict[str, Any]]:
    """The metrics that are shown first: `title`, and `figures` by whose outcomes they are of.

    Of a time until an event those at each horizon, the earliest first.
    """
    some = [one["metrics"] for one in told["care"].values() if one["metrics"]]
    *earlier, last = [one["days"] for one in told["follow_up"]] or [None]
    titles = metrics_by(last)
    rows = []
    for name in _MAIN.get(told["outcome"], ()):
        for each in (*(at_horizon(name, day) for day in earlier), name):
            figures = [one.get(each) for one in some]
            if any(figures):
                texts = [_text(one) for one in figures]
                rows.append({"title": titles[each].title, "figures": texts})
    if rows and told["calibration"]["observed_expected"] is not None:
        rows[1:1] = _observed(some, earlier, last)
    return rows


def _observed(
    some: Sequence[Told], earlier: Sequence[float], last: float | None
) -> list[dict[str, Any]]:
    """Observed over expected, the same; at each horizon, where there are some."""
    ratio = "expected_observed_ratio"
    names = {at_horizon(ratio, day): day for day in earlier} | {ratio: last}
    return [
        {
            "title": _OBSERVED if day is None else f"{_OBSERVED} at {day:,g} days",
            "figures": [_text(_inverse(one.get(name))) for one in some],
        }
        for name, day in names.items()
    ]


def estimate_lines(told: Told, some: Sequence[str] = ESTIMATED) -> list[str]:
    """What is expected before outcomes are known, and how far such estimates were off before."""
    figures = (told["estimates"] or {}).get("figures", {})
    lines = []
    for name in some:
        if name not in figures:
            continue
        one = figures[name]
        title = METRICS[name].title if name in METRICS else _OBSERVED
        line = f"{title}: {one['value']:.3f} ({one['low']:.3f} to {one['high']:.3f})"
        past = told["tracked"].get(name)
        if past is not None:
            line += (
                f"; earlier estimates were {past['mean_error']:+.3f} off on average, "
                f"in {past['n']} period{'' if past['n'] == 1 else 's'}"
            )
        lines.append(line)
    return lines


def treated_line(told: Told) -> str:
    """Who was treated because of an alert, by what is known of it; '' of nobody."""
    patients = told["treated"]["patients"]
    if not any(many != 0 for by, many in patients.items() if by != "nobody"):
        return ""
    counts = "; ".join(f"{words}: {_count(patients[by])}" for by, words in MARKED_BY.items())
    return f"Patients treated because alerted, of those shown something, by {counts}"


def intervention_table(told: Told) -> dict[str, Any]:
    """What followed alerts, of each declared intervention.

    Returns:
        `heads` of the figures that any of them has, and `rows`: `title`, and `cells` or `why` none.
    """
    every = list(told["treated"]["interventions"].values())
    names = [name for name in INTERVENED if any(one[name]["estimate"] is not None for one in every)]
    rows = []
    for one in every:
        known = any(one[name]["estimate"] is not None for name in names)
        said = {"cells": [_cell(name, one[name]) for name in names]} if known else {}
        why = {} if known else {"why": _not_told(one)}
        rows.append({"title": f"{one['label']}, within {one['within']}", **said, **why})
    return {"heads": [INTERVENED[name] for name in names], "rows": rows}


def share_text(figure: Told) -> str:
    """A share with its interval, in per cent, or why there is none."""
    if figure["estimate"] is None:
        return f"not shown: {figure['why']}"
    return _cell("", figure)


def _cell(name: str, figure: Told) -> str:
    """A share in per cent, or hours, with its interval."""
    if figure["estimate"] is None:
        return "–"
    values = [figure[key] for key in ("estimate", "low", "high")]
    hours = name in ("hours", "to_outcome")
    texts = ["–" if one is None else f"{one:.1f} h" if hours else per_cent(one) for one in values]
    return texts[0] if values[1] is None else f"{texts[0]} ({texts[1]} to {texts[2]})"


def treated_lines(told: Told) -> list[str]:
    """Who was treated because of an alert, by what is known of it, and what followed alerts."""
    lines = [line for line in (treated_line(told),) if line]
    for one in told["treated"]["interventions"].values():
        parts = [
            words.format(figure_text(one[name]))
            for name, words in _FOLLOWED.items()
            if one[name]["estimate"] is not None
        ]
        if parts:
            lines.append(f"{one['label']}, within {one['within']}: {'; '.join(parts)}")
        else:
            lines.append(f"{one['label']}, within {one['within']}: {_not_told(one)}")
    return lines


def _not_told(one: Told) -> str:
    asked = one["alerts"]["followed"], one["alerts"]["none"], one["unshown"]["n"]
    return "not looked for yet" if asked == (0, 0, 0) else "ten patients or fewer"


def _count(many: int | None) -> str:
    return "ten or fewer" if many is None else f"{many:,}"


def follow_lines(told: Told) -> list[str]:
    """Of a time until an event, what is known at each horizon of those who can be judged."""
    lines = []
    for one in told["follow_up"]:
        parts = "; ".join(f"{_count(one[name])} {words}" for name, words in FOLLOWED.items())
        lines.append(f"By {one['days']:g} days: {parts}")
    return lines


def month_chart(told: Told) -> Markup | None:
    """Observed over expected, by the month of the prediction."""
    months = told["calibration"]["by_month"]
    if not any(month["estimate"] is not None for month in months):
        return None
    rows = [
        ForestRow(
            name=month["month"],
            n="" if month["n"] is None else f"{month['n']:,}",
            estimate=month["estimate"],
            low=month["low"],
            high=month["high"],
            why="" if month["estimate"] is not None else "few known",
        )
        for month in months
    ]
    svg = forest_chart(
        rows,
        title="Observed / expected by month",
        says="Outcomes that came for each that was foretold, by the month of the prediction.",
        figure_title="observed / expected",
        n_title="answers",
        overall=1.0,
    )
    return Markup(svg)  # noqa: S704 - drawn here, and every word in it is escaped


def main_of_group(metrics: Told) -> list[str]:
    """AUROC, observed over expected, and sensitivity of one group."""
    inverse = _inverse(metrics.get("expected_observed_ratio"))
    return [_text(one) for one in (metrics.get("auroc"), inverse, metrics.get("sensitivity"))]


def broken_gates(told: Told) -> int:
    """How many gates of the release live predictions break."""
    return sum(one["state"] == "fail" for one in told.get("gates", ()))


def _text(figure: Told | None) -> str:
    return "–" if figure is None else figure_text(figure)


def _inverse(figure: Told | None) -> Told | None:
    if figure is None or not figure["estimate"]:
        return None
    low, high = figure["low"], figure["high"]
    return {
        "estimate": 1 / figure["estimate"],
        "low": None if not high else 1 / high,
        "high": None if not low else 1 / low,
    }
