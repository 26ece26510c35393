"""Whether values moved as they would in another unit, in all of them or in a share of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.errors import BedsideError
from bedside.core.units import KNOWN_UNITS
from bedside.interop.ucum import factor_between

__all__ = ["Conversion", "Moved", "Spread", "conversions", "moved_as"]

Floats = npt.NDArray[np.float64]

LEAST_FACTOR = 1.5
"""A smaller factor cannot be told from a bias, or from other patients."""

OUTRIGHT = 4.0
"""A factor this large that no conversion gives still says that the values mean something else."""

_SLACK = 0.12  # of the logarithm's place: assays and patients differ a little beside the unit
_SURE = 3.0  # standard errors
_MOLAR_MASS = {
    "cholesterol": 386.65, "hdl": 386.65, "ldl": 386.65, "glucose": 180.156,
    "creatinine": 113.12, "bun": 28.014, "urea": 60.06, "bilirubin": 584.66,
    "triglyceride": 885.4, "triglycerides": 885.4, "uric": 168.11, "urate": 168.11,
    "lactate": 90.08, "calcium": 40.078, "magnesium": 24.305, "phosphate": 30.974,
    "phosphorus": 30.974, "iron": 55.845, "ammonia": 17.031, "cortisol": 362.46,
    "thyroxine": 776.87, "haemoglobin": 16114.5, "hemoglobin": 16114.5,
}  # fmt: skip
"""g/mol of what laboratories give in grams here and in moles there, by a word of the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """Another unit in which a signal could come: what comes is value * factor + offset."""

    unit: str
    factor: float
    offset: float = 0.0

    def log_shift(self, typical: Floats) -> float:
        """How far it moves the mean of the logarithm of values such as these.

        Args:
            typical: Shape (q,), such as quantiles of the values in the declared unit.

        >>> round(math.exp(Conversion(unit="mmol/L", factor=0.0555).log_shift(np.ones(1))), 4)
        0.0555
        """
        if self.offset == 0:
            return math.log(self.factor)
        kept = typical[np.isfinite(typical) & (typical > 0)]
        moved = kept * self.factor + self.offset
        if not len(kept) or (moved <= 0).any():
            return math.nan
        return float(np.mean(np.log(moved) - np.log(kept)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Where the natural logarithms of n values other than 0 lie: their mean and variance."""

    n: float
    mean: float
    variance: float

    @staticmethod
    def of_sums(n: float, total: float, squares: float) -> "Spread | None":
        """From sums of the logarithms and of their squares; None: of two values or fewer."""
        if n <= 2:
            return None
        mean = total / n
        return Spread(n=n, mean=mean, variance=max(squares / n - mean * mean, 0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """By how much values are multiplied, in which share of them, and in which unit they then are.

    Args:
        times: The factor.
        share: Of the values; 1 is all.
        unit: The unit that would explain it; None: none that is known.
    """

    times: float
    share: float
    unit: str | None


def conversions(
    unit: str | None,
    *,
    signal: str = "",
    codes: Sequence[str] = (),
    molar_masses: Mapping[str, float] | None = None,
) -> tuple[Conversion, ...]:
    """The other units in which a signal of this unit could come, one for each factor.

    Args:
        unit: The declared one, a UCUM code; None: a category, and nothing is returned.
        signal: Its name or label: a substance's molar mass is looked up by its words.
        codes: Of the signal.
        molar_masses: In g/mol by code, as declared under `quality`.

    >>> known = {one.unit: one for one in conversions("mg/dL", signal="creatinine")}
    >>> round(known["umol/L"].factor, 1)
    88.4
    """
    if unit is None or unit not in KNOWN_UNITS:
        return ()
    masses = [mass for code, mass in (molar_masses or {}).items() if code in codes]
    words = signal.lower().replace("_", " ").replace(".", " ").split()
    masses += [_MOLAR_MASS[word] for word in words if word in _MOLAR_MASS]
    found: dict[tuple[float, float], Conversion] = {}
    for other in sorted(KNOWN_UNITS - {unit}, key=lambda code: (len(code), code)):
        try:
            factor, offset = factor_between(
                unit, other, what=signal, molar_mass=masses[0] if masses else None
            )
        except BedsideError:
            continue
        if offset == 0 and 1 / LEAST_FACTOR < factor < LEAST_FACTOR:
            continue
        place = (float(f"{factor:.6g}"), float(f"{offset:.6g}"))
        found.setdefault(place, Conversion(unit=other, factor=factor, offset=offset))
    return tuple(found.values())


def moved_as(
    then: Spread, now: Spread, known: Sequence[Conversion], typical: Floats
) -> Moved | None:
    """The factor that moved the values, if it is one of a unit: known, or too large for a bias.

    Where only a share p of the values comes times e^L, the mean of the logarithms moves by p L,
    and their variance grows by p (1 - p) L^2, so that L = mean + growth / mean.

    Args:
        then: Before.
        now: Since it began.
        known: From `conversions`.
        typical: Shape (q,), such as quantiles of the values before.

    >>> then = Spread(n=1000, mean=0.0, variance=0.25)
    >>> now = Spread(n=80, mean=4.48, variance=0.25)
    >>> found = moved_as(then, now, conversions("mg/dL", signal="creatinine"), np.ones(1))
    >>> found.unit, found.share
    ('umol/L', 1.0)
    """
    shift = now.mean - then.mean
    error = math.sqrt(max(then.variance, 1e-6) * (1 / now.n + 1 / then.n))
    if abs(shift) < _SURE * error:
        return None
    whole = _whole(shift, error, now, then, known, typical)
    return whole or _partly(shift, error, now, then, known, typical)


def _whole(
    shift: float,
    error: float,
    now: Spread,
    then: Spread,
    known: Sequence[Conversion],
    typical: Floats,
) -> Moved | None:
    """All values moved by one factor: their spread is as before."""
    if now.variance > 2.5 * then.variance + 0.02 * shift * shift:
        return None
    found = _nearest(shift, _SURE * error, known, typical)
    if found is not None:
        return Moved(times=math.exp(shift), share=1.0, unit=found.unit)
    if abs(shift) >= math.log(OUTRIGHT) + _SURE * error:
        return Moved(times=math.exp(shift), share=1.0, unit=None)
    return None


def _partly(
    shift: float,
    error: float,
    now: Spread,
    then: Spread,
    known: Sequence[Conversion],
    typical: Floats,
) -> Moved | None:
    """A share of them did: their spread grew as two heaps' would."""
    growth = now.variance - then.variance
    doubt = then.variance * math.sqrt(2 / now.n + 2 / then.n)
    if growth < _SURE * doubt:
        return None
    far = shift + growth / shift
    if abs(far) < math.log(LEAST_FACTOR):
        return None
    share = shift / far
    between = 2 * abs(far) * math.sqrt(max(share * (1 - share), 0.0)) * error
    unsure = _SURE * (error * abs(1 - growth / shift**2) + math.hypot(doubt, between) / abs(shift))
    found = _nearest(far, min(unsure, 0.25 * abs(far)), known, typical)
    if found is None or not 0.02 <= share <= 1:
        return None
    return Moved(times=math.exp(far), share=share, unit=found.unit)


def _nearest(
    shift: float, unsure: float, known: Sequence[Conversion], typical: Floats
) -> Conversion | None:
    """The conversion whose shift is this one, within its doubt; the nearest of several."""
    reach = _SLACK + unsure
    near = [
        (abs(found - shift), len(one.unit), one.unit, one)
        for one in known
        if math.isfinite(found := one.log_shift(typical))
        and abs(found) >= math.log(LEAST_FACTOR)
        and abs(found - shift) <= min(reach, 0.45 * abs(found))
    ]
    return min(near)[-1] if near else None
