"""What of a ledger entry goes into the index of the predictions, and into that of their notes."""

from typing import Any, NamedTuple, get_args

from bedside.core.errors import Invalid
from bedside.core.records.ledger import LedgerDraft, LedgerEntry
from bedside.core.records.prediction import NoteKind

__all__ = ["ANSWER", "FEEDBACK", "INDEXED", "NOTE", "NoteRow", "PredictionRow", "check_indexed"]
__all__ += ["is_prediction", "note_row", "prediction_row"]

ANSWER, NOTE, FEEDBACK = "answer", "prediction.note", "feedback"
INDEXED = (ANSWER, NOTE, FEEDBACK)
"""The actions whose entries are found through an index."""

_TEXTS = (
    "model", "version", "bundle", "stage", "channel", "caller", "as_of", "outcome", "reason",
    "code", "input_digest", "request_tag",
)  # fmt: skip
_KINDS = frozenset(get_args(NoteKind))
_OUTCOMES = frozenset({"score", "abstention", "failure"})
_NO_COLUMN = "\0"  # PostgreSQL keeps no text with it


class PredictionRow(NamedTuple):
    """A row of the index, in the order of its columns; `shown` is 0 or 1."""

    sequence: int
    prediction_id: str
    at: str
    model: str
    version: str
    bundle: str
    stage: str
    shown: int
    channel: str
    caller: str
    as_of: str
    outcome: str
    reason: str | None
    latency_ms: float
    input_digest: str
    subject_tag: str | None
    request_tag: str | None


class NoteRow(NamedTuple):
    """A row of the index of notes."""

    sequence: int
    prediction_id: str
    at: str
    kind: str


def is_prediction(entry: LedgerDraft | LedgerEntry) -> bool:
    """Whether it is an answer that can be found by its id; the oldest ones had none."""
    return entry.action == ANSWER and "prediction_id" in entry.details


def check_indexed(draft: LedgerDraft | LedgerEntry) -> None:
    """Refuse a draft whose details would not fit into the columns of its index.

    Raises:
        Invalid: a column's value is of another type, or a word that the column does not know.
    """
    details = draft.details
    if draft.action == ANSWER:
        if "prediction_id" in details:
            _check_answer(details)
    elif draft.action == NOTE and (
        not _is_word(details.get("prediction_id")) or details.get("kind") not in _KINDS
    ):
        raise _unfit("prediction_id or kind")


def prediction_row(entry: LedgerEntry) -> PredictionRow:
    """The row of an answer, whose details were checked. What was not said is empty."""
    get, version = entry.details.get, entry.details.get("version", "")
    stage = get("stage", "")
    return PredictionRow(
        entry.sequence,
        entry.details["prediction_id"],
        entry.at,
        get("model") or version.partition("@")[0],
        version,
        get("bundle", ""),
        stage,
        int(get("shown", stage != "silent")),
        get("channel", ""),
        get("caller") or entry.actor,
        get("as_of", ""),
        get("outcome", ""),
        get("reason") or get("code"),
        get("latency_ms", 0.0),
        get("input_digest", ""),
        entry.subject_tag,
        get("request_tag"),
    )


def note_row(entry: LedgerEntry) -> NoteRow | None:
    """The row of a note, or of a card's feedback that says what was done with the card."""
    details = entry.details
    if entry.action == NOTE:
        return NoteRow(entry.sequence, details["prediction_id"], entry.at, details["kind"])
    card, kind = details.get("card"), details.get("outcome")
    if entry.action == FEEDBACK and _is_word(card) and kind in ("accepted", "overridden"):
        return NoteRow(entry.sequence, str(card), entry.at, str(kind))
    return None


def _check_answer(details: dict[str, Any]) -> None:
    get = details.get
    if not _is_word(get("prediction_id")):
        raise _unfit("prediction_id")
    _check_texts(details)
    if get("outcome", "score") not in _OUTCOMES:
        raise _unfit("outcome")
    if type(get("shown", False)) is not bool:
        raise _unfit("shown")
    if not isinstance(get("latency_ms", 0.0), int | float):
        raise _unfit("latency_ms")


def _check_texts(details: dict[str, Any]) -> None:
    told = [value for value in map(details.get, _TEXTS) if value is not None]
    try:
        if _NO_COLUMN not in "".join(told):
            return
    except TypeError:  # one is no text
        pass
    for name in _TEXTS:
        value = details.get(name)
        if value is not None and (not isinstance(value, str) or _NO_COLUMN in value):
            raise _unfit(name)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and bool(value) and _NO_COLUMN not in value


def _unfit(name: str) -> Invalid:
    return Invalid(
        f"The ledger cannot find a prediction by such a detail '{name}'.",
        fix="give a text (of outcome: score, abstention or failure), a truth value for shown, "
        "and a number for latency_ms.",
        code="prediction_details",
    )
