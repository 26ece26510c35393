"""For each code its canonical unit and range, and for each unit that was met what becomes of it."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from bedside.core.errors import Invalid, WrongUnit
from bedside.core.records.collection import Collection
from bedside.core.records.quality import Range
from bedside.data.prepare.ranges import known_codes
from bedside.interop.ucum import factor_between, ucum_of

__all__ = ["CodeRule", "Rules", "UnitRule", "rules_for", "units_met"]

UnitCounts = Mapping[tuple[str, str | None], int]
"""Values of a code (first) in a unit (second, None where there is none)."""

USABLE = ("kept", "converted")
_NEEDS_NONE = ("1", "[pH]")
_TABLE: dict[str, Any] = {
    "code": pl.String,
    "unit": pl.String,
    "_state": pl.String,
    "_factor": pl.Float64,
    "_offset": pl.Float64,
    "_to": pl.String,
    "_low": pl.Float64,
    "_high": pl.Float64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRule:
    """The canonical unit of a code, why it is that one, and the range in that unit."""

    unit: str | None
    unit_from: str | None
    range: Range | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRule:
    """What becomes of a value in one unit: value * factor + offset, where `state` is usable."""

    state: str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """By code, and by code and unit as it was written."""

    codes: Mapping[str, CodeRule]
    units: Mapping[tuple[str, str | None], UnitRule]

    def table(self, code_type: pl.DataType, unit_type: pl.DataType) -> pl.DataFrame:
        """One row for each code and unit, to join with events by `code` and `unit`."""
        rows = [
            (code, unit, rule.state, rule.factor, rule.offset, *_bounds(self.codes[code]))
            for (code, unit), rule in self.units.items()
        ]
        plain = pl.DataFrame(rows, schema=_TABLE, orient="row")
        return plain.with_columns(
            pl.col("code").cast(code_type), pl.col("unit", "_to").cast(unit_type)
        )


def _bounds(rule: CodeRule) -> tuple[str | None, float | None, float | None]:
    if rule.range is None:
        return rule.unit, None, None
    return rule.unit, rule.range.low, rule.range.high


def units_met(batches: Iterable[pl.DataFrame]) -> Counter[tuple[str, str | None]]:
    """How many values each code has in each unit, over all batches; counts of parts add up."""
    met: Counter[tuple[str, str | None]] = Counter()
    for events in batches:
        counted = (
            events.filter(pl.col("value").is_not_null())
            .group_by("code", "unit")
            .len()
            .select(pl.col("code", "unit").cast(pl.String), "len")
        )
        for code, unit, count in counted.iter_rows():
            met[code, unit] += count
    return met


def rules_for(source: Collection, met: UnitCounts) -> Rules:
    """What the declaration, the built-in table and the data say, in this order.

    The canonical unit of a code is the declared one, else that of its declared range, else that of
    the built-in table, else the one that most of its values are in. A value without a unit counts
    only where the declaration says which it is, or where the code needs none.

    Raises:
        Invalid: the declaration names a unit that is not UCUM, or a range that holds no value.
    """
    met_by_code: dict[str, dict[str | None, int]] = {}
    for (code, unit), count in met.items():
        met_by_code.setdefault(code, {})[unit] = count
    codes: dict[str, CodeRule] = {}
    units: dict[tuple[str, str | None], UnitRule] = {}
    for code, used in met_by_code.items():
        written = {unit: _meant(source, code, unit) for unit in used}
        codes[code] = _code_rule(source, code, used, written)
        for unit, meant in written.items():
            units[code, unit] = _unit_rule(source, code, unit, meant, codes[code].unit)
    return Rules(codes=codes, units=units)


def _meant(source: Collection, code: str, unit: str | None) -> str | None:
    """The UCUM code of what was written, None where that is not known."""
    if unit is None or not unit.strip():
        assumed = source.quality.assumed_units.get(code)
        return None if assumed is None else _declared(assumed, f"assumed_units of {code}")
    spelled = source.quality.unit_spellings.get(unit)
    if spelled is not None:
        return _declared(spelled, "unit_spellings")
    return ucum_of(unit)


def _declared(unit: str, where: str) -> str:
    code = ucum_of(unit)
    if code is None:
        raise Invalid(
            f"'{unit}', declared in {where}, is not a UCUM unit.",
            fix="write a UCUM code, such as mg/dL, mm[Hg] or 10*3/uL.",
            code="wrong_unit",
        )
    return code


def _code_rule(
    source: Collection,
    code: str,
    used: Mapping[str | None, int],
    written: Mapping[str | None, str | None],
) -> CodeRule:
    known, declared = known_codes().get(code), source.quality.ranges.get(code)
    unit: str | None
    if code in source.units:
        unit, why = _declared(source.units[code], f"units of {code}"), "declared"
    elif declared is not None:
        unit, why = _declared(declared.unit, f"the range of {code}"), "range"
    elif known is not None:
        unit, why = known.range.unit, "table"
    else:
        unit, why = _most_used(used, written), "most used"
    bounds = declared if declared is not None else (known.range if known is not None else None)
    return CodeRule(
        unit=unit,
        unit_from=why if unit is not None else None,
        range=_range_in(source, code, bounds, unit, must=declared is not None),
    )


def _most_used(
    used: Mapping[str | None, int], written: Mapping[str | None, str | None]
) -> str | None:
    """The unit that most values mean; of two that are equally frequent, the first by its name."""
    meant: Counter[str] = Counter()
    for unit, count in used.items():
        if (code := written[unit]) is not None:
            meant[code] += count
    return min(meant, key=lambda unit: (-meant[unit], unit)) if meant else None


def _range_in(
    source: Collection, code: str, bounds: Range | None, unit: str | None, *, must: bool
) -> Range | None:
    """The range in the canonical unit; a built-in one that does not convert is no range."""
    if bounds is None or unit is None:
        return None
    if not (math.isfinite(bounds.low) and math.isfinite(bounds.high) and bounds.low < bounds.high):
        raise Invalid(
            f"The range of {code} holds no value.", fix="give a low bound below the high one."
        )
    try:
        factor, offset = _factor(source, code, _declared(bounds.unit, f"the range of {code}"), unit)
    except WrongUnit:
        if must:
            raise
        return None
    low, high = (bound * factor + offset for bound in (bounds.low, bounds.high))
    return Range(low=low, high=high, unit=unit, source=bounds.source)


def _factor(source: Collection, code: str, one: str, other: str) -> tuple[float, float]:
    known = known_codes().get(code)
    return factor_between(
        one,
        other,
        what=code,
        molar_mass=source.quality.molar_masses.get(code),
        valence=known.valence if known is not None else None,
    )


def _unit_rule(
    source: Collection, code: str, unit: str | None, meant: str | None, canonical: str | None
) -> UnitRule:
    blank = unit is None or not unit.strip()
    if meant is None:
        if not blank:
            return UnitRule(state="not_understood")
        free = canonical is None or canonical in _NEEDS_NONE or canonical.startswith("{")
        return UnitRule(state="kept" if free else "absent")
    if canonical is None:
        return UnitRule(state="kept")
    try:
        factor, offset = _factor(source, code, meant, canonical)
    except WrongUnit:
        return UnitRule(state="wrong")
    state = "kept" if meant == canonical else "converted"
    return UnitRule(state=state, factor=factor, offset=offset)
