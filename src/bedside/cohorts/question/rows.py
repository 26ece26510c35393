"""The rows of a shard as arrays in order, and which of them each predicate means."""

import numpy as np
import polars as pl

from bedside.cohorts.question.entries import ALWAYS, NEVER, Bools, Ints
from bedside.core.errors import Invalid
from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.core.records.question import CodePattern, Predicate

__all__ = ["COLUMNS", "EventRows", "matching"]

COLUMNS = {"text_value": "text"}
"""Other names of the event table's columns: those of MEDS."""


class EventRows:
    """The events of a shard by subject and time; what merely takes back is not among them.

    Args:
        rows: Columns of the event table, in any order.

    Attributes:
        subjects: The identifiers, ascending; shape (subjects,).
        subject: Index into `subjects`; shape (n,), as the others.
        time: Microseconds since 1970 UTC; ALWAYS for a fact without a time.
        known_at: Microseconds since 1970 UTC.
        gone_at: When a correction of it could first be seen, or NEVER.
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = _in_order(_standing(rows))
        ids = self.rows["subject_id"].to_numpy()
        first = np.ones(len(ids), np.bool_)
        first[1:] = ids[1:] != ids[:-1]
        self.subjects: Ints = ids[first].astype(np.int64)
        self.subject: Ints = np.cumsum(first, dtype=np.int64) - 1
        self.time = _micros(self.rows["time"])
        self.known_at = _micros(self.rows["known_at"])
        self.gone_at = np.full(len(ids), NEVER)
        if "_gone_at" in self.rows.columns:
            gone = _micros(self.rows["_gone_at"])
            self.gone_at = np.where(gone == ALWAYS, NEVER, gone)
        self._code, self._names = _codes(self.rows["code"])

    def matches(self, predicate: Predicate) -> Bools:
        """The rows that a plain predicate means, whenever they were; shape (n,)."""
        if predicate.code is None:
            raise Invalid("A predicate has no code.", fix="give it a code, or an expr.")
        place = self._names["place"].to_numpy()
        wanted = np.zeros(int(place.max(initial=0)) + 1, np.bool_)
        wanted[place] = matching(predicate.code, self._names["code"]).to_numpy()
        met: Bools = wanted[self._code]
        more = _conditions(predicate)
        if more:
            at = np.flatnonzero(met)
            few = self.rows[at].select(pl.all_horizontal(more).fill_null(value=False))
            met[at] = few.to_series().to_numpy()
        return met

    def encounters(self, mask: Bools) -> tuple[Ints, Ints, Ints]:
        """Subject, time and encounter of the rows in the mask that have one, in this order."""
        if "encounter_id" not in self.rows.columns:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing, nothing
        encounter = self.rows["encounter_id"]
        at = np.flatnonzero(mask & encounter.is_not_null().to_numpy())
        value = encounter.gather(at).to_numpy().astype(np.int64)
        subject, time = self.subject[at], self.time[at]
        order = np.lexsort((value, time, subject))
        return subject[order], time[order], value[order]


def matching(pattern: str | CodePattern, codes: pl.Series) -> pl.Series:
    """Which of these codes the pattern means; a regular expression matches from their start.

    Raises:
        Invalid: the regular expression is none.

    >>> matching(CodePattern(regex="ICD10//(I21|I22)"), pl.Series(["ICD10//I21.9"])).to_list()
    [True]
    """
    if isinstance(pattern, str):
        return codes == pattern
    if pattern.regex is None:
        return codes.is_in(list(pattern.any))
    try:
        return codes.str.contains(f"^(?:{pattern.regex})")
    except pl.exceptions.PolarsError:
        raise Invalid(
            f"'{pattern.regex}' is not a regular expression.",
            fix="write one that Rust's regex reads: no look-around, no back-references.",
        ) from None


def _conditions(predicate: Predicate) -> list[pl.Expr]:
    more: list[pl.Expr] = []
    value = pl.col("value")
    if predicate.value_min is not None:
        low = predicate.value_min
        more.append(value >= low if predicate.value_min_inclusive else value > low)
    if predicate.value_max is not None:
        high = predicate.value_max
        more.append(value <= high if predicate.value_max_inclusive else value < high)
    for column, told in predicate.other_cols.items():
        more.append(pl.col(COLUMNS.get(column, column)).cast(pl.String) == told)
    return more


def _standing(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows that are events; with corrections, since when each is replaced (`_gone_at`)."""
    code = pl.col("code")
    kept = rows.filter((code != MERGED_INTO) & (code != TAKEN_BACK))
    if "replaces" not in rows.columns or rows["replaces"].null_count() == rows.height:
        return kept
    by = (
        rows.filter(pl.col("replaces").is_not_null())
        .group_by("subject_id", pl.col("replaces").alias("source_row"))
        .agg(pl.col("known_at").min().alias("_gone_at"))
    )
    silent = [name for name in ("value", "text", "end") if name in rows.columns]
    takes_back = pl.col("replaces").is_not_null() & pl.all_horizontal(pl.col(silent).is_null())
    return kept.filter(~takes_back).join(
        by, on=["subject_id", "source_row"], how="left", maintain_order="left"
    )


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    subject, time = rows["subject_id"].to_numpy(), _micros(rows["time"])
    later = subject[1:] > subject[:-1]
    if bool((later | ((subject[1:] == subject[:-1]) & (time[1:] >= time[:-1]))).all()):
        return rows
    return rows.sort("subject_id", "time", nulls_last=False, maintain_order=True)


def _micros(times: pl.Series) -> Ints:
    """Microseconds since 1970 UTC; ALWAYS where there is none."""
    whole = times.cast(pl.Datetime("us", "UTC")).cast(pl.Int64).fill_null(ALWAYS)
    return whole.to_numpy().astype(np.int64, copy=False)


def _codes(codes: pl.Series) -> tuple[Ints, pl.DataFrame]:
    """The code of each row as a number, and each code with its number."""
    numbered = codes if codes.dtype == pl.Categorical else codes.cast(pl.Categorical)
    place = numbered.to_physical()
    names = pl.DataFrame({"code": numbered, "place": place}).unique("place")
    return place.to_numpy(), names.with_columns(pl.col("code").cast(pl.String))
