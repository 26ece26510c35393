"""A stranger's Parquet file as a table of bounded size, or the reason why it is none."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import Any

import polars as pl

from bedside.data.collect.facts import Part

__all__ = ["Unreadable", "as_rows", "is_parquet", "read_parquet"]

MOST_CELLS = 200_000_000  # of the columns that are read, in one file
MOST_TEXT = 1 << 30  # bytes of text in one file, once its dictionaries are unfolded
_PLAIN = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null, pl.Decimal)


class Unreadable(Exception):
    """The file cannot be read; the reason never repeats what it holds."""


def is_parquet(name: str) -> bool:
    """Whether a file's name says that it is Parquet."""
    return name.lower().endswith((".parquet", ".parq", ".pq"))


def as_rows(part: Part) -> Part:
    """The same part; the offsets of a Parquet file count its rows."""
    return replace(part, unit="row") if is_parquet(part.name) else part


def read_parquet(content: bytes, wanted: Callable[[str], bool]) -> pl.DataFrame:
    """The wanted columns of a Parquet file, with categories as text.

    Raises:
        Unreadable: it is damaged or far larger than its size, or a wanted column holds lists,
            records or bytes.
    """
    frame = _guarded(lambda: _columns(content, wanted))
    text = [name for name, kind in frame.schema.items() if kind == pl.String]
    held = _guarded(lambda: frame.select(pl.col(text).str.len_bytes().sum())) if text else None
    if held is not None and sum(held.row(0)) > MOST_TEXT:
        raise Unreadable("it holds more than 1 GiB of text; give it in several files")
    return frame


def _columns(content: bytes, wanted: Callable[[str], bool]) -> pl.DataFrame:
    lazy = pl.scan_parquet(BytesIO(content), glob=False)
    schema = lazy.collect_schema()
    names = [name for name in schema.names() if wanted(name)]
    for name in names:
        kind = schema[name]
        if not (kind.is_numeric() or kind.is_temporal() or isinstance(kind, _PLAIN)):
            raise Unreadable("a column that is needed holds lists, records or bytes")
    rows = int(lazy.select(pl.len()).collect().item())
    if rows * max(len(names), 1) > MOST_CELLS:
        raise Unreadable(f"it has more than {MOST_CELLS:,} cells; give it in several files")
    named = {name: kind for name, kind in schema.items() if name in names}
    folded = [name for name, kind in named.items() if isinstance(kind, pl.Categorical | pl.Enum)]
    # An empty selection would lose the number of rows.
    taken = lazy.select(names) if names else lazy.select(pl.lit(None).repeat_by(0))
    return taken.with_columns(pl.col(folded).cast(pl.String)).collect()


def _guarded(read: Callable[[], Any]) -> pl.DataFrame:
    try:
        return read()  # type: ignore[no-any-return]
    except Unreadable:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        # Polars' own words may repeat a value, so only the kind of the fault is told.
        raise Unreadable(f"the Parquet file is damaged ({type(error).__name__})") from None
