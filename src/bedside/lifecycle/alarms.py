"""The life of an alarm: raised, grown, acknowledged, assigned, noted, answered, resolved.

Each step is an entry of the ledger; what people write lies sealed there and nowhere else. An alarm
holds aggregates alone, and no figure that rests on ten patients or fewer.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from bedside.core.clock import iso
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.incident import Incident
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import SHOWN, ModelVersion
from bedside.core.records.watch import (
    CAUSES,
    SEVERITIES,
    Alarm,
    AlarmStep,
    Finding,
    Watch,
)
from bedside.lifecycle.alarm_matching import home_of, only_graver, standing_for, unheard
from bedside.lifecycle.door import enter
from bedside.lifecycle.incidents import open_incident
from bedside.lifecycle.platform import Platform
from bedside.monitor.causes.drafts import AlarmDraft

__all__ = [
    "MORE_SEVERE",
    "acknowledge",
    "assign",
    "note",
    "open_alarm_incident",
    "raise_alarms",
    "resolve",
    "resolved_streams",
    "responded",
]

Kind = Literal["raised", "grew", "acknowledged", "assigned", "noted", "responded", "resolved"]
MORE_SEVERE = "more severe"
"""How the text of a step `grew` begins where the severity rose, so that it is told again."""

_ACTIONS: dict[Kind, str] = {
    "raised": "alarm.raise",
    "grew": "alarm.grow",
    "acknowledged": "alarm.acknowledge",
    "assigned": "alarm.assign",
    "noted": "alarm.note",
    "responded": "alarm.respond",
    "resolved": "alarm.resolve",
}


def raise_alarms(
    platform: Platform,
    version: ModelVersion,
    drafts: Sequence[AlarmDraft],
    *,
    owner: str | None = None,
) -> list[Alarm]:
    """Raise each draft, or let the alarm of its key grow that is not resolved yet.

    The same drafts again change nothing and write nothing. An alarm grows where a stream, signal
    or group is new, or where it is more severe; then it is open again and told again.

    A finding is the evidence of one alarm. Where a draft rests on what an open alarm rests on and
    names another cause, as more days tell more, the cause is corrected there; where that alarm has
    a draft of its own, no more than what is new of it is raised.

    Args:
        platform: The workspace.
        version: What they are about.
        drafts: One for each likely cause.
        owner: Who answers for them, as the declaration says; None: as one that says nothing.

    Returns:
        The alarm of each draft as it is now, in their order.
    """
    known = {
        one.key: one
        for one in platform.alarms.all(version.name, unresolved=True)
        if one.version == version.id
    }
    taken = {f"{version.id} {draft.key}" for draft in drafts}
    done = []
    for draft in drafts:
        key = f"{version.id} {draft.key}"
        before = known.get(key) or standing_for(known, taken, draft)
        new = draft if before is not None else unheard(known, draft)
        if before is not None:
            known.pop(before.key)
            known[key] = _grown(platform, version, replace(before, key=key), draft)
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
    return _kept(platform, replace(alarm, state="acknowledged"), "acknowledged", {"text": text})


def assign(platform: Platform, alarm_id: str, *, to: str) -> Alarm:
    """Give it to somebody, who answers for it from now on.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved (code `alarm_resolved`), or the actor may not.
        Invalid: nobody is named.
    """
    alarm = _to_change(platform, alarm_id)
    _said(to, "--to WHO")
    return _kept(platform, replace(alarm, owner=to.strip()), "assigned", {"to": to.strip()})


def note(platform: Platform, alarm_id: str, *, text: str) -> Alarm:
    """Add what became known; sealed.

    Raises:
        NotFound: there is no such alarm.
        Refused: it is resolved (code `alarm_resolved`), or the actor may not.
        Invalid: nothing is said.
    """
    alarm = _to_change(platform, alarm_id)
    _said(text, "--text 'WHAT BECAME KNOWN'")
    return _kept(platform, alarm, "noted", {"text": text})


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
    return _kept(platform, _to_change(platform, alarm_id), "responded", {}, shown=text)


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
    return _kept(platform, closed, "resolved", {"action": action}, shown=found)


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
    return _kept(platform, alarm, "responded", {}, shown=text), opened


def resolved_streams(
    platform: Platform, version: ModelVersion, *, since: str | None = None
) -> frozenset[str]:
    """The streams of alarms about a version that were resolved, so that they start anew.

    A stream that an unresolved alarm rests on too is among them: evidence that was judged once is
    not used again.

    Args:
        platform: The workspace.
        version: What they were about.
        since: When the last run began to read, ISO 8601; None: ever.
    """
    streams: set[str] = set()
    for alarm in platform.alarms.all(version.name):
        at = next((one.at for one in alarm.steps if one.kind == "resolved"), None)
        if alarm.version == version.id and at is not None and (since is None or at >= since):
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
        findings=tuple(map(_shown, draft.findings)),
        owner=owner,
    )
    return _kept(platform, alarm, "raised", _evidence(alarm), about=version)


def _grown(platform: Platform, version: ModelVersion, before: Alarm, draft: AlarmDraft) -> Alarm:
    found = {(one.stream, one.side): one for one in before.findings}
    fresh = {(one.stream, one.side): _shown(one) for one in draft.findings}
    signals, groups = _joined(before.signals, draft.signals), _joined(before.groups, draft.groups)
    severity = max(before.severity, draft.severity, key=SEVERITIES.index)
    rose = severity != before.severity
    new = len(fresh.keys() - found.keys())
    other = draft.cause != before.cause
    if other:
        signals, groups = draft.signals, draft.groups
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
        findings=tuple(
            sorted((found | fresh).values(), key=lambda one: one.bar - one.log_evidence)
        ),
    )
    how = f"{MORE_SEVERE}: {before.severity}, now {severity}; " if rose else ""
    if other:
        how += f"another cause is more likely: {before.cause}, now {draft.cause}; "
    shown = f"{how}{new} new finding{'' if new == 1 else 's'}"
    return _kept(platform, grown, "grew", _evidence(grown), shown=shown, about=version)


def _kept(
    platform: Platform,
    alarm: Alarm,
    kind: Kind,
    words: dict[str, Any],
    *,
    shown: str = "",
    about: ModelVersion | None = None,
) -> Alarm:
    """First the ledger, then the table that finds it there; the first entry gives it its id.

    `about` is given where the text is new: it then offers what a person may do.
    """
    details: dict[str, Any] = {
        "model": alarm.model,
        "version": alarm.version,
        "kind": alarm.kind,
        "severity": alarm.severity,
        "cause": alarm.cause,
        "state": alarm.state,
        "findings": len(alarm.findings),
    }
    if alarm.id:
        details["alarm"] = alarm.id
    if shown:
        details["told"] = shown
    sealed = canonical_json(words) if words else None
    entry = platform.ledger.append(platform.actor, _ACTIONS[kind], details, sealed=sealed)
    step = AlarmStep(kind=kind, at=entry.at, by=entry.actor, entry=entry.sequence, text=shown)
    number = alarm.id or f"ALM-{entry.sequence}"
    kept = replace(alarm, id=number, steps=(*alarm.steps, step))
    if about is not None:
        kept = replace(kept, text=f"{kept.text}{_offer(kept, about)}")
    platform.alarms.put(kept)
    return kept


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


def _evidence(alarm: Alarm) -> dict[str, Any]:
    return {"text": alarm.text, "findings": [asdict(one) for one in alarm.findings]}


def _shown(finding: Finding) -> Finding:
    """A finding without what rests on ten patients or fewer."""
    if finding.n is not None and finding.n > SUPPRESS_AT_OR_BELOW:
        return finding
    return replace(finding, now=None, n=None)


def _offer(alarm: Alarm, version: ModelVersion) -> str:
    """What a person may do about a severe alarm of a version that clinicians see."""
    if alarm.severity != "high" or version.stage not in SHOWN:
        return ""
    return (
        " If it harmed a patient, or could have, open an incident: "
        f"bedside alarm incident {alarm.id}."
    )


def _joined(first: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *more)))


def _said(text: str, how: str) -> None:
    if not text.strip():
        raise Invalid("Nothing is said.", fix=f"give {how}.")
