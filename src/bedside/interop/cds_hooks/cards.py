"""An answer as CDS Hooks cards: never an empty list that could also mean a crash.

Source: CDS Hooks 2.0, "CDS Service Response" and "Card Attributes".
"""

from typing import Any

from bedside.core.records.answer import Abstention, Answer, Score
from bedside.core.records.declaration import Declaration
from bedside.interop.score_words import each_prediction, moved, sureness, verdict

__all__ = ["cards_of", "withheld_cards"]

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
        summary = f"{declaration.title}: {verdict(outcome, declaration)}"
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


def _score_lines(score: Score, declaration: Declaration) -> list[str]:
    lines = [f"**{_sentence(verdict(score, declaration))}**"]
    if each := each_prediction(score, declaration):
        lines.append("\n".join(f"- {one}" for one in each))
    if sure := sureness(score, declaration):
        lines.append(sure)
    if score.reasons:
        what = moved(declaration)
        parts = [
            f"- {one.text} ({'raises' if one.contribution > 0 else 'lowers'} the {what})"
            for one in score.reasons
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
