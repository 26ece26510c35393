"""The page that tells a rehearsed year: no script, no network, the same bytes for the same year."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bedside.charts.lines import Line, Mark, line_chart
from bedside.core.clock import day_number
from bedside.core.records.watch import CAUSES
from bedside.monitor.causes.telling import day_words, short_day
from bedside.monitor.rehearsal_line import time_line

__all__ = ["by_weeks", "render_rehearsal"]

_WEEK, _MONTH = 7, 28
_FEW = 10  # patients or outcomes: a figure of so few is not shown
_TICKS = 6
_ROOM = 0.17  # of the width of a chart, for the name of an alarm


def render_rehearsal(told: Mapping[str, Any]) -> str:
    """The account of a rehearsal, as `Rehearsed` tells it, as an HTML page that opens from a file.

    Everything in it is escaped.
    """
    begins = date.fromisoformat(told["begins"])
    page = Environment(
        loader=PackageLoader("bedside.monitor"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def day(number: int) -> str:
        return day_words(day_number((begins + timedelta(days=number)).isoformat()))

    page.filters.update(day=day)
    return page.get_template("rehearsal.html").render(
        told=told,
        causes=CAUSES,
        expected=[one for one in told["events"] if one["met"] is not None],
        line=Markup(time_line(told)),  # noqa: S704 - its texts are escaped
        alerts=_chart(
            told,
            by_weeks(told, _WEEK, "alerts", "scores"),
            title="Share of scores that alert, by the week",
            says="Of the scores of the version that is seen most, the share that alerted.",
            y_title="share of scores",
        ),
        calibration=_chart(
            told,
            by_weeks(told, _MONTH, "observed", "expected"),
            title="Observed / expected, by four weeks",
            says="Outcomes that came true for each that was foretold, by the day of the question.",
            y_title="observed / expected",
            right=1.0,
        ),
    )


def by_weeks(
    told: Mapping[str, Any], length: int, above: str, below: str
) -> list[tuple[float, float]]:
    """The middle of each period of so many days, and the ratio of two sums over it.

    Left out are periods with ten scores or fewer, or where what stands below is nought.

    >>> day = {"day": 0, "scores": 20, "alerts": 5}
    >>> by_weeks({"days": 7, "figures": [day]}, 7, "alerts", "scores")
    [(3.5, 0.25)]
    """
    made = []
    for begin in range(0, told["days"], length):
        some = [one for one in told["figures"] if begin <= one["day"] < begin + length]
        whole = sum(one[below] for one in some)
        if whole > 0 and sum(one["scores"] for one in some) > _FEW:
            end = min(begin + length, told["days"])
            made.append(((begin + end) / 2, sum(one[above] for one in some) / whole))
    return made


def _chart(
    told: Mapping[str, Any],
    points: Sequence[tuple[float, float]],
    *,
    title: str,
    says: str,
    y_title: str,
    right: float | None = None,
) -> Markup | None:
    """Points over the days of the year, with a mark where something was changed."""
    if not points:
        return None
    begins, days = date.fromisoformat(told["begins"]), float(told["days"])
    lines = [Line(name=title, x=[x for x, _ in points], y=[y for _, y in points], dots=True)]
    if right is not None:
        lines.append(Line(name="right", x=[0, days], y=[right] * 2, dashed=True, tone=3))
    places = [days * number / _TICKS for number in range(_TICKS)]
    most = max(y for _, y in points)
    return Markup(  # noqa: S704 - its texts are escaped
        line_chart(
            lines,
            title=title,
            says=says,
            x_title="day of the question",
            y_title=y_title,
            x_range=(0, days),
            y_range=(0, max(most * 1.15, 1.3 if right else 0.01)),
            x_ticks=places,
            x_words=[short_day(begins + timedelta(days=int(x))) for x in places],
            marks=_marks(told, days),
        )
    )


def _marks(told: Mapping[str, Any], days: float) -> list[Mark]:
    """Where alarms came; the name stands where there is room for it."""
    made, before = list[Mark](), -days
    for one in told["alarms"]:
        is_free = one["day"] - before > _ROOM * days and one["day"] < (1 - _ROOM) * days
        made.append(Mark(x=one["day"], text=one["id"] if is_free else ""))
        before = one["day"]
    return made
