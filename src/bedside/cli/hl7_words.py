"""What the commands on HL7 v2 say."""

from bedside.wiring.hl7_serving import Told

__all__ = ["told_words"]


def told_words(told: Told) -> str:
    """What was done with the messages, and with the results, in one line."""
    done = told.round
    counts = {
        "Messages": done.messages,
        "Questions": done.asked,
        "Answered": done.answered,
        "Failed": done.failed,
        "Unread": done.unread,
        "Repeated": done.repeated,
        "Control ids used again": done.reused,
    }
    shown = [
        f"{name}: {count:,}."
        for name, count in counts.items()
        if count or name in ("Messages", "Questions", "Answered")
    ]
    if done.problem:
        shown.append(f"Waits, and is tried again: {done.problem}.")
    sent = told.delivery
    shown.append(f"Sent: {sent.sent:,}.")
    if sent.later:
        shown.append("The receiver is away; results wait for it.")
    if sent.dead:
        shown.append(f"NOT taken by the receiver: {sent.dead:,}; see bedside hl7 outbox.")
    return " ".join(shown)
