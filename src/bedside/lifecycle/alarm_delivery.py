"""Telling sinks of alarms: put durably first, then tried, again after a while, given up after days.

A message is sent at least once. It is sent twice only where this process died, or lost the
connection, between the sending and the note that it was sent; it then carries the same id.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import BedsideError, NotFound
from bedside.core.ids import digest_of
from bedside.core.ports.alarm_sinks import AlarmSink
from bedside.core.ports.watch import Delivery
from bedside.core.records.policy import Act
from bedside.core.records.watch import SEVERITIES, Alarm, AlarmStep, AlarmStepKind
from bedside.interop.alarm_json import AlarmMessage, alarm_message
from bedside.lifecycle.alarms import MORE_SEVERE, OTHER_CAUSE
from bedside.lifecycle.door import enter
from bedside.lifecycle.platform import Platform

__all__ = ["Delivered", "Patience", "deliver_alarms", "revive_alarms", "sinks_told"]

_LEASE = timedelta(minutes=10)  # one try lasts less
_TRYING = "being_sent"  # what a claim writes
_TOLD_STEPS: dict[AlarmStepKind, AlarmMessage] = {
    "raised": "alarm.raised",
    "recovered": "alarm.recovered",
    "reopened": "alarm.reopened",
    "resolved": "alarm.resolved",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a sink that is down is waited for.

    The wait doubles from `first` to `longest`; up to half of it is taken off by chance, so that
    what failed together does not come back together. `give_up` after the message was put, it is
    dead, and waits again when a person says so.
    """

    first: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(hours=1)
    give_up: timedelta = timedelta(days=7)

    def wait(self, tries: int, chance: float) -> timedelta:
        """How long to wait after so many tries; `chance` is in [0, 1).

        >>> [Patience().wait(tries, 0.0).total_seconds() for tries in (1, 2, 3, 20)]
        [30.0, 60.0, 120.0, 3600.0]
        """
        whole = min(self.first * (1 << min(tries - 1, 30)), self.longest)
        return whole * (1 - chance / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What a run did: messages that were put, sent, wait for another try, and were given up."""

    put: int = 0
    sent: int = 0
    later: int = 0
    dead: int = 0


def deliver_alarms(
    platform: Platform,
    sinks: Sequence[AlarmSink],
    *,
    patience: Patience | None = None,
    chance: Callable[[], float] = random.random,
) -> Delivered:
    """Put what no sink was told yet, then send whatever is due.

    Each alarm is told as it stands after its latest step that matters: raised, more severe or of
    another likely cause, recovered, opened again, resolved. A sink that is declared later is told
    of the alarms that are not resolved. What a sink is told of one alarm comes in order; once it
    does not take a message, its others wait for the next run.

    Args:
        platform: The workspace.
        sinks: Those of its settings.
        patience: How long a sink that is down is waited for.
        chance: Gives numbers in [0, 1), for the jitter.

    Raises:
        Refused: the actor may not monitor.
    """
    enter(platform, Act.MONITOR)
    done = Delivered(put=_put(platform, sinks))
    by_name = {sink.name: sink for sink in sinks}
    down: set[str] = set()
    held: set[tuple[str, str]] = set()
    for waiting in platform.deliveries.all(state="waiting"):
        now, about = platform.clock.now(), (waiting.sink, waiting.alarm)
        taken = None
        if waiting.sink not in down and about not in held and waiting.next_at <= iso(now):
            taken = platform.deliveries.claim(waiting, iso(now + _LEASE))
        if taken is None:
            held.add(about)
            done = replace(done, later=done.later + 1)
            continue
        try:
            _sink_of(by_name, taken).send(taken.body)
        except BedsideError as error:
            down.add(taken.sink)
            tried = _failed(platform, taken, error, patience or Patience(), chance())
        else:
            tried = replace(taken, state="sent", next_at="", why="")
            _settle(platform, tried)
        done = _counted(done, tried)
    return done


def revive_alarms(platform: Platform) -> int:
    """Let what was given up, or waits for its next try, be tried at once; how many there were.

    A message that was given up is then as new. One whose sink was told of a later step of the same
    alarm is outdated, and stays away.

    Raises:
        Refused: the actor may not monitor.
    """
    enter(platform, Act.MONITOR)
    now, revived = iso(platform.clock.now()), 0
    told: set[tuple[str, str]] = set()
    for one in reversed(platform.deliveries.all()):
        about = (one.sink, one.alarm)
        if one.state == "sent":
            told.add(about)
        elif one.state == "dead" and about in told:
            platform.deliveries.change(replace(one, state="outdated"))
        elif one.state == "dead":
            again = replace(one, state="waiting", tries=0, put=now, next_at=now)
            platform.deliveries.change(again)
            revived += 1
        elif one.state == "waiting" and one.next_at > now and one.why != _TRYING:
            platform.deliveries.change(replace(one, next_at=now))
            revived += 1
    return revived


def sinks_told(platform: Platform, sinks: Sequence[AlarmSink]) -> list[dict[str, Any]]:
    """How each sink stands: declared or not, what waits, since when, and why.

    Raises:
        Refused: the actor may not monitor.
    """
    enter(platform, Act.MONITOR)
    kept = platform.deliveries.all()
    declared = {sink.name: sink for sink in sinks}
    return [
        _told(name, declared.get(name), [one for one in kept if one.sink == name])
        for name in dict.fromkeys([*declared, *(one.sink for one in kept)])
    ]


def _told(name: str, sink: AlarmSink | None, kept: Sequence[Delivery]) -> dict[str, Any]:
    waiting = [one for one in kept if one.state == "waiting"]
    failed = [one for one in waiting if one.why not in ("", _TRYING)]
    dead = [one for one in kept if one.state == "dead"]
    state = "not declared" if sink is None else "down" if failed or dead else "well"
    return {
        "sink": name,
        "kind": None if sink is None else sink.kind,
        "least": None if sink is None else sink.least,
        "models": [] if sink is None else list(sink.models),
        "state": state,
        "sent": sum(one.state == "sent" for one in kept),
        "waiting": len(waiting),
        "dead": len(dead),
        "waits_since": min((one.put for one in waiting), default=None),
        "why": (failed or dead)[-1].why if failed or dead else None,
    }


def _put(platform: Platform, sinks: Sequence[AlarmSink]) -> int:
    """Put a message for each sink that was not told of an alarm as it stands; how many."""
    known = {one.key for one in platform.deliveries.all()}
    put = 0
    for alarm in platform.alarms.all():
        latest = _latest(alarm)
        if latest is None:
            continue
        step, kind = latest
        for sink in sinks:
            key = _key(sink, alarm, step)
            if key in known or not _concerns(sink, alarm):
                continue
            before = {_key(sink, alarm, one) for one in alarm.steps}
            if kind == "alarm.resolved" and not before & known:
                continue  # it never heard of the alarm
            put += platform.deliveries.put(_message(platform, sink, alarm, step, kind))
    return put


def _message(
    platform: Platform, sink: AlarmSink, alarm: Alarm, step: AlarmStep, kind: AlarmMessage
) -> Delivery:
    key, now = _key(sink, alarm, step), iso(platform.clock.now())
    # Two workspaces may number their alarms alike, and tell the same sink.
    message_id = f"msg_{digest_of([platform.tag('alarm messages'), key])[:32]}"
    return Delivery(
        key=key,
        sink=sink.name,
        alarm=alarm.id,
        body=alarm_message(alarm, kind, message_id=message_id, at=step.at),
        put=now,
        next_at=now,
    )


def _key(sink: AlarmSink, alarm: Alarm, step: AlarmStep) -> str:
    return f"{sink.name} {alarm.id} {step.entry}"


def _latest(alarm: Alarm) -> tuple[AlarmStep, AlarmMessage] | None:
    """The latest step that sinks are told of, and as what."""
    for step in reversed(alarm.steps):
        if step.kind in _TOLD_STEPS:
            return step, _TOLD_STEPS[step.kind]
        if step.kind == "grew" and (MORE_SEVERE in step.text or OTHER_CAUSE in step.text):
            return step, "alarm.grew"
    return None


def _concerns(sink: AlarmSink, alarm: Alarm) -> bool:
    enough = SEVERITIES.index(alarm.severity) >= SEVERITIES.index(sink.least)
    return enough and (not sink.models or alarm.model in sink.models)


def _sink_of(by_name: dict[str, AlarmSink], waiting: Delivery) -> AlarmSink:
    if waiting.sink not in by_name:
        raise NotFound(
            "A message waits for a sink that is not declared.",
            fix="declare it again in alarms.toml; it is given up otherwise.",
            code="no_such_sink",
        )
    return by_name[waiting.sink]


def _failed(
    platform: Platform, taken: Delivery, error: BedsideError, patience: Patience, chance: float
) -> Delivery:
    now: datetime = platform.clock.now()
    if now - parse_instant(taken.put) >= patience.give_up:
        dead = replace(taken, state="dead", next_at="", why=error.code)
        _settle(platform, dead)
        return dead
    later = replace(taken, next_at=iso(now + patience.wait(taken.tries, chance)), why=error.code)
    platform.deliveries.change(later)
    return later


def _settle(platform: Platform, delivery: Delivery) -> None:
    """Keep what became of it; the ledger is told first, for a message may be sent twice."""
    told: dict[str, Any] = {
        name: value
        for name, value in asdict(delivery).items()
        if name in ("sink", "alarm", "state", "tries") or (name == "why" and value)
    }
    platform.ledger.append(platform.actor, "alarm.deliver", told)
    platform.deliveries.change(delivery)


def _counted(done: Delivered, tried: Delivery) -> Delivered:
    if tried.state == "sent":
        return replace(done, sent=done.sent + 1)
    if tried.state == "dead":
        return replace(done, dead=done.dead + 1)
    return replace(done, later=done.later + 1)
