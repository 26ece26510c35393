"""A wide table, one row per subject and time, becomes two-time events by the declared mapping."""

from collections.abc import Iterator
from hashlib import blake2b

import polars as pl

from bedside.core.clock import parse_duration, parse_instant
from bedside.core.errors import Invalid
from bedside.core.ids import subject_pseudonym
from bedside.core.records.declaration import Declaration, Signal
from bedside.core.units import conversion

__all__ = ["collect_table"]

UTC_US = pl.Datetime("us", "UTC")
_MICROSECONDS = {"s": 10**6, "min": 60 * 10**6, "h": 3600 * 10**6, "d": 86400 * 10**6}
_AFTER = {
    "h": _MICROSECONDS["h"],
    "d": _MICROSECONDS["d"],
    "month": 30.4375 * _MICROSECONDS["d"],
    "year": 365.25 * _MICROSECONDS["d"],
}


def collect_table(
    raw: pl.DataFrame,
    declaration: Declaration,
    offsets: pl.Series | None = None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Events of a wide table, sorted by subject, time and code.

    Args:
        raw: One row per subject and time. A column of an outcome may be absent: labels may not
            have come yet.
        declaration: Its data source and signals say which column is what, in which unit, and how
            long after it happened a fact could be seen.
        offsets: Shape (n,). Where each row lies in its file; counted from 0 if not given.

    Returns:
        The event table (`STORED_SCHEMA`) and the conversion report: rows in, events out.

    Raises:
        Invalid: a declared column is absent, not numeric, or the subject or time is empty.
    """
    rows = _clocked(raw, declaration, offsets)
    parts = [part for part in _parts(rows, declaration) if part.height]
    if not parts:
        raise Invalid("The table holds no event.", fix="check that the file is the right one.")
    events = pl.concat(parts).sort("subject_id", "time", "code", "source_row")
    return events, {"rows_in": raw.height, "events_out": events.height}


def _clocked(
    raw: pl.DataFrame, declaration: Declaration, offsets: pl.Series | None
) -> pl.DataFrame:
    """The raw rows with `_subject`, `_time`, `_first`, `_offset` and `_row`, each row's digest."""
    source = declaration.data
    needed = [source.subject, *([source.clock.column] if source.clock.column else [])]
    needed += [s.column for s in declaration.signals.values() if s.role != "outcome"]
    absent = sorted(set(needed) - set(raw.columns))
    if absent:
        raise Invalid(
            f"The table has no column {', '.join(absent)}.",
            fix="correct the column names in bedside.yaml, or give the right file.",
            code="missing_column",
        )
    identifiers = raw[source.subject].cast(pl.String)
    if identifiers.null_count():
        raise Invalid("Some rows have no subject.", fix=f"fill the column '{source.subject}'.")
    names = identifiers.unique().sort()
    pseudonyms = pl.DataFrame(
        {
            "_id": names,
            "_subject": [subject_pseudonym(name, salt=source.pseudonym_salt) for name in names],
        },
        schema={"_id": pl.String, "_subject": pl.Int64},
    )
    origin = pl.lit(parse_instant(source.clock.origin)).cast(UTC_US)
    time = origin
    if source.clock.column:
        ticks = pl.col(source.clock.column).cast(pl.Float64, strict=False)
        if raw.select(ticks.is_null().any()).item():
            raise Invalid(
                f"The clock column '{source.clock.column}' is not a number in every row.",
                fix="fill or remove the rows without a time.",
            )
        step = (ticks * _MICROSECONDS[source.clock.unit]).round().cast(pl.Int64)
        time = origin + pl.duration(microseconds=step)
    return (
        raw.with_columns(
            identifiers.alias("_id"),
            _row_digest(raw),
            (pl.int_range(pl.len()) if offsets is None else offsets).alias("_offset"),
        )
        .join(pseudonyms, on="_id", maintain_order="left")
        .with_columns(time.alias("_time"))
        .with_columns(pl.col("_time").min().over("_subject").alias("_first"))
    )


def _row_digest(raw: pl.DataFrame) -> pl.Series:
    """BLAKE2b (16 bytes) of each raw row, in the table's own column order."""
    text = raw.select(
        pl.concat_str([pl.col(c).cast(pl.String).fill_null("") for c in raw.columns], separator="|")
    ).to_series()
    return pl.Series(
        "_row", [blake2b(row.encode(), digest_size=16).digest() for row in text], dtype=pl.Binary
    )


def _parts(rows: pl.DataFrame, declaration: Declaration) -> Iterator[pl.DataFrame]:
    source = declaration.data
    if source.row_event:
        yield _events(rows, pl.col("_time"), pl.col("_time"), source.row_event)
    firsts = rows.unique("_subject", keep="first", maintain_order=True)
    if source.start_event:
        origin = pl.lit(parse_instant(source.clock.origin)).cast(UTC_US)
        yield _events(firsts, origin, origin, source.start_event)
    for name, signal in declaration.signals.items():
        if signal.role == "outcome":
            if {signal.column, signal.happens_after_column} - {""} <= set(rows.columns):
                yield _outcome(rows, name, signal)
        elif signal.role == "static":
            known = pl.col("_first") + parse_duration(signal.visible_after)
            told = rows.filter(pl.col(signal.column).is_not_null())
            told = told.unique("_subject", keep="first", maintain_order=True)
            yield _measured(told, name, signal, pl.lit(None, dtype=UTC_US), known)
        else:
            delay = parse_duration(signal.visible_after)
            yield _measured(rows, name, signal, pl.col("_time"), pl.col("_time") + delay)


def _measured(
    rows: pl.DataFrame, name: str, signal: Signal, time: pl.Expr, known: pl.Expr
) -> pl.DataFrame:
    if signal.is_categorical:
        text = _plain(signal.column)
        if signal.categories is not None:
            text = text.replace_strict(signal.categories, default=None, return_dtype=pl.String)
        made = _events(rows, time, known, signal.code, text=text)
        return made.filter(pl.col("text").is_not_null())
    if not rows.schema[signal.column].is_numeric():
        raise Invalid(
            f"The column of '{name}' is not numeric.",
            fix="convert it to numbers; leave a value out when it was not measured.",
        )
    factor, offset = conversion(
        name, source=signal.source_unit or signal.unit or "1", target=signal.unit or "1"
    )
    value = pl.col(signal.column).cast(pl.Float64) * factor + offset
    made = _events(rows, time, known, signal.code, value=value, unit=signal.unit)
    return made.filter(pl.col("value").is_finite())


def _plain(column: str) -> pl.Expr:
    """A column as text: a category may be stored as 0 or 0.0, and both are the declared "0"."""
    return pl.col(column).cast(pl.String).str.replace(r"\.0$", "")


def _outcome(rows: pl.DataFrame, name: str, signal: Signal) -> pl.DataFrame:
    """The events of an outcome: of what each row says, of each row, or of the subject's first."""
    told, is_mark = rows, signal.column and not signal.is_categorical and signal.unit is None
    if is_mark:
        told = rows.filter(_is_so(rows, name, signal))
    time = pl.col("_time") + _after(told, name, signal)
    known = time + parse_duration(signal.visible_after)
    if signal.column and not is_mark:
        return _measured(told, name, signal, time, known)
    made = _events(told, time, known, signal.code)
    if not is_mark:
        return made
    return made.sort("subject_id", "time").unique("subject_id", keep="first", maintain_order=True)


def _is_so(rows: pl.DataFrame, name: str, signal: Signal) -> pl.Expr:
    """Where the column says that it happened."""
    kind = rows.schema[signal.column]
    if kind == pl.Boolean:
        return pl.col(signal.column).cast(pl.Int8).cast(pl.String) == signal.equals
    if signal.equals == "1" and not kind.is_numeric():
        raise Invalid(
            f"The outcome '{name}' is not 0 or 1.",
            fix="code it as 0 and 1, or write equals: and the text that says it happened.",
        )
    return _plain(signal.column) == signal.equals


def _after(rows: pl.DataFrame, name: str, signal: Signal) -> pl.Expr:
    """How long after each of these rows it happens."""
    if not signal.happens_after_column:
        return pl.lit(parse_duration(signal.happens_after)).cast(pl.Duration("us"))
    length = pl.col(signal.happens_after_column).cast(pl.Float64, strict=False)
    sound = (length.is_finite() & (length >= 0)).fill_null(False)
    if not rows.select(sound.all()).item():
        raise Invalid(
            f"'{name}' does not say in every row how long after it happened.",
            fix=f"write a number, 0 or more, in the column '{signal.happens_after_column}', or "
            "leave the row out.",
            code="no_duration",
        )
    micros = (length * _AFTER[signal.happens_after_unit]).round().cast(pl.Int64)
    return pl.duration(microseconds=micros)


def _events(
    rows: pl.DataFrame,
    time: pl.Expr,
    known: pl.Expr,
    code: str,
    *,
    value: pl.Expr | None = None,
    unit: str | None = None,
    text: pl.Expr | None = None,
) -> pl.DataFrame:
    return rows.select(
        pl.col("_subject").alias("subject_id"),
        time.alias("time"),
        known.alias("known_at"),
        pl.lit(None, dtype=UTC_US).alias("end"),
        pl.lit(code, dtype=pl.Categorical).alias("code"),
        (value if value is not None else pl.lit(None, dtype=pl.Float64)).alias("value"),
        pl.lit(unit, dtype=pl.Categorical).alias("unit"),
        (text if text is not None else pl.lit(None, dtype=pl.String)).alias("text"),
        pl.lit(None, dtype=pl.Int64).alias("encounter_id"),
        pl.col("_row").alias("source_row"),
        pl.lit(None, dtype=pl.Binary).alias("replaces"),
        pl.lit(0, dtype=pl.Int32).alias("source_file"),
        pl.col("_offset").alias("source_offset"),
    )
