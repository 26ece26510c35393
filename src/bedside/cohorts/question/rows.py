"""The rows of a shard as arrays in order, and which of them each predicate means."""

from functools import cached_property
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.question.entries import ALWAYS, NEVER, Bools, Ints
from bedside.core.errors import Invalid
from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.core.records.question import CodePattern, Predicate

__all__ = ["COLUMNS", "EventRows", "matching"]

Numbers: TypeAlias = npt.NDArray[np.uint32]
_FEW_CODES = 4
_TABLE = 1 << 18  # so that few rows that are not replaced share a place with one that is
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
        gone: The rows that were corrected or taken back; shape (corrected,).
    """

    def __init__(self, rows: pl.DataFrame) -> None:
        rows, self.time = _in_order(rows)
        code, self._names = _codes(rows["code"])
        self.known_at = _micros(rows["known_at"])
        self.gone_at = np.full(rows.height, NEVER)
        idle = _rows_of(code, self._numbers(pl.col("code").is_in([MERGED_INTO, TAKEN_BACK])))
        if {"source_row", "replaces"} <= set(rows.columns):
            replacing = np.flatnonzero(rows["replaces"].is_not_null().to_numpy())
            if len(replacing):
                replaced, since = _replaced(rows, rows[replacing])
                self.gone_at[replaced] = since
                idle[replacing] |= _are_silent(rows[replacing])
        if idle.any():
            kept = ~idle
            rows, code = rows.filter(pl.Series(kept)), code[kept]
            self.time, self.known_at = self.time[kept], self.known_at[kept]
            self.gone_at = self.gone_at[kept]
        self.rows, self._code = rows, code
        self.gone: Ints = np.flatnonzero(self.gone_at != NEVER)
        ids = rows["subject_id"].to_numpy()
        new = np.ones(len(ids), np.bool_)
        np.not_equal(ids[1:], ids[:-1], out=new[1:])
        self.subjects: Ints = ids[new].astype(np.int64)
        size = np.diff(np.flatnonzero(new), append=len(ids))
        self.subject: Ints = np.repeat(np.arange(len(size)), size)

    @cached_property
    def starts(self) -> Ints:
        """Where each moment of a subject begins; shape (moments,)."""
        new = np.ones(len(self.time), np.bool_)
        np.not_equal(self.time[1:], self.time[:-1], out=new[1:])
        new[1:] |= self.subject[1:] != self.subject[:-1]
        return np.flatnonzero(new)

    def matches(self, predicate: Predicate) -> Ints:
        """The rows that a plain predicate means, whenever they were, ascending; shape (m,)."""
        if predicate.code is None:
            raise Invalid("A predicate has no code.", fix="give it a code, or an expr.")
        numbers = self._numbers(matching(predicate.code, self._names["code"]))
        at = np.flatnonzero(_rows_of(self._code, numbers))
        more = _conditions(predicate)
        if more:
            met = pl.all_horizontal(more).fill_null(value=False)
            few = self.rows.select(set(met.meta.root_names()))[at]
            at = at[few.select(met).to_series().to_numpy()]
        return at

    def encounters(self, at: Ints) -> tuple[Ints, Ints, Ints]:
        """Subject, time and encounter of those of these rows that ever were events and have one."""
        if "encounter_id" not in self.rows.columns:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing, nothing
        at = at[(self.known_at[at] < self.gone_at[at]) & (self.time[at] != ALWAYS)]
        encounter = self.rows["encounter_id"].gather(at)
        has = encounter.is_not_null().to_numpy()
        at, value = at[has], encounter.drop_nulls().to_numpy().astype(np.int64)
        subject, time = self.subject[at], self.time[at]
        order = np.lexsort((value, time, subject))
        return subject[order], time[order], value[order]

    def _numbers(self, which: pl.Expr | pl.Series) -> Numbers:
        return self._names.filter(which)["place"].to_numpy()


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


def _replaced(rows: pl.DataFrame, replacing: pl.DataFrame) -> tuple[Ints, Ints]:
    """The rows that others replace, and since when; shape (m,) each."""
    by = replacing.group_by("subject_id", pl.col("replaces").alias("source_row")).agg(
        pl.col("known_at").min()
    )
    wanted = np.zeros(_TABLE, np.bool_)
    wanted[_in_table(by["source_row"])] = True
    at = np.flatnonzero(wanted[_in_table(rows["source_row"])])
    named = rows.select("subject_id", "source_row")[at].with_columns(pl.Series("at", at))
    found = named.join(by, on=["subject_id", "source_row"], how="inner")
    since = _micros(found["known_at"])
    return found["at"].to_numpy(), np.where(since == ALWAYS, NEVER, since)


def _in_table(names: pl.Series) -> Ints:
    return (names.hash().to_numpy() & np.uint64(_TABLE - 1)).view(np.int64)


def _are_silent(replacing: pl.DataFrame) -> Bools:
    """Which rows say nothing instead of what they replace."""
    told = [name for name in ("value", "text", "end") if name in replacing.columns]
    silent = np.ones(replacing.height, np.bool_)
    for name in told:
        silent &= replacing[name].is_null().to_numpy()
    return silent


def _in_order(rows: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """The rows by subject and time, and their time."""
    subject, time = rows["subject_id"].to_numpy(), _micros(rows["time"])
    back = np.flatnonzero(time[1:] < time[:-1])
    if bool((subject[1:] >= subject[:-1]).all() and (subject[back] < subject[back + 1]).all()):
        return rows, time
    rows = rows.sort("subject_id", "time", nulls_last=False, maintain_order=True)
    return rows, _micros(rows["time"])


def _micros(times: pl.Series) -> Ints:
    """Microseconds since 1970 UTC; ALWAYS where there is none."""
    whole = times.cast(pl.Datetime("us", "UTC")).to_physical()
    if whole.null_count():
        whole = whole.fill_null(ALWAYS)
    return whole.to_numpy().astype(np.int64, copy=False)


def _codes(codes: pl.Series) -> tuple[Numbers, pl.DataFrame]:
    """The code of each row as a number, and each code with its number (`place`)."""
    numbered = codes if codes.dtype == pl.Categorical else codes.cast(pl.Categorical)
    place = numbered.to_physical().to_numpy()
    found = np.full(int(place.max(initial=0)) + 1, -1)
    found[place] = np.arange(len(place))
    at = found[found >= 0]
    names = numbered.gather(at).cast(pl.String)
    return place, pl.DataFrame({"code": names, "place": place[at]})


def _rows_of(code: Numbers, numbers: Numbers) -> Bools:
    """Which rows have one of these codes; a few of them are soonest looked for one by one."""
    if len(numbers) > _FEW_CODES:
        wanted = np.zeros(int(code.max(initial=0)) + 1, np.bool_)
        wanted[numbers] = True
        return wanted[code]
    met = np.zeros(len(code), np.bool_)
    for number in numbers:
        met |= code == number
    return met
