"""Whether values are in another unit than they say, by what the build's values were like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.errors import BedsideError
from bedside.core.units import KNOWN_UNITS
from bedside.interop.ucum import factor_between

__all__ = ["LooksLike", "Usual", "looks_like"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FEWEST = 11  # values
EXCESS = 0.2  # of the values, far on one side of the usual range
INSIDE = 0.8  # of those that the other unit brings back
LEAST_FACTOR = 1.5  # a smaller one cannot be told from other patients
_MOLAR = {
    "LOINC//2093-3": 386.65, "LOINC//2085-9": 386.65, "LOINC//2089-1": 386.65,  # cholesterol
    "LOINC//2345-7": 180.156, "LOINC//2339-0": 180.156, "LOINC//2340-8": 180.156,  # glucose
    "LOINC//2160-0": 113.12, "LOINC//38483-4": 113.12,  # creatinine
    "LOINC//3094-0": 28.014,  # urea nitrogen, of which a molecule has two
    "LOINC//1975-2": 584.66, "LOINC//1968-7": 584.66,  # bilirubin
    "LOINC//2571-8": 885.4,  # triglycerides, as of triolein
    "LOINC//3084-1": 168.11, "LOINC//2524-7": 90.08,  # uric acid, lactate
    "LOINC//17861-6": 40.078, "LOINC//19123-9": 24.305, "LOINC//2777-1": 30.974,  # Ca, Mg, P
}  # fmt: skip
"""g/mol of what laboratories give in grams here and in moles there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What the values of a signal were like at the build, in its declared unit.

    Args:
        low, high: The outer edges of the middle: about a tenth lies below, and a tenth above.
        median: Of all.
    """

    low: float
    high: float
    median: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LooksLike:
    """The unit that values seem to be in.

    Args:
        unit: A UCUM code.
        share: Of the values that seem to be.
        times: What they must be multiplied by, where nothing is added.
    """

    unit: str
    share: float
    times: float | None


def looks_like(
    values: Floats, usual: Usual, unit: str, codes: Sequence[str] = ()
) -> LooksLike | None:
    """The other unit that explains why so many values are unusual; None: none does.

    A fifth of the values or more must lie far on one side, and another unit of the same kind
    must bring nearly all of those back into the usual range. What differs by less than half again,
    such as ranges of two units that overlap, is not found.

    Args:
        values: Shape (n,), finite, as they came, and said to be in `unit`.
        usual: At the build.
        unit: The declared one.
        codes: Of the signal: for some substances, moles and grams are both in use.

    >>> usual = Usual(low=180, high=330, median=240)
    >>> found = looks_like(np.linspace(4, 8, 50), usual, "mg/dL", ["LOINC//2093-3"])
    >>> found.unit, round(found.share, 2)
    ('mmol/L', 1.0)
    >>> looks_like(np.linspace(150, 300, 50), usual, "mg/dL") is None
    True
    """
    values = values[values != 0]  # nothing is the same in any unit
    if len(values) < FEWEST or not usual.high > usual.low:
        return None
    for side in _sides(values, usual):
        if side.sum() < FEWEST or side.mean() < EXCESS:
            continue
        found = _best(values[side], usual, unit, codes)
        if found is not None:
            name, factor, offset = found
            return LooksLike(
                unit=name, share=float(side.mean()), times=factor if offset == 0 else None
            )
    return None


def _sides(values: Floats, usual: Usual) -> Iterator[Bools]:
    """The values far below, and far above, the usual; by ratios where nothing is below 0."""
    if usual.low > 0:
        far = np.sqrt(usual.high / usual.low)
        edges = usual.low / far, usual.high * far
    else:
        far = (usual.high - usual.low) / 2
        edges = usual.low - far, usual.high + far
    yield values < edges[0]
    yield values > edges[1]


def _best(
    values: Floats, usual: Usual, unit: str, codes: Sequence[str]
) -> tuple[str, float, float] | None:
    """The unit that brings most values back, and their median nearest to what is usual."""
    wide = (usual.high - usual.low) / 2
    found = []
    for name, factor, offset in _others(unit, codes):
        if offset == 0 and 1 / LEAST_FACTOR < factor < LEAST_FACTOR:
            continue
        mapped = values * factor + offset
        inside = np.mean((mapped >= usual.low - wide) & (mapped <= usual.high + wide))
        if inside >= INSIDE:
            apart = abs(float(np.median(mapped)) - usual.median)
            found.append((apart, len(name), name, factor, offset))
    return min(found)[2:] if found else None


def _others(unit: str, codes: Sequence[str]) -> Iterator[tuple[str, float, float]]:
    """Each other unit of the same kind, with what takes its values to this one."""
    mass = next((_MOLAR[code] for code in codes if code in _MOLAR), None)
    for name in sorted(KNOWN_UNITS - {unit}):
        try:
            factor, offset = factor_between(name, unit, what="", molar_mass=mass)
        except BedsideError:
            continue
        yield name, factor, offset
