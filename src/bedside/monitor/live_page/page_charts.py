"""The pictures of the page of a watched version, from its report."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bedside.charts.forest import ForestRow, forest_chart
from bedside.charts.lines import Line, Mark, line_chart
from bedside.core.clock import date_of_day, day_number
from bedside.monitor.causes.telling import short_day

__all__ = ["area_chart", "calibration_chart", "evidence_chart", "share_chart", "signal_chart"]

Report = Mapping[str, Any]
_TICKS = 5
_OF_WIDTH = 0.96  # of the axis, for the last word to have room


def share_chart(
    report: Report, part: str, *, title: str, says: str, y_title: str, whole: bool = False
) -> Markup | None:
    """A figure by period with its interval, the line of the baseline, and where things began."""
    told = report[part]
    points = _shown(told)
    if not points:
        return None
    lines = [_with_intervals(f"{title}, with its 95 % interval", points)]
    ends = _ends(report)
    if told["then"] is not None:
        lines.append(
            Line(name="as before", x=list(ends), y=[told["then"]] * 2, dashed=True, tone=3)
        )
    most = max([point["high"] for point in points] + [told["then"] or 0.0])
    y_range = (0.0, 1.0) if whole else (0.0, min(1.0, _round_up(most)))
    return _drawn(lines, report, title=title, says=says, y_title=y_title, y_range=y_range)


def calibration_chart(report: Report) -> Markup | None:
    """Outcomes that came for each foretold, by period; 1 is right."""
    points = _shown(report["calibration"])
    if not points:
        return None
    lines = [
        _with_intervals("observed / expected, with its 95 % interval", points),
        Line(name="right", x=list(_ends(report)), y=[1.0, 1.0], dashed=True, tone=3),
    ]
    return _drawn(
        lines,
        report,
        title="Calibration in the large",
        says="Outcomes that came for each that was foretold, by the day they came to be known.",
        y_title="observed / expected",
        y_range=(0, _round_up(max([point["high"] for point in points] + [1.5]))),
    )


def evidence_chart(report: Report) -> Markup | None:
    """The evidence that outcomes are more, or fewer, than foretold, against its bar."""
    told = report["evidence"]
    if told is None or not told["days"]:
        return None
    x = [float(day_number(day)) for day in told["days"]]
    bar = [told["bar"]] * 2
    lines = [
        Line(name="more than foretold", x=x, y=told["up"], tone=1),
        Line(name="fewer than foretold", x=x, y=told["down"], tone=0),
        Line(name="bar of the alarm", x=list(_ends(report)), y=bar, dashed=True, tone=4),
    ]
    return _drawn(
        lines,
        report,
        title="Evidence that calibration moved",
        says="Natural logarithm of the evidence; an alarm is raised at the bar.",
        y_title="log evidence",
        y_range=(0, _round_up(1.05 * max([*told["up"], *told["down"], told["bar"]]))),
    )


def area_chart(report: Report) -> Markup | None:
    """AUROC of each month, and of the baseline."""
    if report["area"] is None:
        return None
    then = report["area"]["then"]
    rows = [
        ForestRow(name="before", **{key: then[key] for key in ("estimate", "low", "high")}),
        *(
            ForestRow(
                name=month["month"],
                n="" if month["n"] is None else f"{month['n']:,}",
                estimate=month["estimate"],
                low=month["low"],
                high=month["high"],
                why="" if month["estimate"] is not None else "few known",
            )
            for month in report["months"]
        ),
    ]
    svg = forest_chart(
        rows,
        title="AUROC by month",
        says="How well the model ranks patients, by the month in which outcomes came to be known.",
        figure_title="AUROC",
        overall=then["estimate"],
    )
    return Markup(svg)  # noqa: S704 - drawn here, and every word in it is escaped


def signal_chart(report: Report) -> Markup | None:
    """What each signal does to the mean log-odds."""
    told = report["signals"]
    if told is None or not told["effects"]:
        return None
    rows = [
        ForestRow(
            name=one["name"],
            estimate=one["estimate"],
            low=one["low"],
            high=one["high"],
            stands_out=one["low"] is not None and (one["low"] > 0 or one["high"] < 0),
        )
        for one in told["effects"]
    ]
    svg = forest_chart(
        rows,
        title="Signals by their effect on the risks",
        says="By how much each signal moves the mean log-odds against before; 0 is not at all.",
        figure_title="change of the mean log-odds",
        overall=0.0,
    )
    return Markup(svg)  # noqa: S704 - drawn here, and every word in it is escaped


def _shown(told: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The points that can be shown."""
    if told is None:
        return []
    return [point for point in told["points"] if point["estimate"] is not None]


def _with_intervals(name: str, points: Sequence[Mapping[str, Any]]) -> Line:
    return Line(
        name=name,
        x=[(day_number(point["first"]) + day_number(point["last"])) / 2 for point in points],
        y=[point["estimate"] for point in points],
        low=[point["low"] for point in points],
        high=[point["high"] for point in points],
        dots=True,
    )


def _ends(report: Report) -> tuple[float, float]:
    first, last = float(day_number(report["first"])), float(day_number(report["last"]))
    return first, max(last, first + 1)


def _round_up(most: float) -> float:
    """The next half of a power of ten.

    >>> _round_up(0.32), _round_up(1.7)
    (0.35, 2.0)
    """
    if most <= 0:
        return 1.0
    step = 10.0 ** math.floor(math.log10(most)) / 2
    return round(math.ceil(most / step - 1e-9) * step, 12)


def _drawn(
    lines: Sequence[Line],
    report: Report,
    *,
    title: str,
    says: str,
    y_title: str,
    y_range: tuple[float, float],
) -> Markup:
    first, last = _ends(report)
    step = _OF_WIDTH * (last - first) / _TICKS
    most = first + _OF_WIDTH * (last - first)  # beyond it, a word would be cut
    places = sorted(
        {at for place in range(_TICKS + 1) if (at := first + round(place * step)) <= most}
    )
    svg = line_chart(
        lines,
        title=title,
        says=says,
        x_title="day (UTC)",
        y_title=y_title,
        x_range=(first, last),
        y_range=y_range,
        x_ticks=places,
        x_words=[short_day(date_of_day(int(place))) for place in places],
        marks=[
            Mark(x=float(day_number(onset)), text="onset" if place == 0 else "")
            for place, onset in enumerate(report["onsets"])
        ],
    )
    return Markup(svg)  # noqa: S704 - drawn here, and every word in it is escaped
