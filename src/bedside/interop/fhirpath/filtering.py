"""Functions that choose among nodes, count them, or put collections together."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

import numpy as np

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.arithmetic import calculate
from bedside.interop.fhirpath.collection import (
    Collection,
    broadcast,
    concat,
    counts_of,
    empty,
    one_each,
    positions,
    singles,
)
from bedside.interop.fhirpath.operators import by_row, distinct, system_values
from bedside.interop.fhirpath.quantity import Quantity
from bedside.interop.fhirpath.scope import Function, Invocation, booleans
from bedside.interop.fhirpath.syntax import Sign
from bedside.interop.fhirpath.values import as_decimal, is_number, key_of, less, of_system

__all__ = ["FUNCTIONS"]

_BOOLEAN = "System.Boolean"
MAX_NODES = 1_000_000


def _each_row(call: Invocation, found: Iterable[bool | None]) -> Collection:
    return call.give(list(found), _BOOLEAN)


def _empty(call: Invocation) -> Collection:
    return _each_row(call, (counts_of(call.focus, call.size) == 0).tolist())


def _chosen(call: Invocation) -> Collection:
    """The nodes for which the criterion is true."""
    found = booleans(call.each(0), len(call.focus), f"The criterion of {call.name}()")
    return call.focus.keep([value is True for value in found])


def _exists(call: Invocation) -> Collection:
    focus = _chosen(call) if call.arguments else call.focus
    return _each_row(call, (counts_of(focus, call.size) > 0).tolist())


def _all(call: Invocation) -> Collection:
    missed = counts_of(call.focus, call.size) - counts_of(_chosen(call), call.size)
    return _each_row(call, (missed == 0).tolist())


def _over_booleans(whether: Callable[[list[Any]], bool]) -> Function:
    def over(call: Invocation) -> Collection:
        rows = by_row(call.focus.valued(), call.size)
        if any(type(value) is not bool for row in rows for value in row):
            raise call.refuse("booleans")
        return _each_row(call, map(whether, rows))

    return over


def _keys(call: Invocation, other: Collection) -> list[tuple[set[Any], set[Any]]]:
    """The keys of the focus and of `other`, for each row."""
    return [
        ({key_of(v) for v in mine}, {key_of(v) for v in theirs})
        for mine, theirs in zip(
            by_row(call.focus, call.size), by_row(other, call.size), strict=True
        )
    ]


def _subset_of(call: Invocation) -> Collection:
    return _each_row(call, (mine <= theirs for mine, theirs in _keys(call, call.argument(0))))


def _superset_of(call: Invocation) -> Collection:
    return _each_row(call, (mine >= theirs for mine, theirs in _keys(call, call.argument(0))))


def _count(call: Invocation) -> Collection:
    return one_each(counts_of(call.focus, call.size).tolist(), "System.Integer")


def _is_distinct(call: Invocation) -> Collection:
    lost = counts_of(call.focus, call.size) - counts_of(distinct(call.focus), call.size)
    return _each_row(call, (lost == 0).tolist())


def _select(call: Invocation) -> Collection:
    found = call.each(0)
    return found.with_rows(call.focus.rows[found.rows])


def _repeat(call: Invocation) -> Collection:
    """What the projection gives, and what it gives of that, until nothing new comes."""
    seen: set[Any] = set()
    found: list[Collection] = []
    current = call.focus
    while len(current):
        step = Invocation(call.name, current, call.arguments, call.scope)
        produced = _select(step)
        fresh = []
        keys = map(key_of, system_values(produced))
        for pair in zip(produced.rows.tolist(), keys, strict=True):
            fresh.append(pair not in seen)
            seen.add(pair)
        current = produced.keep(fresh)
        found.append(current)
        if len(seen) > MAX_NODES + 1000 * call.size or len(found) > 10_000:
            raise Invalid(
                "repeat() finds ever more.", fix="repeat a projection that comes to an end."
            )
    return concat(found)


def _single(call: Invocation) -> Collection:
    singles(call.focus, call.size, "single()")
    return call.focus


def _first(call: Invocation) -> Collection:
    return call.focus.keep((positions(call.focus.rows) == 0).tolist())


def _from_end(collection: Collection, size: int) -> Any:
    """How many values of its row follow each value."""
    counts = counts_of(collection, size)
    return counts[collection.rows] - 1 - positions(collection.rows)


def _last(call: Invocation) -> Collection:
    return call.focus.keep((_from_end(call.focus, call.size) == 0).tolist())


def _tail(call: Invocation) -> Collection:
    return call.focus.keep((positions(call.focus.rows) > 0).tolist())


def _limits(call: Invocation) -> Any:
    found = call.given(0)
    if any(type(value) is not int for value in found if value is not None):
        raise call.refuse("a whole number as its argument")
    limits = np.array([0 if v is None else max(min(v, 2**31), -1) for v in found], np.int64)
    return limits[call.focus.rows]


def _skip(call: Invocation) -> Collection:
    return call.focus.keep((positions(call.focus.rows) >= _limits(call)).tolist())


def _take(call: Invocation) -> Collection:
    return call.focus.keep((positions(call.focus.rows) < _limits(call)).tolist())


def _by_membership(call: Invocation, wanted: bool) -> Collection:
    other = call.argument(0)
    there = set(zip(other.rows.tolist(), map(key_of, system_values(other)), strict=True))
    mine = zip(call.focus.rows.tolist(), map(key_of, system_values(call.focus)), strict=True)
    return call.focus.keep([(pair in there) == wanted for pair in mine])


def _intersect(call: Invocation) -> Collection:
    return distinct(_by_membership(call, wanted=True))


def _exclude(call: Invocation) -> Collection:
    return _by_membership(call, wanted=False)


def _union(call: Invocation) -> Collection:
    return distinct(concat([call.focus, call.argument(0)]))


def _combine(call: Invocation) -> Collection:
    return concat([call.focus, call.argument(0)])


def _coalesce(call: Invocation) -> Collection:
    """The first argument that is not empty, row by row."""
    found: list[Collection] = []
    filled = np.zeros(call.size, bool)
    for index in range(len(call.arguments)):
        part = call.argument(index)
        found.append(part.keep((~filled[part.rows]).tolist()))
        filled |= counts_of(part, call.size) > 0
    return concat(found)


def _iif(call: Invocation) -> Collection:
    """One branch or the other, each evaluated only for the rows that need it."""
    focus, scope = call.focus, call.scope
    singles(focus, call.size, "iif()")
    evaluate = scope.setup.evaluate
    every = scope.only(np.arange(call.size), focus)
    found = singles(evaluate(call.arguments[0], every), call.size, "The criterion of iif()")
    if any(type(value) is not bool for value in found if value is not None):
        raise Invalid("The criterion of iif() is no boolean.", fix="compare it with something.")
    parts = []
    for branch, wanted in ((1, True), (2, False)):
        rows = np.flatnonzero(np.fromiter(((v is True) == wanted for v in found), bool, call.size))
        if branch < len(call.arguments) and len(rows):
            part = evaluate(call.arguments[branch], scope.only(rows, focus))
            parts.append(part.with_rows(rows[part.rows]))
    return concat(parts)


def _aggregate(call: Invocation) -> Collection:
    """The projection of one node after the other, with `$total` so far."""
    scope, evaluate = call.scope, call.scope.setup.evaluate
    total = call.argument(1) if len(call.arguments) > 1 else empty()
    places = positions(call.focus.rows)
    for place in range(int(places.max()) + 1 if len(places) else 0):
        nodes = call.focus.keep((places == place).tolist())
        inner = scope.inner(nodes)
        inner.names["$total"] = broadcast(total, nodes.rows)
        inner.names["$index"] = inner.everywhere(place, "System.Integer")
        found = evaluate(call.arguments[0], inner)
        done = np.isin(total.rows, nodes.rows)
        total = concat([total.keep((~done).tolist()), found.with_rows(nodes.rows[found.rows])])
    return total


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (9, 0)
    if is_number(value):
        return (0, as_decimal(value))
    if type(value) is Quantity:
        return (1, value.value)
    if type(value) is str:
        return (2, value)
    if type(value) is bool:
        return (3, value)
    span = getattr(value, "span", None)
    return (4, span[0] - (value.zone or 0) * 60_000_000) if span else (5, 0)


def _sort(call: Invocation) -> Collection:
    """In the order of each key, the first above the others; a leading minus turns a key around."""
    order = list(range(len(call.focus)))
    inner = call.scope.inner(call.focus)
    for argument in reversed(call.arguments):
        turned = isinstance(argument, Sign) and argument.sign == "-"
        node = argument.operand if isinstance(argument, Sign) and turned else argument
        found = call.scope.setup.evaluate(node, inner).valued()
        read = Collection(system_values(found), found.rows, found.types)
        keys = [_sort_key(value) for value in singles(read, inner.size, "A key of sort()")]
        order.sort(key=keys.__getitem__, reverse=turned)
    if not call.arguments:
        keys = [_sort_key(value) for value in system_values(call.focus)]
        order.sort(key=keys.__getitem__)
    order.sort(key=call.focus.rows.tolist().__getitem__)
    return call.focus.reordered(np.array(order, np.int64))


def _numbers_of(call: Invocation) -> list[list[Any]]:
    return by_row(call.focus.valued(), call.size)


def _sum(call: Invocation) -> Collection:
    return of_system([_added(row) for row in _numbers_of(call)])


def _added(row: list[Any]) -> Any:
    total = row[0] if row else None
    for value in row[1:]:
        total = None if total is None else calculate("+", total, value)
    return total


def _average(call: Invocation) -> Collection:
    totals = ((_added(row), len(row)) for row in _numbers_of(call))
    return of_system(
        [None if total is None else calculate("/", total, Decimal(n)) for total, n in totals]
    )


def _extreme(sign: int) -> Function:
    def extreme(call: Invocation) -> Collection:
        found = []
        for row in _numbers_of(call):
            best = row[0] if row else None
            for value in row[1:]:
                if less(value, best, f"{call.name}()") == sign:
                    best = value
            found.append(best)
        return of_system(found)

    return extreme


FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    "empty": (0, 0, _empty),
    "exists": (0, 1, _exists),
    "all": (1, 1, _all),
    "allTrue": (0, 0, _over_booleans(all)),
    "anyTrue": (0, 0, _over_booleans(any)),
    "allFalse": (0, 0, _over_booleans(lambda row: not any(row))),
    "anyFalse": (0, 0, _over_booleans(lambda row: not all(row))),
    "subsetOf": (1, 1, _subset_of),
    "supersetOf": (1, 1, _superset_of),
    "count": (0, 0, _count),
    "distinct": (0, 0, lambda call: distinct(call.focus)),
    "isDistinct": (0, 0, _is_distinct),
    "where": (1, 1, _chosen),
    "select": (1, 1, _select),
    "repeat": (1, 1, _repeat),
    "single": (0, 0, _single),
    "first": (0, 0, _first),
    "last": (0, 0, _last),
    "tail": (0, 0, _tail),
    "skip": (1, 1, _skip),
    "take": (1, 1, _take),
    "intersect": (1, 1, _intersect),
    "exclude": (1, 1, _exclude),
    "union": (1, 1, _union),
    "combine": (1, 1, _combine),
    "coalesce": (1, 20, _coalesce),
    "iif": (2, 3, _iif),
    "aggregate": (1, 2, _aggregate),
    "sort": (0, 10, _sort),
    "sum": (0, 0, _sum),
    "avg": (0, 0, _average),
    "min": (0, 0, _extreme(-1)),
    "max": (0, 0, _extreme(1)),
}
