"""The life of an alarm: raised, grown, acknowledged, assigned, noted, answered, resolved.

What comes back after it had recovered is the same alarm, opened again; when an alarm recovers is
told in `alarm_recovery`.

Each step is an entry of the ledger; what people write lies sealed there and nowhere else. An alarm
holds aggregates alone, and no figure that rests on ten patients or fewer.
"""

from collections.abc import Sequence
from dataclasses import replace

from bedside.core.clock import iso
from bedside.core.errors import Invalid, Refused
from bedside.core.records.incident import Incident
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion
from bedside.core.records.watch import CAUSES, SEVERITIES, Alarm, Recovery, Watch
from bedside.lifecycle.alarm_matching import (
    closed_lately,
    evidence_of,
    findings_now,
    groups_now,
    home_of,
    only_graver,
    standing_for,
    unheard,
)
from bedside.lifecycle.alarm_steps import evidence_words, keep_step, shown_finding
from bedside.lifecycle.door import enter
from bedside.lifecycle.incidents import open_incident
from bedside.lifecycle.platform import Platform
from bedside.monitor.causes.drafts import AlarmDraft

__all__ = [
    "MORE_SEVERE",
    "OTHER_CAUSE",
    "acknowledge",
    "assign",
    "note",
    "open_alarm_incident",
    "raise_alarms",
    "resolve",
    "resolved_streams",
    "responded",
]

MORE_SEVERE = "more severe"
"""How the text of a step `grew` begins where the severity rose, so that it is told again."""

OTHER_CAUSE = "another cause is more likely"
"""What it says where the cause was corrected, which is told again too."""


def raise_alarms(
    platform: Platform,
    version: ModelVersion,
    drafts: Sequence[AlarmDraft],
    *,
    owner: str | None = None,
    recovery: Recovery | None = None,
) -> list[Alarm]:
    """Raise each draft, or let the alarm of its key grow that is not resolved yet.

    The same drafts again change nothing and write nothing. An alarm grows where a stream, signal
    or group is new, or where it is more severe; then it is open again and told again.

    A finding is the evidence of one alarm. Where a draft rests on what an open alarm rests on and
    names another cause, as more days tell more, the cause is corrected there; where that alarm has
    a draft of its own, no more than what is new of it is raised.

    What comes back after its alarm recovered opens that alarm again: while it waits for a person,
    and within the declared time after it closed by itself.

    Args:
        platform: The workspace.
        version: What they are about.
        drafts: One for each likely cause.
        owner: Who answers for them, as the declaration says; None: as one that says nothing.
        recovery: How long an alarm that closed by itself is opened again, likewise.

    Returns:
        The alarm of each draft as it is now, in their order.
    """
    known = {
        one.key: one
        for one in platform.alarms.all(version.name, unresolved=True)
        if one.version == version.id
    }
    taken = {f"{version.id} {draft.key}" for draft in drafts}
    closed = closed_lately(platform, version, recovery or Recovery())
    done = []
    for draft in drafts:
        key = f"{version.id} {draft.key}"
        before = known.get(key) or standing_for(known, taken, draft)
        new = draft if before is not None else unheard(known, draft)
        if before is not None:
            known.pop(before.key)
            known[key] = _grown(platform, version, replace(before, key=key), draft)
        elif new is not None and (back := closed.get(key) or standing_for(closed, taken, new)):
            closed.pop(back.key)
            known[key] = _reopened(platform, version, replace(back, key=key), new)
        elif new is not None:
            known[key] = _raised(platform, version, new, key, owner or Watch().owner)
        else:
            home = home_of(known.values(), draft)
            known[home.key] = _grown(platform, version, home, only_graver(home, draft))
            key = home.key
        done.append(known[key])
    return done


def acknowledge(platform: Platform, alarm_id: str, *, text: str = "") -> Alarm:
    """Say that somebody has seen it and looks into it; the first time counts.

    Args:
        platform: The workspace.
        alarm_id: Such as `ALM-12`.
        text: In words, if there is something to say; sealed.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved (code `alarm_resolved`), or the actor may not.
    """
    alarm = _to_change(platform, alarm_id)
    seen = alarm if alarm.state == "recovered" else replace(alarm, state="acknowledged")
    return keep_step(platform, seen, "acknowledged", {"text": text})


def assign(platform: Platform, alarm_id: str, *, to: str) -> Alarm:
    """Give it to somebody, who answers for it from now on.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved (code `alarm_resolved`), or the actor may not.
        Invalid: nobody is named.
    """
    alarm = _to_change(platform, alarm_id)
    _said(to, "--to WHO")
    return keep_step(platform, replace(alarm, owner=to.strip()), "assigned", {"to": to.strip()})


def note(platform: Platform, alarm_id: str, *, text: str) -> Alarm:
    """Add what became known; sealed.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved (code `alarm_resolved`), or the actor may not.
        Invalid: nothing is said.
    """
    alarm = _to_change(platform, alarm_id)
    _said(text, "--text 'WHAT BECAME KNOWN'")
    return keep_step(platform, alarm, "noted", {"text": text})


def responded(platform: Platform, alarm_id: str, *, text: str) -> Alarm:
    """Add what the platform did about it by itself, as the declaration says.

    Args:
        platform: The workspace.
        alarm_id: Such as `ALM-12`.
        text: What was done, in plain words of the platform's own: it is shown and not sealed.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved (code `alarm_resolved`), or the actor may not.
    """
    return keep_step(platform, _to_change(platform, alarm_id), "responded", {}, shown=text)


def resolve(platform: Platform, alarm_id: str, *, action: str, cause: str | None = None) -> Alarm:
    """Close it with what was done; the detectors of its streams start anew at the next run.

    Args:
        platform: The workspace.
        alarm_id: Such as `ALM-12`.
        action: What was done; sealed.
        cause: What was really behind it, one of `CAUSES`; None: what was likely.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved already (code `alarm_resolved`), or the actor may not.
        Invalid: nothing is said, or there is no such cause.
    """
    alarm = _to_change(platform, alarm_id)
    _said(action, "--action 'WHAT WAS DONE'")
    found = alarm.cause if cause is None else cause
    if found not in CAUSES:
        raise Invalid("That is no cause of an alarm.", fix=f"name one of: {', '.join(CAUSES)}.")
    closed = replace(alarm, state="resolved")
    return keep_step(platform, closed, "resolved", {"action": action}, shown=found)


def open_alarm_incident(
    platform: Platform, alarm_id: str, *, severity: str, what: str, hazard: str | None = None
) -> tuple[Alarm, Incident]:
    """Open a safety incident about what an alarm found, and link the two.

    Args:
        platform: The workspace.
        alarm_id: Such as `ALM-12`.
        severity: Of the incident: one of `SEVERITY_OF_INCIDENT`.
        what: What happened; sealed.
        hazard: Id of a hazard of the version's log.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved (code `alarm_resolved`), or the actor may not.
        Invalid: nothing is said, or a severity or hazard that is none.
    """
    alarm = _to_change(platform, alarm_id)
    opened = open_incident(
        platform, alarm.version, severity=severity, what=what, noticed=alarm.raised, hazard=hazard
    )
    text = f"incident {opened.id} was opened"
    return keep_step(platform, alarm, "responded", {}, shown=text), opened


def resolved_streams(
    platform: Platform, version: ModelVersion, *, since: str | None = None
) -> frozenset[str]:
    """The streams of alarms about a version that recovered or were resolved: they start anew.

    A stream that an unresolved alarm rests on too is among them: evidence that was judged once is
    not used again.

    Args:
        platform: The workspace.
        version: What they were about.
        since: When the last run began to read, ISO 8601; None: ever.
    """
    streams: set[str] = set()
    for alarm in platform.alarms.all(version.name):
        over = [one.at for one in alarm.steps if one.kind in ("recovered", "resolved")]
        if alarm.version == version.id and over and (since is None or over[-1] >= since):
            streams |= {one.stream for one in alarm.findings}
    return frozenset(streams)


def _raised(
    platform: Platform, version: ModelVersion, draft: AlarmDraft, key: str, owner: str
) -> Alarm:
    alarm = Alarm(
        id="",
        key=key,
        model=version.name,
        version=version.id,
        kind=draft.kind,
        severity=draft.severity,
        cause=draft.cause,
        onset=draft.onset,
        raised=iso(platform.clock.now()),
        text=draft.text,
        signals=draft.signals,
        groups=draft.groups,
        score_share=draft.score_share,
        findings=tuple(map(shown_finding, draft.findings)),
        owner=owner,
    )
    return keep_step(platform, alarm, "raised", evidence_words(alarm), about=version)


def _reopened(platform: Platform, version: ModelVersion, before: Alarm, draft: AlarmDraft) -> Alarm:
    """An alarm that had recovered, with what shows that it is back; as severe as it ever was."""
    again = replace(
        before,
        kind=draft.kind,
        cause=draft.cause,
        severity=max(before.severity, draft.severity, key=SEVERITIES.index),
        state="open",
        onset=draft.onset,
        text=draft.text,
        signals=draft.signals,
        groups=draft.groups,
        score_share=draft.score_share,
        findings=tuple(map(shown_finding, draft.findings)),
    )
    many = sum(one.kind == "recovered" for one in before.steps)
    shown = f"it came back after it had recovered{f' {many} times' if many > 1 else ''}"
    words = evidence_words(again)
    return keep_step(platform, again, "reopened", words, shown=shown, about=version)


def _grown(platform: Platform, version: ModelVersion, before: Alarm, draft: AlarmDraft) -> Alarm:
    if before.state == "recovered":
        return _reopened(platform, version, before, draft)
    signals, groups = _joined(before.signals, draft.signals), groups_now(before, draft)
    severity = max(before.severity, draft.severity, key=SEVERITIES.index)
    rose = severity != before.severity
    new = len(evidence_of(draft) - evidence_of(before))
    other = draft.cause != before.cause
    if other:
        signals = draft.signals
    if not (rose or new or other or signals != before.signals or groups != before.groups):
        return before
    grown = replace(
        before,
        kind=draft.kind if other else before.kind,
        cause=draft.cause,
        severity=severity,
        state="open" if rose else before.state,
        onset=min(before.onset, draft.onset),
        text=draft.text,
        signals=signals,
        groups=groups,
        score_share=draft.score_share,
        findings=findings_now(before, draft, groups),
    )
    how = f"{MORE_SEVERE}: {before.severity}, now {severity}; " if rose else ""
    if other:
        how += f"{OTHER_CAUSE}: {before.cause}, now {draft.cause}; "
    elif groups != before.groups:
        how += "where it is seen is told otherwise; "
    shown = f"{how}{new} new finding{'' if new == 1 else 's'}"
    return keep_step(platform, grown, "grew", evidence_words(grown), shown=shown, about=version)


def _to_change(platform: Platform, alarm_id: str) -> Alarm:
    alarm = platform.alarms.get(alarm_id)
    enter(platform, Act.MONITOR, Resource(name=alarm.model))
    if alarm.state == "resolved":
        raise Refused(
            f"{alarm.id} is resolved.",
            fix="if it comes back, the monitor raises another.",
            code="alarm_resolved",
        )
    return alarm


def _joined(first: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *more)))


def _said(text: str, how: str) -> None:
    if not text.strip():
        raise Invalid("Nothing is said.", fix=f"give {how}.")
