"""An answer about one patient: a score, an abstention with its reason, or a failure."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Abstention", "AbstentionReason", "Answer", "Failure", "Reason", "Score"]


class AbstentionReason(StrEnum):
    """Why no score is given although nothing is broken."""

    MISSING = "missing"
    STALE = "stale"
    OUT_OF_RANGE = "out_of_range"
    NOT_ELIGIBLE = "not_eligible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One feature's part in a score. `text` says it in clinical words and units.

    `contribution` is in log-odds: positive raises the risk.
    """

    feature: str
    text: str
    contribution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A calibrated risk in [0, 1] and whether it reaches the alert threshold."""

    risk: float
    threshold: float
    alert: bool
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Abstention:
    """No score, for a stated reason. `text` says what would make a score possible."""

    reason: AbstentionReason
    signal: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Something is broken. `code` is stable, such as `model_failed`."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One outcome with what is needed to trace it.

    `as_of` is the time up to which the record was read; `prediction_id` finds the ledger entry.
    """

    prediction_id: str
    model: str
    version: str
    stage: str
    as_of: str
    outcome: Score | Abstention | Failure
