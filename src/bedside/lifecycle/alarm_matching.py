"""Which open alarm a draft is about: a finding is the evidence of one alarm, whatever its cause."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from bedside.core.records.watch import Alarm
from bedside.monitor.causes.drafts import AlarmDraft

__all__ = ["home_of", "only_graver", "standing_for", "unheard"]


def _evidence_of(about: Alarm | AlarmDraft) -> frozenset[tuple[str, str]]:
    """Stream and side of each finding."""
    return frozenset((one.stream, one.side) for one in about.findings)


def home_of(alarms: Iterable[Alarm], draft: AlarmDraft) -> Alarm:
    """The one that shares most findings with a draft, the oldest of several."""
    mine = _evidence_of(draft)
    return max(alarms, key=lambda one: (len(mine & _evidence_of(one)), -one.steps[0].entry))


def standing_for(
    known: Mapping[str, Alarm], taken: Collection[str], draft: AlarmDraft
) -> Alarm | None:
    """The open alarm that rests on findings of the draft, and has no draft of its own."""
    mine = _evidence_of(draft)
    free = [one for key, one in known.items() if key not in taken and mine & _evidence_of(one)]
    return home_of(free, draft) if free else None


def unheard(known: Mapping[str, Alarm], draft: AlarmDraft) -> AlarmDraft | None:
    """The draft without what open alarms rest on; None: nothing of it is new."""
    heard = {one for alarm in known.values() for one in _evidence_of(alarm)}
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
