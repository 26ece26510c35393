"""The rows of one shard, and the step at which each of the others was left out."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.cohorts.question.content import content_at, is_told
from bedside.cohorts.question.edges import edge_times
from bedside.cohorts.question.entries import NEVER, Bools, Ints
from bedside.cohorts.question.flow import FlowCounter
from bedside.cohorts.question.predicates import Shard
from bedside.cohorts.question.prediction_times import (
    Anchors,
    anchors_of,
    kept_rows,
    still_standing,
)
from bedside.cohorts.question.reading import predicates_of
from bedside.cohorts.question.time_at_risk import FollowUp, follow_up
from bedside.cohorts.question.windows import bounds_met, labelled, washed_out
from bedside.core.clock import microseconds, parse_duration
from bedside.core.records.question import Question
from bedside.core.records.question_grammar import (
    bounds_words,
    edges_in_order,
    index_edge,
    labelled_window,
    outcome_name,
)

__all__ = ["Answered", "Answerer"]

_TAKEN_BACK = "trigger taken back"
_AT_ONCE = "asked at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The rows of a shard before it is known when all the data end; shape (rows,).

    Args:
        subjects: The identifiers of the shard's subjects, ascending.
        subject: Index into `subjects`.
        encounter: Of the trigger's events.
        has_encounter: Whether they have one.
        trigger: Microseconds since 1970 UTC.
        prediction: Microseconds since 1970 UTC.
        positive: Whether the labelled window holds its predicate.
        known_from: The end of the data from which on its absence is known.
        follow_up: Instead of the last two, for a time at risk.
        content: The level (its place) or the value that the outcome first says, NaN where it says
            none; None where only whether it comes is asked.
        event_time: When it came: in the window or the time at risk, or else after the trigger and
            not after the next one; NEVER where it did not. None where more than that is asked.
    """

    subjects: Ints
    subject: Ints
    encounter: Ints
    has_encounter: Bools
    trigger: Ints
    prediction: Ints
    positive: Bools
    known_from: Ints
    follow_up: FollowUp | None
    content: npt.NDArray[np.float64] | None
    event_time: Ints | None


class Answerer:
    """Answers one question, shard after shard, and counts each step."""

    def __init__(self, question: Question, counter: FlowCounter) -> None:
        self.question = question
        self.counter = counter
        self.predicates = predicates_of(question)
        self.settles = microseconds(parse_duration(question.settles_after))
        self.optional = frozenset({_TAKEN_BACK, _AT_ONCE})

    def answer(self, events: pl.DataFrame) -> Answered:
        """The rows of one shard."""
        question, counter = self.question, self.counter
        shard = Shard(events, self.predicates)
        counter.shard(shard.subjects)
        asked = self._asked(shard)
        triggers, anchors = anchors_of(question, shard, asked)
        counter.step("trigger", f"Has {question.trigger}.", triggers.subject)
        counter.step("prediction times", self._times_told(), anchors.subject)
        rows = _Rows(question, shard, anchors)
        self._narrow(rows)
        order = rows.in_order()
        encounter, has = shard.encounters(
            question.trigger, rows.subject[order], anchors.trigger[order]
        )
        kept = kept_rows(question, rows.subject[order], encounter, has)
        order, encounter, has = order[kept], encounter[kept], has[kept]
        times = question.prediction_times
        if times.keep != "all":
            told = f"The {times.keep} of each {times.per}."
            counter.step("first or last", told, rows.subject[order])
        return rows.answered(order, encounter, has, self.settles)

    def _asked(self, shard: Shard) -> Bools:
        asked = np.ones(len(shard.subjects), np.bool_)
        self.counter.step("subjects", "All subjects that were read.", np.flatnonzero(asked), rows=0)
        for name in (one for one, told in self.predicates.items() if told.static):
            asked &= shard.holds(name)
            self.counter.step(f"is {name}", f"Is {name}.", np.flatnonzero(asked), rows=0)
        return asked

    def _times_told(self) -> str:
        times = self.question.prediction_times
        if times.every is not None:
            return f"Asked every {times.every} from each {self.question.trigger}."
        if times.each is not None:
            return f"Asked at each {times.each} after a {self.question.trigger}."
        return f"Asked at each {self.question.trigger}."

    def _narrow(self, rows: "_Rows") -> None:
        """Leave out, step by step, who must not be asked about."""
        question, counter = self.question, self.counter

        def leave(name: str, text: str, mask: Bools, because: str | None = None) -> None:
            rows.left &= mask
            subject = rows.subject if rows.left.all() else rows.subject[rows.left]
            counter.step(name, text, subject, because=because or "")

        stands = still_standing(question, rows.shard, rows.anchors, rows.prediction)
        leave(_TAKEN_BACK, "Not taken back by the prediction time.", stands)
        edges = edges_in_order(question.windows)
        for name in dict.fromkeys(edge.partition(".")[0] for edge in edges):
            window = question.windows[name]
            ends = (rows.edges[f"{name}.start"], rows.edges[f"{name}.end"])
            if any(edges[f"{name}.{side}"].event for side in ("start", "end")):
                found = ends[0].found & ends[1].found
                leave(f"{name}: no such event", f"The events that bound {name} are there.", found)
            for predicate, bound, met in bounds_met(
                rows.shard, window, ends, rows.subject, rows.prediction
            ):
                told = f"{predicate} in {name} {bounds_words(bound)}."
                leave(f"{name}: {predicate}", told, met, window.because)
        for washout in question.washout:
            told = f"No {washout.predicate} in the {washout.span or 'time'} before."
            out = washed_out(rows.shard, washout, rows.subject, rows.prediction)
            leave(f"washout: {washout.predicate}", told, ~out, washout.because)
        risk = question.time_at_risk
        if rows.follow_up is not None and risk is not None:
            by = "by the prediction time" if rows.from_then_on else "before the time at risk"
            told = f"No {risk.outcome} {by}."
            leave("outcome before the time at risk", told, ~rows.follow_up.too_early())
        leave(_AT_ONCE, "Of several asked at once, the latest anchor.", ~rows.overtaken())


class _Rows:
    """The rows of a shard, one to each anchor, and which of them are left."""

    def __init__(self, question: Question, shard: Shard, anchors: Anchors) -> None:
        self.question, self.shard, self.anchors = question, shard, anchors
        self.subject = anchors.subject
        self.edges = edge_times(question, shard, anchors)
        index = self.edges[index_edge(question)]
        waits = question.prediction_times.seen == "known_at"
        self.prediction: Ints = np.maximum(index.time, index.seen) if waits else index.time
        self.left: Bools = np.ones(len(anchors), np.bool_)
        self._order: Ints | None = None
        risk = question.time_at_risk
        self.from_then_on = question.outcome.kind == "survival"
        self.follow_up = (
            None
            if risk is None
            else follow_up(shard, risk, self.subject, self.prediction, at_once=self.from_then_on)
        )

    def in_order(self) -> Ints:
        """The rows left, by subject, prediction time and anchor."""
        if self._order is not None:  # fewer may be left than when they were brought in order
            return self._order if self.left.all() else self._order[self.left[self._order]]
        self._order = np.flatnonzero(self.left)
        before, after = self._not_after(self._order)  # of one subject, as its anchors are
        time, anchor = self.prediction, self.anchors.time
        back = (time[after] < time[before]) | (anchor[after] < anchor[before])
        if back.any():
            at = self._order
            self._order = at[np.lexsort((anchor[at], time[at], self.subject[at]))]
        return self._order

    def _not_after(self, order: Ints) -> tuple[Ints, Ints]:
        """Of rows in this order, those that the subject's next one is not asked after; the next."""
        time = self.prediction[order]
        place = np.flatnonzero(time[1:] <= time[:-1])
        before, after = order[place], order[place + 1]
        same = self.subject[before] == self.subject[after]
        return before[same], after[same]

    def overtaken(self) -> Bools:
        """Rows left of which a later anchor's is left too, at the same prediction time."""
        before, _ = self._not_after(self.in_order())  # in order, so at the same time
        overtaken = np.zeros(len(self.subject), np.bool_)
        overtaken[before] = True
        return overtaken

    def answered(self, order: Ints, encounter: Ints, has: Bools, settles: int) -> Answered:
        """These of the rows, with what came true."""
        follow_up = self.follow_up
        if len(order) < len(self.subject) or (order[1:] < order[:-1]).any():
            follow_up = None if follow_up is None else follow_up.taken(order)
        subject = self.subject[order]
        first = np.full(len(order), NEVER)
        known_from = np.full(len(order), NEVER)  # where nothing is asked to come true
        window = labelled_window(self.question)
        if window is not None:
            name, told = window
            ends = (self.edges[f"{name}.start"], self.edges[f"{name}.end"])
            every, from_ = labelled(self.shard, told, ends, self.subject, settles)
            first, known_from = every[order], from_[order]
        outcome = first if follow_up is None else follow_up.outcome_in_span()
        return Answered(
            subjects=self.shard.subjects,
            subject=subject,
            encounter=encounter,
            has_encounter=has,
            trigger=self.anchors.trigger[order],
            prediction=self.prediction[order],
            positive=first != NEVER,
            known_from=known_from,
            follow_up=follow_up,
            content=self._content(subject, outcome),
            event_time=self._event_times(order, outcome),
        )

    def _content(self, subject: Ints, outcome: Ints) -> npt.NDArray[np.float64] | None:
        """What the outcome says at these moments, where that is asked; shape (rows,)."""
        asked, name = self.question.outcome, outcome_name(self.question)
        if name is None or not is_told(asked):
            return None
        return content_at(self.shard.contents(name), asked, subject, outcome)

    def _event_times(self, order: Ints, outcome: Ints) -> Ints | None:
        """When the outcome came: as it was looked for, or else before the next trigger."""
        name = outcome_name(self.question)
        if self.question.outcome.kind != "binary":
            return None
        if name is None:
            return np.full(len(order), NEVER)
        trigger = self.anchors.trigger[order]
        after = self.shard.moments(name).after(self.subject[order], trigger)
        after[after > self._next_trigger()[order]] = NEVER
        return np.where(outcome == NEVER, after, outcome)

    def _next_trigger(self) -> Ints:
        """The subject's next trigger after that of each row, or NEVER; shape (rows,)."""
        subject, trigger = self.anchors.subject, self.anchors.trigger
        new = np.ones(len(trigger), np.bool_)  # the rows of one trigger follow each other
        new[1:] = (subject[1:] != subject[:-1]) | (trigger[1:] != trigger[:-1])
        start = np.flatnonzero(new)
        later = np.full(len(start), NEVER)
        later[:-1] = np.where(subject[start[1:]] == subject[start[:-1]], trigger[start[1:]], NEVER)
        each: Ints = later[np.cumsum(new) - 1]
        return each
