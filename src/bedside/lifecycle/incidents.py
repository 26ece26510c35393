"""Incidents and deviations: opened, noted, closed; every word of them sealed in the ledger."""

import json
from dataclasses import replace
from typing import Any

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.change_control import ChangePlan
from bedside.core.records.incident import (
    DUTIES,
    SEVERITY_OF_INCIDENT,
    Incident,
    IncidentSeverity,
    IncidentStep,
    due,
)
from bedside.core.records.policy import Act, Resource
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.door import enter
from bedside.lifecycle.hazards import version_in_use
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = [
    "close_incident",
    "duties_of",
    "incident_told",
    "note_incident",
    "open_by_guard",
    "open_incident",
]


def open_incident(
    platform: Platform,
    reference: str,
    *,
    severity: str,
    what: str,
    noticed: str | None = None,
    hazard: str | None = None,
    deviation: str | None = None,
) -> Incident:
    """Write down that something went wrong with a version, or otherwise than its protocol says.

    Args:
        platform: The workspace.
        reference: The version, or a model's name: its version that is furthest in use.
        severity: One of `SEVERITY_OF_INCIDENT`.
        what: What happened; sealed.
        noticed: When somebody noticed it, ISO 8601 with a zone; None: now.
        hazard: Id of a hazard of the version's log.
        deviation: Id of a planned modification whose protocol was not kept, or `release`.

    Raises:
        NotFound: there is no such model.
        Invalid: nothing is said, or a severity, time, hazard or modification that is none.
    """
    enter(platform, Act.MONITOR, Resource(name=reference))
    version = version_in_use(platform, reference)
    _said(what, "--what 'WHAT HAPPENED'")
    now = iso(platform.clock.now())
    seen = now if noticed is None else iso(parse_instant(noticed))
    if seen > now:
        raise Invalid("It was noticed after now.", fix="give the time at which it was noticed.")
    declared = open_bundle(platform, version).declaration if hazard or deviation else None
    if declared is not None:
        _known("hazard", hazard, [one.id for one in declared.hazards])
        plan = declared.change_control
        made = [one.id for one in plan.modifications] if isinstance(plan, ChangePlan) else []
        _known("deviation", deviation, ["release", *made])
    return _kept(
        platform,
        Incident(
            id="",
            model=version.name,
            version=version.id,
            severity=_severity(severity),
            noticed=seen,
            reporter=platform.actor.name,
            hazard=hazard,
            deviation=deviation,
        ),
        "open",
        {"what": what},
    )


def open_by_guard(platform: Platform, version: ModelVersion, metric: str, text: str) -> Incident:
    """Write down that a guard took a version back; a person judges how grave it was.

    Until then it is `moderate`, which keeps nothing from being released.

    Args:
        platform: The workspace.
        version: What was taken back.
        metric: Of the guard.
        text: What it saw.
    """
    return _kept(
        platform,
        Incident(
            id="",
            model=version.name,
            version=version.id,
            severity="moderate",
            noticed=iso(platform.clock.now()),
            reporter=platform.actor.name,
            hazard=_guarded_hazard(platform, version, metric),
            automatic=True,
        ),
        "open",
        {"what": f"A guard took the version back: {text}"},
    )


def note_incident(
    platform: Platform, incident_id: str, *, text: str, severity: str | None = None
) -> Incident:
    """Add what became known of an open incident, and judge anew how severe it is.

    Raises:
        NotFound: there is no such incident.
        Refused: it is closed (code `incident_closed`).
        Invalid: nothing is said, or no such severity.
    """
    incident = _to_change(platform, incident_id, Act.MONITOR)
    _said(text, "--text 'WHAT BECAME KNOWN'")
    if severity is not None:
        incident = replace(incident, severity=_severity(severity))
    return _kept(platform, incident, "note", {"text": text})


def close_incident(platform: Platform, incident_id: str, *, cause: str, action: str) -> Incident:
    """Close an incident with its root cause and what was done, so that it cannot happen again.

    Raises:
        NotFound: there is no such incident.
        Refused: it is closed already (code `incident_closed`), or the actor may not.
        Invalid: cause or action are not said.
    """
    incident = _to_change(platform, incident_id, Act.APPROVE)
    _said(cause, "--cause 'ROOT CAUSE'")
    _said(action, "--action 'WHAT WAS DONE'")
    closed = replace(incident, is_open=False)
    return _kept(platform, closed, "close", {"cause": cause, "action": action})


def duties_of(incident: Incident) -> list[dict[str, str]]:
    """Who must be told by when, where one of the laws applies; data, and no legal advice."""
    noticed = parse_instant(incident.noticed)
    return [
        {
            "who": one.who,
            "told": one.told,
            "by": "at once" if not one.days else iso(due(one, noticed)),
            "days": f"{one.days} {'working days' if one.working_days else 'days'}",
            "when": one.when,
            "source": one.source,
        }
        for one in DUTIES
        if incident.severity in one.of
    ]


def incident_told(platform: Platform, incident_id: str) -> dict[str, Any]:
    """An incident with every word of it, opened from the ledger, which records that.

    Raises:
        NotFound: there is no such incident.
        Refused: the actor may not read it, or an entry was changed (code `ledger_broken`).
    """
    incident = platform.incidents.get(incident_id)
    enter(platform, Act.MONITOR, Resource(name=incident.model))
    platform.ledger.append(platform.actor, "incident.show", {"incident": incident.id})
    words = dict(platform.ledger.unseal_all(step.entry for step in incident.steps))
    return {
        "incident": incident.id,
        "model": incident.model,
        "version": incident.version,
        "severity": incident.severity,
        "noticed": incident.noticed,
        "reporter": incident.reporter,
        "hazard": incident.hazard,
        "deviation": incident.deviation,
        "automatic": incident.automatic,
        "open": incident.is_open,
        "blocks": incident.blocks,
        "duties": duties_of(incident),
        "steps": [
            {
                "kind": step.kind,
                "at": step.at,
                "by": step.by,
                "entry": step.entry,
                **json.loads(words.get(step.entry, b"{}")),
            }
            for step in incident.steps
        ],
    }


def _kept(platform: Platform, incident: Incident, kind: Any, words: dict[str, str]) -> Incident:
    """First the ledger, then the table that finds it there; the first entry gives it its id."""
    details: dict[str, Any] = {} if kind == "open" else {"incident": incident.id}
    details |= {
        "model": incident.model,
        "version": incident.version,
        "severity": incident.severity,
        "noticed": incident.noticed,
        "hazard": incident.hazard,
        "deviation": incident.deviation,
        "automatic": incident.automatic,
    }
    entry = platform.ledger.append(
        platform.actor, f"incident.{kind}", details, sealed=canonical_json(words)
    )
    step = IncidentStep(kind=kind, at=entry.at, by=entry.actor, entry=entry.sequence)
    number = incident.id or f"INC-{entry.sequence}"
    kept = replace(incident, id=number, steps=(*incident.steps, step))
    platform.incidents.put(kept)
    return kept


def _to_change(platform: Platform, incident_id: str, act: Act) -> Incident:
    incident = platform.incidents.get(incident_id)
    enter(platform, act, Resource(name=incident.model))
    if not incident.is_open:
        raise Refused(
            f"{incident.id} is closed.",
            fix="open another: bedside incident open.",
            code="incident_closed",
        )
    return incident


def _guarded_hazard(platform: Platform, version: ModelVersion, metric: str) -> str | None:
    """The first hazard of the log whose control this guard is."""
    hazards = open_bundle(platform, version).declaration.hazards
    found = [one.id for one in hazards if any(c.guard == metric for c in one.controls)]
    return found[0] if found else None


def _severity(word: str) -> IncidentSeverity:
    found = [one for one in SEVERITY_OF_INCIDENT if one == word]
    if not found:
        known = "; ".join(f"{one}: {means}" for one, means in SEVERITY_OF_INCIDENT.items())
        raise Invalid(f"'{word}' is no severity of an incident.", fix=f"write one of: {known}.")
    return found[0]


def _known(what: str, name: str | None, known: list[str]) -> None:
    if name is not None and name not in known:
        raise Invalid(
            f"'{name}' is no {what} that this version declares.",
            fix=f"name one of: {', '.join(known)}." if known else "leave it out.",
        )


def _said(text: str, how: str) -> None:
    if not text.strip():
        raise Invalid("Nothing is said.", fix=f"give {how}.")
