"""MEDS 0.4 in Parquet, and dialects of it: each row is a fact.

MEDS has one time for each event and says nothing of when it became known: the declaration does, by
the kind of fact, which follows from the first part of the code (`interop.meds.names.KINDS`). A time
at midnight is left where it is, because MEDS does not say whether it is a date: where a source
writes dates so, the rule of the kind must wait for the end of the day.
"""

import re
from collections import Counter
from typing import Any

import polars as pl

from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import (
    FACT_SCHEMA,
    RECORD_SCHEMA,
    UTC_US,
    Batch,
    Beside,
    Part,
    Reader,
    digest_of_records,
)
from bedside.data.collect.formats.bounded_parquet import (
    Unreadable,
    as_rows,
    is_parquet,
    read_parquet,
)
from bedside.interop.meds.names import KINDS, OTHER_NAMES, bedside_code, kind_of

__all__ = ["READER"]

EARLIEST, LATEST = 1800, 2300  # years; shifted dates of released data lie in the future
LONGEST_CODE = 1000  # characters
NO_ZONE = "the time has no zone and the source declares no timezone"
PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_./ ]{0,39}")
_NEEDED = ("subject_id", "time", "code")
_TAKEN: dict[str, Any] = {
    "subject_id": pl.Int64,
    "time": None,
    "code": pl.String,
    "numeric_value": pl.Float64,
    "text_value": pl.String,
    "unit": pl.String,
    "end": None,
    "encounter": pl.String,
}
_METADATA = ("codes.parquet", "dataset.json", "subject_splits.parquet")


def collect(part: Part, source: Collection, beside: Beside) -> Batch:
    """The facts of one file."""
    if not is_parquet(part.name):
        return _unread(part, "it is no Parquet file of events")
    try:
        return _collected(part, source)
    except Unreadable as fault:
        return _unread(part, str(fault))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        # Polars' own words may repeat a value, so only the kind of the fault is told.
        return _unread(part, f"its columns cannot be used ({type(error).__name__})")


def _unread(part: Part, reason: str) -> Batch:
    length = len(part.content) if part.unit == "byte" else 0
    bad = BadRecord(file=part.name, offset=0, length=length, reason=reason)
    return Batch(
        facts=pl.DataFrame(schema=FACT_SCHEMA),
        records=pl.DataFrame(schema=RECORD_SCHEMA),
        rows_in={},
        bad=(bad,),
    )


def _collected(part: Part, source: Collection) -> Batch:
    rows, left_out = _columns(part)
    digests = _digests(rows)
    faults = _faults(rows, source)
    rows = rows.with_columns(
        pl.int_range(pl.len()).alias("offset"),
        pl.col("subject_id").cast(pl.String).alias("subject"),
        digests.alias("record"),
        faults.alias("_fault"),
        _utc(rows["time"], source.timezone).alias("time"),
        _utc(rows["end"], source.timezone).alias("end"),
    )
    bad = rows.filter(pl.col("_fault").is_not_null()).select("offset", "_fault")
    good = rows.filter(pl.col("_fault").is_null()).with_columns(*_coded(rows["code"]))
    infinite = pl.col("numeric_value").is_finite().fill_null(value=True).not_()
    dropped = left_out
    dropped["the value is not a finite number"] = int(good.select(infinite.sum()).item())
    return Batch(
        facts=_facts(good.filter(~infinite)),
        records=good.select("offset", pl.lit(1, pl.Int64).alias("length"), "subject"),
        rows_in={"event": rows.height},
        dropped={why: count for why, count in dropped.items() if count},
        bad=tuple(
            BadRecord(file=part.name, offset=offset, length=1, reason=reason)
            for offset, reason in bad.iter_rows()
        ),
    )


def _columns(part: Part) -> tuple[pl.DataFrame, Counter[str]]:
    """The columns that are taken, as strict MEDS names and types them, and what is left out."""
    frame, others = read_parquet(part.content, lambda name: bool(_meaning(name)))
    taken: dict[str, str] = {}
    for name in frame.columns:
        meant = _meaning(name)
        if meant not in taken or name.lower() == meant:
            taken[meant] = name
    absent = [name for name in _NEEDED if name not in taken]
    if absent:
        raise Unreadable(f"MEDS needs the column {', '.join(absent)}")
    left_out = Counter[str]()
    for name in (*others, *(name for name in frame.columns if name not in taken.values())):
        told = f"'{name}'" if PLAIN_NAME.fullmatch(name) else "with an unusual name"
        left_out[f"the column {told} of a file is not taken"] += 1
    made = {
        meant: _typed(frame[taken[meant]], kind)
        if meant in taken
        else pl.repeat(None, frame.height, dtype=kind or pl.Datetime("us"), eager=True)
        for meant, kind in _TAKEN.items()
    }
    return pl.DataFrame(made), left_out


def _meaning(name: str) -> str:
    """What a column is in strict MEDS, or in its usual extensions; empty: none of them."""
    lower = name.lower()
    return lower if lower in _TAKEN else OTHER_NAMES.get(lower, "")


def _typed(column: pl.Series, kind: Any) -> pl.Series:
    if kind is None:
        if column.dtype == pl.Null:
            return column.cast(pl.Datetime("us"))
        if not isinstance(column.dtype, pl.Datetime):
            raise Unreadable("a time in it is not a timestamp")
        return column.dt.cast_time_unit("us")
    if kind == pl.Int64 and not column.dtype.is_integer():
        raise Unreadable("subject_id is not a whole number")
    if kind == pl.Float64 and not (column.dtype.is_numeric() or column.dtype == pl.Null):
        raise Unreadable("the values are not numbers")
    return column.cast(kind, strict=False)


def _digests(rows: pl.DataFrame) -> pl.Series:
    """The digest of each row: its filled fields by name."""
    filled = [name for name in rows.columns if rows[name].null_count() < rows.height]
    said = [pl.lit(f"{name}=") + pl.col(name).to_physical().cast(pl.String) for name in filled]
    joined = pl.concat_str(said, separator="\x1f", ignore_nulls=True)
    return digest_of_records(rows.select(joined.alias("record"))["record"].to_list())


def _faults(rows: pl.DataFrame, source: Collection) -> pl.Series:
    """Why a row is unreadable, null where it is not."""
    time, end, code = pl.col("time"), pl.col("end"), pl.col("code")
    possible = [one.dt.year().is_between(EARLIEST, LATEST).not_() for one in (time, end)]
    zoned = all(rows.schema[name].time_zone is not None for name in ("time", "end"))  # type: ignore[attr-defined]
    no_zone = pl.lit(value=source.timezone is None and not zoned)
    whys = [
        (pl.col("subject_id").is_null(), "there is no subject_id"),
        (code.is_null() | (code.str.strip_chars() == ""), "there is no code"),
        (code.str.len_chars() > LONGEST_CODE, f"the code has over {LONGEST_CODE} characters"),
        (code.str.contains("\0", literal=True), "the code holds a NUL character"),
        (no_zone & (time.is_not_null() | end.is_not_null()), NO_ZONE),
        (pl.any_horizontal(possible), "a time lies in no possible year"),
    ]
    tests = [pl.when(mask).then(pl.lit(why)) for mask, why in whys]
    return rows.select(pl.coalesce(tests).alias("reason"))["reason"]


def _utc(column: pl.Series, zone: str | None) -> pl.Series:
    """The times in UTC.

    A local time that occurs twice is taken as the later one, one that does not occur as an hour
    later.
    """
    if column.dtype.time_zone is not None:  # type: ignore[attr-defined]
        return column.dt.convert_time_zone("UTC")
    if zone in (None, "UTC"):
        return column.dt.replace_time_zone("UTC")
    there = column.dt.replace_time_zone(zone, ambiguous="latest", non_existent="null")
    later = column.dt.offset_by("1h").dt.replace_time_zone(
        zone, ambiguous="latest", non_existent="null"
    )
    return there.zip_with(there.is_not_null(), later).dt.convert_time_zone("UTC")


def _coded(codes: pl.Series) -> tuple[pl.Expr, pl.Expr]:
    """The codes as Bedside writes them, and the kind of fact of each."""
    every = codes.drop_nulls().unique().to_list()
    ours = {code: bedside_code(code) for code in every}
    kinds = {code: kind_of(code) for code in every}
    return (
        pl.col("code").replace_strict(ours, default=None, return_dtype=pl.String).alias("_code"),
        pl.col("code").replace_strict(kinds, default=None, return_dtype=pl.String).alias("kind"),
    )


def _facts(rows: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.lit(None, dtype=pl.Binary)
    return rows.select(
        "subject",
        "time",
        "end",
        pl.lit(None, dtype=UTC_US).alias("recorded"),
        "kind",
        pl.col("_code").alias("code"),
        pl.col("numeric_value").alias("value"),
        "unit",
        pl.col("text_value").alias("text"),
        "encounter",
        "record",
        nothing.alias("identity"),
        pl.lit(value=False).alias("retracts"),
        "offset",
    ).select(pl.col(name).cast(kind) for name, kind in FACT_SCHEMA.items())


READER = Reader(
    collect=collect,
    kinds=frozenset({*KINDS.values(), "observation"}),
    split="whole",
    repeats="counted",
    passive=tuple(pattern for name in _METADATA for pattern in (name, f"*metadata/{name}")),
    prepare=as_rows,
)
"""A row of MEDS has no name: two that are alike are two events."""
