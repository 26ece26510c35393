"""Columns of written times become moments in UTC."""

from datetime import UTC, datetime

import polars as pl

from bedside.core.clock import parse_instant
from bedside.core.records.table_mapping import TableTime
from bedside.data.collect.facts import UTC_US

__all__ = ["EARLIEST", "LATEST", "NO_ZONE", "moments"]

EARLIEST, LATEST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
"""A time outside is a slip of the pen; shifted dates of released data lie within."""
NO_ZONE = "the time has no zone and the source declares no timezone"

_MICROSECONDS = {"s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_ZONED = r"(Z|z|[+-]\d{2}:?\d{2})$"
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")
_LAST = pl.duration(days=1) - pl.duration(microseconds=1)


def moments(written: pl.Series, rule: TableTime, zone: str | None) -> pl.Series:
    """The moment of each written time; null where it cannot be read or lies beyond any life.

    A time of day that a change to summer time skips is null; of one that is there twice, the
    earlier is taken.

    Args:
        written: Text, shape (n,).
        rule: How it is written.
        zone: The IANA zone of times that carry none; without it these are null.
    """
    text = written.cast(pl.String).str.strip_chars().alias("text")
    if rule.format == "number":
        made = _counted(text.to_frame(), rule, pl.col("text").cast(pl.Float64, strict=False))
    elif rule.format == "clock":
        parts = pl.col("text").str.extract_groups(r"^(\d{1,5}):(\d{2})(?::(\d{2}))?$")
        hours = parts.struct[0].cast(pl.Float64, strict=False)
        minutes = parts.struct[1].cast(pl.Float64, strict=False)
        seconds = parts.struct[2].cast(pl.Float64, strict=False).fill_null(0.0)
        made = _counted(text.to_frame(), rule, hours + minutes / 60 + seconds / 3600, unit="h")
    elif rule.format == "iso":
        made = _iso(text.to_frame(), rule, zone)
    else:
        made = _patterns(text.to_frame(), rule, zone)
    inside = made.is_between(pl.lit(EARLIEST), pl.lit(LATEST))
    return pl.select(pl.when(inside).then(made).alias(written.name)).to_series().cast(UTC_US)


def _counted(
    table: pl.DataFrame, rule: TableTime, ticks: pl.Expr, unit: str | None = None
) -> pl.Series:
    """So many units after the origin; what a microsecond count cannot hold is null."""
    origin = pl.lit(parse_instant(rule.origin or "")).cast(UTC_US)
    step = ticks * _MICROSECONDS[unit or rule.unit]
    held = pl.when(step.is_finite() & (step.abs() < 2**56)).then(step)
    moved = origin + pl.duration(microseconds=held.round().cast(pl.Int64, strict=False))
    return table.select(moved.alias("moment")).to_series()


def _iso(table: pl.DataFrame, rule: TableTime, zone: str | None) -> pl.Series:
    """ISO 8601 with or without an offset, to the day or finer."""
    written = pl.col("text").str.replace(r"^(\d{4}-\d{2}-\d{2}) ", "${1}T")
    offset = written.str.contains(_ZONED)
    plain = written.str.replace(r"[zZ]$", "+00:00")
    zoned = pl.coalesce(
        *(
            plain.str.to_datetime(f"{pattern}%#z", strict=False, time_unit="us", time_zone="UTC")
            for pattern in _NAIVE
        )
    )
    clock = pl.coalesce(
        *(written.str.to_datetime(one, strict=False, time_unit="us") for one in _NAIVE)
    )
    day = written.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    local = pl.coalesce(_of_day(clock, rule), day + _LAST)
    return table.select(
        pl.when(offset).then(zoned).otherwise(_in_zone(local, zone)).alias("moment")
    ).to_series()


def _patterns(table: pl.DataFrame, rule: TableTime, zone: str | None) -> pl.Series:
    """By one of the declared patterns; one without hours is a date."""
    made: list[pl.Expr] = []
    for pattern in rule.format.split("|"):
        one = pattern.strip()
        if any(mark in one for mark in ("%H", "%I", "%T", "%R")):
            clock = pl.col("text").str.to_datetime(one, strict=False, time_unit="us")
            made.append(_of_day(clock, rule))
        else:
            day = pl.col("text").str.to_date(one, strict=False).cast(pl.Datetime("us"))
            made.append(day + _LAST)
    return table.select(_in_zone(pl.coalesce(*made), zone).alias("moment")).to_series()


def _of_day(clock: pl.Expr, rule: TableTime) -> pl.Expr:
    """The time, or the end of its day where the time of day means nothing."""
    return clock.dt.truncate("1d") + _LAST if rule.date_only else clock


def _in_zone(local: pl.Expr, zone: str | None) -> pl.Expr:
    if zone is None:
        return pl.lit(None, dtype=UTC_US)
    placed = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone("UTC")
