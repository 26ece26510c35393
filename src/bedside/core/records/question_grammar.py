"""The small texts of a question: edges of windows, bounds, and predicates made of others."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.question import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    Predicate,
    Question,
    Window,
)

__all__ = [
    "EVERYWHERE",
    "TRIGGER",
    "Edge",
    "Expression",
    "asked_predicates",
    "bounds_words",
    "edges_in_order",
    "edges_of",
    "index_edge",
    "is_static",
    "labelled_window",
    "named_predicates",
    "outcome_name",
    "parse_bounds",
    "parse_expression",
    "read_edge",
]

TRIGGER = "trigger"
EVERYWHERE = (ANY_EVENT, RECORD_START, RECORD_END)
_EDGE = re.compile(
    r"(?P<of>\w+(?:\.(?:start|end))?)"
    r"(?:\s*(?:(?P<arrow>->|<-)\s*(?P<event>\w+)|(?P<sign>[+-])\s*(?P<offset>\d.*)))?"
)
_EXPRESSION = re.compile(r"(and|or)\((.*)\)", re.DOTALL)
_NAME = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Where a window starts or ends.

    Args:
        of: What it is measured from: `trigger`, or another edge, as `NAME.start` or `NAME.end`.
        offset: How long after it; negative is before.
        event: Or the next or previous moment of this predicate.
        forward: The next one, not the previous.
        inclusive: A moment of the predicate at `of` itself is taken.
    """

    of: str
    offset: timedelta = timedelta()
    event: str | None = None
    forward: bool = True
    inclusive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A predicate made of others: all of them hold at a moment, or any of them."""

    every: bool
    of: tuple[str, ...]


def parse_expression(text: str) -> Expression:
    """Read `or(a, b)` or `and(a, b)`.

    Raises:
        Invalid: it is neither, or has fewer than two predicates.

    >>> parse_expression("or(death, discharge)")
    Expression(every=False, of=('death', 'discharge'))
    """
    found = _EXPRESSION.fullmatch(text.strip())
    names = [name.strip() for name in found.group(2).split(",")] if found else []
    if found is None or len(names) < 2 or not all(map(_NAME.fullmatch, names)):
        raise Invalid(
            f"'{text}' is not an expression of predicates.",
            fix="write or(a, b) or and(a, b), with the names of predicates.",
        )
    return Expression(every=found.group(1) == "and", of=tuple(names))


def parse_bounds(text: str) -> tuple[int | None, int | None]:
    """Read bounds such as `(1, None)`; both ends belong to the range.

    Raises:
        Invalid: not two whole numbers or None, both None, or the range is empty.

    >>> parse_bounds("(None, 0)")
    (None, 0)
    """
    parts = [part.strip() for part in text.strip().removeprefix("(").removesuffix(")").split(",")]
    try:
        low, high = (None if part in ("None", "") else int(part) for part in parts)
    except ValueError:
        raise Invalid(f"'{text}' are not bounds.", fix="write them like (1, None).") from None
    if low is None and high is None:
        raise Invalid(f"'{text}' bounds nothing.", fix="give a least or a greatest number.")
    if low is not None and high is not None and high < low:
        raise Invalid(f"'{text}' is an empty range.", fix="write (least, greatest).")
    return low, high


def bounds_words(text: str) -> str:
    """The bounds of a `has` in words.

    >>> bounds_words("(1, None)"), bounds_words("(None, 0)"), bounds_words("(2, 5)")
    ('at least 1 time', 'not at all', '2 to 5 times')
    """
    low, high = parse_bounds(text)
    if high == 0:
        return "not at all"
    if high is None:
        return "any number of times" if not low else f"at least {low} time{'s' * (low > 1)}"
    if not low:
        return f"at most {high} time{'s' * (high > 1)}"
    return f"{low} to {high} times" if low < high else f"exactly {low} time{'s' * (low > 1)}"


def edges_of(name: str, window: Window) -> tuple[Edge, Edge]:
    """The start and the end of a window.

    Raises:
        Invalid: an edge is not written in the grammar, or the start would come after the end.
    """
    start, end = read_edge(name, window, "start"), read_edge(name, window, "end")
    if start.of == f"{name}.end" and _after(start):
        raise Invalid(f"'{window.start}' starts after the end.", fix="write end - 24h or end <- P.")
    if end.of == f"{name}.start" and _after(end) is False:
        raise Invalid(f"'{window.end}' ends before the start.", fix="write start + 24h or -> P.")
    return start, end


def _after(edge: Edge) -> bool | None:
    """Whether it lies after what it is measured from; None is at it."""
    if edge.event is not None:
        return edge.forward
    return None if not edge.offset else edge.offset > timedelta()


def read_edge(name: str, window: Window, side: Literal["start", "end"]) -> Edge:
    """One edge of a window.

    Raises:
        Invalid: it is not written in the grammar.

    >>> read_edge("gap", Window(start="input.end", end="start + 24h"), "end").of
    'gap.start'
    """
    text = window.start if side == "start" else window.end
    own = window.start_inclusive if side == "start" else window.end_inclusive
    other = f"{name}.{'end' if side == 'start' else 'start'}"
    if text is None:
        event = RECORD_START if side == "start" else RECORD_END
        return Edge(of=other, event=event, forward=side == "end", inclusive=own)
    found = _EDGE.fullmatch(text.strip())
    if found is None:
        raise Invalid(
            f"'{text}' is not a window edge.",
            fix="write trigger, trigger + 6h, start + 6h, gap.end, start -> P, end <- P, or null.",
        )
    of = found["of"]
    if "." not in of and of != TRIGGER:
        if of not in ("start", "end"):
            raise Invalid(f"'{of}' is not an edge.", fix="write trigger, start, end or NAME.end.")
        of = f"{name}.{of}"
    if found["arrow"]:
        forward = found["arrow"] == "->"
        never = RECORD_START if forward else RECORD_END
        if found["event"] == never:
            raise Invalid(f"Nothing reaches {never} by '{text}'.", fix="turn the arrow, or null.")
        return Edge(of=of, event=found["event"], forward=forward, inclusive=own and of == other)
    offset = parse_duration(found["offset"]) if found["sign"] else timedelta()
    return Edge(of=of, offset=-offset if found["sign"] == "-" else offset)


def edges_in_order(windows: dict[str, Window]) -> dict[str, Edge]:
    """Every edge by its name, `NAME.start` or `NAME.end`, each after the one it is measured from.

    Raises:
        Invalid: an edge is wrong, names no window, or they go round in a circle.
    """
    edges: dict[str, Edge] = {}
    for name, window in windows.items():
        edges[f"{name}.start"], edges[f"{name}.end"] = edges_of(name, window)
    ordered: dict[str, Edge] = {}
    for name in edges:
        path, at = [], name
        while at != TRIGGER and at not in ordered:
            if at in path:
                raise Invalid(
                    f"The edge {name} is measured from itself.",
                    fix="let one edge of each window lead to the trigger.",
                )
            if at not in edges:
                raise Invalid(f"'{at}' is not an edge.", fix="name an edge of a window.")
            path.append(at)
            at = edges[at].of
        ordered.update({at: edges[at] for at in reversed(path)})
    return ordered


def labelled_window(question: Question) -> tuple[str, Window] | None:
    """The name of the window with a label, and the window."""
    return next(((n, one) for n, one in question.windows.items() if one.label), None)


def outcome_name(question: Question) -> str | None:
    """The predicate that must come true."""
    if question.time_at_risk is not None:
        return question.time_at_risk.outcome
    window = labelled_window(question)
    return None if window is None else window[1].label


def index_edge(question: Question) -> str:
    """The edge that is the prediction time: that of `index_timestamp`, else the trigger."""
    for name, window in question.windows.items():
        if window.index_timestamp:
            return f"{name}.{window.index_timestamp}"
    return TRIGGER


def named_predicates(question: Question) -> list[str]:
    """The predicates that the question itself names, without the inputs of derived ones."""
    times, risk = question.prediction_times, question.time_at_risk
    names: list[str | None] = [question.trigger, times.each, times.until]
    for name, window in question.windows.items():
        names += [*window.has, window.label, *(edge.event for edge in edges_of(name, window))]
    if risk is not None:
        names += [risk.outcome, *risk.competing, *risk.censored_by]
    names += [washout.predicate for washout in question.washout]
    return list(dict.fromkeys(name for name in names if name is not None))


def asked_predicates(question: Question, names: Iterable[str]) -> dict[str, Predicate]:
    """These predicates and all that they are made of, inputs first; not those everyone has.

    Those of `patient_demographics` are static.

    Raises:
        Invalid: a name is not a predicate, or one is made of itself.
    """
    about = {name: replace(one, static=True) for name, one in question.patient_demographics.items()}
    known = {**question.predicates, **about}
    done: dict[str, Predicate] = {}

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in done or name in EVERYWHERE:
            return
        if name in path:
            raise Invalid(f"'{name}' is made of itself.", fix="break the circle of expressions.")
        if name not in known:
            raise Invalid(f"'{name}' is not a predicate.", fix="add it under predicates.")
        expression = known[name].expr
        for part in parse_expression(expression).of if expression is not None else ():
            add(part, (*path, name))
        done[name] = known[name]

    for name in names:
        add(name, ())
    return done


def is_static(name: str, predicates: Mapping[str, Predicate]) -> bool:
    """Whether it holds for the whole subject or not at all, as do all that it is made of."""
    if name not in predicates:
        return False
    predicate = predicates[name]
    if predicate.expr is None:
        return predicate.static
    return all(is_static(part, predicates) for part in parse_expression(predicate.expr).of)
