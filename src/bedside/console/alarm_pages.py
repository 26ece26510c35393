"""The pages of models in use and of one alarm: no script, and every word of others escaped."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from bedside.charts.lines import Line, Mark, line_chart
from bedside.core.clock import parse_instant
from bedside.core.records.watch import CAUSES, Alarm, step_words
from bedside.lifecycle.alarm_path import EvidencePath
from bedside.lifecycle.in_use import STANDING, InUse
from bedside.monitor.figure_words import mean_words, what_moved

__all__ = [
    "MOST_WORDS",
    "Form",
    "alarm_page",
    "error_page",
    "overview_page",
    "resolved_page",
]

Form = Literal["acknowledge", "assign", "note", "resolve"]

MOST_WORDS = 4_000
"""Characters that a field takes."""

MOST_RESOLVED = 200
_SIGNS = {"high": "▲", "medium": "◆", "low": "●", "moved": "!", "unwatched": "✕", "unknown": "?",
          "quiet": "✓"}  # fmt: skip
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_TICKS = 4
_OF_WIDTH = 0.93  # of the axis, for the last word to have room
_HEADROOM = 1.1  # above the highest figure


def overview_page(
    models: Sequence[InUse], alarms: Sequence[Alarm], *, who: str, now: datetime
) -> str:
    """Every version in use and how it stands, then every alarm that is not resolved."""
    return _template("alarms").render(
        who=who,
        now=now,
        models=[(one, STANDING[one.standing]) for one in models],
        alarms=[_listed(one, now) for one in alarms],
    )


def resolved_page(alarms: Sequence[Alarm], *, who: str) -> str:
    """The alarms that were resolved, the newest first; the first of them, if they are many."""
    rows = [{**_listed(one, None), "until": one.steps[-1].at} for one in alarms[:MOST_RESOLVED]]
    return _template("resolved").render(who=who, alarms=rows, many=len(alarms))


def alarm_page(
    told: Mapping[str, Any],
    path: EvidencePath | None,
    *,
    who: str,
    now: datetime,
    mark: str = "",
    form: str = "",
    typed: Mapping[str, str] | None = None,
    wrong: str | None = None,
) -> str:
    """One alarm: what moved, the evidence, what was done, and forms for what is to be done.

    Args:
        told: As `alarm_told`.
        path: How its evidence grew, if that is known.
        who: In whose name forms are sent.
        now: For its age.
        mark: Of its version, where the monitor left a page.
        form: The form that was sent and not taken.
        typed: What stood in it; it is shown again.
        wrong: Why it was not taken.
    """
    return _template("alarm").render(
        who=who,
        one=told,
        age=_age(now - parse_instant(told["raised"])),
        back=_back([(one["kind"], one["at"]) for one in told["steps"]], now),
        waits=[
            (words, _age(timedelta(seconds=told[f"seconds_to_{name}"])))
            for name, words in (("acknowledge", "acknowledged"), ("resolve", "resolved"))
            if told[f"seconds_to_{name}"] is not None
        ],
        steps=[_step(one) for one in told["steps"]],
        path=path,
        chart=None if path is None else _chart(path),
        causes=CAUSES,
        mark=mark,
        form=form,
        typed=dict(typed or {}),
        wrong=wrong,
        most=MOST_WORDS,
    )


def error_page(problem: str, fix: str) -> str:
    """Why something cannot be shown or done, and what to do."""
    return _template("refused").render(problem=problem, fix=fix)


def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader("bedside.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        moment=lambda at: f"{at[:10]} {at[11:16]} UTC",
        sign=lambda word: _SIGNS[word],
        mean=mean_words,
        what=what_moved,
    )
    return environment.get_template(f"{name}.html.j2")


def _listed(alarm: Alarm, now: datetime | None) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "severity": alarm.severity,
        "state": alarm.state,
        "standing": alarm.standing,
        "model": alarm.model,
        "version": alarm.version,
        "text": alarm.text,
        "cause": CAUSES[alarm.cause],
        "onset": alarm.onset,
        "raised": alarm.raised,
        "owner": alarm.owner,
        "age": "" if now is None else _age(now - parse_instant(alarm.raised)),
        "back": _back([(one.kind, one.at) for one in alarm.steps], now),
    }


def _back(steps: Sequence[tuple[str, str]], now: datetime | None) -> str:
    """How long ago it came back; '' where it never did."""
    came = [at for kind, at in steps if kind == "reopened"]
    return "" if not came or now is None else _age(now - parse_instant(came[-1]))


def _step(one: Mapping[str, Any]) -> dict[str, Any]:
    """A step and what people wrote of it; the evidence stands elsewhere on the page."""
    words = [] if one["kind"] in ("raised", "grew", "reopened") else list(one["words"].values())
    did, told = step_words(one["kind"], one["by"], one["text"])
    return {"at": one["at"], "by": one["by"], "did": did, "told": told,
            "words": words, "entry": one["entry"]}  # fmt: skip


def _chart(path: EvidencePath) -> Markup:
    days = [float(date.fromisoformat(day).toordinal()) for day in path.days]
    first, last = days[0], max(days[-1], days[0] + 1.0)
    step = _OF_WIDTH * (last - first) / _TICKS
    most = first + _OF_WIDTH * (last - first)
    ticks = sorted({tick for at in range(_TICKS + 1) if (tick := first + round(at * step)) <= most})
    svg = line_chart(
        [
            Line(name="evidence that it moved", x=days, y=path.log_evidence, tone=0),
            Line(name="bar of the alarm", x=[first, last], y=[path.bar] * 2, dashed=True, tone=4),
        ],
        title="Evidence by day",
        says=f"Natural logarithm of the evidence, counted from {path.days[0]} on; an alarm is "
        "raised at the bar.",
        x_title="day (UTC)",
        y_title="log evidence",
        x_range=(first, last),
        y_range=(0.0, _HEADROOM * max(*path.log_evidence, path.bar)),
        marks=[Mark(x=float(date.fromisoformat(path.onset).toordinal()), text="onset")],
        x_ticks=ticks,
        x_words=[date.fromordinal(int(tick)).strftime("%-d %b") for tick in ticks],
    )
    return Markup(svg)  # noqa: S704 - drawn here, and every word in it is escaped


def _age(length: timedelta) -> str:
    """A length of time in its largest unit, in words.

    >>> _age(timedelta(hours=50)), _age(timedelta(minutes=61)), _age(timedelta(seconds=59))
    ('2 days', '1 hour', '0 minutes')
    """
    for unit, word in ((_DAY, "day"), (_HOUR, "hour")):
        if length >= unit:
            return _many(length // unit, word)
    return _many(max(length, timedelta(0)) // timedelta(minutes=1), "minute")


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
