"""Alarms that are over without anybody's doing: what they rest on is back where it was.

Told in the name of the service, whoever let the monitor run: it is a finding and no decision. What
is not grave is closed by it; the rest waits for a person.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from bedside.core.clock import date_of_day, day_number, day_text
from bedside.core.records.ledger import Actor
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import SEVERITIES, Alarm, Recovery
from bedside.lifecycle.alarm_steps import keep_step
from bedside.lifecycle.platform import Platform
from bedside.monitor.recovered import LONGEST, BackSince, back_since
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.tally import Tally

__all__ = ["recover_alarms"]

SERVICE = Actor(name="service:bedside", purpose="quality and safety")
_TOLD = ("raised", "grew", "reopened")


def recover_alarms(
    platform: Platform,
    version: ModelVersion,
    baseline: Baseline,
    recovery: Recovery,
    tallies: Callable[[str], Iterator[Tally]],
) -> list[Alarm]:
    """Mark each open alarm of a version whose every stream is back, and close what need not wait.

    The detectors of its streams start anew at the next run of the monitor. Called again, or after
    a crash in the middle, nothing is marked twice.

    Args:
        platform: The workspace.
        version: Whose alarms.
        baseline: By which its days are counted.
        recovery: As declared.
        tallies: Those of this day (ISO date) or later that are kept, in order.

    Returns:
        Those that recovered now, as they are then.
    """
    service = replace(platform, actor=SERVICE)
    mine = [
        one
        for one in platform.alarms.all(version.name, unresolved=True)
        if one.version == version.id and one.findings
    ]
    still = [one for one in mine if one.state != "recovered"]
    days = _days(tallies, still, platform)
    done = []
    for alarm in mine:
        now = alarm
        if alarm.state != "recovered":
            back = back_since(baseline, recovery, alarm.findings, days, after=_told_on(alarm))
            if back is None:
                continue
            now = _recovered(service, alarm, back)
            done.append(now)
        if _closes(recovery, now) and now.steps[-1].kind == "recovered":
            closed = _closed(service, now)
            done = [closed if one.id == closed.id else one for one in done]
    return done


def _days(
    tallies: Callable[[str], Iterator[Tally]], alarms: Sequence[Alarm], platform: Platform
) -> list[Tally]:
    """The days that may tell of these alarms: after the first of them was told, within reason."""
    if not alarms:
        return []
    first = date_of_day(min(map(_told_on, alarms)) + 1)
    earliest = platform.clock.now().date() - timedelta(days=LONGEST)
    return list(tallies(max(first, earliest).isoformat()))


def _told_on(alarm: Alarm) -> int:
    """The day on which something new was found of it."""
    return day_number(next(one.at for one in reversed(alarm.steps) if one.kind in _TOLD)[:10])


def _recovered(service: Platform, alarm: Alarm, back: BackSince) -> Alarm:
    since = day_text(back.day)
    shown = f"what it rests on is back where it was since {since}"
    if back.streams > 1:
        shown = f"all {back.streams} figures that it rests on are back since {since}"
    return keep_step(service, replace(alarm, state="recovered"), "recovered", {}, shown=shown)


def _closed(service: Platform, alarm: Alarm) -> Alarm:
    closed = replace(alarm, state="resolved")
    words = {"action": "Nobody did anything: it recovered, and closed by itself."}
    return keep_step(service, closed, "resolved", words, shown=alarm.cause)


def _closes(recovery: Recovery, alarm: Alarm) -> bool:
    most = recovery.closes
    return most is not None and SEVERITIES.index(alarm.severity) <= SEVERITIES.index(most)
