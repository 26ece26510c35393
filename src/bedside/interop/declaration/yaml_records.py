"""YAML to frozen records; every mistake names its line, its place and the fix."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
import yaml

from bedside.core.errors import Invalid

__all__ = ["Mistake", "read_record"]

LARGEST = 1 << 20  # bytes; a declaration is a page or two
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Mistake:
    """One broken rule: where in the document, what, and the fix."""

    path: tuple[Any, ...]
    problem: str
    fix: str


def read_record(
    content: bytes,
    kind: type[Record],
    *,
    file: str,
    mistakes: Callable[[Record], Iterable[Mistake]],
) -> Record:
    """Read a YAML document as a record of this kind.

    Args:
        content: UTF-8 YAML.
        kind: A frozen dataclass; a key that it has not is refused with the nearest that it has.
        file: What the document is called in messages.
        mistakes: The rules that the record breaks beyond its types.

    Raises:
        Invalid: not YAML, an unknown key, a wrong type, or a broken rule. The message names the
            line, the place and the fix.
    """
    tree, lines = _parse(content)
    for path, key, known in _unknown_keys(tree, kind, ()):
        near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
        fix = f"write '{near[0]}'" if near else f"use one of: {', '.join(sorted(known))}"
        raise _at(file, lines, (*path, key), f"unknown key '{key}'", fix)
    try:
        record = msgspec.convert(tree, kind, strict=True)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `")
        path = tuple(_path(where.rstrip("`"))) if where else ()
        raise _at(file, lines, path, problem, "give it the type the manual names") from None
    for mistake in mistakes(record):
        raise _at(file, lines, mistake.path, mistake.problem, mistake.fix)
    return record


def _parse(content: bytes) -> tuple[Any, dict[tuple[Any, ...], int]]:
    if len(content) > LARGEST:
        raise Invalid("The declaration is larger than 1 MiB.", fix="keep data out of it.")
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=yaml.CSafeLoader)
        tree = yaml.load(content, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise Invalid(
            f"The declaration is not readable YAML{line}.", fix="check indentation and quotes."
        ) from None
    if not isinstance(tree, dict) or node is None:
        raise Invalid("The declaration is empty or not a mapping.", fix="start from a use case.")
    return tree, dict(_lines(node, ()))


def _lines(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Every place in the document and the line on which it stands."""
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*path, key.value))
            yield (*path, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _lines(value, (*path, index))


def _unknown_keys(
    value: Any, kind: Any, path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], Any, list[str]]]:
    """Keys that no record has, found by walking the document beside the records' own types."""
    inner = [part for part in get_args(kind) if part is not type(None)]
    if is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        known = [field.name for field in fields(kind)]
        for key, part in value.items():
            if key not in known:
                yield path, key, known
            else:
                yield from _unknown_keys(part, hints[key], (*path, key))
    elif get_origin(kind) is dict and isinstance(value, dict):
        for key, part in value.items():
            yield from _unknown_keys(part, inner[1], (*path, key))
    elif get_origin(kind) is tuple and isinstance(value, list) and inner:
        for index, part in enumerate(value):
            yield from _unknown_keys(part, inner[0], (*path, index))
    elif get_origin(kind) not in (None, dict, tuple):
        for option in inner:
            if is_dataclass(option):
                yield from _unknown_keys(value, option, path)


def _path(text: str) -> Iterator[Any]:
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]", text):
        yield int(index) if index.isdigit() else (name or index)


def _at(
    file: str,
    lines: dict[tuple[Any, ...], int],
    path: tuple[Any, ...],
    problem: str,
    fix: str,
) -> Invalid:
    known = path
    while known not in lines:
        known = known[:-1]
    place = ".".join(str(part) for part in path) or "the top"
    return Invalid(
        f"{file} line {lines[known]}, {place}: {problem.rstrip('.')}.",
        fix=f"{fix}.",
        code="declaration",
    )
