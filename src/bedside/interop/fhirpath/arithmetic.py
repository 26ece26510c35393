"""Sums, products and quotients of two values, and the mathematical functions of one."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal
from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.moment import Moment, plus
from bedside.interop.fhirpath.quantity import Quantity, converted, divided, multiplied
from bedside.interop.fhirpath.values import as_decimal, as_quantity, is_number, kind_name

__all__ = ["calculate", "mathematics", "negative", "round_to"]

# What System holds: integers of 64 bits, decimals of 28 digits. Beyond, a result is empty.
_LARGEST = 2**63 - 1
MAX_TEXT = 1_000_000
_EXACT = Context(prec=28, traps=[])
_WIDE = Context(prec=40, traps=[])
_UNITS = {
    "wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond",
}  # fmt: skip


def _held(value: Any) -> Any:
    """The number where System can hold it, else None."""
    if type(value) is int:
        return value if -_LARGEST <= value <= _LARGEST else None
    return value if value.is_finite() and abs(value.adjusted()) < 100 else None


def _refused(operator: str, left: Any, right: Any) -> Invalid:
    return Invalid(
        f"'{operator}' does not work on {kind_name(left)} and {kind_name(right)}.",
        fix="convert one of them first, or choose another operator.",
        code="fhirpath_types",
    )


def calculate(operator: str, left: Any, right: Any) -> Any:
    """One operation on two System values; None where it has no result, such as 1 / 0.

    Raises:
        Invalid: the operator does not take such values.

    >>> calculate("div", 7, 2), calculate("/", 1, 0), calculate("+", "a", "b")
    (3, None, 'ab')
    """
    if is_number(left) and is_number(right):
        return _of_numbers(operator, left, right)
    if type(left) is str and type(right) is str and operator == "+":
        if len(left) + len(right) > MAX_TEXT:
            raise Invalid(f"A text grows beyond {MAX_TEXT} characters.", fix="join fewer of them.")
        return left + right
    if type(left) is Moment and operator in {"+", "-"} and type(right) is Quantity:
        unit = right.unit if right.calendar else _UNITS.get(right.unit)
        if unit is None:
            raise Invalid(
                "Only a calendar duration or a definite UCUM unit can be added to a date or time.",
                fix="write the duration in words: 1 year, 2 months, 3 days.",
                code="fhirpath_types",
            )
        return plus(left, right.value if operator == "+" else -right.value, unit)
    if type(left) is Quantity or type(right) is Quantity:
        first, second = as_quantity(left), as_quantity(right)
        if first is not None and second is not None:
            return _of_quantities(operator, first, second)
    raise _refused(operator, left, right)


def _of_numbers(operator: str, left: Any, right: Any) -> Any:
    whole = type(left) is int and type(right) is int
    if operator in {"/", "div", "mod"} and right == 0:
        return None
    if whole and operator != "/":
        quotient = abs(left) // abs(right) if operator in {"div", "mod"} else 0
        quotient = quotient if (left < 0) == (right < 0) else -quotient
        results: dict[str, Callable[[], int]] = {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "div": lambda: quotient,
            "mod": lambda: left - right * quotient,
        }
        return _held(results[operator]())
    found = _held(_DECIMAL[operator](as_decimal(left), as_decimal(right)))
    return int(found) if operator == "div" and found is not None else found


_DECIMAL: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
    "/": _EXACT.divide,
    "div": _EXACT.divide_int,
    "mod": _EXACT.remainder,
}


def _of_quantities(operator: str, left: Quantity, right: Quantity) -> Quantity | None:
    match operator:
        case "+" | "-":
            value = converted(right, left)
            if value is None:
                return None
            total = left.value + value if operator == "+" else left.value - value
            return Quantity(total, left.unit, left.calendar)
        case "*":
            return multiplied(left, right)
        case "/":
            return divided(left, right)
        case _:
            raise _refused(operator, left, right)


def negative(value: Any) -> Any:
    """The value with the other sign.

    Raises:
        Invalid: it is neither a number nor a quantity.
    """
    if is_number(value):
        return -value
    if type(value) is Quantity:
        return Quantity(-value.value, value.unit, value.calendar)
    raise Invalid(
        f"'-' does not work on {kind_name(value)}.",
        fix="put the signed number in brackets: (-1).",
        code="fhirpath_types",
    )


def round_to(value: Decimal, digits: int, rounding: str = ROUND_HALF_UP) -> Decimal | None:
    """The number with `digits` decimals; None where that is not from 0 to 28."""
    if not 0 <= digits <= 28 or not value.is_finite():
        return None
    if value.as_tuple().exponent == -digits:
        return value
    return value.quantize(Decimal(1).scaleb(-digits), rounding, Context(prec=130))


def _tidy(value: Decimal) -> Decimal | None:
    """Rounded to the digits that can be trusted, without what the method adds."""
    found: Decimal | None = _held(_EXACT.plus(value))
    return found


def _whole(rounding: str) -> Callable[[Decimal], int | None]:
    def rounded(value: Decimal) -> int | None:
        return _held(int(value.to_integral_value(rounding))) if _held(value) is not None else None

    return rounded


def _root(value: Decimal) -> Decimal | None:
    return None if value < 0 else _tidy(_WIDE.sqrt(value))


def _logarithm(value: Decimal) -> Decimal | None:
    return None if value <= 0 else _tidy(_WIDE.ln(value))


def _exponential(value: Decimal) -> Decimal | None:
    return None if value > 300 else _tidy(_WIDE.exp(value))


def _log(value: Decimal, base: Decimal) -> Decimal | None:
    if value <= 0 or base <= 0 or base == 1:
        return None
    found = _WIDE.divide(_WIDE.ln(value), _WIDE.ln(base))
    return _tidy(Context(prec=30).plus(found))


def _power(value: Any, exponent: Any) -> Any:
    first, second = as_decimal(value), as_decimal(exponent)
    if abs(second) > 10_000 or (first < 0 and second != second.to_integral_value()):
        return None
    found = _WIDE.power(first, second)
    if not found.is_finite():
        return None
    if type(value) is int and type(exponent) is int and exponent >= 0:
        return _held(int(found)) if abs(found) <= _LARGEST else None
    return _tidy(found)


_OF_ONE: dict[str, Callable[[Decimal], Any]] = {
    "ceiling": _whole(ROUND_CEILING),
    "floor": _whole(ROUND_FLOOR),
    "truncate": _whole(ROUND_DOWN),
    "exp": _exponential,
    "ln": _logarithm,
    "sqrt": _root,
}


def mathematics(name: str, value: Any, argument: Any) -> Any:
    """A mathematical function of a number or quantity; None where it has no result.

    >>> mathematics("sqrt", -1, None), mathematics("power", 2, 3), mathematics("floor", -1.1, None)
    (None, 8, -2)
    """
    if name == "abs":
        if type(value) is Quantity:
            return Quantity(abs(value.value), value.unit, value.calendar)
        return abs(value) if type(value) is int else abs(as_decimal(value))
    if name == "round":
        digits = 0 if argument is None else argument
        if type(digits) is not int or digits < 0:
            raise Invalid("round() takes a number of decimals, 0 or more.", fix="give one.")
        return round_to(as_decimal(value), min(digits, 28))
    if name == "power":
        return _power(value, argument)
    if name == "log":
        return _log(as_decimal(value), as_decimal(argument))
    return _OF_ONE[name](as_decimal(value))
