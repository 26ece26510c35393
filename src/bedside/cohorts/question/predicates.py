"""When each predicate of a question held in a shard, and since when that was known."""

import numpy as np
import polars as pl

from bedside.cohorts.question.axis import Axis
from bedside.cohorts.question.entries import (
    ALWAYS,
    NEVER,
    Bools,
    Entries,
    Ints,
    combined,
    once,
    spread,
    with_more,
)
from bedside.cohorts.question.rows import EventRows
from bedside.cohorts.question.timeline import History, Moments
from bedside.core.errors import Invalid
from bedside.core.records.question import ANY_EVENT, RECORD_END, RECORD_START, Predicate
from bedside.core.records.question_grammar import EVERYWHERE, is_static, parse_expression

__all__ = ["Shard"]


class Shard:
    """A shard and the predicates in it; what was asked of it once is kept.

    Args:
        rows: Columns of the event table, in any order.
        predicates: All that are asked about, by name.

    Attributes:
        subjects: The identifiers, ascending; shape (subjects,).
        corrected: Whether any of its events is corrected or taken back.
    """

    def __init__(self, rows: pl.DataFrame, predicates: dict[str, Predicate]) -> None:
        self._predicates = predicates
        self._rows = EventRows(rows)
        self.subjects: Ints = self._rows.subjects
        self.corrected = len(self._rows.gone) > 0
        self._places: dict[str, Ints] = {}
        self._entries: dict[tuple[str, bool], Entries] = {}
        self._histories: dict[str, History] = {}
        self._moments: dict[str, Moments] = {}

    def holds(self, name: str) -> Bools:
        """Of each subject, whether what holds for a whole subject does; shape (subjects,)."""
        true = np.zeros(len(self.subjects), np.bool_)
        true[self._told(name, final=True).subject] = True
        return true

    def history(self, name: str) -> History:
        """What came to be known, and when, of the moments of a predicate."""
        if name not in self._histories:
            self._histories[name] = History.of(self._timed(name, final=False))
        return self._histories[name]

    def moments(self, name: str) -> Moments:
        """The moments of a predicate as they stand when all is known."""
        if name not in self._moments:
            self._moments[name] = Moments.of(self._timed(name, final=True))
        return self._moments[name]

    def appearances(self, name: str) -> Moments:
        """Every moment at which the predicate was ever seen to hold, even if taken back later."""
        told = once(self._timed(name, final=False))
        return Moments.of(told.taken(told.starts()))

    def encounters(self, name: str, subject: Ints, time: Ints) -> tuple[Ints, Bools]:
        """The encounter of the predicate's events at each of these moments, and whether any.

        Where they name several, the least of them.
        """
        of, moment, encounter = self._rows.encounters(self._leaves(name))
        if len(of) == 0:
            return np.zeros(len(subject), np.int64), np.zeros(len(subject), np.bool_)
        new = np.ones(len(subject), np.bool_)  # the rows of one trigger follow each other
        new[1:] = (subject[1:] != subject[:-1]) | (time[1:] != time[:-1])
        subject, time, each = subject[new], time[new], np.cumsum(new) - 1
        place = np.minimum(Axis(of, moment).place(subject, time, "left"), len(of) - 1)
        same = (of[place] == subject) & (moment[place] == time)
        return np.where(same, encounter[place], 0)[each], same[each]

    def contents(self, name: str) -> pl.DataFrame:
        """What the predicate's events say, as they stand when all is known.

        Returns:
            `subject` (an index), `time` (microseconds since 1970 UTC), `value` and `text`.
        """
        rows, at = self._rows, self._leaves(name)
        at = at[(rows.gone_at[at] == NEVER) & (rows.time[at] != ALWAYS)]
        told: pl.DataFrame = rows.rows.select("value", "text")[at]
        return told.with_columns(
            pl.Series("subject", rows.subject[at]), pl.Series("time", rows.time[at])
        )

    def _leaves(self, name: str) -> Ints:
        """The rows that are an event of the predicate, or of one that it is made of."""
        if name in EVERYWHERE:
            return np.arange(len(self._rows.time))
        expression = self._predicates[name].expr
        if expression is None:
            return self._meant(name)
        parts = [self._leaves(one) for one in parse_expression(expression).of]
        return np.unique(np.concatenate(parts))

    def _meant(self, name: str) -> Ints:
        if name not in self._places:
            self._places[name] = self._rows.matches(self._predicates[name])
        return self._places[name]

    def _timed(self, name: str, *, final: bool) -> Entries:
        if is_static(name, self._predicates):
            raise Invalid(
                f"'{name}' holds for a whole subject and has no moments.",
                fix="let patient_demographics ask for it, and windows count other predicates.",
            )
        return self._told(name, final=final)

    def _told(self, name: str, *, final: bool) -> Entries:
        """The entries of a predicate; the final ones leave out whatever was corrected."""
        key = (name, final or not self.corrected)
        if key not in self._entries:
            self._entries[key] = self._made(name, final=key[1])
        return self._entries[key]

    def _made(self, name: str, *, final: bool) -> Entries:
        if name == ANY_EVENT:
            return self._any_event(final=final)
        if name in (RECORD_START, RECORD_END):
            return self._outermost(last=name == RECORD_END, final=final)
        predicate = self._predicates[name]
        if predicate.expr is not None:
            return self._derived(predicate.expr, final=final)
        static = is_static(name, self._predicates)
        at = self._meant(name)
        return self._raw(at[(self._rows.time[at] == ALWAYS) == static], final=final)

    def _derived(self, text: str, *, final: bool) -> Entries:
        expression = parse_expression(text)
        every = expression.every
        static = [
            self._told(one, final=final)
            for one in expression.of
            if is_static(one, self._predicates)
        ]
        timed = [
            self._told(one, final=final)
            for one in expression.of
            if not is_static(one, self._predicates)
        ]
        if not static or not timed:
            return combined([*static, *timed], every=every)
        if every:
            return combined([*timed, *(spread(one, timed[0]) for one in static)], every=True)
        moments = self._told(ANY_EVENT, final=final)
        there = [combined([moments, spread(one, moments)], every=True) for one in static]
        return combined([*timed, *there], every=False)

    def _any_event(self, *, final: bool) -> Entries:
        """Each moment counts 1; only those of which something is taken back are looked into."""
        rows, known = self._rows, self._rows.known_at
        starts = rows.starts
        if len(starts) == 0:
            return self._standing(starts)
        gone = rows.gone
        if len(gone):
            never = gone if final else gone[known[gone] >= rows.gone_at[gone]]
            known = known.copy()
            known[never] = NEVER
        seen, first = np.minimum.reduceat(known, starts), rows.time[starts]
        there = (first != ALWAYS) & (seen != NEVER)
        whole = Entries(
            rows.subject[starts[there]], first[there], np.ones(there.sum(), np.int64), seen[there]
        )
        gone = gone[rows.time[gone] != ALWAYS]
        if final or len(gone) == 0:
            return whole
        moment = np.unique(np.searchsorted(starts, gone, "right") - 1)
        ends = np.append(starts[1:], len(rows.time))
        changed = once(self._raw(_ranges(starts[moment], ends[moment]), final=False))
        later = np.ones(len(changed), np.bool_)  # when each was first known stands there already
        later[changed.starts()] = False
        return with_more(whole, changed.taken(later)) if later.any() else whole

    def _outermost(self, *, last: bool, final: bool) -> Entries:
        """The first or last moment of each subject, as it stands when all is known."""
        rows, subject = self._rows, np.arange(len(self.subjects))
        axis = Axis(rows.subject, rows.time)
        low = axis.place(subject, np.full(len(subject), ALWAYS), "right")
        high = axis.place(subject, np.full(len(subject), NEVER), "right")
        there = np.flatnonzero(low < high)
        row, step = (high - 1, -1) if last else (low, 1)
        while len(there):  # past what was taken back
            there = there[rows.gone_at[row[there]] != NEVER]
            row[there] += step
            there = there[(row[there] >= low[there]) & (row[there] < high[there])]
        found = np.flatnonzero((row >= low) & (row < high))
        time = rows.time[row[found]]
        low, high = axis.place(found, time, "left"), axis.place(found, time, "right")
        return once(self._raw(_ranges(low, high), final=final))

    def _standing(self, at: Ints) -> Entries:
        """An entry for each of these rows, since when it was known."""
        rows = self._rows
        return Entries(
            rows.subject[at], rows.time[at], np.ones(len(at), np.int64), rows.known_at[at]
        )

    def _raw(self, at: Ints, *, final: bool) -> Entries:
        """What became known of these rows: that they are there, and that they are not."""
        rows, gone_at = self._rows, self._rows.gone_at[at]
        at = at[gone_at == NEVER if final else rows.known_at[at] < gone_at]
        told = self._standing(at)
        gone = at[rows.gone_at[at] != NEVER] if self.corrected else at[:0]
        if len(gone) == 0:
            return told
        less = Entries(
            rows.subject[gone], rows.time[gone], -np.ones(len(gone), np.int64), rows.gone_at[gone]
        )
        return with_more(told, less)


def _ranges(low: Ints, high: Ints) -> Ints:
    """The whole numbers from each low one to before its high one, one range after another."""
    size = high - low
    places: Ints = np.arange(size.sum()) + np.repeat(low - np.cumsum(size) + size, size)
    return places
