"""An answer about one patient: a score, an abstention with its reason, or a failure."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Abstention", "AbstentionReason", "Answer", "Failure", "Reason", "ReasonSource", "Score"]
__all__ += ["reason_of", "source_of"]


class AbstentionReason(StrEnum):
    """Why no score is given although nothing is broken."""

    MISSING = "missing"
    STALE = "stale"
    OUT_OF_RANGE = "out_of_range"
    NOT_ELIGIBLE = "not_eligible"
    OUT_OF_DOMAIN = "out_of_domain"
    SUSPENDED = "suspended"
    """The version is withheld as a whole; see `Registry.suspend`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonSource:
    """An event behind a reason.

    `time` is ISO 8601 (None: a static fact). `row` is the `source_row` in hexadecimal digits, which
    leads to the raw record; it stays sealed in the ledger and goes on no wire.
    """

    code: str
    time: str | None
    row: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One signal's part in a score. `text` says its strongest feature in clinical words and units.

    `contribution` is what all features of the signal gave together, on the model's margin before
    calibration (log-odds of a risk): positive raises what is predicted. `feature` is the strongest
    of them in this direction, and all else is of it. `measured_at` (ISO 8601) is when the newest
    event behind the value happened; None: a static fact, or nothing was measured. `sources` are
    the newest of the events behind it, `source_count` is how many there are in all.
    """

    feature: str
    text: str
    contribution: float
    measured_at: str | None = None
    sources: tuple[ReasonSource, ...] = ()
    source_count: int = 0


@dataclass(slots=True)
class _OpenSource:
    """The fields of `ReasonSource` in its order, not frozen."""

    code: str
    time: str | None
    row: str


@dataclass(slots=True)
class _OpenReason:
    """The fields of `Reason` in its order, not frozen."""

    feature: str
    text: str
    contribution: float
    measured_at: str | None
    sources: tuple[ReasonSource, ...]
    source_count: int


def source_of(code: str, time: str | None, row: str) -> ReasonSource:
    """The same as `ReasonSource(…)`, in a third of the time, in the way of `event_of`."""
    made = _OpenSource(code, time, row)
    made.__class__ = ReasonSource  # type: ignore[assignment]
    return made  # type: ignore[return-value]


def reason_of(
    feature: str,
    text: str,
    contribution: float,
    measured_at: str | None,
    sources: tuple[ReasonSource, ...],
    source_count: int,
) -> Reason:
    """The same as `Reason(…)`, in a third of the time, in the way of `event_of`."""
    made = _OpenReason(feature, text, contribution, measured_at, sources, source_count)
    made.__class__ = Reason  # type: ignore[assignment]
    return made  # type: ignore[return-value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A calibrated risk in [0, 1] and whether it reaches the alert threshold.

    Of a model of a number (`outcome: regression`), `risk` is the number, in the unit of its
    signal. `threshold` is None where nothing alerts. `outputs` are the predictions by name: the
    risk by each horizon, or of each level. `low` and `high` bound the truth with the declared
    coverage, or are the two risks of Venn-Abers calibration; `likely` are the labels that cannot
    be ruled out at this coverage.
    """

    risk: float
    threshold: float | None
    alert: bool
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...] = ()
    outputs: tuple[tuple[str, float], ...] = ()
    low: float | None = None
    high: float | None = None
    likely: tuple[str, ...] | None = None


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
    What is not `shown` goes to nobody: the wires say that an answer was made and is withheld.
    """

    prediction_id: str
    model: str
    version: str
    stage: str
    as_of: str
    outcome: Score | Abstention | Failure
    shown: bool = True
