"""A prediction that was made: what is said openly of it, and what came of it afterwards."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["NoteKind", "Prediction", "PredictionNote", "is_acted"]

NoteKind = Literal[
    "seen", "accepted", "overridden", "acted", "outcome", "intervened", "not_intervened"
]
"""The last two say whether a declared intervention followed an alert; the newest of them counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The open part of one answer in the ledger; what belongs to a patient stays sealed there.

    Whether it alerts is not here: an alert says that a patient's risk is high, so it stays in the
    sealed answer, with the risk. `latency_ms` is from the question to the record of the answer.

    `sequence` is its entry of the ledger; `outcome` is score, abstention or failure, `reason` the
    reason or the code of the last two. `shown` is False where nobody was shown it: in silent mode,
    of a challenger, or outside the canary's share. `request_tag` is a keyed digest of the caller,
    the model and the caller's own request id.
    """

    prediction_id: str
    sequence: int
    at: str
    model: str
    version: str
    bundle: str
    stage: str
    shown: bool
    channel: str
    caller: str
    as_of: str
    outcome: Literal["score", "abstention", "failure"]
    reason: str | None
    latency_ms: float
    input_digest: str
    subject_tag: str | None = None
    request_tag: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionNote:
    """What became known of a prediction later: who saw it, what they did, what came true.

    `value` is, of an outcome, the label as in training (NaN-free); it lies sealed in the entry
    `sequence` of the ledger and is None where that is not opened.
    """

    prediction_id: str
    sequence: int
    at: str
    kind: NoteKind
    value: float | None = None


def is_acted(notes: Iterable[PredictionNote]) -> bool:
    """Whether staff acted on an answer, as its notes say, oldest first.

    A card that was accepted or a note `acted` says so for good; of interventions the newest note
    counts, for what was seen may be taken back.
    """
    followed = False
    for one in notes:
        if one.kind in ("accepted", "acted"):
            return True
        if one.kind in ("intervened", "not_intervened"):
            followed = one.kind == "intervened"
    return followed
