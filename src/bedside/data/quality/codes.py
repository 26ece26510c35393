"""What was counted about each code, put together: units, ranges, distribution, trend and sites."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.quality import (
    CodeQuality,
    Counted,
    PeriodQuality,
    SiteQuality,
    TextUse,
    UnitUse,
)
from bedside.data.prepare.ranges import known_codes
from bedside.data.prepare.rules import USABLE, CodeRule, Rules
from bedside.data.quality.sketch import quantile
from bedside.data.quality.spikes import share_ending_in_zero, spikes_of
from bedside.data.quality.tally import TEMPORAL, Tally

__all__ = ["codes_of"]

Values = NDArray[np.float64]
Counts = NDArray[np.int64]

_QUANTILES = {"p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95}
_BARS = 20
_NO_RULE = CodeRule(unit=None, unit_from=None, range=None)


def codes_of(tally: Tally, rules: Rules, sites: Mapping[str, int]) -> tuple[CodeQuality, ...]:
    """Every code that was met, by how many subjects have it."""
    parts = {
        name: _by_code(tally.parts[name])
        for name in ("units", "periods", "sites", "texts", "nothings")
    }
    sketches = {name: _by_code(sketch.rows) for name, sketch in tally.sketches.items()}
    rows = tally.parts["codes"].sort(["s", "n", "code"], descending=[True, True, False])
    return tuple(_code(row, rules, sites, parts, sketches) for row in rows.iter_rows(named=True))


def _by_code(rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    plain = rows.with_columns(pl.col("code").cast(pl.String))
    return {str(key[0]): part for key, part in plain.partition_by("code", as_dict=True).items()}


def _code(
    row: dict[str, Any],
    rules: Rules,
    sites: Mapping[str, int],
    parts: Mapping[str, Mapping[str, pl.DataFrame]],
    sketches: Mapping[str, Mapping[str, pl.DataFrame]],
) -> CodeQuality:
    code = row["code"]
    rule, known = rules.codes.get(code, _NO_RULE), known_codes().get(code)
    units = _units(code, parts["units"].get(code), rules)
    usable = [unit for unit in units if unit.state in USABLE]
    raw = sketches["values"].get(code)
    value, n = _canonical(code, raw, rules)
    worded = row["values"] + row["texts"] > 0
    between = _shown_between(sketches["least"].get(code), sketches["greatest"].get(code))
    return CodeQuality(
        code=code,
        name=known.name if known is not None else None,
        counted=Counted(rows=row["n"], subjects=row["s"]),
        answered=_answered(row, speaks=worded),
        values=row["values"],
        not_finite=row["not_finite"],
        texts=row["texts"],
        silent=row["silent"] if worded else 0,
        static=row["static"],
        unit=rule.unit,
        unit_from=rule.unit_from,
        understood=sum(
            u.counted.rows for u in units if u.state not in ("not_understood", "absent")
        ),
        convertible=sum(unit.counted.rows for unit in usable),
        units=units,
        judged=row["judged"],
        plausible=row["plausible"],
        implausible=Counted(rows=row["outside_n"], subjects=row["outside_s"]),
        range=rule.range,
        temporal={
            name: Counted(rows=row[f"{name}_n"], subjects=row[f"{name}_s"]) for name in TEMPORAL
        },
        duplicates=Counted(rows=row["repeats_n"], subjects=row["repeats_s"]),
        conflicts=Counted(rows=row["conflicts_n"], subjects=row["conflicts_s"]),
        shown_between=between,
        quantiles={
            name: quantile(value, n, share) for name, share in _QUANTILES.items() if len(value)
        },
        histogram=_histogram(value, n, between),
        nothings=_texts(parts["nothings"].get(code)),
        texts_met=_texts(parts["texts"].get(code)),
        spikes=spikes_of(raw) if raw is not None else (),
        rounded=share_ending_in_zero(raw) if raw is not None else None,
        periods=_periods(parts["periods"].get(code), sketches["periods"].get(code)),
        sites=_sites(parts["sites"].get(code), sketches["sites"].get(code), sites, speaks=worded),
    )


def _units(code: str, rows: pl.DataFrame | None, rules: Rules) -> tuple[UnitUse, ...]:
    if rows is None:
        return ()
    ordered = rows.sort(["n", "unit"], descending=[True, False])
    return tuple(
        UnitUse(
            unit=unit,
            state=rules.units[code, unit].state,
            counted=Counted(rows=n, subjects=s),
        )
        for unit, n, s in ordered.select("unit", "n", "s").iter_rows()
    )


def _canonical(code: str, raw: pl.DataFrame | None, rules: Rules) -> tuple[Values, Counts]:
    """Every usable value in the canonical unit, ascending, and how often it occurs."""
    if raw is None:
        return np.empty(0), np.empty(0, dtype=np.int64)
    values, counts = [], []
    for (unit,), part in (
        raw.with_columns(pl.col("unit").cast(pl.String)).partition_by("unit", as_dict=True).items()
    ):
        rule = rules.units[code, unit if unit is None else str(unit)]
        if rule.state in USABLE:
            values.append(part["value"].to_numpy() * rule.factor + rule.offset)
            counts.append(part["n"].to_numpy())
    if not values:
        return np.empty(0), np.empty(0, dtype=np.int64)
    value, n = np.concatenate(values), np.concatenate(counts)
    order = np.argsort(value, kind="stable")
    return value[order], n[order]


def _answered(row: Mapping[str, Any], *, speaks: bool) -> Counted:
    """Of a code with words or numbers, the rows with one; of any other, every row."""
    which = "speaks" if speaks else "named"
    return Counted(rows=row[f"{which}_n"], subjects=row[f"{which}_s"])


def _shown_between(least: pl.DataFrame | None, greatest: pl.DataFrame | None) -> tuple[float, ...]:
    """What more than ten subjects go down to, and up to; nothing where ten or fewer have any."""
    if least is None or greatest is None or least["n"].sum() <= SUPPRESS_AT_OR_BELOW:
        return ()
    low, high = (
        rows.sort("value", descending=downwards)
        .filter(pl.col("n").cum_sum() > SUPPRESS_AT_OR_BELOW)["value"]
        .item(0)
        for rows, downwards in ((least, False), (greatest, True))
    )
    return (min(low, high), max(low, high))


def _histogram(
    value: Values, n: Counts, between: tuple[float, ...]
) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Equal steps between the first and the last hundredth; the two ends take in the rest."""
    if len(value) < 2 or not between:
        return (), ()
    low, high = quantile(value, n, 0.01), quantile(value, n, 0.99)
    if low == high:
        low, high = float(value[0]), float(value[-1])
    low, high = max(low, between[0]), min(high, between[1])
    if not np.isfinite(high - low) or high <= low:
        return (), ()
    edges = _edges(value, low, high)
    bars = len(edges) - 1
    place = np.clip(np.searchsorted(edges, value, side="right") - 1, 0, bars - 1)
    counts = np.bincount(place, weights=n, minlength=bars).astype(np.int64)
    return tuple(map(float, edges)), tuple(map(int, counts))


def _edges(value: Values, low: float, high: float) -> Values:
    """Equal steps; of whole numbers whole steps, so that each column takes in as many of them."""
    if high - low < 1e6 and bool((value == np.round(value)).all()):
        step = math.ceil((high - low + 1) / _BARS)
        return np.arange(low, high + step + 0.5, step)
    return np.linspace(low, high, int(min(_BARS, len(value))) + 1)


def _texts(rows: pl.DataFrame | None) -> tuple[TextUse, ...]:
    """The texts by frequency; none where there are too many kinds."""
    if rows is None or (rows["text"] == "").any():
        return ()
    ordered = rows.sort(["n", "text"], descending=[True, False])
    return tuple(
        TextUse(text=text, counted=Counted(rows=n, subjects=s))
        for text, n, s in ordered.select("text", "n", "s").iter_rows()
    )


def _medians(sketch: pl.DataFrame | None, by: str) -> dict[Any, float]:
    if sketch is None:
        return {}
    return {
        key[0]: quantile(part["value"].to_numpy(), part["n"].to_numpy(), 0.5)
        for key, part in sketch.sort("value").partition_by(by, as_dict=True).items()
    }


def _periods(rows: pl.DataFrame | None, sketch: pl.DataFrame | None) -> tuple[PeriodQuality, ...]:
    if rows is None:
        return ()
    medians = _medians(sketch, "period")
    return tuple(
        PeriodQuality(
            start=start.isoformat(),
            counted=Counted(rows=n, subjects=s),
            median=medians.get(start),
        )
        for start, n, s in rows.sort("period").select("period", "n", "s").iter_rows()
    )


def _sites(
    rows: pl.DataFrame | None,
    sketch: pl.DataFrame | None,
    sites: Mapping[str, int],
    *,
    speaks: bool,
) -> tuple[SiteQuality, ...]:
    """The code at every site, also where nobody has it."""
    if not sites:
        return ()
    met = {} if rows is None else {row["site"]: row for row in rows.iter_rows(named=True)}
    medians = _medians(sketch, "site")
    none = {"named_n": 0, "named_s": 0, "speaks_n": 0, "speaks_s": 0, "judged": 0, "plausible": 0}
    return tuple(
        SiteQuality(
            site=site,
            subjects=subjects,
            answered=_answered(found, speaks=speaks),
            judged=found["judged"],
            plausible=found["plausible"],
            median=medians.get(site),
        )
        for site, subjects in sorted(sites.items())
        for found in [met.get(site, none)]
    )
