"""An answer as JSON and back, with nothing lost: the form in which the ledger keeps it sealed."""

import json
from typing import Any

import msgspec

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.answer import Abstention, Answer, Failure, Score

__all__ = ["answer_bytes", "answer_from_json", "answer_to_json", "answer_told"]

_KINDS: dict[str, type[Score | Abstention | Failure]] = {
    "score": Score,
    "abstention": Abstention,
    "failure": Failure,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """Every field of an answer as plain JSON; `kind` says which of the three outcomes it has."""
    return answer_told(answer) | {"outcome": msgspec.to_builtins(answer.outcome)}


def answer_told(answer: Answer) -> dict[str, Any]:
    """The same, with an outcome that msgspec still has to write: it then writes the same bytes."""
    return {
        "prediction_id": answer.prediction_id,
        "model": answer.model,
        "version": answer.version,
        "stage": answer.stage,
        "as_of": answer.as_of,
        "shown": answer.shown,
        "kind": _NAMES[type(answer.outcome)],
        "outcome": answer.outcome,
    }


def answer_bytes(answer: Answer) -> bytes:
    """The one byte form of an answer: two answers are the same where their bytes are.

    Raises:
        ValueError: a number in it is not finite.
    """
    return canonical_json(answer_to_json(answer))


def answer_from_json(told: dict[str, Any] | bytes) -> Answer:
    """The answer that `answer_to_json` or `answer_bytes` wrote.

    Raises:
        Invalid: it is no such JSON.
    """
    try:
        fields = dict(json.loads(told) if isinstance(told, bytes) else told)
        outcome = msgspec.convert(fields.pop("outcome"), type=_KINDS[fields.pop("kind")])
        return msgspec.convert(fields, type=_Frame).with_outcome(outcome)
    except (msgspec.ValidationError, KeyError, TypeError, ValueError, RecursionError):
        raise Invalid(
            "This is not an answer as the ledger keeps it.",
            fix="give what answer_to_json wrote.",
            code="not_an_answer",
        ) from None


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    """An answer but for its outcome."""

    prediction_id: str
    model: str
    version: str
    stage: str
    as_of: str
    shown: bool = True

    def with_outcome(self, outcome: Score | Abstention | Failure) -> Answer:
        return Answer(**msgspec.structs.asdict(self), outcome=outcome)
