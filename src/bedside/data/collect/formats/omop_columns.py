"""The columns of an OMOP table, whatever wrote it, in the types that its facts are made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from bedside.data.collect.facts import Part, digest_of_records
from bedside.data.collect.formats.bounded_parquet import Unreadable, is_parquet, read_parquet
from bedside.data.collect.formats.omop_text import read_text
from bedside.interop.omop.tables import NAMES_OF_5_3, OmopTable

__all__ = ["OmopRows", "instants", "number", "read_rows", "whole"]

EARLIEST, LATEST = 1800, 2300  # years; shifted dates of released data lie in the future
_TIMES = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_ZONED = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")
_DATES = ("%Y-%m-%d", "%Y%m%d")
_LONGEST = 40  # characters of a time


@dataclass(frozen=True, slots=True, kw_only=True)
class OmopRows:
    """The rows of one part.

    Args:
        rows: The columns, named as in 5.4 and in lower case, as they came; columns that the
            table may have and this one has not are null.
        places: `offset` and `length` of each row.
        digests: Of each row: what it says, whatever the order of the columns.
        bad: Offset, length and reason of what could not be read.
    """

    rows: pl.DataFrame
    places: pl.DataFrame
    digests: pl.Series
    bad: tuple[tuple[int, int, str], ...] = ()


def read_rows(part: Part, table: OmopTable, wanted: Sequence[str]) -> OmopRows:
    """Read a CSV or Parquet file of a table.

    Args:
        part: The file.
        table: What it should be.
        wanted: The columns that are used.

    Raises:
        Unreadable: it is damaged, or lacks a column that the table must have.
    """
    bad: tuple[tuple[int, int, str], ...] = ()
    if is_parquet(part.name):
        rows, _ = read_parquet(part.content)
        offsets = pl.int_range(rows.height, eager=True)
        lengths = pl.repeat(1, rows.height, eager=True, dtype=pl.Int64)
    else:
        text = read_text(part.content)
        rows, bad = text.rows, text.bad
        offsets, lengths = pl.Series(text.offsets), pl.Series(text.lengths)
    names = [name.lower() for name in rows.columns]
    if len(set(names)) != len(names):
        raise Unreadable("two of its columns have the same name")
    rows.columns = [NAMES_OF_5_3.get(name, name) for name in names]
    absent = [name for name in table.required if name not in rows.columns]
    if absent:
        raise Unreadable(f"the table {table.name} needs the column {', '.join(absent)}")
    digests = _digests(rows, table.name)
    added = (pl.lit(None, dtype=pl.String).alias(one) for one in wanted if one not in rows.columns)
    return OmopRows(
        rows=rows.with_columns(*added).select(wanted),
        places=pl.DataFrame({"offset": offsets, "length": lengths}),
        digests=digests,
        bad=bad,
    )


def _digests(rows: pl.DataFrame, table: str) -> pl.Series:
    """The digest of each row: its filled fields by name, so that a new empty column is nothing."""
    said = [
        pl.lit(f"{name}=") + pl.col(name).cast(pl.String).replace("", None)
        for name in sorted(rows.columns)
    ]
    whole_row = pl.concat_str([pl.lit(table), *said], separator="\x1f", ignore_nulls=True)
    return digest_of_records(rows.select(whole_row.alias("record"))["record"].to_list())


def whole(column: pl.Series) -> pl.Series:
    """A column of whole numbers; what is none is null."""
    if column.dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    if column.dtype == pl.String:
        exact = column.str.strip_chars()
        # Some tools write a column of numbers with gaps as 17.0.
        return exact.str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    asked = column.cast(pl.Float64, strict=False)
    return asked.set(asked != asked.floor(), None).cast(pl.Int64, strict=False)


def number(column: pl.Series) -> pl.Series:
    """A column of numbers; what is none is null. It may hold NaN and infinity."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    return column.cast(pl.Float64, strict=False)


def instants(dates: pl.Series, times: pl.Series | None, zone: str) -> pl.Series:
    """When something happened, in UTC; null where it is not told, or not in a possible year.

    A datetime counts where it is filled. One at midnight is a date: the CDM says to write midnight
    where no time is known. A date is placed at its last microsecond, so that nothing of the day is
    seen before it is over. A local time that occurs twice, in autumn, is taken as the later one,
    and one that does not occur, in spring, as an hour later.
    """
    day = _days(dates)
    local, moment = (None, None) if times is None else _moments(times)
    frame = pl.DataFrame({"day": day, "local": local, "moment": moment}).cast(
        {"local": pl.Datetime("us"), "moment": pl.Datetime("us", "UTC")}
    )
    midnight = pl.col("local").dt.time() == pl.time(0)
    date = pl.when(midnight).then(pl.col("local")).otherwise(pl.col("day").cast(pl.Datetime("us")))
    last = date + pl.duration(days=1) - pl.duration(microseconds=1)
    clock = pl.when(~midnight).then(pl.col("local"))
    stated = pl.coalesce(clock, last)
    years = stated.dt.year().is_between(EARLIEST, LATEST)
    utc = pl.coalesce(
        pl.when(pl.col("moment").dt.year().is_between(EARLIEST, LATEST)).then(pl.col("moment")),
        _in_utc(pl.when(years).then(stated), zone),
    )
    return frame.select(utc.alias("time"))["time"]


def _in_utc(local: pl.Expr, zone: str) -> pl.Expr:
    def placed(at: pl.Expr) -> pl.Expr:
        there = at.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
        return there.dt.convert_time_zone("UTC")

    return pl.coalesce(placed(local), placed(local + pl.duration(hours=1)))


def _days(column: pl.Series) -> pl.Series:
    if column.dtype.is_temporal():
        return column.cast(pl.Date, strict=False)
    if column.dtype != pl.String:
        return pl.repeat(None, len(column), dtype=pl.Date, eager=True)
    text = _short(column).str.split("T").list.first().str.split(" ").list.first()
    frame = pl.DataFrame({"text": text})
    tried = [pl.col("text").str.to_date(form, strict=False) for form in _DATES]
    return frame.select(pl.coalesce(tried).alias("day"))["day"]


def _moments(column: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The datetimes without a zone, and the moments of those with one."""
    empty = pl.repeat(None, len(column), dtype=pl.Datetime("us"), eager=True)
    utc = empty.cast(pl.Datetime("us", "UTC"))
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            return empty, column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        return column.dt.cast_time_unit("us"), utc
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us")), utc
    if column.dtype != pl.String:
        return empty, utc
    frame = pl.DataFrame({"text": _short(column).str.replace("T", " ", literal=True)})
    text = pl.col("text")
    plain = [text.str.to_datetime(form, strict=False, time_unit="us") for form in _TIMES]
    zoned = [text.str.to_datetime(form, strict=False, time_unit="us") for form in _ZONED]
    made = frame.select(pl.coalesce(plain).alias("local"), pl.coalesce(zoned).alias("moment"))
    return made["local"], made["moment"].dt.convert_time_zone("UTC")


def _short(column: pl.Series) -> pl.Series:
    text = column.str.strip_chars()
    return text.set((text.str.len_chars() > _LONGEST).fill_null(value=False), None)
