"""Numbers, shares and chances in plain words."""

from bedside.core.errors import BedsideError
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.units import KNOWN_UNITS, conversion, display

__all__ = ["chance", "count_of", "number", "per_cent", "quantity", "unit_advice"]

_DECIMAL = (10.0, 100.0, 1000.0, 1e6)


def number(value: float) -> str:
    """Three significant digits at most, no exponent for what clinicians read daily.

    >>> number(1104.0), number(0.0123), number(690.0)
    ('1,100', '0.0123', '690')
    """
    rounded = float(f"{value:.2e}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else f"{rounded:.3g}"


def quantity(value: float, unit: str | None) -> str:
    """A number with its unit as clinicians write it.

    >>> quantity(690.0, "um2")
    '690 µm²'
    """
    return f"{number(value)} {display(unit)}".strip()


def per_cent(share: float) -> str:
    """A share in per cent, with a decimal below ten.

    >>> per_cent(0.314), per_cent(0.0213), per_cent(0.0)
    ('31 %', '2.1 %', '0 %')
    """
    if 0 < share < 0.0995:
        return f"{100 * share:.1f} %"
    return f"{100 * share:.0f} %"


def count_of(count: int, total: int) -> str:
    """A count out of a total, neither told exactly where it is small.

    >>> count_of(3, 200), count_of(120, 200), count_of(195, 200)
    ('at most 10 of 200', '120 of 200', 'all but 10 or fewer of 200')
    """
    if count <= SUPPRESS_AT_OR_BELOW:
        return f"at most {SUPPRESS_AT_OR_BELOW} of {total:,}"
    if 0 < total - count <= SUPPRESS_AT_OR_BELOW:
        return f"all but {SUPPRESS_AT_OR_BELOW} or fewer of {total:,}"
    return f"{count:,} of {total:,}"


def chance(p_adjusted: float) -> str:
    """How surely it is more than chance.

    >>> chance(0.0004), chance(0.0042)
    ('far more than chance (adjusted p < 0.001)', 'more than chance (adjusted p = 0.004)')
    """
    if p_adjusted < 0.001:
        return "far more than chance (adjusted p < 0.001)"
    return f"more than chance (adjusted p = {p_adjusted:.3f})"


def unit_advice(then: float, now: float, unit: str | None) -> str:
    """A hint at another unit, when the typical value changed as it would by one.

    >>> unit_advice(690.0, 6940.0, "um2")
    'That is about 10 times: check whether it still comes in µm².'
    >>> unit_advice(5.5, 99.0, "mmol/L")
    'That is about 18 times: check its unit first.'
    >>> unit_advice(690.0, 1100.0, "um2")
    ''
    """
    if then == 0 or now == 0 or (then < 0) != (now < 0):
        return ""
    ratio = now / then
    times = f"about {number(ratio)} times" if ratio > 1 else f"about 1/{number(1 / ratio)}"
    for factor in (*_DECIMAL, *_unit_factors(unit)):
        for exact in (factor, 1 / factor):
            if factor != 1 and abs(ratio / exact - 1) <= 0.15:
                shown = f"{number(exact)} times" if exact > 1 else f"1/{number(1 / exact)}"
                spoken = display(unit)
                check = f"whether it still comes in {spoken}" if spoken else "its unit"
                return f"That is about {shown}: check {check}."
    return f"That is {times}: check its unit first." if ratio >= 5 or ratio <= 0.2 else ""


def _unit_factors(unit: str | None) -> list[float]:
    """Factors between this unit and the others of its family, at least a factor of 2 apart."""
    if unit is None or unit not in KNOWN_UNITS:
        return []
    factors = []
    for other in sorted(KNOWN_UNITS):
        try:
            factor, offset = conversion("", source=unit, target=other)
        except BedsideError:
            continue
        if offset == 0 and not 0.5 < factor < 2:
            factors.append(factor)
    return factors
