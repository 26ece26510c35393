"""Which events of a shard a question speaks of, when they held, and since when that was known."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from bedside.cohorts.question.timeline import ALWAYS, NEVER, Bools, History, Ints, Moments
from bedside.core.errors import Invalid
from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.core.records.question import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    CodePattern,
    Predicate,
)
from bedside.core.records.question_grammar import EVERYWHERE, parse_expression

__all__ = ["Shard", "combined", "is_static", "matching"]

_COLUMNS = {"text_value": "text", "numeric_value": "value"}


def matching(pattern: str | CodePattern, codes: pl.Series) -> pl.Series:
    """Which of these codes the pattern means; a regular expression may match anywhere in it.

    Raises:
        Invalid: the regular expression is none.
    """
    if isinstance(pattern, str):
        return codes == pattern
    if pattern.regex is None:
        return codes.is_in(list(pattern.any))
    try:
        return codes.str.contains(pattern.regex)
    except pl.exceptions.PolarsError:
        raise Invalid(
            f"'{pattern.regex}' is not a regular expression.",
            fix="write one that Rust's regex reads: no look-around, no back-references.",
        ) from None


def is_static(name: str, predicates: dict[str, Predicate]) -> bool:
    """Whether it holds for the whole subject or not at all."""
    return name in predicates and predicates[name].static


class Shard:
    """The rows of some subjects as arrays, and every predicate's moments among them.

    Args:
        rows: Columns of the event table, in any order.
        predicates: All that are asked about, those that they are made of first.
    """

    def __init__(self, rows: pl.DataFrame, predicates: dict[str, Predicate]) -> None:
        self.predicates = predicates
        kept, gone_at = _standing(rows)
        ordered = _in_order(kept.with_columns(pl.Series("_gone_at", gone_at)))
        self.rows = ordered
        ids = ordered["subject_id"].to_numpy()
        first = np.ones(len(ids), np.bool_)
        first[1:] = ids[1:] != ids[:-1]
        self.subjects: Ints = ids[first].astype(np.int64)
        self._subject: Ints = np.cumsum(first, dtype=np.int64) - 1
        self._time = _micros(ordered["time"])
        self._known_at = _micros(ordered["known_at"])
        self._gone_at: Ints = ordered["_gone_at"].to_numpy()
        self._code, self._names = _codes(ordered["code"])
        self._masks: dict[str, Bools] = {}
        self._histories: dict[str, History] = {}
        self._moments: dict[str, Moments] = {}

    def holds(self, name: str) -> Bools:
        """Of each subject, whether a static predicate is true; shape (subjects,)."""
        true = np.zeros(len(self.subjects), np.bool_)
        if self.predicates[name].expr is not None:
            return self._holds_derived(name)
        told = self._mask(name) & (self._time == ALWAYS) & (self._gone_at == NEVER)
        true[self._subject[told]] = True
        return true

    def _holds_derived(self, name: str) -> Bools:
        expression = parse_expression(str(self.predicates[name].expr))
        parts = np.array([self.holds(one) for one in expression.of])
        held: Bools = np.all(parts, axis=0) if expression.every else np.any(parts, axis=0)
        return held

    def history(self, name: str) -> History:
        """What came to be known, and when, of the moments of a predicate."""
        if name not in self._histories:
            self._histories[name] = self._history(name)
        return self._histories[name]

    def moments(self, name: str) -> Moments:
        """The moments of a predicate as the whole record tells them at its end."""
        if name not in self._moments:
            self._moments[name] = _final(self.history(name))
        return self._moments[name]

    def appearances(self, name: str) -> Moments:
        """Every moment at which the predicate was ever seen to hold, even if taken back later."""
        history = _any_of(self.history(name))
        starts = _starts(history.subject, history.time)
        return Moments(
            history.subject[starts],
            history.time[starts],
            np.ones(len(starts), np.int64),
            history.at[starts],
        )

    def encounters(self, name: str, subject: Ints, time: Ints) -> tuple[Ints, Bools]:
        """The encounter of the predicate's events at each of these moments, and whether any.

        Where they name several, the least of them.
        """
        nothing = np.zeros(len(subject), np.int64), np.zeros(len(subject), np.bool_)
        if "encounter_id" not in self.rows.columns:
            return nothing
        encounter = self.rows["encounter_id"]
        told = encounter.is_not_null().to_numpy() & self._leaves(name) & (self._time != ALWAYS)
        at = np.flatnonzero(told)
        if len(at) == 0:
            return nothing
        value = encounter.fill_null(0).to_numpy().astype(np.int64)[at]
        order = np.lexsort((value, self._time[at], self._subject[at]))
        one, value = at[order], value[order]
        found = Moments(self._subject[one], self._time[one], np.zeros_like(value), self._time[one])
        place = np.minimum(found.place(subject, time, "left"), len(value) - 1)
        same = (found.subject[place] == subject) & (found.time[place] == time)
        return np.where(same, value[place], 0), same

    def _leaves(self, name: str) -> Bools:
        """The rows that are an event of the predicate, or of one that it is made of."""
        if name in EVERYWHERE:
            return np.ones(len(self._time), np.bool_)
        expression = self.predicates[name].expr
        if expression is None:
            return self._mask(name)
        parts = [self._leaves(one) for one in parse_expression(expression).of]
        either: Bools = np.any(parts, axis=0)
        return either

    def _mask(self, name: str) -> Bools:
        if name not in self._masks:
            self._masks[name] = self._matches(self.predicates[name])
        return self._masks[name]

    def _matches(self, predicate: Predicate) -> Bools:
        pattern = predicate.code
        if pattern is None:
            raise Invalid("A predicate has no code.", fix="give it a code, or an expr.")
        place = self._names["place"].to_numpy()
        wanted = np.zeros(int(place.max(initial=0)) + 1, np.bool_)
        wanted[place] = matching(pattern, self._names["code"]).to_numpy()
        met: Bools = wanted[self._code]
        more = _conditions(predicate)
        if more:
            at = np.flatnonzero(met)
            few = self.rows[at].select(pl.all_horizontal(more).fill_null(value=False))
            met[at] = few.to_series().to_numpy()
        return met

    def _history(self, name: str) -> History:
        if name == ANY_EVENT:
            return _any_of(self._raw(self._time != ALWAYS))
        if name in (RECORD_START, RECORD_END):
            return _outermost(self.moments(ANY_EVENT), last=name == RECORD_END)
        predicate = self.predicates[name]
        if predicate.static:
            raise Invalid(
                f"'{name}' holds for a whole subject and has no moments.",
                fix="let patient_demographics ask for it, and windows count other predicates.",
            )
        if predicate.expr is None:
            return self._raw(self._mask(name) & (self._time != ALWAYS))
        expression = parse_expression(predicate.expr)
        parts = [one for one in expression.of if not is_static(one, self.predicates)]
        if not parts or (not expression.every and len(parts) < len(expression.of)):
            return self.history(ANY_EVENT)
        return combined([self.history(one) for one in parts], every=expression.every)

    def _raw(self, mask: Bools) -> History:
        at = np.flatnonzero(mask & (self._known_at < self._gone_at))
        gone = at[self._gone_at[at] != NEVER]
        subject, time, known_at = self._subject[at], self._time[at], self._known_at[at]
        weight = np.ones(len(at), np.int64)
        if len(gone) == 0:
            return History(subject, time, weight, known_at)
        subject = np.concatenate([subject, self._subject[gone]])
        time = np.concatenate([time, self._time[gone]])
        known_at = np.concatenate([known_at, self._gone_at[gone]])
        weight = np.concatenate([weight, -np.ones(len(gone), np.int64)])
        order = np.lexsort((time, subject))
        return History(subject[order], time[order], weight[order], known_at[order])


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
        more.append(pl.col(_COLUMNS.get(column, column)).cast(pl.String) == told)
    return more


def _standing(rows: pl.DataFrame) -> tuple[pl.DataFrame, Ints]:
    """The rows that are events, and when a correction of each could first be seen, or NEVER."""
    code = pl.col("code")
    if "replaces" not in rows.columns or rows["replaces"].null_count() == rows.height:
        kept = rows.filter((code != MERGED_INTO) & (code != TAKEN_BACK))
        return kept, np.full(kept.height, NEVER)
    replacing = rows.filter(pl.col("replaces").is_not_null())
    by = replacing.group_by("subject_id", pl.col("replaces").alias("source_row")).agg(
        pl.col("known_at").min().alias("_by")
    )
    silent = [name for name in ("value", "text", "end") if name in rows.columns]
    takes_back = pl.col("replaces").is_not_null() & pl.all_horizontal(pl.col(silent).is_null())
    kept = rows.filter((code != MERGED_INTO) & (code != TAKEN_BACK) & ~takes_back).join(
        by, on=["subject_id", "source_row"], how="left", maintain_order="left"
    )
    gone = _micros(kept["_by"])
    return kept.drop("_by"), np.where(gone == ALWAYS, NEVER, gone)


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


def _outermost(moments: Moments, *, last: bool) -> History:
    """The first or last moment of each subject; known from the start, as the record is one."""
    subject = moments.subject
    edge = np.ones(len(subject), np.bool_)
    if last:
        edge[:-1] = subject[1:] != subject[:-1]
    else:
        edge[1:] = subject[1:] != subject[:-1]
    ones = np.ones(int(edge.sum()), np.int64)
    return History(subject[edge], moments.time[edge], ones, np.full_like(ones, ALWAYS))


def _any_of(history: History) -> History:
    """Whether there is an event at each moment: 1 or 0."""
    if (history.weight < 0).any():
        return combined([history], every=False)
    starts = _starts(history.subject, history.time)
    if len(starts) == 0:
        return history
    at = np.minimum.reduceat(history.at, starts)
    return History(history.subject[starts], history.time[starts], np.ones_like(at), at)


def combined(parts: Sequence[History], *, every: bool) -> History:
    """Whether all, or any, of several predicates hold at a moment: its count is 1 or 0."""
    subject = np.concatenate([one.subject for one in parts])
    time = np.concatenate([one.time for one in parts])
    at = np.concatenate([one.at for one in parts])
    weight = np.concatenate([one.weight for one in parts])
    part = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    order = np.lexsort((at, time, subject))
    subject, time, at = subject[order], time[order], at[order]
    weight, part = weight[order], part[order]
    if len(order) == 0:
        return History(subject, time, weight, at)
    starts = _starts(subject, time)
    moment = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(order))))
    held = np.full(len(order), every)
    for one in range(len(parts)):
        sums = np.cumsum(np.where(part == one, weight, 0))
        before = (sums - np.where(part == one, weight, 0))[starts][moment]
        holds = sums - before > 0
        held = held & holds if every else held | holds
    final = np.ones(len(order), np.bool_)  # the last of what became known of a moment at once
    final[:-1] = (moment[1:] != moment[:-1]) | (at[1:] != at[:-1])
    subject, time, at, moment = subject[final], time[final], at[final], moment[final]
    now = held[final].astype(np.int64)
    was = np.concatenate([[0], now[:-1]])
    was[np.concatenate([[True], moment[1:] != moment[:-1]])] = 0
    change = now - was
    told = change != 0
    return History(subject[told], time[told], change[told], at[told])


def _starts(subject: Ints, time: Ints) -> Ints:
    new = np.ones(len(subject), np.bool_)
    new[1:] = (subject[1:] != subject[:-1]) | (time[1:] != time[:-1])
    return np.flatnonzero(new)


def _final(history: History) -> Moments:
    """The moments that stand at the end of what became known."""
    starts = _starts(history.subject, history.time)
    if len(starts) == 0:
        return Moments(history.subject, history.time, history.weight, history.at)
    count = np.add.reduceat(history.weight, starts)
    seen = np.minimum.reduceat(history.at, starts)
    stands = count > 0
    one = starts[stands]
    return Moments(history.subject[one], history.time[one], count[stands], seen[stands])
