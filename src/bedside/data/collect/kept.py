"""A part of a source as it was kept: its bytes, and the table of its records."""

from bisect import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import polars as pl

from bedside.core.ids import digest_bytes
from bedside.core.records.snapshot import RawFile

__all__ = ["INDEX_SCHEMA", "KeptPart", "index_bytes", "without_places"]

INDEX_SCHEMA: dict[str, Any] = {
    "offset": pl.Int64,
    "length": pl.Int64,
    "subject_id": pl.Int64,
    "reason": pl.String,
}
"""The records of a part: where each lies in the part as it was received, the pseudonym of whom it
is about (null: not known), and for an unreadable one the reason."""


def index_bytes(index: pl.DataFrame) -> bytes:
    """The table of records as Parquet."""
    buffer = BytesIO()
    index.select(list(INDEX_SCHEMA)).write_parquet(buffer, compression="zstd", compression_level=1)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPart:
    """The bytes of a part, what the snapshot says of it, and its records (`INDEX_SCHEMA`)."""

    content: bytes
    file: RawFile
    index: pl.DataFrame

    @classmethod
    def of(cls, content: bytes, file: RawFile, index: bytes) -> "KeptPart":
        """A part from its two objects."""
        return cls(content=content, file=file, index=pl.read_parquet(BytesIO(index)))

    @property
    def objects(self) -> tuple[bytes, ...]:
        """What is kept of it in the raw zone."""
        return (self.content, index_bytes(self.index))

    def without(self, rows: pl.Series) -> "KeptPart":
        """The part without the records that are marked true (shape (n,), boolean).

        What is left keeps its offsets in the part as it was received.
        """
        marked = self.index.filter(rows).select("offset", "length")
        cut = _joined(marked.iter_rows(), besides=self.file.gone)
        places = [(self.file.place(offset), length) for offset, length in cut]
        content = without_places(self.content, self.file.unit, places)
        left = self.index.filter(~rows)
        file = replace(
            self.file,
            digest=digest_bytes(content),
            rows=left.height,
            gone=tuple(sorted([*self.file.gone, *cut])),
            index=digest_bytes(index_bytes(left)),
        )
        return KeptPart(content=content, file=file, index=left)


def _joined(
    runs: Iterable[tuple[int, int]], *, besides: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The runs (first, length) in order, none inside another, without what is gone already.

    >>> _joined([(0, 9), (2, 3)], besides=[(4, 2)])
    [(0, 4), (6, 3)]
    """
    holes, made, at = sorted(besides), list[tuple[int, int]](), 0
    for first, length in sorted(runs):
        start, end = max(first, at), first + length
        for hole, size in holes[max(bisect(holes, (start,)) - 1, 0) :]:
            if hole >= end:
                break
            if hole > start:
                made.append((start, hole - start))
            start = max(start, hole + size)
        if end > start:
            made.append((start, end - start))
        at = max(at, end)
    return made


def without_places(content: bytes, unit: str, places: Sequence[tuple[int, int]]) -> bytes:
    """The content without these runs (first, length): bytes of a text, rows of a Parquet file.

    >>> without_places(b"abcdef", "byte", [(1, 2), (4, 1)])
    b'adf'
    """
    if unit == "row":
        gone = pl.Series("row", [at for first, n in places for at in range(first, first + n)])
        table = pl.read_parquet(BytesIO(content)).with_row_index("_row")
        buffer = BytesIO()
        left = table.filter(~pl.col("_row").cast(pl.Int64).is_in(gone.cast(pl.Int64).implode()))
        left.drop("_row").write_parquet(buffer)
        return buffer.getvalue()
    kept, at = [], 0
    for first, length in sorted(places):
        kept.append(content[at:first])
        at = max(at, first + length)
    return b"".join([*kept, content[at:]])
