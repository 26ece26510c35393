"""The columns of a stored event, their order, and the bucket in which a subject lies."""

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.event import EVENT_COLUMNS, STORED_COLUMNS

__all__ = ["BUCKETS", "EVENT_SCHEMA", "STORED_SCHEMA", "bucket_of", "buckets", "in_order", "stored"]

BUCKETS = 256
"""A subject's bucket depends on the subject alone; a shard is a run of whole buckets."""

UTC_US = pl.Datetime("us", "UTC")
EVENT_SCHEMA: dict[str, Any] = {
    "subject_id": pl.Int64,
    "time": UTC_US,
    "known_at": UTC_US,
    "end": UTC_US,
    "code": pl.Categorical,
    "value": pl.Float64,
    "unit": pl.Categorical,
    "text": pl.String,
    "encounter_id": pl.Int64,
    "source_row": pl.Binary,
    "replaces": pl.Binary,
}
STORED_SCHEMA: dict[str, Any] = {
    **EVENT_SCHEMA,
    "source_file": pl.Int32,
    "source_offset": pl.Int64,
}
_SORTED_BY = ("subject_id", "time", "known_at", "code", "source_row")
_NEVER_NULL = ("subject_id", "known_at", "code", "source_row")
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio: Knuth, TAOCP 3, 6.4


def stored(events: pl.DataFrame) -> pl.DataFrame:
    """The events with exactly the stored columns and types.

    Rows that do not say where they come from get file 0 and offset -1.

    Raises:
        Invalid: a column is absent or of another type, or one that is never empty is.
    """
    absent = [name for name in EVENT_COLUMNS if name not in events.columns]
    if absent:
        raise Invalid(
            f"The events have no column {', '.join(absent)}.",
            fix="give every column of the event table, empty where there is nothing to say.",
            code="missing_column",
        )
    for name in ("time", "known_at", "end"):
        kind = events.schema[name]
        if kind != pl.Null and getattr(kind, "time_zone", None) is None:
            raise _wrong_type()
    try:
        whole = events.with_columns(
            *(
                pl.lit(default, dtype=STORED_SCHEMA[name]).alias(name)
                for name, default in (("source_file", 0), ("source_offset", -1))
                if name not in events.columns
            )
        ).select(pl.col(name).cast(STORED_SCHEMA[name]) for name in STORED_COLUMNS)
    except pl.exceptions.PolarsError:  # its text may repeat a value
        raise _wrong_type() from None
    for name in _NEVER_NULL:
        if whole[name].null_count():
            raise Invalid(
                f"Some events have no {name}.",
                fix="fill it in the collector; a source without it must declare a rule.",
                code="empty_column",
            )
    return whole


def _wrong_type() -> Invalid:
    return Invalid(
        "The events have a column of a type that is not the event table's.",
        fix="give times with their zone, codes and units as text, values as numbers.",
        code="wrong_type",
    )


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """The events by subject, time, known_at, code and raw record; a static fact comes first.

    The order is the same for the same rows, however they arrived: what is still equal is put in
    the order of the other columns.
    """
    ordered = events.sort(_SORTED_BY, nulls_last=False)
    for names in (_SORTED_BY[:3], _SORTED_BY):  # the numbers first: they mostly tell
        same = (pl.col(name).eq_missing(pl.col(name).shift(1)) for name in names)
        if not ordered.select(pl.all_horizontal(same).any()).item():
            return ordered
    rest = [name for name in STORED_COLUMNS if name not in _SORTED_BY]
    return events.sort([*_SORTED_BY, *rest], nulls_last=False)


def buckets(subject: pl.Series) -> npt.NDArray[np.int64]:
    """The bucket of each subject, shape (n,), in [0, BUCKETS)."""
    mixed = subject.to_numpy().astype(np.int64, copy=False).view(np.uint64) * _SPREAD
    mixed ^= mixed >> np.uint64(32)
    return ((mixed * _SPREAD) >> np.uint64(56)).astype(np.int64)


def bucket_of(subject_id: int) -> int:
    """The bucket of one subject.

    >>> 0 <= bucket_of(17) < BUCKETS
    True
    """
    return int(buckets(pl.Series([subject_id], dtype=pl.Int64))[0])
