"""Alarms and their sinks, in words for a terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.records.watch import CAUSES, Alarm
from bedside.lifecycle.alarm_delivery import Delivered
from bedside.monitor.figure_words import mean_words

__all__ = [
    "alarm_line",
    "alarm_words",
    "alarms_table",
    "delivered_words",
    "sinks_table",
    "took",
]

_HEADS = ("ALARM", "SEVERITY", "MODEL", "WHAT", "SINCE", "LIKELY CAUSE", "OWNER", "STATE", "AGE")
_WIDEST = 36
_WHY = {
    "out_of_reach": "it cannot be reached",
    "too_slow": "it did not answer in time",
    "redirected": "it sends us to another address",
    "not_trusted": "its certificate is not trusted",
    "not_let_in": "it does not let us in",
    "not_taken": "it did not take the message",
    "host_not_allowed": "its host is not in the allow list",
    "address_not_allowed": "its name leads where it may not",
    "setting": "a setting is missing or wrong",
    "no_such_sink": "it is not declared any more",
    "server_unreachable": "it cannot be reached",
    "server_busy": "it is busy",
}


def alarms_table(alarms: Sequence[Alarm], now: datetime) -> str:
    """The alarms, a line each, and what to do."""
    if not alarms:
        return "No alarm is open."
    rows = [
        (
            one.id,
            one.severity,
            one.model,
            _what(one),
            one.onset,
            CAUSES[one.cause],
            one.owner,
            one.standing,
            took(now - parse_instant(one.raised)),
        )
        for one in alarms
    ]
    return "\n".join([*_table(_HEADS, rows), "", f"See one: bedside alarm show {alarms[0].id}"])


def alarm_line(alarm: Alarm) -> str:
    """One alarm in one line, as after a change."""
    return f"{alarm.id}  {alarm.severity}  {alarm.standing}  {alarm.owner}  {alarm.text}"


def alarm_words(told: Mapping[str, Any]) -> str:
    """An alarm with its evidence and what became of it."""
    share = told["score_share"]
    lines = [
        f"{told['id']}: {told['severity']}, {told['standing']}; {told['version']}",
        told["text"],
        f"Likely cause: {told['cause_text']}."
        + ("" if share is None else f" Its signals make up {share:.0%} of the shift of the risks."),
        f"Began about {told['onset']}; raised {_minute(told['raised'])}; "
        f"answers for it: {told['owner']}.",
    ]
    if told["groups"]:
        lines.append(f"About: {', '.join(told['groups'])}.")
    lines += ["", "What was seen:"]
    for one in told["findings"]:
        lines += [f"  {_finding(one)}", *(f"    {_at_place(one, at)}" for at in one["places"])]
    lines += ["", "What happened:", *(f"  {_step(one)}" for one in told["steps"])]
    for name, what in (("acknowledge", "acknowledged"), ("resolve", "resolved")):
        seconds = told[f"seconds_to_{name}"]
        if seconds is not None:
            lines.append(f"Until it was {what}: {took(timedelta(seconds=seconds))}.")
    return "\n".join(lines)


def delivered_words(done: Delivered, revived: int) -> str:
    """What a delivery did."""
    lines = [f"To be tried again at once: {revived}."] if revived else []
    lines.append(f"Sent: {done.sent}. Waiting: {done.later}. Given up: {done.dead}.")
    if done.later or done.dead:
        lines.append("See why: bedside alarm sinks")
    return "\n".join(lines)


def sinks_table(told: Sequence[Mapping[str, Any]], now: datetime) -> str:
    """How each sink stands, a line each."""
    if not told:
        return "No sink is declared: nobody is told of alarms. See docs/howto/alarms.md."
    rows = [
        (
            one["sink"],
            one["kind"] or "-",
            f"{one['least'] or '-'}+",
            one["state"],
            str(one["sent"]),
            _waiting(one, now),
            str(one["dead"]),
            "" if one["why"] is None else _why(one["why"]),
        )
        for one in told
    ]
    heads = ("SINK", "KIND", "FROM", "STATE", "SENT", "WAITING", "GIVEN UP", "WHY")
    lines = _table(heads, rows)
    if any(one["dead"] for one in told):
        lines += ["", "Send what was given up again: bedside alarm deliver --again"]
    return "\n".join(lines)


def took(length: timedelta) -> str:
    """A length of time in its largest unit.

    >>> took(timedelta(hours=50)), took(timedelta(minutes=61)), took(timedelta(seconds=59))
    ('2 d', '1 h', '0 min')
    """
    if length >= timedelta(days=1):
        return f"{length // timedelta(days=1)} d"
    if length >= timedelta(hours=1):
        return f"{length // timedelta(hours=1)} h"
    return f"{max(length, timedelta(0)) // timedelta(minutes=1)} min"


def _what(alarm: Alarm) -> str:
    return ", ".join((*alarm.signals, *alarm.groups)) or alarm.kind


def _finding(one: Mapping[str, Any]) -> str:
    return f"{one['text']} [{one['stream']}]"


def _at_place(finding: Mapping[str, Any], at: Mapping[str, Any]) -> str:
    """What a finding is in one place."""
    then, now = (mean_words(finding["stream"], at[name]) for name in ("then", "now"))
    patients = "ten patients or fewer" if at["n"] is None else f"{at['n']:,} patients"
    return f"{at['place']}: {then} before, {now} since, {patients}"


def _step(one: Mapping[str, Any]) -> str:
    words = "; ".join(
        [one["text"], *one["words"].values()] if one["text"] else one["words"].values()
    )
    if one["kind"] in ("raised", "grew", "reopened"):
        words = one["text"]
    return f"{_minute(one['at'])}  {one['kind']:<12} {one['by']}{f'  {words}' if words else ''}"


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]} UTC"


def _waiting(one: Mapping[str, Any], now: datetime) -> str:
    if not one["waiting"]:
        return "0"
    return f"{one['waiting']} for {took(now - parse_instant(one['waits_since']))}"


def _why(code: str) -> str:
    if code.startswith("http_"):
        return f"it answered HTTP {code.removeprefix('http_')}"
    return _WHY.get(code, code)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    shown = [[_cut(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[place]) for row in shown) for place in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
