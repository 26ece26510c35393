"""Functions of one value that convert it, calculate with it, or say how exact it is."""

import re
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from bedside.interop.fhirpath.arithmetic import mathematics, round_to
from bedside.interop.fhirpath.collection import Collection, singles
from bedside.interop.fhirpath.moment import Kind, Moment, bound, precision, read_moment
from bedside.interop.fhirpath.operators import system_values
from bedside.interop.fhirpath.quantity import CALENDAR, Quantity, comparable, converted
from bedside.interop.fhirpath.scope import Function, Invocation
from bedside.interop.fhirpath.values import (
    as_decimal,
    as_quantity,
    is_number,
    kind_name,
    of_system,
)

__all__ = ["FUNCTIONS"]

_INTEGER = re.compile(r"[+-]?\d{1,19}")
_DECIMAL = re.compile(r"[+-]?\d{1,28}(\.\d{1,28})?")
_QUANTITY = re.compile(r"([+-]?\d{1,28}(?:\.\d{1,28})?)\s*(?:'([^']*)'|([a-z]+))?")
_WORDS = {name: name for name in CALENDAR} | {name + "s": name for name in CALENDAR}
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def _boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if is_number(value):
        return bool(value) if value in {0, 1} else None
    text = value.lower() if type(value) is str else ""
    return True if text in _TRUE else False if text in _FALSE else None


def _integer(value: Any) -> int | None:
    if type(value) is bool:
        return int(value)
    if type(value) is int:
        return value
    return int(value) if type(value) is str and _INTEGER.fullmatch(value) else None


def _decimal(value: Any) -> Decimal | None:
    if type(value) is bool:
        return Decimal("1.0") if value else Decimal("0.0")
    if is_number(value):
        return as_decimal(value)
    return Decimal(value) if type(value) is str and _DECIMAL.fullmatch(value) else None


def _quantity(value: Any) -> Quantity | None:
    if type(value) is bool:
        return Quantity(Decimal("1.0") if value else Decimal("0.0"))
    if type(value) is not str:
        return as_quantity(value)
    found = _QUANTITY.fullmatch(value.strip())
    if found is None:
        return None
    number, code, word = Decimal(found[1]), found[2], found[3]
    if word:
        return Quantity(number, _WORDS[word], calendar=True) if word in _WORDS else None
    return Quantity(number, "1" if code is None else code)


def _moment(kind: Kind) -> Callable[[Any], Moment | None]:
    def converted_to(value: Any) -> Moment | None:
        if type(value) is str:
            return read_moment(value, kind)
        if type(value) is not Moment or (value.kind == "Time") != (kind == "Time"):
            return None
        days = value.parts if kind != "Date" else value.parts[:3]
        return Moment(kind, days, value.zone if kind == "DateTime" else None, value.digits)

    return converted_to


def _string(value: Any) -> str | None:
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is str:
        return value
    if is_number(value):
        return format(as_decimal(value), "f") if abs(value) < 10**100 else None
    return str(value) if type(value) in {Moment, Quantity} else None


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "Boolean": _boolean,
    "Integer": _integer,
    "Long": _integer,
    "Decimal": _decimal,
    "Quantity": _quantity,
    "Date": _moment("Date"),
    "DateTime": _moment("DateTime"),
    "Time": _moment("Time"),
    "String": _string,
}


def _value(call: Invocation) -> list[Any]:
    """The one System value of each row."""
    focus = call.focus.valued()
    read = Collection(system_values(focus), focus.rows, focus.types)
    return singles(read, call.size, f"{call.name}()")


def _to(convert: Callable[[Any], Any]) -> Function:
    return lambda call: of_system([None if v is None else convert(v) for v in _value(call)])


def _to_quantity(call: Invocation) -> Collection:
    found = [None if v is None else _quantity(v) for v in _value(call)]
    units = call.given(0)
    changed = [
        q if q is None or type(unit) is not str else _in_unit(q, unit)
        for q, unit in zip(found, units, strict=True)
    ]
    return of_system(changed)


def _in_unit(quantity: Quantity, unit: str) -> Quantity | None:
    wanted = Quantity(Decimal(1), _WORDS.get(unit, unit), calendar=unit in _WORDS)
    value = converted(quantity, wanted)
    return None if value is None else Quantity(value, wanted.unit, wanted.calendar)


def _converts(convert: Callable[[Any], Any]) -> Function:
    def converts(call: Invocation) -> Collection:
        found = [None if v is None else convert(v) is not None for v in _value(call)]
        return call.give(found, "System.Boolean")

    return converts


def _mathematical(call: Invocation) -> Collection:
    values = _value(call)
    arguments = call.given(0)
    needed = call.name in {"log", "power"}
    for value in [*values, *arguments]:
        allowed = is_number(value) or (call.name == "abs" and type(value) is Quantity)
        if value is not None and not allowed:
            raise call.refuse(f"a number, not {kind_name(value)}")
    return of_system(
        [
            None
            if value is None or (needed and argument is None)
            else mathematics(call.name, value, argument)
            for value, argument in zip(values, arguments, strict=True)
        ]
    )


def _bound(high: bool) -> Function:
    def bounded(call: Invocation) -> Collection:
        pairs = zip(_value(call), call.given(0), strict=True)
        return of_system(
            [None if v is None else _one_bound(call, v, digits, high) for v, digits in pairs]
        )

    return bounded


def _one_bound(call: Invocation, value: Any, digits: Any, high: bool) -> Any:
    if digits is not None and type(digits) is not int:
        raise call.refuse("a whole number of digits")
    if type(value) is Moment:
        return bound(value, high=high, digits=digits)
    if type(value) is Quantity:
        found = _decimal_bound(value.value, digits, high)
        return None if found is None else Quantity(found, value.unit, value.calendar)
    if is_number(value):
        return _decimal_bound(as_decimal(value), digits, high)
    raise call.refuse("a number, a quantity, a date or a time")


def _decimal_bound(value: Decimal, digits: int | None, high: bool) -> Decimal | None:
    """Half of the last digit further, then outwards to `digits` decimals, 8 by default.

    >>> str(_decimal_bound(Decimal("1.0"), None, False))
    '0.95000000'
    """
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -28:
        return None
    half = Decimal(5).scaleb(min(exponent, 0) - 1)
    wanted = 8 if digits is None else digits
    return round_to(
        value + half if high else value - half, wanted, ROUND_CEILING if high else ROUND_FLOOR
    )


def _precision(call: Invocation) -> Collection:
    found: list[int | None] = []
    for value in _value(call):
        if type(value) is Moment:
            found.append(precision(value))
        elif is_number(value):
            exponent = as_decimal(value).as_tuple().exponent
            found.append(max(-exponent, 0) if isinstance(exponent, int) else None)
        elif value is None:
            found.append(None)
        else:
            raise call.refuse("a number, a date or a time")
    return call.give(found, "System.Integer")


def _comparable(call: Invocation) -> Collection:
    other = Invocation(call.name, call.argument(0), (), call.scope)
    pairs = [
        (None if a is None else as_quantity(a), None if b is None else as_quantity(b))
        for a, b in zip(_value(call), _value(other), strict=True)
    ]
    found = [None if a is None or b is None else comparable(a, b) for a, b in pairs]
    return call.give(found, "System.Boolean")


_PARTS = {"yearOf": 1, "monthOf": 2, "dayOf": 3, "hourOf": 4, "minuteOf": 5, "secondOf": 6}


def _part(call: Invocation) -> Collection:
    """One part of a date or time, such as its year."""
    place = _PARTS[call.name]
    found: list[int | None] = []
    for value in _value(call):
        if value is not None and type(value) is not Moment:
            raise call.refuse("a date or a time")
        if value is None or len(value.parts) < place or (value.kind == "Time" and place < 4):
            found.append(None)
        else:
            part = value.parts[place - 1]
            found.append(part // 1_000_000 if place == 6 else part)
    return call.give(found, "System.Integer")


FUNCTIONS: dict[str, tuple[int, int, Function]] = {
    **{f"to{name}": (0, 0, _to(convert)) for name, convert in _CONVERSIONS.items()},
    **{f"convertsTo{name}": (0, 0, _converts(c)) for name, c in _CONVERSIONS.items()},
    "toQuantity": (0, 1, _to_quantity),
    "convertsToQuantity": (0, 1, _converts(_quantity)),
    **dict.fromkeys(
        ("abs", "ceiling", "exp", "floor", "ln", "sqrt", "truncate"), (0, 0, _mathematical)
    ),
    "log": (1, 1, _mathematical),
    "power": (1, 1, _mathematical),
    "round": (0, 1, _mathematical),
    "lowBoundary": (0, 1, _bound(high=False)),
    "highBoundary": (0, 1, _bound(high=True)),
    "precision": (0, 0, _precision),
    "comparable": (1, 1, _comparable),
    **dict.fromkeys(_PARTS, (0, 0, _part)),
}
