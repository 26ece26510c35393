"""Clean events: every value in its declared unit, implausible values set aside and counted."""

from collections import Counter
from collections.abc import Mapping

import polars as pl

from bedside.core.records.declaration import Signal
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.units import conversion
from bedside.features.inputs import Plausible, plausible_ranges

__all__ = ["prepare", "quality_report"]


def prepare(
    events: pl.DataFrame, signals: dict[str, Signal]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Convert each value to its declared unit and set implausible ones aside, as at the bedside.

    A correction whose value is implausible still takes back what it corrects: its row stays,
    without the value.

    Returns:
        The clean events, and how many values were set aside, by signal.

    Raises:
        WrongUnit: a value's unit cannot be converted to the declared one.
    """
    ranges = plausible_ranges(signals)
    events = _in_declared_units(events, ranges)
    table = pl.DataFrame(
        {
            "code": list(ranges),
            "low": [rule.low for rule in ranges.values()],
            "high": [rule.high for rule in ranges.values()],
        },
        schema={"code": events.schema["code"], "low": pl.Float64, "high": pl.Float64},
    )
    marked = events.join(table, on="code", how="left", maintain_order="left").with_columns(
        (
            pl.col("value").is_null()
            | pl.col("low").is_null()
            | pl.col("value").is_between(pl.col("low"), pl.col("high"))
        ).alias("kept")
    )
    aside = marked.filter(~pl.col("kept"))["code"].cast(pl.String).value_counts().iter_rows()
    counts = Counter[str]()
    for code, count in aside:
        counts[ranges[code].signal] += count
    correction = pl.col("replaces").is_not_null()
    value = pl.when(pl.col("kept")).then(pl.col("value")).alias("value")
    clean = marked.filter(pl.col("kept") | correction).with_columns(value)
    return clean.drop("low", "high", "kept"), counts


def _in_declared_units(events: pl.DataFrame, ranges: Mapping[str, Plausible]) -> pl.DataFrame:
    """The events with every value of a signal in the unit that it declares."""
    units = [pl.col("code").cast(pl.String), pl.col("unit").cast(pl.String)]
    met = events.filter(pl.col("value").is_not_null()).select(units).unique()
    factors = []
    for code, unit in met.iter_rows():
        rule = ranges.get(code)
        if rule is None or None in (unit, rule.unit) or unit == rule.unit:
            continue
        factor, offset = conversion(rule.signal, source=unit, target=str(rule.unit))
        factors.append((code, unit, rule.unit, factor, offset))
    if not factors:
        return events
    table = pl.DataFrame(
        factors,
        orient="row",
        schema={
            "code": events.schema["code"],
            "unit": events.schema["unit"],
            "_unit": events.schema["unit"],
            "_factor": pl.Float64,
            "_offset": pl.Float64,
        },
    )
    joined = events.join(table, on=["code", "unit"], how="left", maintain_order="left")
    converts = pl.col("_factor").is_not_null()
    value = pl.when(converts).then(pl.col("value") * pl.col("_factor") + pl.col("_offset"))
    return joined.with_columns(
        value.otherwise(pl.col("value")).alias("value"),
        pl.coalesce("_unit", "unit").alias("unit"),
    ).drop("_unit", "_factor", "_offset")


def quality_report(events: int, aside: Mapping[str, int]) -> dict[str, object]:
    """Events and values set aside, by signal; ten or fewer are shown as "10 or fewer"."""
    shown = {
        name: count if count > SUPPRESS_AT_OR_BELOW else "10 or fewer"
        for name, count in sorted(aside.items())
    }
    return {"events": events, "set_aside": shown}
