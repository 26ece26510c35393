"""A message about an alarm, as JSON: what webhooks carry and what every sink is told from.

It holds aggregates, names of signals and groups, and sentences of the platform; no patient's value
and nothing that a person wrote, for that lies sealed in the ledger.
"""

from dataclasses import asdict
from typing import Any, Literal

from bedside.core.ids import canonical_json
from bedside.core.records.watch import CAUSES, SEVERITIES, Alarm

__all__ = ["ALARM_MESSAGES", "AlarmMessage", "alarm_message", "headline_of"]

AlarmMessage = Literal[
    "alarm.raised", "alarm.grew", "alarm.recovered", "alarm.reopened", "alarm.resolved"
]
ALARM_MESSAGES: dict[AlarmMessage, str] = {
    "alarm.raised": "a new alarm",
    "alarm.grew": "an alarm became more severe, or another cause of it became likelier",
    "alarm.recovered": "what it rests on is back, and a person has yet to say that it is over",
    "alarm.reopened": "it came back after it had recovered",
    "alarm.resolved": "a person resolved the alarm, or it recovered and closed by itself",
}
"""Every type of message, and what it means."""

_TOLD = (
    "id", "model", "version", "kind", "severity", "cause", "onset", "raised", "text", "signals",
    "groups", "score_share", "owner", "state",
)  # fmt: skip

_FIRST = {"alarm.resolved": "resolved", "alarm.recovered": "recovered"}


def alarm_message(alarm: Alarm, kind: AlarmMessage, *, message_id: str, at: str) -> bytes:
    """One message, as canonical JSON.

    Args:
        alarm: As it is now.
        kind: What happened to it.
        message_id: The same however often the message is sent.
        at: When it happened (ISO 8601).
    """
    told: dict[str, Any] = asdict(alarm)
    return canonical_json(
        {
            "id": message_id,
            "type": kind,
            "at": at,
            "alarm": {
                **{name: told[name] for name in _TOLD},
                "cause_text": CAUSES[alarm.cause],
                "standing": alarm.standing,
                "findings": told["findings"],
            },
            "less_severe": list(SEVERITIES[: SEVERITIES.index(alarm.severity)]),
        }
    )


def headline_of(message: dict[str, Any]) -> str:
    """The few words that stand above a message.

    >>> headline_of({"type": "alarm.raised", "alarm": {"id": "ALM-7", "severity": "high",
    ...     "model": "sepsis", "cause_text": "a measurement does not come any more"}})
    '[high] sepsis: a measurement does not come any more (ALM-7)'
    """
    alarm = message["alarm"]
    first = _FIRST.get(message["type"], alarm["severity"])
    return f"[{first}] {alarm['model']}: {alarm['cause_text']} ({alarm['id']})"
