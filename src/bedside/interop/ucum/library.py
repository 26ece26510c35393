"""The UCUM library, ucumvert over Pint, loaded when a unit first needs it; each code is read once.

Loading it takes about a second, so the units of `core.units` are answered without it; a test shows
that the library says the same about them.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

__all__ = ["LONGEST", "Reading", "quantity_of", "read_code"]

LONGEST = 64
_DEEP = 4  # brackets within brackets
# Digits that are no exponent (24.h) are few; a long exponent would make a number without end.
_LONG_DIGITS = re.compile(r"[0-9]{4,}")
_LONG_EXPONENT = re.compile(r"[A-Za-z\])*^'%][+-]?[0-9]{3,}")
_ANNOTATION = re.compile(r"\{[^{}]*\}")

# Units of physics that parse, but stand for something else wherever a hospital writes them.
_NEVER_MEANT = frozenset(
    {"G", "T", "H", "F", "C", "B", "b", "P", "St", "Gb", "Mx", "Oe", "ph", "R", "sb", "Lmb", "Bi"}
    | {"Ky", "Gal", "RAD", "REM", "u", "t", "st", "Wb"}
)
_MEANT_WITH_PREFIX = frozenset({("d", "B"), ("c", "P"), ("m", "T")})
# A mole of charge or of particles is a mole of substance only if its valence is known; a count in a
# field of the microscope is no number.
_OF_A_KIND = frozenset({"eq", "osm", "[HPF]", "[LPF]"})


@dataclass(frozen=True, slots=True)
class Reading:
    """A UCUM code as the library understands it.

    Args:
        kinds: Atoms that only compare with themselves, `[IU]`, `eq`, `[pH]`, with their exponents.
        annotation: What stands in braces, where the unit is nothing but that: `{score}`.
        atoms: Every atom of the code.
    """

    kinds: tuple[tuple[str, int], ...]
    annotation: str | None
    atoms: frozenset[str]


@cache
def _to_pint() -> Any:
    from ucumvert import UcumToPintTransformer  # noqa: PLC0415

    return UcumToPintTransformer()


@cache
def _parser() -> Any:
    from ucumvert import get_ucum_parser  # noqa: PLC0415 - slow

    return get_ucum_parser()


@cache
def _incomparable() -> frozenset[str]:
    """Atoms that UCUM calls arbitrary, or special: on a scale that no factor describes."""
    from ucumvert.xml_util import (  # noqa: PLC0415
        get_units_with_full_definition,
    )

    degrees = {"Cel", "[degF]", "[degRe]"}  # an offset describes these
    return frozenset(
        unit.code_cs
        for unit in get_units_with_full_definition()
        if (unit.is_arbitrary or unit.is_special) and unit.code_cs not in degrees
    )


@cache
def read_code(code: str) -> Reading | None:
    """What a UCUM code means, or None where it is not one that a hospital can mean."""
    if not _is_tame(code):
        return None
    from lark.exceptions import LarkError  # noqa: PLC0415 - slow

    try:
        tree = _parser().parse(code)
    except (LarkError, RecursionError):
        return None
    atoms = _atoms(tree)
    if any(not _meant(prefix, atom, code) for prefix, atom, _ in atoms):
        return None
    special = _incomparable() | _OF_A_KIND
    kinds: dict[str, int] = {}
    for _, atom, exponent in atoms:
        if atom in special:
            kinds[atom] = kinds.get(atom, 0) + exponent
    return Reading(
        kinds=tuple(sorted((atom, power) for atom, power in kinds.items() if power)),
        annotation=code if not atoms and code.startswith("{") else None,
        atoms=frozenset(atom for _, atom, _ in atoms),
    )


def _is_tame(code: str) -> bool:
    bare = _ANNOTATION.sub("", code)
    return (
        0 < len(code) <= LONGEST
        and code.isascii()
        and code.isprintable()
        and bare.count("(") <= _DEEP
        and not _LONG_DIGITS.search(bare)
        and not _LONG_EXPONENT.search(bare)
        and not _too_great(bare)
    )


def _too_great(bare: str) -> bool:
    """An exponent beyond 30 belongs to no unit."""
    return any(
        abs(int(found)) > 30 for found in re.findall(r"[A-Za-z\])*^'%]([+-]?[0-9]{1,3})", bare)
    )


def _meant(prefix: str, atom: str, code: str) -> bool:
    if atom == "K":
        return code in ("K", "mK")
    return atom not in _NEVER_MEANT or (prefix, atom) in _MEANT_WITH_PREFIX


def _atoms(tree: Any, sign: int = 1) -> list[tuple[str, str, int]]:
    """Prefix, atom and exponent of each simple unit of the parsed code, below the line negative."""
    if not hasattr(tree, "data"):
        return []
    if tree.data == "simple_unit":
        words = [str(token) for token in tree.children if token.type != "FACTOR"]
        return [("".join(words[:-1]), words[-1], sign)] if words else []
    if tree.data == "annotatable":
        exponent = next(
            (int(part) for part in tree.children if getattr(part, "type", "") == "EXPONENT"), 1
        )
        return [
            (prefix, atom, power * exponent)
            for part in tree.children
            for prefix, atom, power in _atoms(part, sign)
        ]
    found, divided = [], False
    for part in tree.children:
        if getattr(part, "type", "") in ("OPERATOR", "DIVIDE"):
            divided = str(part) == "/"
        else:
            found += _atoms(part, -sign if divided else sign)
            divided = False if hasattr(part, "data") else divided
    return found


@cache
def quantity_of(code: str) -> Any:
    """The library's quantity of a code that `read_code` accepts; None where it has none."""
    transformer = _to_pint()
    try:
        found = transformer.transform(_parser().parse(code))
    except Exception:  # Pint and lark raise errors of many kinds for odd units
        return None
    return found if hasattr(found, "magnitude") else transformer.ureg.Quantity(1)
