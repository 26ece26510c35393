"""How a value in one unit becomes a value in another: a factor and an offset, or a refusal."""

from contextlib import suppress
from functools import cache
from typing import Any

from bedside.core.errors import Invalid, WrongUnit
from bedside.core.units import KNOWN_UNITS, conversion
from bedside.interop.ucum.library import Reading, quantity_of, read_code

__all__ = ["factor_between"]

_SHARES = frozenset({"{ratio}", "{fraction}"})
# IUB 1961 named the unit of catalytic activity the international unit; laboratories write U and IU
# for it alike. UCUM calls [IU] arbitrary, because for other substances it is.
_CATALYTIC = ("[IU]", "[iU]")


def factor_between(
    source: str,
    target: str,
    *,
    what: str,
    molar_mass: float | None = None,
    valence: int | None = None,
) -> tuple[float, float]:
    """Factor and offset that take a value from one UCUM unit to another: value * factor + offset.

    Args:
        source: The value's unit, a UCUM code.
        target: The unit that is wanted, a UCUM code.
        what: What is measured, for the message.
        molar_mass: In g/mol, where it is declared: then moles and grams convert.
        valence: The charge of the ion, where it is declared: then equivalents and moles convert.

    Raises:
        Invalid: a unit is not UCUM, or the molar mass or valence is not above 0.
        WrongUnit: they measure different things; an arbitrary unit such as `[IU]` compares with
            itself alone (and with U, its other name for catalytic activity).

    Source: UCUM 2.2; the arithmetic is Pint's.

    >>> factor_between("g/L", "mg/dL", what="haemoglobin")
    (100.0, 0.0)
    >>> round(factor_between("mmol/L", "mg/dL", what="glucose", molar_mass=180.156)[0], 4)
    18.0156
    """
    for name, number in (("molar mass", molar_mass), ("valence", valence)):
        if number is not None and not 0 < number < 1e9:
            raise Invalid(
                f"The {name} of '{what}' is not above 0.", fix=f"declare the {name}, or none."
            )
    return _between(source, target, what, molar_mass, valence)


@cache
def _between(
    source: str, target: str, what: str, molar_mass: float | None, valence: int | None
) -> tuple[float, float]:
    if source == target and source in KNOWN_UNITS:
        return 1.0, 0.0
    if source in KNOWN_UNITS and target in KNOWN_UNITS:
        with suppress(WrongUnit):  # the library may know more: an annotation, a molar mass
            return conversion(what, source=source, target=target)
    one, other = _known(source, what), _known(target, what)
    if source == target:
        return 1.0, 0.0
    found = _converted(one, other, source, target, molar_mass, valence)
    if found is None:
        raise WrongUnit(what, got=source, expected=target)
    return found


def _known(code: str, what: str) -> Reading:
    found = read_code(code)
    if found is None:
        raise Invalid(
            f"The unit of '{what}' is not a UCUM code.",
            fix="translate it with ucum_of, or declare what the source means by it.",
            code="wrong_unit",
        )
    return found


def _converted(
    one: Reading,
    other: Reading,
    source: str,
    target: str,
    molar_mass: float | None,
    valence: int | None,
) -> tuple[float, float] | None:
    """The factor and offset, or None where the two do not compare."""
    if not _same_annotation(one, other):
        return None
    charge = _charge(one, other, valence)
    if charge is None:
        return _catalytic(source, target)
    given, wanted = quantity_of(source), quantity_of(target)
    if given is None or wanted is None:
        return None
    found = _numbers(given, wanted, molar_mass)
    return None if found is None else (found[0] * charge, found[1])


def _same_annotation(one: Reading, other: Reading) -> bool:
    """A score is a number, but not a percentage; a ratio is both."""
    for mine, theirs in ((one, other), (other, one)):
        if mine.annotation is None or mine.annotation in _SHARES:
            continue
        if theirs.annotation != mine.annotation and theirs.atoms:
            return False
        if theirs.annotation not in (None, mine.annotation):
            return False
    return True


def _charge(one: Reading, other: Reading, valence: int | None) -> float | None:
    """What to multiply by so that only one kind of particle is left; None where that is unknown."""
    if one.kinds == other.kinds:
        return 1
    mine, theirs = dict(one.kinds), dict(other.kinds)
    mine_eq, theirs_eq = mine.pop("eq", 0), theirs.pop("eq", 0)
    if mine != theirs or valence is None:
        return None
    return float(valence) ** (theirs_eq - mine_eq)


def _catalytic(source: str, target: str) -> tuple[float, float] | None:
    """The same with U written for [IU], where the other unit has U."""
    for name in _CATALYTIC:
        source, target = source.replace(name, "U"), target.replace(name, "U")
    one, other = read_code(source), read_code(target)
    if one is None or other is None or one.kinds != other.kinds:
        return None
    if "U" not in one.atoms or "U" not in other.atoms:
        return None
    return _numbers(quantity_of(source), quantity_of(target), None)


def _numbers(one: Any, other: Any, molar_mass: float | None) -> tuple[float, float] | None:
    try:
        if one.dimensionality == other.dimensionality:
            return _affine(one, other)
        if molar_mass is None:
            return None
        grams = molar_mass * one._REGISTRY.Quantity("g/mol")
        for bridged in (one * grams, one / grams):
            if bridged.dimensionality == other.dimensionality:
                return _affine(bridged, other)
    except Exception:  # a scale with an offset in a product, a number too great: Pint has many
        return None
    return None


def _affine(one: Any, other: Any) -> tuple[float, float]:
    if one.units == other.units:
        return float(one.magnitude / other.magnitude), 0.0
    zero = float((0 * one).to(other.units).magnitude)
    factor = float(one.to(other.units).magnitude) - zero
    return factor / float(other.magnitude), zero / float(other.magnitude)
