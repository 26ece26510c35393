"""The answers of one version as columns: what every part of the monitor of live answers reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid

__all__ = ["ABSTENTION", "FAILURE", "SCORE", "SUSPENDED", "UNKNOWN_DAY", "Answers"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

SCORE, ABSTENTION, FAILURE = 0, 1, 2
"""What `outcome` says."""

SUSPENDED = "suspended"
"""The reason of an answer that was withheld because somebody, or an alarm, suspended the version:
what it says of itself is known already, and moves no stream."""

UNKNOWN_DAY = np.iinfo(np.int64).max
"""Of a label that has not come: later than any day."""

_ROWS = (
    "day", "subject", "hours", "outcome", "reason", "risk", "alert", "shown", "latency_ms", "label",
    "label_day", "acted",
)  # fmt: skip
_UNKNOWN = ("about", "aside", "codes")  # columns that may be None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """n answers of one version, in the order in which they were recorded.

    Args:
        day: Shape (n,), whole days since 1970-01-01 (UTC) of the record.
        subject: Shape (n,), integers that tell subjects apart; negative: nobody is named, or
            erased. The same subject has the same number in every run.
        hours: Shape (n,), hours since the first question about this subject's stay (0 where a
            question is asked once).
        outcome: Shape (n,), `SCORE`, `ABSTENTION` or `FAILURE`.
        reason: Shape (n,), the reason or code of the last two, else ''.
        risk: Shape (n,), NaN where there is no score, or it was erased.
        alert: Shape (n,), whether it alerted.
        shown: Shape (n,), whether somebody was shown it.
        latency_ms: Shape (n,).
        features: The k names.
        matrix: Shape (n, k), NaN where missing; a row of NaN where it is not known.
        contributions: Shape (n, k + 1) on the margin (log-odds), the last column what is
            expected; None: they were not computed.
        label: Shape (n,), 0 or 1 (the newest that was told), NaN where it is not known.
        label_day: Shape (n,), the day on which the label FIRST came to be known; else
            `UNKNOWN_DAY`.
        acted: Shape (n,), whether staff acted on a shown alert: its card was accepted, a note says
            `acted`, or a declared intervention followed.
        groups: For each subgroup dimension, also `site` and `ward` where they are known: shape
            (n,), the level as text, '' where unknown.
        about: Shape (n,), the signal that an abstention names, else ''; None: it is not known.
        aside: Shape (n,), the signals, between blanks, of which a value was set aside because it
            is outside what is possible, else ''; None: it is not known.
        codes: Shape (n,), which codes the question saw, as `core.records.codes_seen` writes them,
            `NOT_COUNTED` where it is not known; None: of none is it known.
    """

    day: Ints
    subject: Ints
    hours: Floats
    outcome: npt.NDArray[np.int8]
    reason: npt.NDArray[Any]
    risk: Floats
    alert: Bools
    shown: Bools
    latency_ms: Floats
    features: tuple[str, ...]
    matrix: Floats
    label: Floats
    label_day: Ints
    acted: Bools
    contributions: Floats | None = None
    groups: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    about: npt.NDArray[Any] | None = None
    aside: npt.NDArray[Any] | None = None
    codes: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        rows = self.day.shape[0]
        by_row: dict[str, npt.NDArray[Any]] = {
            **{name: getattr(self, name) for name in _ROWS},
            **{f"groups of '{name}'": values for name, values in self.groups.items()},
            **{k: v for k in _UNKNOWN if (v := getattr(self, k)) is not None},
        }
        for name, values in by_row.items():
            if values.shape != (rows,):
                raise Invalid(
                    f"There are {rows} answers, but {name} has shape {values.shape}.",
                    fix="give one value for each answer.",
                )
        width = len(self.features)
        if self.matrix.shape != (rows, width):
            raise Invalid(
                f"The matrix has shape {self.matrix.shape}, not {(rows, width)}.",
                fix="give one column for each feature.",
            )
        if self.contributions is not None and self.contributions.shape != (rows, width + 1):
            raise Invalid(
                f"The contributions have shape {self.contributions.shape}, and not "
                f"{(rows, width + 1)}.",
                fix="give one column for each feature, and what is expected.",
            )

    def __len__(self) -> int:
        """How many answers there are."""
        return int(self.day.shape[0])

    def take(self, rows: npt.NDArray[Any]) -> "Answers":
        """These answers alone: a mask of shape (n,), or their places."""
        columns: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[rows]
            for name in (*_ROWS, *_UNKNOWN)
        }
        return Answers(
            features=self.features,
            matrix=self.matrix[rows],
            contributions=None if self.contributions is None else self.contributions[rows],
            groups={name: values[rows] for name, values in self.groups.items()},
            **columns,
        )
