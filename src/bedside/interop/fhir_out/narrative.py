"""What a score says in words: the same text in the narrative, the rationale and the notes."""

from html import escape

from bedside.interop.fhir_out.told import Told
from bedside.interop.score_words import each_prediction, moved, sureness, verdict

__all__ = ["notes", "rationale", "text_of"]


def rationale(told: Told) -> str:
    """What moved the score most, strongest first, in one line; empty without reasons."""
    what = moved(told.declaration)
    return "; ".join(
        f"{one.text} ({'raises' if one.contribution > 0 else 'lowers'} the {what})"
        for one in told.score.reasons
    )


def notes(told: Told) -> list[str]:
    """What belongs beside the score: how sure it is, the input, what it is for and not for."""
    use = told.declaration.intended_use
    lines = [sureness(told.score, told.declaration), *told.score.notes]
    lines.append(f"For: {use.decision}. Not for: {'; '.join(use.not_for) or 'nothing is named'}.")
    lines.append(f"Version {told.answer.version}, {told.answer.stage}. Made by a model: judge it.")
    return [line for line in lines if line]


def text_of(told: Told) -> dict[str, str]:
    """The narrative: the verdict, each prediction, the reasons and the notes.

    Source: FHIR R4, "Narrative".
    """
    title = f"{told.declaration.title}: {verdict(told.score, told.declaration)}"
    lines = [*each_prediction(told.score, told.declaration), rationale(told), *notes(told)]
    body = "".join(f"<p>{_safe(line)}</p>" for line in lines if line)
    html = f'<div xmlns="http://www.w3.org/1999/xhtml"><p><b>{_safe(title)}</b></p>{body}</div>'
    return {"status": "generated", "div": html}


def _safe(text: str) -> str:
    """Escaped, without the characters that XML 1.0 may not hold."""
    return escape("".join(one for one in text if one >= " "))
