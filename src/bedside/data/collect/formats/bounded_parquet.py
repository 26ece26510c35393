"""A stranger's Parquet file as a table of bounded size, or the reason why it is none."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from typing import TypeVar

import polars as pl

from bedside.data.collect.facts import Part

__all__ = ["Unreadable", "as_rows", "is_parquet", "read_parquet"]

MOST_CELLS = 200_000_000  # of the columns that are read, in one file
MOST_TEXT = 1 << 30  # bytes of text in one file, once its dictionaries are unfolded
Read = TypeVar("Read")
_PLAIN = (pl.String, pl.Boolean, pl.Null, pl.Decimal)


class Unreadable(Exception):
    """The file cannot be read; the reason never repeats what it holds."""


def is_parquet(name: str) -> bool:
    """Whether a file's name says that it is Parquet."""
    return name.lower().endswith((".parquet", ".parq", ".pq"))


def as_rows(part: Part) -> Part:
    """The same part; the offsets of a Parquet file count its rows."""
    return replace(part, unit="row") if is_parquet(part.name) else part


def read_parquet(
    content: bytes, wanted: Callable[[str], bool] = lambda _: True
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The wanted columns of a Parquet file, with categories as text, and the names of the others.

    A column of lists, records or bytes is none that can be wanted.

    Raises:
        Unreadable: it is damaged, far larger than its size, or no column is wanted.
    """
    plain = _without_categories(content)
    frame, others = _guarded(lambda: _columns(plain, wanted))
    text = [name for name, kind in frame.schema.items() if kind == pl.String]
    if (
        _guarded(lambda: sum(frame[name].str.len_bytes().cast(pl.Int64).sum() for name in text))
        > MOST_TEXT
    ):
        raise Unreadable("it holds more than 1 GiB of text; give it in several files")
    return frame, others


def _without_categories(content: bytes) -> bytes:
    """The file without its writer's note that a text was a category there.

    Polars would rebuild the categories row by row, so that one long text in a small file costs
    minutes; as text its dictionary is shared. The footer's length stands before the last four
    bytes (Parquet format, "File format").
    """
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    if not 0 < footer < len(content) - 8:
        return content
    return content[:footer] + content[footer:].replace(b"ARROW:schema", b"arrow:unread")


def _columns(content: bytes, wanted: Callable[[str], bool]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    lazy = pl.scan_parquet(BytesIO(content), glob=False)
    schema = lazy.collect_schema()
    taken = {name: kind for name, kind in schema.items() if wanted(name) and _is_plain(kind)}
    if not taken:
        raise Unreadable("it has none of the columns that are needed")
    rows = int(lazy.select(pl.len()).collect().item())
    if rows * len(taken) > MOST_CELLS:
        raise Unreadable(f"it has more than {MOST_CELLS:,} cells; give it in several files")
    frame = lazy.select(list(taken)).collect()
    return frame, tuple(name for name in schema if name not in taken)


def _is_plain(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind.is_temporal() or isinstance(kind, _PLAIN)


def _guarded(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except Unreadable:
        raise
    except (Exception, pl.exceptions.PanicException) as error:
        # Polars' own words may repeat a value, so only the kind of the fault is told.
        raise Unreadable(f"the Parquet file is damaged ({type(error).__name__})") from None
