"""Quantities with UCUM units and calendar durations: converting, comparing, multiplying."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

__all__ = ["CALENDAR", "Quantity", "comparable", "converted", "divided", "multiplied"]

CALENDAR = ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
_AS_UCUM = dict(zip(CALENDAR, ("a", "mo", "wk", "d", "h", "min", "s", "ms"), strict=True))
Dimensions = tuple[tuple[str, int], ...]

# Each atom: factor and base units. Sources: UCUM 2.1 §28-46 and the SI brochure.
_ATOMS: dict[str, tuple[str, dict[str, int]]] = {
    "m": ("1", {"m": 1}), "g": ("1", {"g": 1}), "s": ("1", {"s": 1}), "K": ("1", {"K": 1}),
    "cd": ("1", {"cd": 1}), "C": ("1", {"C": 1}), "rad": ("1", {"rad": 1}),
    "mol": ("6.0221367e23", {}), "Cel": ("1", {"Cel": 1}), "[degF]": ("1", {"[degF]": 1}),
    "L": ("0.001", {"m": 3}), "l": ("0.001", {"m": 3}), "min": ("60", {"s": 1}),
    "h": ("3600", {"s": 1}), "d": ("86400", {"s": 1}), "wk": ("604800", {"s": 1}),
    "mo": ("2629800", {"s": 1}), "a": ("31557600", {"s": 1}), "Hz": ("1", {"s": -1}),
    "N": ("1000", {"g": 1, "m": 1, "s": -2}), "Pa": ("1000", {"g": 1, "m": -1, "s": -2}),
    "J": ("1000", {"g": 1, "m": 2, "s": -2}), "W": ("1000", {"g": 1, "m": 2, "s": -3}),
    "V": ("1000", {"g": 1, "m": 2, "s": -2, "C": -1}), "A": ("1", {"C": 1, "s": -1}),
    "Ohm": ("1000", {"g": 1, "m": 2, "s": -1, "C": -2}), "t": ("1e6", {"g": 1}),
    "bar": ("1e8", {"g": 1, "m": -1, "s": -2}), "cal": ("4184", {"g": 1, "m": 2, "s": -2}),
    "m[Hg]": ("133322387.415", {"g": 1, "m": -1, "s": -2}),
    "m[H2O]": ("9806650", {"g": 1, "m": -1, "s": -2}),
    "eq": ("6.0221367e23", {}), "osm": ("6.0221367e23", {}), "kat": ("6.0221367e23", {"s": -1}),
    "U": ("10036894500000000", {"s": -1}), "[iU]": ("1", {"[iU]": 1}),
    "[IU]": ("1", {"[iU]": 1}), "[pH]": ("1", {"[pH]": 1}), "[lb_av]": ("453.59237", {"g": 1}),
    "[oz_av]": ("28.349523125", {"g": 1}), "[in_i]": ("0.0254", {"m": 1}),
    "[ft_i]": ("0.3048", {"m": 1}), "[yd_i]": ("0.9144", {"m": 1}),
    "[mi_i]": ("1609.344", {"m": 1}), "[gal_us]": ("0.003785411784", {"m": 3}),
    "[foz_us]": ("0.0000295735295625", {"m": 3}), "%": ("0.01", {}), "[ppth]": ("0.001", {}),
    "[ppm]": ("0.000001", {}), "10*": ("10", {}), "10^": ("10", {}), "[drp]": ("5e-8", {"m": 3}),
}  # fmt: skip
_METRIC = frozenset(
    {
        "m", "g", "s", "K", "cd", "C", "rad", "mol", "L", "l", "Hz", "N", "Pa", "J", "W", "V", "A",
        "Ohm", "t", "bar", "cal", "m[Hg]", "m[H2O]", "eq", "osm", "kat", "U", "[iU]", "[IU]",
    }
)  # fmt: skip
_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1, "d": -1,
    "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18,
}  # fmt: skip
_TERM = re.compile(r"(10[*^]|\d+|(?:[^0-9./+\-\[\]{}()]|\[[^\]]*\])+)([+-]?\d{1,2})?(\{[^}]*\})?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number and its unit.

    Attributes:
        unit: A UCUM code, or the calendar duration where `calendar`, in the singular.
    """

    value: Decimal
    unit: str = "1"
    calendar: bool = False

    def __str__(self) -> str:
        if self.calendar:
            return f"{self.value} {self.unit}" + ("" if self.value == 1 else "s")
        return f"{self.value} '{self.unit}'"

    @property
    def ucum(self) -> str:
        """The UCUM code of its unit."""
        return _AS_UCUM[self.unit] if self.calendar else self.unit


@lru_cache(maxsize=1024)
def _read_unit(code: str) -> tuple[Decimal, Dimensions] | None:
    """Factor and base units of a UCUM code; None where this module does not know it."""
    factor, powers = Decimal(1), dict[str, int]()
    sign, rest = 1, code
    if len(code) > 60:
        return None
    if rest.startswith("/"):
        sign, rest = -1, rest[1:]
    while rest:
        if annotation := re.match(r"\{[^}]*\}", rest):
            end = annotation.end()
        else:
            term = _TERM.match(rest)
            atom = _read_atom(term[1]) if term else None
            if term is None or atom is None:
                return None
            exponent = sign * int(term[2] or 1)
            factor *= atom[0] ** exponent
            for base, power in atom[1].items():
                powers[base] = powers.get(base, 0) + power * exponent
            end = term.end()
        if end < len(rest) and rest[end] not in "./":
            return None
        sign = -1 if rest[end : end + 1] == "/" else 1
        if end == len(rest) - 1:
            return None
        rest = rest[end + 1 :]
    return factor, tuple(sorted((base, power) for base, power in powers.items() if power))


def _read_atom(name: str) -> tuple[Decimal, dict[str, int]] | None:
    if name.isascii() and name.isdigit():
        return (Decimal(name), {}) if 0 < len(name) < 10 and int(name) else None
    if found := _ATOMS.get(name):
        return Decimal(found[0]), found[1]
    for prefix, power in _PREFIXES.items():
        rest = name[len(prefix) :]
        if name.startswith(prefix) and rest in _METRIC:
            factor, dimensions = _ATOMS[rest]
            return Decimal(factor).scaleb(power), dimensions
    return None


def _calendar_clash(left: Quantity, right: Quantity) -> bool:
    """A year or a month of the calendar has no fixed length, so no UCUM unit equals it."""
    long = {"a", "mo"}
    if left.calendar == right.calendar:
        return False
    return left.ucum in long or right.ucum in long


def converted(left: Quantity, right: Quantity, *, loosely: bool = False) -> Decimal | None:
    """The value of `left` in the unit of `right`; None where there is none.

    Where `loosely`, a year or month of the calendar is taken for UCUM's mean one, as equivalence
    does.

    >>> converted(Quantity(Decimal(4), "g"), Quantity(Decimal(1), "mg")) == 4000
    True
    """
    if not loosely and _calendar_clash(left, right):
        return None
    if left.ucum == right.ucum:
        return left.value
    if left.calendar and right.calendar and (left.unit, right.unit) in _MONTHS:
        return left.value * _MONTHS[left.unit, right.unit]
    from_unit, to_unit = _read_unit(left.ucum), _read_unit(right.ucum)
    if from_unit is None or to_unit is None or from_unit[1] != to_unit[1]:
        return None
    return left.value * from_unit[0] / to_unit[0]


_MONTHS = {("year", "month"): Decimal(12), ("month", "year"): 1 / Decimal(12)}


def comparable(left: Quantity, right: Quantity) -> bool:
    """Whether the two can be compared."""
    return converted(left, right) is not None


def _combined(left: str, right: str, sign: int) -> tuple[Decimal, str] | None:
    """The unit of a product or quotient in base units, and its factor."""
    first, second = _read_unit(left), _read_unit(right)
    if first is None or second is None:
        return None
    powers = dict(first[1])
    for base, power in second[1]:
        powers[base] = powers.get(base, 0) + sign * power
    code = ".".join(f"{b}{'' if p == 1 else p}" for b, p in sorted(powers.items()) if p)
    return first[0] * second[0] ** sign, code or "1"


def multiplied(left: Quantity, right: Quantity) -> Quantity | None:
    """The product; None where a unit is unknown."""
    if right.unit == "1":
        return Quantity(left.value * right.value, left.ucum)
    if left.unit == "1":
        return Quantity(left.value * right.value, right.ucum)
    found = _combined(left.ucum, right.ucum, 1)
    return Quantity(left.value * right.value * found[0], found[1]) if found else None


def divided(left: Quantity, right: Quantity) -> Quantity | None:
    """The quotient; None where a unit is unknown or `right` is zero."""
    if right.value == 0:
        return None
    if right.unit == "1":
        return Quantity(left.value / right.value, left.ucum)
    found = _combined(left.ucum, right.ucum, -1)
    return Quantity(left.value / right.value * found[0], found[1]) if found else None
