"""Columns of written times become moments in UTC."""

from datetime import UTC, datetime

import polars as pl

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.table_mapping import TableTime
from bedside.data.collect.facts import UTC_US

__all__ = ["EARLIEST", "LATEST", "NO_ZONE", "moments"]

EARLIEST, LATEST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2300, 1, 1, tzinfo=UTC)
"""A time outside is a slip of the pen; shifted dates of released data lie within."""
NO_ZONE = "the time has no zone and the source declares no timezone"

_MICROSECONDS = {"s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_ZONED = r"^(\d{4}-\d{2}-\d{2}T\d{2}:.*?) ?(Z|z|[+-]\d{2}(?::?\d{2})?)$"
_HOURS = ("%H", "%I", "%k", "%l", "%T", "%R", "%r", "%X", "%c", "%+")
_OFFSET = ("%z", "%:z", "%#z", "%+")
_DAY = ("%d", "%e", "%j", "%D", "%F", "%x", "%v", "%a", "%A", "%u", "%w")
_MONTH = ("%m", "%b", "%B", "%h")
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M")
_LAST = pl.duration(days=1) - pl.duration(microseconds=1)


def moments(written: pl.Series, rule: TableTime, zone: str | None) -> pl.Series:
    """The moment of each written time; null where it cannot be read or lies beyond any life.

    A time of day that a change to summer time skips is null; of one that is there twice, the
    later is taken, so that nothing is seen too early. From 2100 on no summer time is known: dates
    that were shifted so far ahead keep the zone's standard time.

    Args:
        written: Text, shape (n,).
        rule: How it is written.
        zone: The IANA zone of times that carry none; without it these are null.

    Raises:
        Invalid: the pattern is none.
    """
    text = written.cast(pl.String).str.strip_chars().alias("text")
    if rule.format == "number":
        made = _counted(text.to_frame(), rule, pl.col("text").cast(pl.Float64, strict=False))
    elif rule.format == "clock":
        parts = pl.col("text").str.extract_groups(r"^(\d{1,5}):([0-5]\d)(?::([0-5]\d))?$")
        hours = parts.struct[0].cast(pl.Float64, strict=False)
        minutes = parts.struct[1].cast(pl.Float64, strict=False)
        seconds = parts.struct[2].cast(pl.Float64, strict=False).fill_null(0.0)
        made = _counted(text.to_frame(), rule, hours + minutes / 60 + seconds / 3600, unit="h")
    elif rule.format == "iso":
        made = _iso(text.to_frame(), rule, zone)
    else:
        try:
            made = _patterns(text.to_frame(), rule, zone)
        except pl.exceptions.PolarsError:  # its words may repeat what is written
            raise Invalid(
                f"'{rule.format}' is not a way to write a time.",
                fix="write a strptime pattern such as %d.%m.%Y %H:%M, with minutes where it has "
                "hours.",
                code="bad_time_format",
            ) from None
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
    written = pl.col("text").str.replace(r"^(\d{4}-\d{2}-\d{2})[ t]", "${1}T")
    parts = written.str.extract_groups(_ZONED)
    offset = parts.struct[1].str.replace("^[zZ]$", "+00:00")
    zoned = _clock(parts.struct[0] + offset, "%#z")
    if rule.date_only:
        own = _clock(parts.struct[0])
        zoned = zoned + (_of_day(own, rule) - own)
    day = written.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
    local = pl.coalesce(_of_day(_clock(written), rule), day + _LAST)
    return table.select(
        pl.when(offset.is_not_null()).then(zoned).otherwise(_in_zone(local, zone)).alias("moment")
    ).to_series()


def _clock(written: pl.Expr, offset: str = "") -> pl.Expr:
    """A date and a time of day; with an offset, the moment in UTC."""
    zone = "UTC" if offset else None
    return pl.coalesce(
        *(
            written.str.to_datetime(one + offset, strict=False, time_unit="us", time_zone=zone)
            for one in _NAIVE
        )
    )


def _patterns(table: pl.DataFrame, rule: TableTime, zone: str | None) -> pl.Series:
    """By one of the declared patterns; without hours it is the end of a day, month or year."""
    made: list[pl.Expr] = []
    for pattern in rule.format.split("|"):
        one, text = pattern.strip(), pl.col("text")
        if any(mark in one for mark in _OFFSET):
            made.append(text.str.to_datetime(one, strict=False, time_unit="us", time_zone="UTC"))
        elif any(mark in one for mark in _HOURS):
            clock = text.str.to_datetime(one, strict=False, time_unit="us")
            made.append(_in_zone(_of_day(clock, rule), zone))
        else:
            day = text.str.to_date(one, strict=False)
            if not any(mark in one for mark in _DAY):
                has_month = any(mark in one for mark in _MONTH)
                day = (
                    day.dt.month_end() if has_month else day.dt.offset_by("1y").dt.offset_by("-1d")
                )
            made.append(_in_zone(day.cast(pl.Datetime("us")) + _LAST, zone))
    return table.select(pl.coalesce(*made).alias("moment")).to_series()


def _of_day(clock: pl.Expr, rule: TableTime) -> pl.Expr:
    """The time, or the end of its day where the time of day means nothing."""
    return clock.dt.truncate("1d") + _LAST if rule.date_only else clock


def _in_zone(local: pl.Expr, zone: str | None) -> pl.Expr:
    if zone is None:
        return pl.lit(None, dtype=UTC_US)
    placed = local.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    return placed.dt.convert_time_zone("UTC")
