"""One step of an alarm: an entry of the ledger first, then the table that finds it there."""

from dataclasses import asdict, replace
from typing import Any

from bedside.core.ids import canonical_json
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.version import SHOWN, ModelVersion
from bedside.core.records.watch import Alarm, AlarmStep, AlarmStepKind, Finding
from bedside.lifecycle.platform import Platform

__all__ = ["evidence_words", "keep_step", "shown_finding"]

_ACTIONS: dict[AlarmStepKind, str] = {
    "raised": "alarm.raise",
    "grew": "alarm.grow",
    "acknowledged": "alarm.acknowledge",
    "assigned": "alarm.assign",
    "noted": "alarm.note",
    "responded": "alarm.respond",
    "recovered": "alarm.recover",
    "reopened": "alarm.reopen",
    "resolved": "alarm.resolve",
}


def keep_step(
    platform: Platform,
    alarm: Alarm,
    kind: AlarmStepKind,
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


def evidence_words(alarm: Alarm) -> dict[str, Any]:
    """What lies sealed of an alarm: its text and its findings."""
    return {"text": alarm.text, "findings": [asdict(one) for one in alarm.findings]}


def shown_finding(finding: Finding) -> Finding:
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
