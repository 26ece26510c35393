"""What became of an alarm: every word of it, and how long people took."""

import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from bedside.core.clock import parse_instant
from bedside.core.records.policy import Act, Resource
from bedside.core.records.watch import CAUSES, Alarm
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["AlarmTimes", "alarm_told", "times_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmTimes:
    """How long people took; None: not yet. Counted from when the alarm was raised."""

    to_acknowledge: timedelta | None
    to_resolve: timedelta | None


def times_of(alarm: Alarm) -> AlarmTimes:
    """How long it took until somebody acknowledged it, and until it was resolved."""
    return AlarmTimes(
        to_acknowledge=_since_raised(alarm, "acknowledged"),
        to_resolve=_since_raised(alarm, "resolved"),
    )


def alarm_told(platform: Platform, alarm_id: str) -> dict[str, Any]:
    """An alarm with every word of it, opened from the ledger, which records that.

    Raises:
        NotFound: there is no such alarm.
        Refused: the actor may not read it, or an entry was changed (code `ledger_broken`).
    """
    alarm = platform.alarms.get(alarm_id)
    enter(platform, Act.MONITOR, Resource(name=alarm.model))
    platform.ledger.append(platform.actor, "alarm.show", {"alarm": alarm.id})
    words = dict(platform.ledger.unseal_all(step.entry for step in alarm.steps))
    times = times_of(alarm)
    told = asdict(alarm)
    told["cause_text"] = CAUSES[alarm.cause]
    told["standing"] = alarm.standing
    told["seconds_to_acknowledge"] = _seconds(times.to_acknowledge)
    told["seconds_to_resolve"] = _seconds(times.to_resolve)
    told["steps"] = [
        {**asdict(step), "words": _words(words.get(step.entry))} for step in alarm.steps
    ]
    return told


def _at(alarm: Alarm, kind: str) -> str | None:
    ats = [one.at for one in alarm.steps if one.kind == kind]
    if kind == "resolved":  # the last time, and not where it was opened again
        opened = max((one.at for one in alarm.steps if one.kind == "reopened"), default="")
        ats = [at for at in ats[-1:] if at >= opened]
    return ats[0] if ats else None


def _since_raised(alarm: Alarm, kind: str) -> timedelta | None:
    at = _at(alarm, kind)
    return None if at is None else parse_instant(at) - parse_instant(alarm.raised)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _words(sealed: bytes | None) -> dict[str, str]:
    told: dict[str, Any] = json.loads(sealed or b"{}")
    return {name: value for name, value in told.items() if isinstance(value, str) and value}
