"""A slow, obvious evaluator of a question, one subject at a time: what the engine must equal.

Written from `docs/reference/question.md` alone. It knows nothing of the engine.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.records.event import TAKEN_BACK, Event
from bedside.core.records.question import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    Predicate,
    Question,
    TimeAtRisk,
    Window,
)

__all__ = ["Row", "answers", "is_triggered"]

NEVER = datetime.max.replace(tzinfo=UTC)
ARROW = re.compile(r"(.+?)\s*(->|<-)\s*(\S+)")
Edge: TypeAlias = tuple[datetime, bool, tuple[tuple[str, datetime], ...]]
"""When it lies, whether an event or the record made it, and every event on the way to it."""
Edges: TypeAlias = dict[str, Edge]
SHIFT = re.compile(r"(.+?)\s*([+-])\s*(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the cohort; what its kind of question does not tell is None."""

    subject_id: int
    encounter_id: int | None
    trigger_time: datetime
    prediction_time: datetime
    label: int | None
    target: float | None = None
    event_time: datetime | None = None
    event: int | None = None
    hours_at_risk: float | None = None


def answers(
    question: Question, events: Iterable[Event], *, data_end: datetime | None = None
) -> list[Row]:
    """Every row of the question, by subject and prediction time."""
    told = list(events)
    if not told:
        return []
    if data_end is None and question.data_end is not None:
        data_end = parse_instant(question.data_end)
    end = data_end or max(event.known_at for event in told)
    rows = []
    for subject in sorted({event.subject_id for event in told}):
        own = [event for event in told if event.subject_id == subject]
        rows += _Subject(question, own, end).rows()
    return rows


def is_triggered(question: Question, events: Iterable[Event]) -> bool:
    """Whether any subject has the trigger at all."""
    told = list(events)
    subjects = {event.subject_id for event in told}
    return any(
        _Subject(question, [e for e in told if e.subject_id == subject], NEVER).triggers()
        for subject in subjects
    )


class _Subject:
    """The history of one subject, asked one question."""

    def __init__(self, question: Question, events: Sequence[Event], data_end: datetime) -> None:
        self.question = question
        self.all = list(events)
        self.final = self.seen_at(None)  # what stands when everything is known
        self.ever = [event for event in self.all if event in self.seen_at(event.known_at)]
        self.moments = self._moments(self.final)
        self.data_end = data_end
        self.predicates = {**question.predicates, **question.patient_demographics}

    # What is known -----------------------------------------------------------------------------

    def seen_at(self, moment: datetime | None) -> list[Event]:
        """The events that stand at the moment, as they were known; at the very end if None."""
        seen = [e for e in self.all if moment is None or e.known_at <= moment]
        corrected = {e.replaces for e in seen if e.replaces is not None}
        return [e for e in seen if e.source_row not in corrected and not _takes_back(e)]

    @staticmethod
    def _moments(events: Iterable[Event]) -> list[datetime]:
        return sorted({e.time for e in events if e.time is not None})

    # Predicates --------------------------------------------------------------------------------

    def count(self, name: str, moment: datetime, events: Sequence[Event]) -> int:
        """How often the predicate holds at the moment."""
        if name == ANY_EVENT:
            return int(any(e.time == moment for e in events))
        if name in (RECORD_START, RECORD_END):
            edge = self.moments[:1] if name == RECORD_START else self.moments[-1:]
            return int(edge == [moment] and any(e.time == moment for e in events))
        predicate = self.predicates[name]
        if predicate.expr is not None:
            counts = [self.count(part, moment, events) for part in _inputs(predicate.expr)]
            together = any if predicate.expr.startswith("or") else all
            return int(together(counts))
        if self._static(name):
            return sum(e.time is None and _matches(predicate, e) for e in events)
        return sum(e.time == moment and _matches(predicate, e) for e in events)

    def _static(self, name: str) -> bool:
        return self.predicates[name].static or name in self.question.patient_demographics

    def moments_of(self, name: str, events: Sequence[Event] | None = None) -> list[datetime]:
        """The moments at which the predicate holds."""
        there = self.final if events is None else events
        return [m for m in self._moments(there) if self.count(name, m, there) > 0]

    # Rows --------------------------------------------------------------------------------------

    def triggers(self) -> list[datetime]:
        """The moments of the trigger; none of a subject without every static predicate."""
        for name in {*self.question.patient_demographics, *_spoken_of(self.question)}:
            if name in self.predicates and self._static(name):
                predicate = self.predicates[name]
                if not any(e.time is None and _matches(predicate, e) for e in self.final):
                    return []
        return self.ever_held(self.question.trigger)

    def rows(self) -> list[Row]:
        triggers = self.triggers()
        found: dict[datetime, Row] = {}
        for trigger in triggers:
            after = [other for other in triggers if other > trigger]
            for anchor in self.anchors(trigger, after[0] if after else None):
                asked = self.asked(trigger, anchor)
                row = self.row(trigger, *asked) if asked is not None else None
                if row is not None:  # of two that would be asked at once, the later one is
                    found[row.prediction_time] = row
        kept = self.kept([row for _, row in sorted(found.items())])
        if self.question.outcome.kind != "survival":
            return kept
        return [row for row in kept if (row.hours_at_risk or 0) > 0]  # last of all: who is followed

    def anchors(self, trigger: datetime, next_trigger: datetime | None) -> list[datetime]:
        """When the subject is asked about after this trigger."""
        times = self.question.prediction_times
        if times.every is None and times.each is None:
            return [trigger]

        def goes_on(moment: datetime) -> bool:
            if times.until is not None:
                ends = [m for m in self.moments_of(times.until) if m > trigger]
                if ends and moment >= ends[0]:
                    return False
            if times.at_most is not None and moment > trigger + parse_duration(times.at_most):
                return False
            return next_trigger is None or moment < next_trigger

        if times.each is not None:
            each = self.ever_held(times.each)
            return [m for m in each if m == trigger or (m > trigger and goes_on(m))]
        found, step = [trigger], parse_duration(times.every or "")
        while goes_on(found[-1] + step):
            found.append(found[-1] + step)
        return found

    def asked(self, trigger: datetime, anchor: datetime) -> tuple[datetime, Edges] | None:
        """When the question of one anchor is asked, and where its windows lie; None if never."""
        edges: Edges = {}
        for name in self.question.windows:
            for side in ("start", "end"):
                edge = self.edge(f"{name}.{side}", anchor)
                if edge is None:
                    return None
                edges[f"{name}.{side}"] = edge
        prediction = self.prediction(trigger, anchor, edges)
        if not self.still_seen(trigger, anchor, prediction):
            return None
        return prediction, edges

    def row(self, trigger: datetime, prediction: datetime, edges: Edges) -> Row | None:
        """The row of one anchor, or None where a bound leaves it out."""
        windows, seen = self.question.windows, self.seen_at(prediction)
        for name, window in windows.items():
            start, end = edges[f"{name}.start"][0], edges[f"{name}.end"][0]
            events = seen if end <= prediction else self.final
            for predicate, bounds in window.has.items():
                low, high = _bounds(bounds)
                if not low <= self.within(predicate, window, start, end, events) <= high:
                    return None
        if self.washed_out(prediction, seen):
            return None
        told: dict[str, Any] = {
            "subject_id": self.all[0].subject_id,
            "encounter_id": self.stay(trigger),
            "trigger_time": trigger,
            "prediction_time": prediction,
        }
        if self.question.time_at_risk is not None:
            if self.question.outcome.kind == "survival":
                return self.survived(self.question.time_at_risk, told)
            risk = self.at_risk(self.question.time_at_risk, prediction)
            if risk is None:
                return None
            label, event, hours = risk
            told |= {"event": event, "hours_at_risk": hours}
        else:
            label = self.label(edges)
        return self.with_outcome(told, label, edges)

    def within(
        self,
        predicate: str,
        window: Window,
        start: datetime,
        end: datetime,
        events: Sequence[Event],
    ) -> int:
        """How often the predicate holds in the window."""
        return sum(
            self.count(predicate, moment, events)
            for moment in self._moments(events)
            if (moment > start or (moment == start and window.start_inclusive))
            and (moment < end or (moment == end and window.end_inclusive))
        )

    # Edges -------------------------------------------------------------------------------------

    def edge(self, name: str, anchor: datetime) -> Edge | None:
        """Where an edge such as `input.end` lies; None where there is no such event."""
        if name == "trigger":
            return anchor, False, ()
        window_name, _, side = name.rpartition(".")
        window = self.question.windows[window_name]
        text = window.start if side == "start" else window.end
        if text is None:
            text = "end <- _RECORD_START" if side == "start" else "start -> _RECORD_END"
        arrow, shift = ARROW.fullmatch(text.strip()), SHIFT.fullmatch(text.strip())
        found = arrow or shift
        origin = found.group(1) if found else text.strip()
        leans = origin in ("start", "end")
        base = self.edge(f"{window_name}.{origin}" if leans else origin, anchor)
        if base is None:
            return None
        if arrow:
            here = leans and (window.start_inclusive if side == "start" else window.end_inclusive)
            moments = self.moments_of(arrow.group(3))
            if arrow.group(2) == "->":
                near = [m for m in moments if m > base[0] or (here and m == base[0])][:1]
            else:
                near = [m for m in moments if m < base[0] or (here and m == base[0])][-1:]
            way = (*base[2], *((arrow.group(3), moment) for moment in near))
            return (near[0], True, way) if near else None
        if shift:
            step = _duration(shift.group(3))
            return base[0] + (step if shift.group(2) == "+" else -step), False, base[2]
        return base

    # When and what -----------------------------------------------------------------------------

    def prediction(self, trigger: datetime, anchor: datetime, edges: Edges) -> datetime:
        """The moment of `index_timestamp` or the anchor's, when the trigger could be seen."""
        moment, made = anchor, [(self.question.trigger, trigger)]
        if self.question.prediction_times.each is not None:
            made.append((self.question.prediction_times.each, anchor))
        for name, window in self.question.windows.items():
            if window.index_timestamp is not None:
                moment, _, way = edges[f"{name}.{window.index_timestamp}"]
                made += way
        if self.question.prediction_times.seen == "time":
            return moment
        return max(moment, *(self.first_seen(*one) for one in made))

    def first_seen(self, name: str, moment: datetime) -> datetime:
        """When it could first be seen that the predicate holds at this moment."""
        for known_at in sorted(event.known_at for event in self.all):
            if self.count(name, moment, self.seen_at(known_at)):
                return known_at
        return NEVER

    def ever_held(self, name: str) -> list[datetime]:
        """The moments at which it could at some time be seen that the predicate holds."""
        return [m for m in self._moments(self.ever) if self.first_seen(name, m) < NEVER]

    def still_seen(self, trigger: datetime, anchor: datetime, prediction: datetime) -> bool:
        """Whether what made the moment, if it was seen by the prediction time, still held then."""
        each, seen = self.question.prediction_times.each, self.seen_at(prediction)
        made = [(self.question.trigger, trigger), *([(each, anchor)] if each else [])]
        return all(
            self.count(name, moment, seen) > 0 or self.first_seen(name, moment) > prediction
            for name, moment in made
        )

    def stay(self, trigger: datetime) -> int | None:
        """The encounter of the trigger's events."""
        alone = [
            event.encounter_id
            for event in self.ever
            if event.time == trigger
            and event.encounter_id is not None
            and self.speaks_of(self.question.trigger, event)
        ]
        return min(alone) if alone else None

    def speaks_of(self, name: str, event: Event) -> bool:
        """Whether the event is one of those that the predicate is about."""
        if name in (ANY_EVENT, RECORD_START, RECORD_END):
            return True
        predicate = self.predicates[name]
        if predicate.expr is None:
            return not self._static(name) and _matches(predicate, event)
        return any(self.speaks_of(part, event) for part in _inputs(predicate.expr))

    def label(self, edges: Edges) -> int | None:
        """1, 0, or None where the data end too early to know."""
        for name, window in self.question.windows.items():
            if window.label is not None:
                start, (end, happened, _) = edges[f"{name}.start"][0], edges[f"{name}.end"]
                if self.within(window.label, window, start, end, self.final):
                    return 1
                settled = end + _duration(self.question.settles_after) <= self.data_end
                return 0 if happened or settled else None
        raise AssertionError("a question without a label")

    def with_outcome(self, told: dict[str, Any], label: int | None, edges: Edges) -> Row:
        """The row of a question that asks whether, which, or how much."""
        risk, kind = self.question.time_at_risk, self.question.outcome.kind
        prediction, trigger = told["prediction_time"], told["trigger_time"]
        if risk is not None:
            name = risk.outcome
            low, high = (prediction + _duration(one) for one in (risk.start, risk.end))
            looked_at = [m for m in self.moments_of(name) if low < m <= high]
            after_prediction = [m for m in self.moments_of(name) if m > prediction]
            looked_at = looked_at if looked_at[:1] == after_prediction[:1] else []
        else:
            where, window = next(
                (key, one) for key, one in self.question.windows.items() if one.label
            )
            name = str(window.label)
            start, end = edges[f"{where}.start"][0], edges[f"{where}.end"][0]
            looked_at = [
                m for m in self.moments_of(name)
                if (start < m or (start == m and window.start_inclusive))
                and (m < end or (m == end and window.end_inclusive))
            ]  # fmt: skip
        if kind == "binary":
            following = [t for t in self.ever_held(self.question.trigger) if t > trigger]
            later = [
                m for m in self.moments_of(name)
                if m > trigger and (not following or m <= following[0])
            ]  # fmt: skip
            return Row(**told, label=label, event_time=next(iter([*looked_at, *later]), None))
        said = self.said(name, looked_at[0]) if label == 1 else None
        if kind == "regression":
            return Row(**told, label=None if said is None else 0, target=said)
        return Row(**told, label=None if said is None else int(said))

    def said(self, name: str, moment: datetime) -> float | None:
        """The highest level (its place) or value of the predicate's events at the moment."""
        events = [e for e in self.final if e.time == moment and self.speaks_of(name, e)]
        if self.question.outcome.kind == "regression":
            values = [e.value for e in events if e.value is not None]
        else:
            levels = self.question.outcome.levels
            values = [float(levels.index(e.text)) for e in events if e.text is not None]
        return max(values, default=None)

    def survived(self, risk: TimeAtRisk, told: dict[str, Any]) -> Row | None:
        """The row of a subject who is followed as far as may be; None after the outcome."""
        prediction = told["prediction_time"]
        last = min(
            self.data_end - _duration(self.question.settles_after),
            prediction + _duration(risk.end),
        )

        def first(names: Iterable[str]) -> datetime:
            from_then = [m for name in names for m in self.moments_of(name) if m >= prediction]
            return min(from_then, default=NEVER)

        moments = [
            (first([risk.outcome]), 1), (first(risk.competing), 2),
            (min(first(risk.censored_by), last), 0),
        ]  # fmt: skip
        when, event = min(moments, key=lambda one: one[0])  # of several at once, in this order
        if moments[0][0] == prediction:
            return None
        hours = (when - prediction) / timedelta(hours=1)
        return Row(**told, label=event, target=hours / 24, event=event, hours_at_risk=hours)

    def at_risk(
        self, risk: TimeAtRisk, prediction: datetime
    ) -> tuple[int | None, int, float] | None:
        """Label, event and hours at risk; None where the outcome came before the span."""

        def first(names: Iterable[str]) -> datetime:
            after = [m for name in names for m in self.moments_of(name) if m > prediction]
            return min(after, default=NEVER)

        outcome, competing = first([risk.outcome]), first(risk.competing)
        censored = first(risk.censored_by)
        begin = prediction + _duration(risk.start)
        end = prediction + _duration(risk.end)

        def hours(moment: datetime) -> float:
            return max(0.0, (moment - prediction) / timedelta(hours=1))

        if outcome <= begin:
            return None
        if outcome <= end and outcome <= competing and outcome <= censored:
            return 1, 1, hours(outcome)
        if competing <= end and competing <= censored:
            return 0, 2, hours(competing)
        watched = end + _duration(self.question.settles_after) <= min(censored, self.data_end)
        return (0 if watched else None), 0, hours(min(censored, self.data_end, end))

    def washed_out(self, prediction: datetime, seen: Sequence[Event]) -> bool:
        """Whether the subject had what the washout forbids, as it was known."""
        for rule in self.question.washout:
            for moment in self.moments_of(rule.predicate, seen):
                since = None if rule.span is None else prediction - _duration(rule.span)
                if moment <= prediction and (since is None or moment >= since):
                    return True
        return False

    def kept(self, rows: list[Row]) -> list[Row]:
        """All rows, or the first or last of each subject or stay."""
        times = self.question.prediction_times
        if times.keep == "all":
            return rows
        ordered = rows if times.keep == "first" else rows[::-1]
        chosen: dict[int | None, Row] = {}
        for row in ordered:
            chosen.setdefault(row.encounter_id if times.per == "stay" else None, row)
        return [row for row in rows if any(row is one for one in chosen.values())]


def _spoken_of(question: Question) -> set[str]:
    """Every predicate that the question uses, and those from which they are derived."""
    times, risk = question.prediction_times, question.time_at_risk
    names = {question.trigger, times.each, times.until, *(w.predicate for w in question.washout)}
    if risk is not None:
        names |= {risk.outcome, *risk.censored_by, *risk.competing}
    for window in question.windows.values():
        names |= {window.label, *window.has}
        for text in (window.start, window.end):
            arrow = ARROW.fullmatch(text or "")
            names |= {arrow.group(3)} if arrow else set()
    for _ in question.predicates:
        for name in [one for one in names if one in question.predicates]:
            expression = question.predicates[name].expr
            if expression is not None:
                names |= set(_inputs(expression))
    return {name for name in names if name is not None}


def _inputs(expression: str) -> list[str]:
    """The predicates between the brackets of an expression."""
    inner = expression.partition("(")[2].rstrip().removesuffix(")")
    return [part.strip() for part in inner.split(",")]


def _takes_back(event: Event) -> bool:
    silent = event.value is None and event.text is None and event.end is None
    return event.code == TAKEN_BACK or (event.replaces is not None and silent)


def _matches(predicate: Predicate, event: Event) -> bool:
    """Whether the event is of a plain predicate, whenever it was."""
    code = predicate.code
    if isinstance(code, str):
        fits = event.code == code
    elif code is not None and code.regex is not None:
        fits = re.match(code.regex, event.code) is not None
    else:
        fits = code is not None and event.code in code.any
    low, high, value = predicate.value_min, predicate.value_max, event.value
    if low is not None:
        fits &= value is not None and (
            value > low or (bool(predicate.value_min_inclusive) and value == low)
        )
    if high is not None:
        fits &= value is not None and (
            value < high or (bool(predicate.value_max_inclusive) and value == high)
        )
    columns = {"text": event.text, "text_value": event.text, "unit": event.unit}
    return fits and all(columns[name] == said for name, said in predicate.other_cols.items())


def _bounds(text: str) -> tuple[float, float]:
    low, high = (part.strip() for part in text.strip().strip("()").split(","))
    return (
        0 if low in ("None", "") else int(low),
        float("inf") if high in ("None", "") else int(high),
    )


def _duration(text: str) -> timedelta:
    """A duration in the words of Bedside."""
    return parse_duration(text)
