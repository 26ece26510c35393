"""A task file of ACES as a question."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from bedside.core.records.question import (
    ANY_EVENT,
    RECORD_END,
    RECORD_START,
    CodePattern,
    Predicate,
    Question,
    Window,
)
from bedside.interop.aces.document import Document, Part, named
from bedside.interop.aces.windows import checked, read_window
from bedside.interop.aces.words import pattern_from_aces

__all__ = ["read_aces", "unused"]

SPECIAL = (ANY_EVENT, RECORD_START, RECORD_END)
_TASK_KEYS = (
    "predicates",
    "patient_demographics",
    "trigger",
    "windows",
    "description",
    "metadata",
)
_PREDICATES_KEYS = ("predicates", "patient_demographics", "description", "metadata")
_PLACEHOLDER = "???"


def read_aces(content: bytes, *, ask: str = "", predicates: bytes | None = None) -> Question:
    """Read a task as ACES users write it.

    A pattern of codes, which ACES finds anywhere in a code, is given as one that matches from the
    code's start. Other columns stand among a predicate's keys, or under `other_cols`. What ACES
    does not read is left out too: `unused` names it.

    Args:
        content: The task file, UTF-8 YAML of at most 256 KiB.
        ask: The question in plain words; without it, the file's `description`.
        predicates: A file of predicates for this data set; they win over the task's own.

    Raises:
        Invalid: it is not a task; the message names the line, the place and the fix, and repeats
            no more of the file than names.

    >>> task = b'''
    ... predicates: {admission: {code: ADMISSION}, death: {code: DEATH}}
    ... trigger: admission
    ... windows:
    ...   target:
    ...     {start: trigger, end: start + 24h, start_inclusive: False, end_inclusive: True,
    ...      label: death}
    ... '''
    >>> read_aces(task).windows["target"].end
    'start + 1 d'
    """
    task = _Task.read(content, predicates)
    windows = {name: read_window(part) for name, part in task.windows.items()}
    checked(windows, task.windows)
    trigger = task.trigger.text()
    uses = _uses(trigger, task, windows)
    read = {
        name: _predicate(part)
        for name, part in task.predicates.items()
        if not (_is_placeholder(part) and name not in uses)
    }
    demographics = {name: _demographic(part) for name, part in task.demographics.items()}
    for name, part in uses.items():
        _known(name, part, {*read, *demographics})
    for name, predicate in read.items():
        _derived(name, predicate, task.predicates[name], {*read, *demographics})
    _no_circle(read, task.predicates)
    return Question(
        ask=ask or task.description,
        predicates=read,
        trigger=trigger,
        windows=windows,
        patient_demographics=demographics,
    )


def unused(content: bytes, *, predicates: bytes | None = None) -> tuple[str, ...]:
    """What stands in the files and says nothing about the question, by name.

    Raises:
        Invalid: as for `read_aces`.
    """
    task = _Task.read(content, predicates)
    windows = {name: read_window(part) for name, part in task.windows.items()}
    uses = _uses(task.trigger.text(), task, windows)
    empty = [
        f"predicates.{name}"
        for name, part in task.predicates.items()
        if _is_placeholder(part) and name not in uses
    ]
    return (*task.unused, *empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """The parts of a task, of its own file and of a file of predicates."""

    predicates: dict[str, Part]
    demographics: dict[str, Part]
    trigger: Part
    windows: dict[str, Part]
    description: str
    unused: tuple[str, ...] = field(default=())

    @staticmethod
    def read(content: bytes, predicates: bytes | None) -> "_Task":
        top = Document.read(content, "The task file").top
        own = _keys(top, _TASK_KEYS)
        more: dict[str, Part] = {}
        if predicates is not None:
            other = Document.read(predicates, "The predicates file").top
            more = _keys(other, _PREDICATES_KEYS)
        if "trigger" not in own:
            raise top.wrong("there is no trigger", "name the predicate that starts each row")
        description = own.get("description")
        said = description is not None and not description.is_null and not description.is_map
        unused = [
            name
            for name, part in [*own.items(), *more.items()]
            if name == "metadata" or (name == "description" and (part is not description))
        ]
        return _Task(
            predicates=_both("predicates", own, more),
            demographics=_both("patient_demographics", own, more),
            trigger=own["trigger"],
            windows=_names(own["windows"]) if "windows" in own else {},
            description=description.text() if description is not None and said else "",
            unused=tuple(dict.fromkeys(unused)),
        )


def _keys(top: Part, known: tuple[str, ...]) -> dict[str, Part]:
    found = top.items()
    for name, part in found.items():
        if name not in known:
            raise part.wrong(f"unknown key {named(name)}", _nearest(name, known))
    return found


def _both(key: str, own: dict[str, Part], more: dict[str, Part]) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for given in (own, more):
        if key in given:
            found |= _names(given[key])
    return found


def _names(part: Part) -> dict[str, Part]:
    """A mapping by names; nothing is none."""
    if part.is_null:
        return {}
    found = part.items()
    for name, inner in found.items():
        if named(name) == "this":
            raise inner.wrong("not a name", "use letters, digits and _, 64 at most")
        if name in SPECIAL:
            raise inner.wrong(f"{named(name)} is ACES' own", "choose another name")
    return found


def _is_placeholder(part: Part) -> bool:
    return not part.is_map and not part.is_list and not part.is_null and part.text() == _PLACEHOLDER


def _uses(trigger: str, task: _Task, windows: dict[str, Window]) -> dict[str, Part]:
    """Every predicate that the task speaks of, derived from others or not, and where."""
    uses = {trigger: task.trigger}
    for name, window in windows.items():
        part = task.windows[name]
        inner = part.items()
        if window.label is not None:
            uses.setdefault(window.label, inner["label"])
        for predicate in window.has:
            uses.setdefault(predicate, inner["has"])
        for side in ("start", "end"):
            text = getattr(window, side) or ""
            for arrow in (" -> ", " <- "):
                if arrow in text:
                    uses.setdefault(text.split(arrow)[1], inner[side])
    waiting = list(uses)
    while waiting:
        part_of = task.predicates.get(waiting.pop())
        if part_of is None or not part_of.is_map:
            continue
        expression = part_of.items().get("expr")
        if expression is None or expression.is_null:
            continue
        for name in _inputs(expression):
            if name not in uses:
                uses[name] = expression
                waiting.append(name)
    return uses


def _known(name: str, part: Part, known: Iterable[str]) -> None:
    if name not in known and name not in SPECIAL:
        raise part.wrong(f"{named(name)} is not a predicate", _nearest(name, known))


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name[:64], sorted(known), n=1, cutoff=0.6)
    if near:
        return f"write '{near[0]}'"
    return "define it under predicates" if set(known) - set(_TASK_KEYS) else "leave it out"


# Predicates ------------------------------------------------------------------------------------

_PLAIN_KEYS = (
    "code",
    "value_min",
    "value_max",
    "value_min_inclusive",
    "value_max_inclusive",
    "static",
    "other_cols",
    "expr",
)


def _predicate(part: Part) -> Predicate:
    """A predicate; keys that ACES has not are columns of the event."""
    if _is_placeholder(part):
        raise part.wrong("not defined for this data set", "give a file of predicates, or a code")
    keys = part.items()
    for name, inner in keys.items():
        near = difflib.get_close_matches(name[:64], _PLAIN_KEYS, n=1, cutoff=0.8)
        if name not in _PLAIN_KEYS and near:
            raise inner.wrong(f"unknown key {named(name)}", f"write '{near[0]}'")
    given = {name: inner for name, inner in keys.items() if not inner.is_null}
    if "expr" in given:
        if set(given) - {"expr"}:
            raise part.wrong("a derived predicate says more than its expr", "keep expr alone")
        _inputs(given["expr"])
        return Predicate(expr=_expression(given["expr"]))
    if "code" not in given:
        raise part.wrong("neither a code nor an expr", "add code: with the code of its events")
    other = dict(given["other_cols"].items()) if "other_cols" in given else {}
    other |= {name: inner for name, inner in given.items() if name not in _PLAIN_KEYS}
    return Predicate(
        code=_code(given["code"]),
        value_min=given["value_min"].number() if "value_min" in given else None,
        value_max=given["value_max"].number() if "value_max" in given else None,
        value_min_inclusive=_flag(given, "value_min_inclusive"),
        value_max_inclusive=_flag(given, "value_max_inclusive"),
        other_cols={name: inner.text() for name, inner in other.items()},
        static=bool(_flag(given, "static")),
    )


def _demographic(part: Part) -> Predicate:
    read = _predicate(part)
    if read.expr is not None:
        raise part.wrong("derived from others", "give the code of a fact without a time")
    return Predicate(
        code=read.code,
        value_min=read.value_min,
        value_max=read.value_max,
        value_min_inclusive=read.value_min_inclusive,
        value_max_inclusive=read.value_max_inclusive,
        other_cols=read.other_cols,
        static=True,
    )


def _flag(given: dict[str, Part], key: str) -> bool | None:
    return given[key].flag() if key in given else None


def _code(part: Part) -> str | CodePattern:
    if not part.is_map:
        return part.text()
    keys = part.items()
    (kind, inner), *more = keys.items() or [("", part)]
    if more or kind not in ("regex", "any"):
        raise part.wrong("neither a code, a regex nor a list of codes", "give regex: or any: alone")
    if kind == "regex":
        pattern = pattern_from_aces(inner.text())
        if pattern is None:
            raise inner.wrong("not a regular expression", "check its brackets and its length")
        return CodePattern(regex=pattern)
    codes = tuple(code.text() for code in inner.parts())
    if not codes:
        raise inner.wrong("an empty list", "name at least one code")
    return CodePattern(any=codes)


def _inputs(part: Part) -> list[str]:
    """The predicates from which one is derived."""
    text = part.text().strip()
    kind, bracket, inner = text.partition("(")
    names = [name.strip() for name in inner[:-1].split(",")]
    sound = bracket and inner.endswith(")") and kind in ("and", "or")
    if not sound or len(names) < 2 or any(named(name) == "this" for name in names):
        raise part.wrong("not an expression", "write or(a, b) or and(a, b), of two names at least")
    return names


def _expression(part: Part) -> str:
    kind: Literal["and", "or"] = "and" if part.text().strip().startswith("and") else "or"
    return f"{kind}({', '.join(_inputs(part))})"


def _derived(name: str, predicate: Predicate, part: Part, known: set[str]) -> None:
    if predicate.expr is not None:
        for inner in _inputs(part.items()["expr"]):
            _known(inner, part, known)
            if inner == name:
                raise part.wrong("derived from itself", "name other predicates")


def _no_circle(predicates: dict[str, Predicate], parts: dict[str, Part]) -> None:
    """Refuse predicates that are derived from each other in a circle."""
    leans = {
        name: [one for one in _inputs(parts[name].items()["expr"]) if one in predicates]
        for name, predicate in predicates.items()
        if predicate.expr is not None
    }
    while leans:
        free = [name for name, on in leans.items() if not any(one in leans for one in on)]
        if not free:
            raise parts[next(iter(leans))].wrong(
                "derived from itself, over others", "break the circle"
            )
        for name in free:
            del leans[name]
