"""Which open alarm a draft is about: a finding is the evidence of one alarm, whatever its cause."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import Alarm, Finding, Recovery
from bedside.lifecycle.alarm_steps import shown_finding
from bedside.lifecycle.platform import Platform
from bedside.monitor.causes.drafts import AlarmDraft
from bedside.monitor.causes.places import PLACED

__all__ = [
    "closed_lately",
    "evidence_of",
    "findings_now",
    "groups_now",
    "home_of",
    "only_graver",
    "standing_for",
    "unheard",
]


def evidence_of(about: Alarm | AlarmDraft) -> frozenset[tuple[str, str]]:
    """Stream and side of each finding."""
    return frozenset((one.stream, one.side) for one in about.findings)


def closed_lately(
    platform: Platform, version: ModelVersion, recovery: Recovery
) -> dict[str, Alarm]:
    """By key, the alarms of a version that closed by themselves and may be opened again.

    Of several of one key, the newest.
    """
    now, within = platform.clock.now(), parse_duration(recovery.reopen_within)
    return {
        one.key: one
        for one in platform.alarms.all(version.name)
        if one.version == version.id
        and one.closed_itself
        and now - parse_instant(one.steps[-1].at) <= within
    }


def home_of(alarms: Iterable[Alarm], draft: AlarmDraft) -> Alarm:
    """The one that shares most findings with a draft, the oldest of several."""
    mine = evidence_of(draft)
    return max(alarms, key=lambda one: (len(mine & evidence_of(one)), -one.steps[0].entry))


def standing_for(
    known: Mapping[str, Alarm], taken: Collection[str], draft: AlarmDraft
) -> Alarm | None:
    """The open alarm that rests on findings of the draft, and has no draft of its own."""
    mine = evidence_of(draft)
    free = [one for key, one in known.items() if key not in taken and mine & evidence_of(one)]
    return home_of(free, draft) if free else None


def unheard(known: Mapping[str, Alarm], draft: AlarmDraft) -> AlarmDraft | None:
    """The draft without what open alarms rest on; None: nothing of it is new."""
    heard = {one for alarm in known.values() for one in evidence_of(alarm)}
    left = tuple(one for one in draft.findings if (one.stream, one.side) not in heard)
    return replace(draft, findings=left) if left or not draft.findings else None


def only_graver(alarm: Alarm, draft: AlarmDraft) -> AlarmDraft:
    """A draft that lets this alarm grow where the other draft is more severe, not otherwise."""
    return AlarmDraft(
        key=alarm.key,
        kind=alarm.kind,
        severity=draft.severity,
        cause=alarm.cause,
        onset=alarm.onset,
        text=alarm.text,
        score_share=alarm.score_share,
    )


def groups_now(alarm: Alarm, draft: AlarmDraft) -> tuple[str, ...]:
    """The groups of an alarm that grows by a draft.

    Of a cause that lies in places, those where it is seen now. Where that cannot be told, they stay
    as they were; where it has spread everywhere, none is left.
    """
    if draft.cause != alarm.cause or draft.everywhere:
        return draft.groups
    if draft.cause in PLACED:
        return draft.groups or alarm.groups
    return tuple(dict.fromkeys((*alarm.groups, *draft.groups)))


def findings_now(alarm: Alarm, draft: AlarmDraft, groups: tuple[str, ...]) -> tuple[Finding, ...]:
    """The findings of an alarm that grows by a draft, the furthest over its bar first.

    Figures of places stand as long as the alarm names the places.

    Args:
        alarm: As it was.
        draft: What it grows by.
        groups: That the alarm has then.
    """
    same = groups == alarm.groups
    found = {
        (one.stream, one.side): one if same else replace(one, places=()) for one in alarm.findings
    }
    for one in map(shown_finding, draft.findings):
        key = (one.stream, one.side)
        before = found[key].places if key in found else ()
        found[key] = replace(one, places=one.places or before)
    return tuple(sorted(found.values(), key=lambda one: one.bar - one.log_evidence))
