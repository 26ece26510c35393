"""What the audit is given, what a detector gives back, and the figures that all of them keep to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.core.records.leakage import Checked, Finding

__all__ = [
    "ENOUGH_EVENTS",
    "FEW",
    "AuditInputs",
    "Detector",
    "Floats",
    "Recompute",
    "Result",
    "ScoreWithout",
    "how_many",
]

Floats = npt.NDArray[np.float64]
Recompute = Callable[[pl.DataFrame, pl.DataFrame], Floats]
ScoreWithout = Callable[[tuple[str, ...]], Mapping[str, float]]

ENOUGH_EVENTS = 20
"""Fewer events of a code than this prove nothing about it."""

FEW = 10
"""A text does not tell how many when they are this many or fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditInputs:
    """One cohort with its features, as a model is about to learn from it.

    Args:
        declaration: The model's question, signals, rules and split.
        names: The k columns of the matrix.
        codes: For each column, the codes of the events that it reads.
        asked: n rows: subject_id, prediction_time, label (null where unknown) and side;
            encounter_id where stays are known. Any order.
        matrix: Shape (n, k), row by row as in `asked`.
        shards: The event table, read once; a subject's events lie all in one of them.
        recompute: The features of a table of events at rows of subject_id and prediction_time,
            sorted by both.
        score: Figures of a quick model that is given these columns alone, by name; without it,
            nothing is scored.
        timezones: IANA zones in which a bare date may have become midnight.
        replayed: At most so many subjects are replayed.
    """

    declaration: Declaration
    names: tuple[str, ...]
    codes: tuple[tuple[str, ...], ...]
    asked: pl.DataFrame
    matrix: Floats
    shards: Iterable[pl.DataFrame]
    recompute: Recompute
    score: ScoreWithout | None = None
    timezones: tuple[str, ...] = ("UTC",)
    replayed: int = 500

    def __post_init__(self) -> None:
        if len(self.names) != len(self.codes) or self.matrix.shape != (
            self.asked.height,
            len(self.names),
        ):
            raise Invalid(
                "The matrix does not have a row for each question and a column for each feature.",
                fix="give the audit the rows and the features that the matrix was made of.",
            )

    @property
    def feature_codes(self) -> tuple[str, ...]:
        """Every code that some feature reads, each once."""
        return tuple(dict.fromkeys(code for codes in self.codes for code in codes))

    def features_of(self, *codes: str) -> tuple[str, ...]:
        """The columns that read one of these codes."""
        return tuple(
            name
            for name, read in zip(self.names, self.codes, strict=True)
            if not set(read).isdisjoint(codes)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a detector found, and what it looked at."""

    findings: tuple[Finding, ...] = ()
    checked: tuple[Checked, ...] = ()


class Detector(Protocol):
    """Looks at one shard after another, and then says what it found."""

    def see(self, events: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Take in a shard.

        Args:
            events: Its events; `code` is text.
            rows: The questions about its subjects, each with its number `row` in `asked`.
        """
        ...

    def result(self) -> Result:
        """What was found in all of them."""
        ...


def how_many(number: int, what: str) -> str:
    """A count in words that name nobody.

    >>> how_many(1200, "rows"), how_many(3, "subjects")
    ('1,200 rows', '10 or fewer subjects')
    """
    return f"{FEW} or fewer {what}" if number <= FEW else f"{number:,} {what}"
