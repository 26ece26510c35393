"""An answer as CDS Hooks cards: never an empty list that could also mean a crash.

Source: CDS Hooks 2.0, "CDS Service Response" and "Card Attributes".
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bedside.core.records.answer import Abstention, Answer, Failure, Score
from bedside.core.records.cds_hooks import CdsHooks, Suggestion
from bedside.core.records.declaration import Declaration
from bedside.interop.cds_hooks.templates import filled
from bedside.interop.score_words import each_prediction, moved, sureness, verdict

__all__ = ["Shown", "cards_of", "suggestion_id", "withheld_cards"]

SUMMARY_LIMIT = 139
"""CDS Hooks: a summary has fewer than 140 characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """On which card an answer is shown.

    `values` fill the declared suggestions; `card_url` is the page about the model, None where
    nobody could open it; `notes` stand at the end of the card.
    """

    service: CdsHooks
    values: Mapping[str, str] = field(default_factory=dict)
    card_url: str | None = None
    notes: tuple[str, ...] = ()


def cards_of(
    answer: Answer, outcome: Score | Abstention | Failure, declaration: Declaration, shown: Shown
) -> dict[str, Any]:
    """One card: an alert has the declared indicator, no score is information, a failure warns."""
    title, service = declaration.title, shown.service
    match outcome:
        case Score():
            kind, indicator = "score", service.indicator if outcome.alert else "info"
            summary = f"{title}: {verdict(outcome, declaration)}"
            lines = _score_lines(outcome, declaration)
        case Abstention():
            kind, indicator = "abstention", "info"
            summary = f"{title}: no score. {_sentence(outcome.text)}"
            lines = [f"No score was given. {_sentence(outcome.text)}"]
        case Failure():
            kind, indicator = "failure", "warning"
            summary = f"{title}: no score: the model failed"
            lines = [f"**No score: the model failed** (`{outcome.code}`). {outcome.text}"]
    lines.extend(shown.notes)
    lines.append(f"Read from the record as of {answer.as_of[:16]}Z. Version {answer.version}.")
    card: dict[str, Any] = {
        "uuid": answer.prediction_id,
        "summary": _shortened(summary),
        "indicator": indicator,
        "detail": "\n\n".join(lines),
        "source": {
            "label": title,
            "topic": {"system": "urn:bedside:model", "code": answer.model, "display": title},
        },
    }
    if shown.card_url is not None:
        card["source"]["url"] = shown.card_url
        card["links"] = [{"label": "About this model", "url": shown.card_url, "type": "absolute"}]
    if isinstance(outcome, Score):
        card |= _offered(answer, outcome, shown)
    return {"cards": [card], "extension": _extension(answer, outcome=kind)}


def suggestion_id(prediction_id: str, index: int) -> str:
    """The UUID of the suggestion at this place of the declaration, on the card of an answer.

    >>> suggestion_id("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", 0)
    'bb3b85ca-5a23-5192-8a99-1ad3144b5d02'
    """
    return str(uuid.uuid5(uuid.UUID(prediction_id), f"suggestion/{index}"))


def withheld_cards(answer: Answer) -> dict[str, Any]:
    """In silent mode nobody is shown anything, and the response says that this is why."""
    return {"cards": [], "extension": _extension(answer, outcome="withheld", reason="silent mode")}


def _offered(answer: Answer, score: Score, shown: Shown) -> dict[str, Any]:
    """What a clinician may do with the card of a score."""
    offered: dict[str, Any] = {}
    values = {
        **shown.values, "asOf": answer.as_of, "predictionId": answer.prediction_id
    }  # fmt: skip
    suggestions = [
        _suggestion(one, suggestion_id(answer.prediction_id, index), values)
        for index, one in enumerate(shown.service.suggestions)
        if one.when == "score" or score.alert
    ]
    if suggestions:
        offered["suggestions"] = suggestions
        offered["selectionBehavior"] = shown.service.selection
    if score.alert and shown.service.override_reasons:
        offered["overrideReasons"] = [
            {"code": one.code, "system": one.system, "display": one.display}
            for one in shown.service.override_reasons
        ]
    return offered


def _suggestion(one: Suggestion, identity: str, values: Mapping[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"label": one.label, "uuid": identity}
    if one.recommended:
        made["isRecommended"] = True
    made["actions"] = [
        {
            "type": "create",
            "description": action.description,
            "resource": filled(action.resource, values),
        }
        for action in one.actions
    ]
    return made


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
