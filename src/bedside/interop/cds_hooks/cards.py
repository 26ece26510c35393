"""An answer as CDS Hooks cards: never an empty list that could also mean a crash.

Source: CDS Hooks 2.0, "CDS Service Response" and "Card Attributes".
"""

from typing import Any

from bedside.core.records.answer import Abstention, Answer, Score
from bedside.core.records.declaration import Declaration

__all__ = ["cards_of", "percent", "withheld_cards"]

SUMMARY_LIMIT = 139
"""CDS Hooks: a summary has fewer than 140 characters."""


def cards_of(
    answer: Answer, outcome: Score | Abstention, declaration: Declaration
) -> dict[str, Any]:
    """One card: a warning at or above the threshold, otherwise information."""
    if isinstance(outcome, Abstention):
        kind, indicator = "abstention", "info"
        summary = f"{declaration.title}: no score. {_sentence(outcome.text)}"
        lines = [f"No score was given. {_sentence(outcome.text)}"]
    else:
        kind, indicator = "score", "warning" if outcome.alert else "info"
        summary = f"{declaration.title}: {_verdict(outcome)}"
        lines = _score_lines(outcome, declaration)
    lines.append(f"Read from the record as of {answer.as_of[:16]}Z. Version {answer.version}.")
    card = {
        "uuid": answer.prediction_id,
        "summary": _shortened(summary),
        "indicator": indicator,
        "detail": "\n\n".join(lines),
        "source": {
            "label": declaration.title,
            "topic": {
                "system": "urn:bedside:model",
                "code": answer.model,
                "display": declaration.title,
            },
        },
    }
    return {"cards": [card], "extension": _extension(answer, outcome=kind)}


def withheld_cards(answer: Answer) -> dict[str, Any]:
    """In silent mode nobody is shown anything, and the response says that this is why."""
    return {"cards": [], "extension": _extension(answer, outcome="withheld", reason="silent mode")}


def percent(risk: float, *, digits: int = 0) -> str:
    """A risk in per cent; never `0 %` or `100 %`, which would claim certainty.

    >>> percent(0.034), percent(0.0004), percent(0.9999), percent(0.034, digits=1)
    ('3 %', 'under 1 %', 'over 99 %', '3.4 %')
    """
    least = 10.0**-digits
    if risk * 100 < least:
        return f"under {least:.{digits}f} %"
    if risk * 100 > 100 - least:
        return f"over {100 - least:.{digits}f} %"
    return f"{risk * 100:.{digits}f} %"


def _verdict(score: Score) -> str:
    if score.threshold is None:
        return f"risk {percent(score.risk)}"
    side = "at or above" if score.alert else "below"
    risk, threshold = percent(score.risk), percent(score.threshold)
    for digits in (1, 2, 3):
        if risk == threshold:
            risk = percent(score.risk, digits=digits)
            threshold = percent(score.threshold, digits=digits)
    return f"risk {risk}, {side} the alert threshold of {threshold}"


def _score_lines(score: Score, declaration: Declaration) -> list[str]:
    lines = [f"**{_sentence(_verdict(score))}**"]
    if score.reasons:
        parts = [
            f"- {each.text} ({'raises' if each.contribution > 0 else 'lowers'} the risk)"
            for each in score.reasons
        ]
        lines.append("\n".join(["What moved this score most:", "", *parts]))
    lines.extend(score.notes)
    use = declaration.intended_use
    lines.append(f"For: {_sentence(use.decision)}")
    if use.not_for:
        lines.append(f"Not for: {_sentence('; '.join(use.not_for))}")
    return lines


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _shortened(summary: str) -> str:
    if len(summary) <= SUMMARY_LIMIT:
        return summary
    return summary[: SUMMARY_LIMIT - 1].rstrip() + "…"


def _extension(answer: Answer, **more: str) -> dict[str, Any]:
    traced = {
        "prediction_id": answer.prediction_id,
        "version": answer.version,
        "stage": answer.stage,
    }
    return {"bedside": more | traced}
