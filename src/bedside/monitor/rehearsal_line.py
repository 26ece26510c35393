"""The time line of a rehearsed year: which version was seen, what happened, what rang; as SVG."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any

from bedside.charts.frame import picture
from bedside.monitor.causes.telling import short_day

__all__ = ["time_line"]

WIDTH, LEFT, RIGHT, ROW, TOP = 1080, 190, 20, 30, 26
_TONES = {"live": "live", "canary": "canary", "silent": "silent", "superseded": ""}
_TICKS = 12
NAME = 75  # the width of an alarm's id
LANES, LANE = 4, 16  # lines for names that would overlap, and the height of each


def time_line(told: Mapping[str, Any]) -> str:
    """Bars of each version by stage, of each change that was made, and a mark for each alarm.

    Args:
        told: As `Rehearsed` tells it.
    """
    days = max(told["days"], 1)
    scale = (WIDTH - LEFT - RIGHT) / days
    rows = [*_versions(told, days), *_changes(told)]
    height = TOP + ROW * (len(rows) + 1) + 10 + LANES * LANE
    parts = [_months(told, days, scale, height)]
    for number, (name, bars) in enumerate(rows):
        top = TOP + ROW * number
        parts.append(
            f'<text x="{LEFT - 10}" y="{top + 18}" text-anchor="end">{escape(name)}</text>'
        )
        for first, last, tone, words in bars:
            x, wide = LEFT + first * scale, max((last - first) * scale, 3)
            parts.append(
                f'<rect class="bar {tone}" x="{x:.1f}" y="{top + 4}" width="{wide:.1f}" '
                f'height="{ROW - 10}"><title>{escape(words)}</title></rect>'
            )
    parts.append(_alarms(told, scale, TOP + ROW * len(rows)))
    return picture(
        WIDTH,
        height,
        "".join(parts),
        title="The year in one picture",
        says="Which version was at which stage, what was changed when, and when alarms came. "
        "The same stands in the list below.",
    )


Bar = tuple[float, float, str, str]
Row = tuple[str, list[Bar]]


def _versions(told: Mapping[str, Any], days: int) -> list[Row]:
    made = []
    for version in dict.fromkeys(one["version"] for one in told["stages"]):
        steps = [one for one in told["stages"] if one["version"] == version]
        ends = [*(one["day"] for one in steps[1:]), days]
        bars: list[Bar] = []
        for one, end in zip(steps, ends, strict=True):
            tone = "suspended" if one["suspended"] else _TONES[one["stage"]]
            if tone:
                words = f"{version}: {one['stage']}" + (", suspended" if one["suspended"] else "")
                bars.append((one["day"], end, tone, words))
        made.append((version.rpartition("@")[2], bars))
    return made


def _changes(told: Mapping[str, Any]) -> list[Row]:
    return [
        (one["short"], [(one["day"], one["until"], "change", one["planned"])])
        for one in told["changes"]
    ]


def _alarms(told: Mapping[str, Any], scale: float, top: float) -> str:
    parts = [_named("alarms", top)]
    ends = [-1.0] * LANES  # of the last name in each lane
    for one in told["alarms"]:
        x = LEFT + one["day"] * scale
        place, begin = f'x="{x + 4:.1f}"', x
        if x > WIDTH - RIGHT - NAME:
            place, begin = f'x="{x - 4:.1f}" text-anchor="end"', x - NAME
        free = [lane for lane, end in enumerate(ends) if end < begin]
        lane = free[0] if free else ends.index(min(ends))
        ends[lane] = begin + NAME
        low = LANE * lane
        parts.append(
            f'<path class="alarm" d="M{x:.1f} {TOP} V{top + 6 + low}"/>'
            f'<text {place} y="{top + 16 + low}">{escape(one["id"])}'
            f"<title>{escape(one['text'])}</title></text>"
        )
    return "".join(parts)


def _named(name: str, top: float) -> str:
    return f'<text x="{LEFT - 10}" y="{top + 18}" text-anchor="end">{escape(name)}</text>'


def _months(told: Mapping[str, Any], days: int, scale: float, height: float) -> str:
    begins = date.fromisoformat(told["begins"])
    places: Sequence[int] = [days * number // _TICKS for number in range(_TICKS)]
    if days < _TICKS:
        places = range(days)
    return "".join(
        f'<path class="grid" d="M{LEFT + x * scale:.1f} {TOP - 6} V{height - 20}"/>'
        f'<text x="{LEFT + x * scale:.1f}" y="{TOP - 10}">'
        f"{short_day(begins + timedelta(days=x))}</text>"
        for x in places
    )
