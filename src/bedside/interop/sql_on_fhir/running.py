"""A view over a batch of resources: each path once for the whole batch, then joined row by row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.collection import (
    Collection,
    Rows,
    concat,
    one_each,
    positions,
    singles,
)
from bedside.interop.fhirpath.expression import Expression, guarded, scope_of
from bedside.interop.fhirpath.model import KINDS, known
from bedside.interop.fhirpath.moment import Moment
from bedside.interop.fhirpath.scope import Scope
from bedside.interop.sql_on_fhir.reading import constant_value
from bedside.interop.sql_on_fhir.view import Column, Select, Table, ViewDefinition

__all__ = ["Rejected", "run_view", "run_view_apart"]

# Few enough that they stay in the processor's caches from one path to the next.
_BATCH = 2048
_MAX_NODES = 250_000
_NONE = type(None)
_PRIMITIVE = {bool: "boolean", int: "integer", float: "decimal", str: "string"}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A resource that a view refuses.

    Attributes:
        place: Its place among the resources.
        problem: Why.
    """

    place: int
    problem: Invalid


@dataclass(frozen=True, slots=True)
class _Frame:
    """Columns for some rows of a scope: `rows` ascends, and may hold a row more than once."""

    rows: Rows
    columns: dict[str, list[Any]]


def run_view(
    view: ViewDefinition,
    resources: Sequence[Any],
    *,
    constants: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Table:
    """The rows of a view.

    Args:
        view: From `read_view`.
        resources: Decoded JSON. What is no object of the view's type gives no row.
        constants: Values in place of those that the view gives its constants.
        now: What the clock shows, with a zone, for views that ask.

    Raises:
        Invalid: a resource does not fit the view, such as two values for a column that takes one.

    >>> from bedside.interop.sql_on_fhir.reading import read_view
    >>> view = read_view(
    ...     b'{"resource": "Patient", "select": [{"forEach": "name", "column": ['
    ...     b'{"name": "family", "path": "family"}]}]}'
    ... )
    >>> table = run_view(view, [{"resourceType": "Patient", "name": [{"family": "Lovelace"}]}])
    >>> table.columns, table.source.tolist()
    ({'family': ['Lovelace']}, [0])
    """
    given = _given(view, constants or {})
    parts = [
        _part(view, resources[start : start + _BATCH], start, given, now)
        for start in range(0, len(resources), _BATCH)
    ]
    return _table(view, parts)


def _part(
    view: ViewDefinition,
    resources: Sequence[Any],
    start: int,
    constants: Mapping[str, tuple[Any, str]],
    now: datetime | None,
) -> _Frame:
    """The rows of a part of the resources, of which the first is the one at `start`."""
    kind = view.resource
    fitting = [
        place
        for place, resource in enumerate(resources)
        if type(resource) is dict and resource.get("resourceType") == kind
    ]
    chosen = [resources[place] for place in fitting]
    scope = scope_of(chosen, constants=constants, now=now, kind=kind if known(kind) else "")
    scope.names["%rowIndex"] = one_each([0] * scope.size, "System.Integer")
    source = np.array(fitting, np.int64) + start
    for place, condition in enumerate(view.where):
        kept = _holding(condition, scope, f"where[{place}]")
        if len(kept) < scope.size:
            source = source[kept]
            scope = scope.only(kept, scope.focus)
    frame = _joined([_select(select, scope) for select in view.selects], scope.size)
    return _Frame(source[frame.rows], frame.columns)


def _table(view: ViewDefinition, parts: Sequence[_Frame]) -> Table:
    columns = {
        column.name: list(chain.from_iterable(part.columns[column.name] for part in parts))
        for column in view.columns
    }
    return Table(
        columns=columns,
        types={c.name: c.type or _seen(columns[c.name]) for c in view.columns},
        source=np.concatenate([np.empty(0, np.int64), *(part.rows for part in parts)]),
    )


def run_view_apart(
    view: ViewDefinition,
    resources: Sequence[Any],
    *,
    constants: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> tuple[Table, list[Rejected]]:
    """As `run_view`, with the resources that do not fit set apart.

    A batch that is refused is halved until the resource is found, so that a few bad ones cost
    little.

    Raises:
        Invalid: a constant is not one of the view's.
    """
    given = _given(view, constants or {})
    parts: list[_Frame] = []
    rejected: list[Rejected] = []
    size = len(resources)
    waiting = [(start, min(start + _BATCH, size)) for start in range(0, size, _BATCH)][::-1]
    while waiting:
        start, end = waiting.pop()
        try:
            parts.append(_part(view, resources[start:end], start, given, now))
        except Invalid as problem:
            if end - start == 1:
                rejected.append(Rejected(start, problem))
            else:
                middle = (start + end) // 2
                waiting += [(middle, end), (start, middle)]
    return _table(view, parts), rejected


def _given(view: ViewDefinition, constants: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    found = dict(view.constants)
    for name, value in constants.items():
        if name not in found:
            raise Invalid(f"The view has no constant '{name[:60]}'.", fix="give only those it has.")
        found[name] = constant_value(value, found[name][1], f"The constant '{name}'")
    return found


def _holding(condition: Expression, scope: Scope, where: str) -> Rows:
    """The rows where a condition is true."""
    found = singles(guarded(condition.node, scope).valued(), scope.size, where)
    if not set(map(type, found)) <= {bool, _NONE}:
        raise Invalid(f"{where} is no condition.", fix="compare the path with something.")
    return np.flatnonzero(np.fromiter((value is True for value in found), bool, scope.size))


def _select(select: Select, scope: Scope) -> _Frame:
    """What a select gives for each row of the scope around it."""
    if select.for_each:
        nodes = guarded(select.for_each.node, scope)
    elif select.repeat:
        nodes = _repeated(select.repeat, scope)
    else:
        return _parts(select, scope)
    inner, lift = _each(nodes, scope, or_null=select.or_null)
    frame = _parts(select, inner)
    return _Frame(lift[frame.rows], frame.columns)


def _each(nodes: Collection, scope: Scope, *, or_null: bool) -> tuple[Scope, Rows]:
    """A row for each node, and where wanted a row without a node for each row that has none.

    Returns:
        The rows as a scope, and the row of the scope around it that each lies within.
    """
    inner, lift = scope.inner(nodes), nodes.rows
    if or_null:
        missing = np.setdiff1d(scope.rows, nodes.rows)
        both = np.concatenate([nodes.rows, missing])
        order = np.argsort(both, kind="stable")
        place = np.empty(len(both), np.int64)
        place[order] = np.arange(len(both))
        lift, focus = both[order], nodes.with_rows(place[: len(nodes)])
        inner = replace(inner, size=len(lift), focus=focus, lift=lift, names={}, found={})
    inner.names["%rowIndex"] = one_each(positions(lift).tolist(), "System.Integer")
    return inner, lift


def _parts(select: Select, scope: Scope) -> _Frame:
    """The columns of a select, and what is joined to them."""
    own = {column.name: _values(column, scope) for column in select.columns}
    frames = [_Frame(scope.rows, own)]
    frames += [_select(part, scope) for part in select.selects]
    if select.unions:
        frames.append(_united([_select(part, scope) for part in select.unions]))
    return _joined(frames, scope.size)


def _values(column: Column, scope: Scope) -> list[Any]:
    try:
        found = _plain(guarded(column.path.node, scope).valued(), column)
        if not column.collection:
            return singles(found, scope.size, "It")
    except Invalid as error:
        problem = f"Column '{column.name}': {error.problem}"
        raise Invalid(problem, fix=error.fix, code=error.code) from None
    lists: list[Any] = [[] for _ in range(scope.size)]
    for row, value in zip(found.rows.tolist(), found.values, strict=True):
        lists[row].append(value)
    return lists


def _plain(found: Collection, column: Column) -> Collection:
    """The values as JSON has them."""
    kinds = set(map(type, found.values))
    if kinds <= _PRIMITIVE.keys():
        return found
    if kinds & {Decimal, Moment}:
        values = [
            float(v) if type(v) is Decimal else str(v) if type(v) is Moment else v
            for v in found.values
        ]
        found, kinds = replace(found, values=values), set(map(type, values))
    primitive = column.type == "" or column.type in KINDS
    if not kinds <= _PRIMITIVE.keys() and (primitive or not kinds <= {dict, *_PRIMITIVE}):
        raise Invalid(
            "the path leads to an object, and a column holds plain values.",
            fix="go on to one of its elements, such as .code or .value.",
            code="not_primitive",
        )
    return found


def _seen(values: list[Any]) -> str:
    """The FHIR type of a column that neither it nor its path declares, by its values."""
    kinds = {type(value) for value in values if value is not None}
    if list in kinds:
        kinds = {type(value) for part in values for value in part}
    if kinds == {int, float}:
        return "decimal"
    return _PRIMITIVE.get(kinds.pop(), "") if len(kinds) == 1 else ""


def _joined(frames: list[_Frame], size: int) -> _Frame:
    """For each row of the scope every combination of the rows of the frames."""
    found = frames[0]
    for frame in frames[1:]:
        found = _product(found, frame, size)
    return found


def _product(left: _Frame, right: _Frame, size: int) -> _Frame:
    if len(left.rows) == size == len(right.rows):
        every = np.arange(size)
        if bool((left.rows == every).all()) and bool((right.rows == every).all()):
            return _Frame(left.rows, {**left.columns, **right.columns})
    counts = np.bincount(right.rows, minlength=size)
    starts = np.concatenate(([0], np.cumsum(counts)))[:-1]
    times = counts[left.rows]
    from_left = np.repeat(np.arange(len(left.rows)), times)
    runs = np.concatenate(([0], np.cumsum(times)))[:-1]
    within = np.arange(len(from_left)) - np.repeat(runs, times)
    from_right = np.repeat(starts[left.rows], times) + within
    return _Frame(
        left.rows[from_left],
        {**_taken(left.columns, from_left), **_taken(right.columns, from_right)},
    )


def _taken(columns: dict[str, list[Any]], index: Rows) -> dict[str, list[Any]]:
    picked = index.tolist()
    return {name: [values[i] for i in picked] for name, values in columns.items()}


def _united(frames: list[_Frame]) -> _Frame:
    """The rows of every frame, those of one row of the scope together."""
    rows = np.concatenate([frame.rows for frame in frames])
    order = np.argsort(rows, kind="stable")
    columns = {
        name: list(chain.from_iterable(frame.columns[name] for frame in frames))
        for name in frames[0].columns
    }
    return _Frame(rows[order], _taken(columns, order))


def _repeated(paths: tuple[Expression, ...], scope: Scope) -> Collection:
    """Every node that the paths lead to, and lead to from there; parents before children."""
    levels: list[Collection] = []
    above: list[Rows] = []
    inner = scope
    while True:
        parts = [guarded(path.node, inner) for path in paths]
        found = concat(parts)
        if not len(found):
            break
        above.append(found.rows)
        rows = found.rows if not levels else levels[-1].rows[found.rows]
        current = found.with_rows(rows)
        levels.append(current)
        if len(levels) > 100 or int(np.bincount(rows).max()) > _MAX_NODES:
            raise Invalid("repeat finds ever more.", fix="leave out a resource without an end.")
        inner = scope.inner(current)
    return _in_document_order(levels, above)


def _in_document_order(levels: list[Collection], above: list[Rows]) -> Collection:
    if not levels:
        return concat([])
    children: list[list[int]] = [[] for _ in range(sum(map(len, levels)))]
    roots = list(range(len(levels[0])))
    start = 0
    for previous, parents in zip(levels, above[1:], strict=False):
        following = start + len(previous)
        for place, parent in enumerate(parents.tolist()):
            children[start + parent].append(following + place)
        start = following
    return _flattened(levels, roots, children)


def _flattened(levels: list[Collection], roots: list[int], children: list[list[int]]) -> Collection:
    order: list[int] = []
    waiting = roots[::-1]
    while waiting:
        node = waiting.pop()
        order.append(node)
        waiting.extend(reversed(children[node]))
    values = list(chain.from_iterable(level.values for level in levels))
    types = list(chain.from_iterable(level.type_list() for level in levels))
    rows = np.concatenate([level.rows for level in levels])
    same = set(types)
    return Collection(
        [values[i] for i in order],
        rows[np.array(order, np.int64)],
        same.pop() if len(same) == 1 else [types[i] for i in order],
    )
