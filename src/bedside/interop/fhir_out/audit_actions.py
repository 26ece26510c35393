"""What each action of the ledger is in the words of an audit: create, read, update, delete, …."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

__all__ = ["ACTIVITY", "Pattern", "pattern_of"]


class Pattern(StrEnum):
    """A pattern of BALP; EXPORT and ACTIVITY have none, and are plain AuditEvents."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    QUERY = "E"
    DISCLOSURE = "disclosure"
    EXPORT = "export"
    ACTIVITY = "activity"


ACTIVITY = {"start": ("110120", "Application Start"), "stop": ("110121", "Application Stop")}
"""How a start or a stop is coded in DICOM (PS3.16, CID 401)."""

_PATTERNS = {
    Pattern.CREATE: (
        "alarm.raise", "answer", "approve", "access.add", "access.grant", "backup", "build.done",
        "checkpoint.key", "collect.done", "compare", "consent.record", "decision.open",
        "decision.sign", "deid.certify", "deid.label", "deid.sample", "deid.train", "deidentify",
        "document.state",
        "deidentify.risk", "evaluate",
        "incident.open", "leakage", "monitor", "monitor.baseline", "policy.add", "prediction.note",
        "quality",
        "recalibrate", "respond", "retrain.done", "retrain.judged", "rollout.evidence", "score",
        "signer.enrol", "signer.grant", "site.onboard", "site.publish", "snapshot", "track",
    ),
    Pattern.READ: (
        "access.sign_in", "alarm.show", "hazards.show", "incident.show", "ledger.prove",
        "prediction.open", "reproduce", "reveal", "rollout.show",
    ),
    Pattern.UPDATE: (
        "access.rotate", "alarm.acknowledge", "alarm.assign", "alarm.grow", "alarm.note",
        "alarm.recover", "alarm.reopen", "alarm.resolve", "alarm.respond", "consent.withdraw",
        "decision.take", "decision.withdraw", "document.take_back",
        "incident.close", "incident.note", "key.rotate",
        "prediction.interventions", "prediction.outcomes", "release", "reload", "restore", "resume",
        "retrain.promote", "rollback", "rollout.hold", "site.pull",
        "site.validate", "suspend",
    ),
    Pattern.DELETE: (
        "access.revoke", "access.revoke_role", "checkpoint.revoke", "erase", "key.destroy",
        "policy.remove", "signer.revoke",
    ),
    Pattern.QUERY: (
        "features.explain", "ledger.disclosures", "monitor.performance", "prediction.judge",
    ),
    Pattern.DISCLOSURE: (
        "deid.dicom", "deid.labels.export", "deid.text", "deidentify.files", "export",
        "fhir.write_back", "hl7.result", "prediction.export", "score.export",
    ),
    Pattern.EXPORT: ("deploy.export", "ledger.export"),
}  # fmt: skip
_OF = {action: pattern for pattern, actions in _PATTERNS.items() for action in actions}


def pattern_of(action: str, details: Mapping[str, Any]) -> Pattern:
    """The pattern of an action; one that is not known is an activity of the application.

    >>> pattern_of("answer", {}).name, pattern_of("serve.start", {}).name
    ('CREATE', 'ACTIVITY')
    """
    if action == "export" and "snapshot" not in details:
        return Pattern.EXPORT  # a model, of no patient
    if action in ("fhir.write_back", "hl7.result") and details.get("state") != "sent":
        return Pattern.ACTIVITY
    return _OF.get(action, Pattern.ACTIVITY)
