"""What a question must keep beyond its types: names, edges, bounds, expressions, durations."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.question import CodePattern, Predicate, Question, TimeAtRisk, Window
from bedside.core.records.question_grammar import (
    EVERYWHERE,
    asked_predicates,
    edges_in_order,
    edges_of,
    is_static,
    parse_bounds,
    parse_expression,
    read_edge,
)
from bedside.interop.declaration.nearest import nearest
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["predicate_mistakes", "question_mistakes"]

Path = tuple[Any, ...]
_NAME = re.compile(r"\w+")
_COLUMNS = ("text", "text_value", "unit")


def question_mistakes(question: Question) -> Iterator[Mistake]:
    """Every rule that the question breaks, in reading order."""
    for part in ("predicates", "patient_demographics"):
        for name, predicate in getattr(question, part).items():
            yield from _predicate(question, ("question", part, name), name, predicate)
    yield from _names(question, ("question", "trigger"), question.trigger)
    for name, window in question.windows.items():
        yield from _window(question, ("question", "windows", name), name, window)
    yield from _tree(question)
    yield from _what_is_true(question)
    yield from _prediction_times(question)
    if question.time_at_risk is not None:
        yield from _time_at_risk(question, question.time_at_risk)
    for index, washout in enumerate(question.washout):
        path = ("question", "washout", index)
        yield from _names(question, (*path, "predicate"), washout.predicate)
        yield from _duration((*path, "span"), washout.span, least=0)
    yield from _duration(("question", "settles_after"), question.settles_after, least=0)
    if question.data_end is not None:
        yield from _told(("question", "data_end"), lambda: parse_instant(str(question.data_end)))


def predicate_mistakes(path: Path, predicate: Predicate) -> Iterator[Mistake]:
    """Every rule that a predicate breaks which stands alone: by code, and not made of others."""
    if predicate.expr is not None or predicate.static:
        yield Mistake(path, "has an expr, or is static", "give a code of events with a time")
        return
    yield from _predicate(Question(ask="", predicates={}, trigger=""), path, "event", predicate)


def _told(path: Path, read: Callable[[], object]) -> Iterator[Mistake]:
    """What reading it says against it."""
    try:
        read()
    except Invalid as error:
        yield Mistake(path, error.problem.rstrip("."), error.fix.rstrip("."))


def _problem(read: Callable[[], object]) -> str:
    return "".join(mistake.problem for mistake in _told((), read))


def _duration(path: Path, text: str | None, *, least: int) -> Iterator[Mistake]:
    if text is None:
        return
    wrong = list(_told(path, lambda: parse_duration(text)))
    yield from wrong
    if not wrong and parse_duration(text).total_seconds() < least:
        yield Mistake(path, f"'{text}' is too short", "give a longer duration")


def _names(
    question: Question, path: Path, name: str | None, *, static: bool = False
) -> Iterator[Mistake]:
    """A predicate by its name; one that holds for a whole subject only where it may."""
    known = {**question.predicates, **question.patient_demographics}
    if name is None or name in EVERYWHERE:
        return
    if name not in known:
        yield Mistake(path, f"'{name}' is not a predicate", nearest(name, [*known, *EVERYWHERE]))
    elif not static and _is_static(question, name):
        yield Mistake(
            path,
            f"'{name}' holds for a whole subject and has no moments",
            "ask for it under patient_demographics alone",
        )


def _is_static(question: Question, name: str) -> bool:
    try:
        return is_static(name, asked_predicates(question, [name]))
    except Invalid:
        return False  # told where the predicate stands


def _predicate(question: Question, path: Path, name: str, told: Predicate) -> Iterator[Mistake]:
    if not _NAME.fullmatch(name) or name in EVERYWHERE:
        yield Mistake(path, f"'{name}' is not a name", "use letters, digits and _")
    if (told.code is None) == (told.expr is None):
        yield Mistake(path, "a predicate needs a code or an expr", "give exactly one of them")
    if told.expr is not None:
        yield from _derived(question, path, name, told)
    if isinstance(told.code, CodePattern):
        yield from _pattern((*path, "code"), told.code)
    if told.code == "":
        yield Mistake((*path, "code"), "the code is empty", "write SYSTEM//code")
    if (
        told.value_min is not None
        and told.value_max is not None
        and told.value_min > told.value_max
    ):
        yield Mistake(path, "no value lies in the range", "make value_min the lesser")
    for column in told.other_cols:
        if column not in _COLUMNS:
            yield Mistake(
                (*path, "other_cols", column),
                f"'{column}' is not a column that a predicate reads",
                nearest(column, _COLUMNS),
            )


def _pattern(path: Path, code: CodePattern) -> Iterator[Mistake]:
    if (not code.regex) == (not code.any):
        yield Mistake(path, "not exactly one way to name codes", "give one of regex, any")
    if code.regex:
        try:
            re.compile(code.regex)
        except re.error:
            yield Mistake(
                (*path, "regex"), f"'{code.regex}' is not a regular expression", "mend it"
            )


def _derived(question: Question, path: Path, name: str, told: Predicate) -> Iterator[Mistake]:
    default = Predicate()
    for one in fields(told):
        if one.name not in ("expr", "code") and getattr(told, one.name) != getattr(
            default, one.name
        ):
            yield Mistake(
                (*path, one.name),
                "a predicate made of others has nothing but its expr",
                "say it of the predicates that it is made of",
            )
    wrong = list(_told((*path, "expr"), lambda: parse_expression(str(told.expr))))
    yield from wrong
    if wrong:
        return
    absent = False
    for part in parse_expression(str(told.expr)).of:
        for mistake in _names(question, (*path, "expr"), part, static=True):
            absent = True
            yield mistake
    if not absent and not _broken_below(question, name):
        yield from _told((*path, "expr"), lambda: asked_predicates(question, [name]))


def _broken_below(question: Question, name: str) -> bool:
    """Whether what it is made of is wrong elsewhere, which is told there."""
    try:
        asked_predicates(question, [name])
    except Invalid as error:
        return "made of itself" not in error.problem
    return False


def _window(question: Question, path: Path, name: str, window: Window) -> Iterator[Mistake]:
    if not _NAME.fullmatch(name):
        yield Mistake(path, f"'{name}' is not a name", "use letters, digits and _")
    wrong = [
        *_told((*path, "start"), lambda: read_edge(name, window, "start")),
        *_told((*path, "end"), lambda: read_edge(name, window, "end")),
    ]
    if not wrong:
        late = bool(window.end and f"'{window.end}'" in _problem(lambda: edges_of(name, window)))
        wrong += _told((*path, "end" if late else "start"), lambda: edges_of(name, window))
    yield from wrong
    if not wrong:
        for key, edge in zip(("start", "end"), edges_of(name, window), strict=True):
            yield from _names(question, (*path, key), edge.event)
    for predicate, bounds in window.has.items():
        yield from _names(question, (*path, "has", predicate), predicate)
        yield from _told((*path, "has", predicate), lambda text=bounds: parse_bounds(text))  # type: ignore[misc]
    yield from _names(question, (*path, "label"), window.label)


def _tree(question: Question) -> Iterator[Mistake]:
    """Edges that name no window, or go round in a circle."""
    try:
        for name, window in question.windows.items():
            edges_of(name, window)
    except Invalid:
        return  # told where the edge stands
    for name, window in question.windows.items():
        for key, edge in zip(("start", "end"), edges_of(name, window), strict=True):
            of = edge.of.partition(".")[0]
            if of != "trigger" and of not in question.windows:
                yield Mistake(
                    ("question", "windows", name, key),
                    f"'{of}' is not a window",
                    nearest(of, [*question.windows, "trigger"]),
                )
                return
    yield from _told(("question", "windows"), lambda: edges_in_order(question.windows))


def _what_is_true(question: Question) -> Iterator[Mistake]:
    labels = [name for name, window in question.windows.items() if window.label]
    path = ("question", "windows")
    if question.time_at_risk is not None and labels:
        yield Mistake(
            ("question", "time_at_risk"),
            "both a window with a label and time_at_risk say what must come true",
            "keep one of them",
        )
    if question.time_at_risk is None and len(labels) != 1:
        yield Mistake(
            path,
            f"{len(labels)} windows carry a label",
            "give exactly one window a label, or time_at_risk",
        )
    indexed = [name for name, window in question.windows.items() if window.index_timestamp]
    if len(indexed) > 1:
        yield Mistake(
            path,
            f"{len(indexed)} windows carry an index_timestamp",
            "let one edge of one window be the prediction time",
        )


def _prediction_times(question: Question) -> Iterator[Mistake]:
    times, path = question.prediction_times, ("question", "prediction_times")
    yield from _duration((*path, "every"), times.every, least=1)
    yield from _duration((*path, "at_most"), times.at_most, least=0)
    yield from _names(question, (*path, "each"), times.each)
    yield from _names(question, (*path, "until"), times.until)
    if times.every is not None and times.each is not None:
        yield Mistake((*path, "each"), "every and each are both given", "keep one of them")
    elif times.every is not None and times.at_most is None:
        yield Mistake(
            (*path, "at_most"),
            "every has no at_most, so a subject who does not come back is asked about for ever",
            "add at_most, such as 30 d, and until, such as a discharge",
        )
    if times.every is None and times.each is None and (times.until or times.at_most):
        yield Mistake(path, "nothing is repeated until then", "add every or each")


def _time_at_risk(question: Question, risk: TimeAtRisk) -> Iterator[Mistake]:
    path = ("question", "time_at_risk")
    yield from _names(question, (*path, "outcome"), risk.outcome)
    for key in ("censored_by", "competing"):
        for index, name in enumerate(getattr(risk, key)):
            yield from _names(question, (*path, key, index), name)
    wrong = [
        *_duration((*path, "start"), risk.start, least=0),
        *_duration((*path, "end"), risk.end, least=0),
    ]
    yield from wrong
    if not wrong and parse_duration(risk.end) <= parse_duration(risk.start):
        yield Mistake((*path, "end"), "the time at risk is empty", "let it end after it starts")
