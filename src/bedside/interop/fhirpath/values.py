"""One value against another: what it is in System, equality, equivalence, order, and its key."""

import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

from bedside.core.errors import Invalid
from bedside.interop.fhirpath.collection import Collection, optional
from bedside.interop.fhirpath.model import is_quantity, system_kind
from bedside.interop.fhirpath.moment import Moment, compare, read_moment
from bedside.interop.fhirpath.quantity import Quantity, converted

__all__ = [
    "as_decimal",
    "as_quantity",
    "equal",
    "equivalent",
    "in_system",
    "is_number",
    "key_of",
    "kind_name",
    "less",
    "of_system",
    "system_type",
]

_SPACE = re.compile(r"\s+")


def is_number(value: Any) -> bool:
    """Whether it is an integer or a decimal; a boolean is neither."""
    return type(value) in {int, float, Decimal}


def as_decimal(value: Any) -> Decimal:
    """A number as the decimal that JSON wrote."""
    return value if type(value) is Decimal else Decimal(repr(value))


def in_system(value: Any, kind: str) -> Any:
    """The System value of a node: dates, times and quantities of FHIR are read as such."""
    if type(value) is str:
        system = system_kind(kind)
        if system in {"Date", "DateTime", "Time"}:
            return read_moment(value, system) or value  # type: ignore[arg-type]
        return value
    if type(value) is dict and is_quantity(kind):
        return as_quantity(value) or value
    return value


def as_quantity(value: Any) -> Quantity | None:
    """A number or a FHIR Quantity as a System Quantity; None where it is neither."""
    if type(value) is Quantity:
        return value
    if is_number(value):
        return Quantity(as_decimal(value)) if _finite(value) else None
    if type(value) is not dict:
        return None
    number, code, unit = value.get("value"), value.get("code"), value.get("unit")
    if not is_number(number) or not _finite(number) or value.get("comparator"):
        return None
    chosen = code if type(code) is str else unit if type(unit) is str else "1"
    return Quantity(as_decimal(number), chosen)


def _finite(value: Any) -> bool:
    return type(value) is int or as_decimal(value).is_finite()


def kind_name(value: Any) -> str:
    """What to call a value in an error."""
    if type(value) is Moment:
        return value.kind
    names = {bool: "Boolean", str: "String", int: "Integer", float: "Decimal", Decimal: "Decimal"}
    return names.get(type(value), "Quantity" if type(value) is Quantity else "an object")


def equal(left: Any, right: Any) -> bool | None:  # noqa: PLR0911 - one return for each kind
    """`left = right` for two System values; None where it is uncertain."""
    if type(left) is type(right) and type(left) in {str, bool, int}:
        return bool(left == right)
    if is_number(left) and is_number(right):
        return as_decimal(left) == as_decimal(right)
    if type(left) is Moment and type(right) is Moment:
        if (left.kind == "Time") != (right.kind == "Time"):
            return False
        order = compare(left, right)
        return None if order is None else order == 0
    if type(left) is Quantity or type(right) is Quantity:
        first, second = as_quantity(left), as_quantity(right)
        if first is None or second is None:
            return False
        value = converted(first, second)
        return None if value is None else value == second.value
    if type(left) is dict and type(right) is dict:
        return left is right or key_of(left) == key_of(right)
    return False


def equivalent(left: Any, right: Any) -> bool:  # noqa: PLR0911 - one return for each kind
    """`left ~ right` for two System values: in the sense, not to the letter."""
    if type(left) is str and type(right) is str:
        return _loose_text(left) == _loose_text(right)
    if is_number(left) and is_number(right):
        return _close(as_decimal(left), as_decimal(right))
    if type(left) is Moment and type(right) is Moment:
        return equal(left, right) is True
    if type(left) is Quantity or type(right) is Quantity:
        first, second = as_quantity(left), as_quantity(right)
        if first is None or second is None:
            return False
        value = converted(first, second, loosely=True)
        if value is None:
            return False
        back = converted(second, first, loosely=True)
        return _close(value, second.value) or (back is not None and _close(first.value, back))
    if type(left) is dict and type(right) is dict:
        left_keys = {key for key in left if key != "id"}
        return left_keys == {key for key in right if key != "id"} and all(
            equivalent(left[key], right[key]) for key in left_keys
        )
    if type(left) is list and type(right) is list:
        rest = list(right)
        for item in left:
            match = next((i for i, other in enumerate(rest) if equivalent(item, other)), None)
            if match is None:
                return False
            rest.pop(match)
        return not rest
    return type(left) is type(right) and bool(left == right)


def _loose_text(text: str) -> str:
    return _SPACE.sub(" ", text).casefold()


def _close(left: Decimal, right: Decimal) -> bool:
    """Equal once both are rounded to the fewer decimals, trailing zeros not counted."""
    decimals = min(_decimals(left), _decimals(right))
    if decimals > 30:
        return left == right
    return round(left, decimals) == round(right, decimals)


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def less(left: Any, right: Any, operator: str) -> int | None:
    """-1, 0 or 1 as `left` is before, at or after `right`; None where it is uncertain.

    Raises:
        Invalid: the two are of kinds that have no order between them.
    """
    if is_number(left) and is_number(right):
        first, second = as_decimal(left), as_decimal(right)
        return (first > second) - (first < second)
    if type(left) is str and type(right) is str:
        return (left > right) - (left < right)
    if (
        type(left) is Moment
        and type(right) is Moment
        and (left.kind == "Time") == (right.kind == "Time")
    ):
        return compare(left, right)
    if type(left) is Quantity or type(right) is Quantity:
        first_q, second_q = as_quantity(left), as_quantity(right)
        if first_q is not None and second_q is not None:
            value = converted(first_q, second_q)
            if value is None:
                return None
            return (value > second_q.value) - (value < second_q.value)
    raise Invalid(
        f"'{operator}' cannot compare {kind_name(left)} with {kind_name(right)}.",
        fix="compare values of one kind; convert one with toDecimal(), toDateTime() or the like.",
        code="fhirpath_types",
    )


def key_of(value: Any) -> Hashable:  # noqa: PLR0911 - one return for each kind
    """What two equal values share: for counting, joining and telling apart without pairs."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return (kind, value)
    if is_number(value):
        return ("number", as_decimal(value) if kind is float else value)
    if kind is Moment:
        low, high = value.span
        zone = value.zone or 0
        return (value.kind == "Time", low - zone * 60_000_000, high, value.zone is None)
    if kind is Quantity:
        return ("quantity", value.value.normalize(), value.ucum)
    if kind is dict:
        return tuple(sorted((str(name), key_of(part)) for name, part in value.items()))
    if kind is list:
        return ("list", *(key_of(part) for part in value))
    return ("other", id(value))


_SYSTEM_TYPES = {
    bool: "Boolean",
    str: "String",
    int: "Integer",
    float: "Decimal",
    Decimal: "Decimal",
    Quantity: "Quantity",
}


def system_type(value: Any) -> str:
    """The name of the System type of a value.

    >>> system_type(1), system_type(Decimal(1))
    ('System.Integer', 'System.Decimal')
    """
    name = value.kind if type(value) is Moment else _SYSTEM_TYPES.get(type(value), "")
    return f"System.{name}" if name else ""


def of_system(values: list[Any]) -> Collection:
    """At most one System value in every row; None where there is none."""
    kinds = [system_type(value) for value in values if value is not None]
    found = optional(values, "")
    same = len(set(kinds)) == 1
    return Collection(found.values, found.rows, kinds[0] if same else kinds)
