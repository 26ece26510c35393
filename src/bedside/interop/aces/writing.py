"""A question as a task file that es-aces reads, and what ACES cannot say of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import yaml

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.question import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    CodePattern,
    Predicate,
    PredictionTimes,
    Question,
    Window,
)
from bedside.interop.aces.document import named
from bedside.interop.aces.leaning import edges_for_aces, leans_on
from bedside.interop.aces.words import (
    bounds,
    bounds_text,
    duration_text,
    pattern_to_aces,
)

__all__ = ["write_aces"]

SPECIAL = (ANY_EVENT, RECORD_START, RECORD_END)
_FIELDS = frozenset(
    {
        "code",
        "expr",
        "static",
        "other_cols",
        "value_min",
        "value_max",
        "value_min_inclusive",
        "value_max_inclusive",
    }
)


def write_aces(question: Question) -> tuple[bytes, tuple[str, ...]]:
    """Write a question as a task of ACES.

    What ACES says in other words is written in those: a washout as a window without its event, a
    time at risk as a labelled window, two edges that lean on the trigger as one that leans on the
    other. Where nothing is lost, `read_aces` gives an equal question.

    Returns:
        The file, and a line for everything that ACES cannot say, or that es-aces would answer
        differently: its place in the question and what becomes of it.

    Raises:
        Invalid: a predicate or window has a name, or an edge, a bound or a duration has words,
            that ACES cannot read.

    >>> asked = Question(
    ...     ask="Who dies?",
    ...     predicates={"death": Predicate(code="DEATH")},
    ...     trigger="_ANY_EVENT",
    ...     windows={"target": Window(start="trigger", end="start + 1 d", label="death")},
    ...     settles_after="2 d",
    ... )
    >>> content, losses = write_aces(asked)
    >>> losses
    ('settles_after: ACES knows no label that is not settled yet',)
    """
    writing = _Writing(question)
    task: dict[str, Any] = {}
    if question.ask:
        task["description"] = _Quoted(question.ask)
    task["predicates"] = {
        name: writing.predicate(name, one) for name, one in question.predicates.items()
    }
    if question.patient_demographics:
        task["patient_demographics"] = {
            name: writing.demographic(name, one)
            for name, one in question.patient_demographics.items()
        }
    task["trigger"] = writing.trigger()
    windows = writing.windows()
    if windows:
        task["windows"] = windows
    writing.rest()
    try:
        text = yaml.dump(task, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000)
        return text.encode("utf-8"), tuple(dict.fromkeys(writing.losses))
    except UnicodeEncodeError:
        raise Invalid("A text is not Unicode.", fix="write it again.", code="aces") from None


class _Quoted(str):
    """Text that is written in quotes, whatever it looks like."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """YAML that version 1.1 and 1.2 read alike."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _quoted(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style='"')


_Dumper.add_representer(_Quoted, _quoted)


@dataclass(slots=True)
class _Writing:
    """One question on its way into a file, and what was lost so far."""

    question: Question
    losses: list[str] = field(default_factory=list)

    # Predicates ------------------------------------------------------------------------------

    def predicate(self, name: str, predicate: Predicate) -> dict[str, Any]:
        """A predicate in the keys of ACES; es-aces reads other columns from keys of their own."""
        _name(name)
        if predicate.expr is not None:
            inner = predicate.expr.partition("(")[2].rpartition(")")[0].split(",")
            for part in inner:
                if part.strip() in SPECIAL:
                    self.losses.append(
                        f"predicates.{name}: es-aces refuses to derive from {part.strip()}"
                    )
                elif part.strip() in self._static():
                    self.losses.append(
                        f"predicates.{name}: es-aces asks only about subjects with {part.strip()}"
                    )
            kind = predicate.expr.partition("(")[0].strip()
            return {"expr": f"{kind}({', '.join(part.strip() for part in inner)})"}
        told = self._plain(name, predicate)
        for column, said in predicate.other_cols.items():
            if column in _FIELDS:
                self.losses.append(f"predicates.{name}: ACES has no column {column}")
            else:
                told[_Quoted(_column(column))] = _Quoted(said)
        if predicate.static:
            told["static"] = True
        return told

    def demographic(self, name: str, predicate: Predicate) -> dict[str, Any]:
        """A fact without a time."""
        _name(name)
        told = self._plain(name, predicate)
        if predicate.other_cols:
            told["other_cols"] = {
                _Quoted(_column(column)): _Quoted(said)
                for column, said in predicate.other_cols.items()
            }
        return told

    def _plain(self, name: str, predicate: Predicate) -> dict[str, Any]:
        code = predicate.code
        if isinstance(code, CodePattern) and code.regex is not None:
            told: dict[str, Any] = {"code": {"regex": _Quoted(pattern_to_aces(code.regex))}}
        elif isinstance(code, CodePattern):
            told = {"code": {"any": [_Quoted(one) for one in code.any]}}
        elif code:
            told = {"code": _Quoted(code)}
        else:
            raise Invalid(
                f"The predicate {named(name)} has no code.", fix="give its code.", code="aces"
            )
        for key in ("value_min", "value_max", "value_min_inclusive", "value_max_inclusive"):
            said = getattr(predicate, key)
            if said is not None:
                told[key] = said
        return told

    def _static(self) -> set[str]:
        static = {name for name, one in self.question.predicates.items() if one.static}
        return static | set(self.question.patient_demographics)

    def trigger(self) -> str:
        """The name of the trigger."""
        trigger = self.question.trigger
        self._told("trigger", trigger)
        return _name(trigger)

    def _told(self, place: str, predicate: str) -> None:
        if predicate in self._static():
            self.losses.append(f"{place}: es-aces does not count the static predicate {predicate}")

    # Windows ---------------------------------------------------------------------------------

    def windows(self) -> dict[str, Any]:
        """All windows that ACES can say, and those that stand for washout and time at risk."""
        edges = {name: edges_for_aces(window) for name, window in self.question.windows.items()}
        lost = {name for name, pair in edges.items() if pair is None}
        while True:
            more = {
                name
                for name, window in self.question.windows.items()
                if name not in lost and lost & set(leans_on(window))
            }
            if not more:
                break
            lost |= more
        told = {}
        for name, window in self.question.windows.items():
            pair = edges[name]
            if pair is None or name in lost:
                self._lost(name, window)
            else:
                told[_name(name)] = self._window(name, window, pair)
        index = next((f"{n}.{w.index_timestamp}" for n, w in self.question.windows.items()
                      if w.index_timestamp is not None), "trigger")  # fmt: skip
        if index.partition(".")[0] not in lost:
            told |= dict(self._washouts(index, set(told)))
            told |= dict(self._at_risk(index, set(told)))
        elif self.question.washout or self.question.time_at_risk:
            self.losses.append("washout, time_at_risk: left out with the window of the index")
        return told

    def _lost(self, name: str, window: Window) -> None:
        parts = [
            *(["its bounds"] if window.has else []),
            *(["the label"] if window.label else []),
            *(["the time of the prediction"] if window.index_timestamp else []),
        ]
        and_so = f", and with it {' and '.join(parts)}" if parts else ""
        self.losses.append(
            f"windows.{name}: left out, as one edge must lean on the other, before it{and_so}"
        )

    def _window(self, name: str, window: Window, pair: tuple[str | None, str | None]) -> Any:
        told: dict[str, Any] = {
            "start": pair[0],
            "end": pair[1],
            "start_inclusive": window.start_inclusive,
            "end_inclusive": window.end_inclusive,
        }
        if window.has:
            told["has"] = {
                _name(one): self._bounds(name, one, text) for one, text in window.has.items()
            }
        if window.label is not None:
            self._told(f"windows.{name}.label", window.label)
            told["label"] = _name(window.label)
        if window.index_timestamp is not None:
            told["index_timestamp"] = window.index_timestamp
        if window.because is not None:
            self.losses.append(f"windows.{name}.because: ACES gives no reasons")
        return told

    def _bounds(self, window: str, predicate: str, text: str) -> str:
        read = bounds(text)
        if read is None:
            raise Invalid(
                f"The bounds of {named(predicate)} in the window {named(window)} are none.",
                fix="write them like (1, None).",
                code="aces",
            )
        place = f"windows.{window}.has.{predicate}"
        self._told(place, predicate)
        return bounds_text(*read)

    def _washouts(self, index: str, names: set[str]) -> Iterator[tuple[str, Any]]:
        for rule in self.question.washout:
            name = _free("washout", names)
            names.add(name)
            if rule.because is not None:
                self.losses.append("washout.because: ACES gives no reasons")
            self.losses.append(f"washout: written as the window {name}")
            yield (
                name,
                {
                    "start": None if rule.span is None else f"end - {_words(rule.span)}",
                    "end": index,
                    "start_inclusive": True,
                    "end_inclusive": True,
                    "has": {_name(rule.predicate): "(None, 0)"},
                },
            )

    def _at_risk(self, index: str, names: set[str]) -> Iterator[tuple[str, Any]]:
        risk = self.question.time_at_risk
        if risk is None:
            return
        start, end = parse_duration(risk.start), parse_duration(risk.end)
        if start < timedelta() or end <= start:
            self.losses.append(
                "time_at_risk: left out, as ACES has no window that ends as it starts"
            )
            return
        name = _free("time_at_risk", names)
        self.losses.append(
            f"time_at_risk: written as the window {name}; whoever had the outcome before it stays"
        )
        for key in ("censored_by", "competing"):
            if getattr(risk, key):
                self.losses.append(f"time_at_risk.{key}: ACES follows every subject to the end")
        yield (
            name,
            {
                "start": f"{index} + {duration_text(start)}" if start else index,
                "end": f"start + {duration_text(end - start)}",
                "start_inclusive": False,
                "end_inclusive": True,
                "label": _name(risk.outcome),
            },
        )

    # What ACES is silent about -----------------------------------------------------------------

    def rest(self) -> None:
        """Name what has no place in the file at all."""
        question, plain = self.question, PredictionTimes()
        times = question.prediction_times
        for key in ("every", "each", "until", "at_most", "keep"):
            if getattr(times, key) != getattr(plain, key):
                self.losses.append(f"prediction_times.{key}: ACES asks once at each trigger")
        if times.per != plain.per:
            self.losses.append("prediction_times.per: ACES asks once at each trigger")
        if times.seen != plain.seen:
            self.losses.append("prediction_times.seen: ACES knows one time of an event")
        if parse_duration(question.settles_after):
            self.losses.append("settles_after: ACES knows no label that is not settled yet")
        if question.data_end is not None:
            self.losses.append("data_end: ACES knows no label that is not settled yet")


def _name(name: str) -> str:
    if named(name) == "this":
        raise Invalid(
            "A predicate or a window has a name that ACES cannot read.",
            fix="use letters, digits and _, 64 at most.",
            code="aces",
        )
    return name if name[0].isalpha() or name[0] == "_" else _Quoted(name)


def _column(column: str) -> str:
    """The name of a column in MEDS."""
    return "text_value" if column == "text" else column


def _words(span: str) -> str:
    return duration_text(parse_duration(span))


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
