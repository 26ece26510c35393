"""Bytes of YAML to a declaration; every mistake names its line and the fix."""

import difflib
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import yaml

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.records.declaration import Declaration, Evaluation
from bedside.interop.declaration.rules import mistakes

__all__ = ["declaration_from_json", "declaration_to_json", "read_declaration"]

LARGEST = 1 << 20  # bytes; a declaration is a page or two


def read_declaration(
    content: bytes, *, metrics: Callable[[Evaluation], frozenset[str]]
) -> Declaration:
    """Read one `bedside.yaml`.

    Args:
        content: UTF-8 YAML.
        metrics: Names of the metrics that an evaluation computes; a gate on another is refused.

    Raises:
        Invalid: not YAML, an unknown key, a wrong type, unit, duration, reference or gate. The
            message names the line, the place and the fix.
    """
    tree, lines = _parse(content)
    for path, key, known in _unknown_keys(tree, Declaration, ()):
        near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
        fix = f"write '{near[0]}'" if near else f"use one of: {', '.join(sorted(known))}"
        raise _at(lines, (*path, key), f"unknown key '{key}'", fix)
    try:
        declaration = msgspec.convert(tree, Declaration, strict=True)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `")
        path = tuple(_path(where.rstrip("`"))) if where else ()
        raise _at(lines, path, problem, "give it the type the manual names") from None
    for mistake in mistakes(declaration, metrics(declaration.evaluation)):
        raise _at(lines, mistake.path, mistake.problem, mistake.fix)
    return declaration


def declaration_to_json(declaration: Declaration) -> bytes:
    """Canonical JSON of a declaration, for the bundle."""
    return canonical_json(msgspec.to_builtins(declaration))


def declaration_from_json(content: bytes) -> Declaration:
    """Read what `declaration_to_json` wrote."""
    return msgspec.convert(msgspec.json.decode(content), Declaration)


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
    lines: dict[tuple[Any, ...], int], path: tuple[Any, ...], problem: str, fix: str
) -> Invalid:
    known = path
    while known not in lines:
        known = known[:-1]
    place = ".".join(str(part) for part in path) or "the top"
    return Invalid(
        f"bedside.yaml line {lines[known]}, {place}: {problem.rstrip('.')}.",
        fix=f"{fix}.",
        code="declaration",
    )
