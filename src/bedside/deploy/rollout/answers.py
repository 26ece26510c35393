"""One recorded answer as live evidence takes it, and many of them as columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from bedside.core.records.outcome import OutcomeKind

__all__ = ["Columns", "LiveAnswer"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveAnswer:
    """One answer of one version.

    `question` is a digest of the request and its time: the same for every version that answered
    it. `subject` is the tag under which the patient's answers lie, None where nobody was named.
    `risk`, `threshold`, `alert` and `outputs` are those of a score; `threshold` is None where
    nothing alerts. `label` is what came true, as in training; None: not known (yet). Of a time
    until an event, `followed_days` is how long the patient was followed, up to a day past the last
    horizon, and the label is 0 where that ended without an event. `groups` is the patient's level
    in each declared subgroup of which it is known.
    """

    prediction_id: str
    at: str
    question: str
    shown: bool
    outcome: Literal["score", "abstention", "failure"]
    latency_ms: float
    reason: str | None = None
    subject: str | None = None
    risk: float | None = None
    threshold: float | None = None
    alert: bool | None = None
    outputs: tuple[float, ...] = ()
    label: float | None = None
    followed_days: float | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_judged(self) -> bool:
        """Whether a score was given and its outcome is known."""
        return self.risk is not None and self.label is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """n answers as arrays; `subject` counts patients from 0, whoever is not named alone.

    `risk`, `label`, `followed_days` and `threshold` are NaN where there is none.
    """

    subject: Ints
    scored: Bools
    abstained: Bools
    failed: Bools
    alert: Bools
    latency_ms: Floats
    risk: Floats
    label: Floats
    followed_days: Floats
    threshold: Floats

    @classmethod
    def of(cls, answers: Sequence[LiveAnswer]) -> "Columns":
        """The columns of these answers, in their order."""
        kinds = np.array([one.outcome for one in answers], dtype="U10")
        names = [one.subject or f"\n{place}" for place, one in enumerate(answers)]
        subject = np.unique(np.array(names, dtype=str), return_inverse=True)[1]
        return cls(
            subject=subject.astype(np.int64),
            scored=kinds == "score",
            abstained=kinds == "abstention",
            failed=kinds == "failure",
            alert=np.array([bool(one.alert) for one in answers], dtype=np.bool_),
            latency_ms=np.array([one.latency_ms for one in answers], dtype=np.float64),
            risk=_numbers([one.risk for one in answers]),
            label=_numbers([one.label for one in answers]),
            followed_days=_numbers([one.followed_days for one in answers]),
            threshold=_numbers([one.threshold for one in answers]),
        )

    @property
    def subjects(self) -> int:
        """How many patients there are."""
        return int(self.subject.max()) + 1 if self.subject.size else 0

    @property
    def readable(self) -> Bools:
        """The scores whose risk is told: not those of whom was erased; shape (n,)."""
        return self.scored & np.isfinite(self.risk)

    @property
    def judged(self) -> Bools:
        """The scores whose outcome is known; shape (n,)."""
        return self.readable & np.isfinite(self.label)

    def judged_as(self, kind: OutcomeKind) -> Bools:
        """The scores that have a part in the figures of such an outcome; shape (n,).

        Of a time until an event it must be known how long the patient was followed.
        """
        if kind != "survival":
            return self.judged
        followed = np.isfinite(self.followed_days) & (self.followed_days >= 0)
        return self.judged & followed & np.isin(self.label, (0.0, 1.0, 2.0))


def _numbers(values: list[float | None]) -> Floats:
    return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
