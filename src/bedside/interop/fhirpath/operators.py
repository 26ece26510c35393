"""What stands between two expressions: equality, order, arithmetic, logic, membership."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.arithmetic import calculate
from bedside.interop.fhirpath.collection import (
    Collection,
    concat,
    counts_of,
    optional,
    singles,
)
from bedside.interop.fhirpath.model import system_kind
from bedside.interop.fhirpath.scope import booleans
from bedside.interop.fhirpath.values import (
    equal,
    equivalent,
    in_system,
    key_of,
    less,
    of_system,
)

__all__ = ["by_row", "distinct", "member", "operate", "system_values"]

_BOOLEAN = "System.Boolean"
_NONE = type(None)


def system_values(collection: Collection) -> list[Any]:
    """The values as System has them: dates, times and quantities of FHIR are read as such."""
    values, types = collection.values, collection.types
    if isinstance(types, str):
        kind = system_kind(types)
        if kind in {"Date", "DateTime", "Time"}:
            texts = {value for value in values if type(value) is str}
            read = {text: in_system(text, types) for text in texts}
            return [read[value] if type(value) is str else value for value in values]
        if kind != "Quantity":
            return values
        return [in_system(value, types) for value in values]
    return [in_system(value, kind) for value, kind in zip(values, types, strict=True)]


def by_row(collection: Collection, size: int) -> list[list[Any]]:
    """The System values of each row."""
    found: list[list[Any]] = [[] for _ in range(size)]
    for row, value in zip(collection.rows.tolist(), system_values(collection), strict=True):
        found[row].append(value)
    return found


def operate(operator: str, left: Collection, right: Collection, size: int) -> Collection:
    """The result of an operator for each row.

    Raises:
        Invalid: the operands do not fit the operator, in some row.
    """
    return _OPERATORS.get(operator, _arithmetic)(operator, left, right, size)


def _pairs(
    operator: str, left: Collection, right: Collection, size: int
) -> tuple[list[Any], list[Any]]:
    sides = []
    for side in (left.valued(), right.valued()):
        read = Collection(system_values(side), side.rows, side.types)
        sides.append(singles(read, size, f"'{operator}'"))
    return sides[0], sides[1]


def _is_one_each(collection: Collection, size: int) -> bool:
    return len(collection) <= size and bool((counts_of(collection, size) <= 1).all())


def _numbers(left: list[Any], right: list[Any]) -> tuple[list[Any], list[Any]] | None:
    """The two sides so that Python compares them as decimals; None where this takes decimals."""
    kinds = set(map(type, left)) | set(map(type, right))
    if not kinds <= {int, float, Decimal, _NONE}:
        return None
    if Decimal not in kinds or float not in kinds:
        return left, right
    sides = []
    for side in (left, right):
        short = {}
        for value in set(side):
            if type(value) is Decimal:
                # Below 16 digits a double gives back the decimal that it was read from.
                if len(value.as_tuple().digits) > 15 or not -300 < value.adjusted() < 300:
                    return None
                short[value] = float(value)
        sides.append([short[v] if type(v) is Decimal else v for v in side] if short else side)
    return sides[0], sides[1]


def _equality(operator: str, left: Collection, right: Collection, size: int) -> Collection:
    wanted, left, right = operator == "=", left.valued(), right.valued()
    if not (_is_one_each(left, size) and _is_one_each(right, size)):
        rows = zip(by_row(left, size), by_row(right, size), strict=True)
        return optional([_flip(_equal_lists(a, b), wanted) for a, b in rows], _BOOLEAN)

    first, second = _pairs(operator, left, right, size)
    kinds = (set(map(type, first)) | set(map(type, second))) - {_NONE}
    plain = (first, second) if kinds <= {str} or kinds <= {bool} else _numbers(first, second)
    if plain:
        if wanted:
            found = [
                None if a is None or b is None else a == b for a, b in zip(*plain, strict=True)
            ]
        else:
            found = [
                None if a is None or b is None else a != b for a, b in zip(*plain, strict=True)
            ]
        return optional(found, _BOOLEAN)
    return optional(
        [
            None if a is None or b is None else _flip(equal(a, b), wanted)
            for a, b in zip(first, second, strict=True)
        ],
        _BOOLEAN,
    )


def _flip(found: bool | None, wanted: bool) -> bool | None:
    return None if found is None else found == wanted


def _equal_lists(left: list[Any], right: list[Any]) -> bool | None:
    if not left or not right:
        return None
    if len(left) != len(right):
        return False
    found = [equal(a, b) for a, b in zip(left, right, strict=True)]
    return False if False in found else None if None in found else True


def _equivalence(operator: str, left: Collection, right: Collection, size: int) -> Collection:
    wanted = operator == "~"
    rows = zip(by_row(left.valued(), size), by_row(right.valued(), size), strict=True)
    return optional([equivalent(a, b) == wanted for a, b in rows], _BOOLEAN)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


def _order(operator: str, left: Collection, right: Collection, size: int) -> Collection:
    first, second = _pairs(operator, left, right, size)
    holds = _ORDERS[operator]
    kinds = (set(map(type, first)) | set(map(type, second))) - {_NONE}
    plain = (first, second) if kinds <= {str} else _numbers(first, second)
    if plain:
        return optional(
            [None if a is None or b is None else holds(a, b) for a, b in zip(*plain, strict=True)],
            _BOOLEAN,
        )
    orders = [
        None if a is None or b is None else less(a, b, operator)
        for a, b in zip(first, second, strict=True)
    ]
    return optional([None if order is None else holds(order, 0) for order in orders], _BOOLEAN)


def _and(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _or(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _xor(left: bool | None, right: bool | None) -> bool | None:
    return None if left is None or right is None else left != right


def _implies(left: bool | None, right: bool | None) -> bool | None:
    return _or(None if left is None else not left, right)


_LOGIC = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}


def distinct(collection: Collection) -> Collection:
    """The first of every group of equal values in a row."""
    seen: set[Any] = set()
    wanted = []
    pairs = zip(collection.rows.tolist(), map(key_of, system_values(collection)), strict=True)
    for pair in pairs:
        wanted.append(pair not in seen)
        seen.add(pair)
    return collection.keep(wanted)


def member(item: Collection, of: Collection, size: int, operator: str) -> Collection:
    """Whether the one item of each row is in the collection of the row."""
    items = singles(replace(item, values=system_values(item)).valued(), size, f"'{operator}'")
    there = set(zip(of.rows.tolist(), map(key_of, system_values(of)), strict=True))
    return optional(
        [None if v is None else (row, key_of(v)) in there for row, v in enumerate(items)],
        _BOOLEAN,
    )


def _arithmetic(operator: str, left: Collection, right: Collection, size: int) -> Collection:
    first, second = _pairs(operator, left, right, size)
    if operator == "&":
        texts = []
        for a, b in zip(first, second, strict=True):
            if not {type(a), type(b)} <= {str, _NONE}:
                raise Invalid(
                    "'&' joins strings only.", fix="convert with toString().", code="fhirpath_types"
                )
            texts.append((a or "") + (b or ""))
        return optional(texts, "System.String")
    found = [
        None if a is None or b is None else calculate(operator, a, b)
        for a, b in zip(first, second, strict=True)
    ]
    return of_system(found)


def _logical(operator: str, left: Collection, right: Collection, size: int) -> Collection:
    what, logic = f"'{operator}'", _LOGIC[operator]
    first, second = booleans(left, size, what), booleans(right, size, what)
    return optional([logic(a, b) for a, b in zip(first, second, strict=True)], _BOOLEAN)


_OPERATORS: dict[str, Callable[[str, Collection, Collection, int], Collection]] = {
    "|": lambda _, left, right, size: distinct(concat([left, right])),
    **dict.fromkeys(("=", "!="), _equality),
    **dict.fromkeys(("~", "!~"), _equivalence),
    **dict.fromkeys(_ORDERS, _order),
    **dict.fromkeys(_LOGIC, _logical),
    "in": lambda _, left, right, size: member(left, right, size, "in"),
    "contains": lambda _, left, right, size: member(right, left, size, "contains"),
}
