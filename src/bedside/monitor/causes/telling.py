"""An alarm in one sentence: what, of which signal or group, since when, how much, what followed."""

from datetime import date

from bedside.core.clock import date_of_day
from bedside.monitor.causes.attribution import named_share
from bedside.monitor.causes.evidence_of import Evidence, Move
from bedside.monitor.causes.explained import Case, Explanation
from bedside.monitor.wording import per_cent

__all__ = ["day_words", "sentence", "short_day"]

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def sentence(case: Case, evidence: Evidence, explanation: Explanation, share: float | None) -> str:
    """The whole of it, with what followed from it.

    Args:
        case: What is known.
        evidence: Since its onset.
        explanation: The cause.
        share: Of the score shift.
    """
    comma = "," if "," in explanation.what else ""
    parts = [f"{explanation.what}{comma} since {day_words(explanation.onset)}"]
    if share is not None and named_share(share):
        parts.append(named_share(share))
    parts += _followed(case, evidence, explanation)
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def day_words(day: int) -> str:
    """A day as one reads it.

    >>> day_words(0)
    '1 January 1970'
    """
    found = date_of_day(day)
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}"


def short_day(day: date) -> str:
    """A day in few letters.

    >>> short_day(date(2026, 3, 3))
    '3 Mar'
    """
    return f"{day.day} {_MONTHS[day.month - 1][:3]}"


def _followed(case: Case, evidence: Evidence, explanation: Explanation) -> list[str]:
    """What the risks, the alerts and the figures of performance did with it."""
    if explanation.kind not in ("input", "volume"):
        return []
    told = {case.family(finding) for finding in explanation.findings}
    words = []
    alert = evidence.moves.get("alert")
    if alert is not None and ("alert" in told or alert.strong):
        words.append(f"alerts went from {per_cent(alert.then)} to {per_cent(alert.now)} of answers")
    elif "score" in told:
        words.append("the risks moved with it")
    for name, what in (("abstention", "abstentions"), ("failure", "failures")):
        move = evidence.moves.get(name)
        if move is not None and "answering" in told and move.strong:
            words.append(f"{what} went from {per_cent(move.then)} to {per_cent(move.now)}")
    if told & {"calibration", "discrimination"}:
        words.append(_performance(evidence, told))
    elif told & {"group calibration", "group discrimination"}:
        words.append("the model does otherwise for some groups")
    return words


def _performance(evidence: Evidence, told: set[str]) -> str:
    moves: list[Move] = evidence.of(*(told & {"calibration", "discrimination"}))
    if moves and moves[0].family == "discrimination":
        side = "worse" if moves[0].change < 0 else "better"
        return f"the model ranks patients {side}"
    return "the risks are no longer calibrated"
