"""A file as it was received, as a table, and where in the file each of its records lies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid, NotFound, Unavailable
from bedside.core.ids import digest_bytes
from bedside.core.records.snapshot import RawFile
from bedside.data.collect.unpacking import Unpacked
from bedside.interop.arff import read_header

__all__ = ["ROW", "Received", "kept_file", "read_file", "received", "record_starts"]

ROW = "_row"
"""Instead of a column with the subject: each row is someone else, `FILE#NUMBER`, from 1."""

LARGEST = 2 << 30
"""Bytes that a gzipped table may hold; it is held in memory."""

_NEWLINE, _QUOTE, _RETURN = ord("\n"), ord('"'), ord("\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The bytes of a file, the table in them, and the offset of each row (shape (n,), int64)."""

    content: bytes
    file: RawFile
    table: pl.DataFrame
    offsets: pl.Series

    @property
    def objects(self) -> tuple[bytes, ...]:
        """What is kept of it in the raw zone."""
        return (self.content,)

    def without(self, rows: pl.Series) -> "Received":
        """The file without the rows marked true (shape (n,), boolean).

        What is left keeps its offsets in the file as it was received, and the file says what is
        gone. A text file keeps every other byte; a columnar one is written again.
        """
        content = _without_records(self.content, self.file, rows)
        left = _parsed(content, self.file.name)
        gone = [*self.file.gone, *self._places(rows)]
        file = replace(
            self.file, digest=digest_bytes(content), rows=left.height, gone=tuple(sorted(gone))
        )
        offsets = self.offsets.filter(~rows)
        return Received(
            content=content, file=file, table=_numbered(left, file, offsets), offsets=offsets
        )

    def _places(self, rows: pl.Series) -> list[tuple[int, int]]:
        """Offset and length, in the file as it was received, of the rows marked true."""
        first = self.offsets.filter(rows).to_list()
        if self.file.unit == "row":
            return [(offset, 1) for offset in first]
        edges = np.append(_starts(self.content, self.file.name), len(self.content))
        lengths = np.diff(edges)[1:][rows.to_numpy()]
        return list(zip(first, lengths.tolist(), strict=True))


def read_file(path: Path, *, subject: str) -> Received:
    """Read a Parquet, CSV or ARFF file; a gzipped one (`….gz`) is read, and kept, as what it holds.

    Args:
        path: The file.
        subject: The column with the source's patient identifier, or `ROW`.

    Raises:
        NotFound: there is no such file.
        Invalid: its name does not end in .parquet, .csv or .arff, or it cannot be read as that.
    """
    if not path.is_file():
        raise NotFound(
            f"There is no data file '{path.name}' in the folder given.",
            fix="give the folder that holds it with --data.",
        )
    name = path.name.removesuffix(".gz")
    if Path(name).suffix not in _READERS:
        raise Invalid(
            f"'{path.name}' is neither Parquet, CSV nor ARFF.", fix="convert it to Parquet."
        )
    try:
        content = path.read_bytes() if name == path.name else _gunzipped(path)
    except OSError as error:
        raise Unavailable(
            f"'{path.name}' cannot be read ({type(error).__name__}).", fix="check its permissions."
        ) from None
    return received(content, name=name, subject=subject)


def _gunzipped(path: Path) -> bytes:
    with path.open("rb") as raw:
        unpacked = Unpacked(raw, path.name, path.stat().st_size)
        content = unpacked.all(LARGEST)
    if unpacked.fault:
        raise Invalid(
            f"'{path.name}' is malformed: {unpacked.fault}.",
            fix="export it again, or check that the transfer was complete.",
            code="malformed",
        )
    return content


def _csv(content: bytes) -> pl.DataFrame:
    return pl.read_csv(BytesIO(content), infer_schema_length=None)


def _arff(content: bytes) -> pl.DataFrame:
    """The rows of an ARFF file; `?` is missing."""
    header = read_header(content)
    return pl.read_csv(
        BytesIO(content[header.data :]),
        has_header=False,
        new_columns=list(header.names),
        null_values=["?"],
        comment_prefix="%",
        quote_char="'",
        infer_schema_length=None,
    )


_READERS: dict[str, Callable[[bytes], pl.DataFrame]] = {
    ".parquet": lambda content: pl.read_parquet(BytesIO(content)),
    ".csv": _csv,
    ".arff": _arff,
}


def _parsed(content: bytes, name: str) -> pl.DataFrame:
    try:
        return _READERS[Path(name).suffix](content)
    except Invalid:
        raise
    except Exception as error:  # Polars' own errors may repeat a value, so only the class is told
        raise Invalid(
            f"'{name}' is malformed ({type(error).__name__}).",
            fix="export it again, or check that the transfer was complete.",
            code="malformed",
        ) from None


def received(content: bytes, *, name: str, subject: str) -> Received:
    """The table in the bytes of a file whose name ends in .parquet, .csv or .arff.

    Raises:
        Invalid: the bytes are not what the name says.
    """
    table, suffix = _parsed(content, name), Path(name).suffix
    offsets = np.arange(table.height, dtype=np.int64)
    if suffix != ".parquet":
        offsets = _starts(content, name)[1:]
        if len(offsets) != table.height:
            raise Invalid(
                f"'{name}' has a line that is no row of its table.",
                fix="export it again without comments and empty lines.",
                code="malformed",
            )
    file = RawFile(
        digest=digest_bytes(content),
        name=name,
        unit="row" if suffix == ".parquet" else "byte",
        rows=table.height,
        subject=subject,
    )
    places = pl.Series("_offset", offsets)
    return Received(
        content=content, file=file, table=_numbered(table, file, places), offsets=places
    )


def _numbered(table: pl.DataFrame, file: RawFile, offsets: pl.Series) -> pl.DataFrame:
    """The table; where `ROW` is the subject, with the file and the number that each row had in it.

    Two files are of different people, even where their rows have the same numbers; and a row keeps
    its number when rows before it are erased.
    """
    if file.subject != ROW:
        return table
    gone = np.array(sorted(first for first, _ in file.gone), dtype=np.int64)
    before = np.searchsorted(gone, offsets.to_numpy())
    number = pl.Series(np.arange(1, table.height + 1) + before).cast(pl.String)
    return table.with_columns((pl.lit(f"{file.name}#") + number).alias(ROW))


def kept_file(content: bytes, file: RawFile) -> Received:
    """A raw file that was kept, with what was erased from it since in mind.

    Raises:
        Invalid: the bytes are not what the name says.
    """
    found = received(content, name=file.name, subject=file.subject)
    if not file.gone:
        return replace(found, file=file)
    offsets = pl.Series("_offset", [file.as_received(place) for place in found.offsets])
    offsets = offsets.cast(pl.Int64)
    return replace(found, file=file, table=_numbered(found.table, file, offsets), offsets=offsets)


def _starts(content: bytes, name: str) -> npt.NDArray[np.int64]:
    """The first byte of the header and of each record of a text file."""
    if Path(name).suffix == ".csv":
        return record_starts(content)
    first = read_header(content).data
    body = content[first:]
    starts = record_starts(body, quote=ord("'"))
    rows = starts[np.frombuffer(body, dtype=np.uint8)[starts] != ord("%")]
    return np.concatenate([np.zeros(1, dtype=np.int64), rows + first])


def record_starts(content: bytes, *, quote: int = _QUOTE) -> npt.NDArray[np.int64]:
    r"""The first byte of each record of a CSV file (RFC 4180), the header's included.

    A line break inside quotes does not end a record; an empty line is none.

    >>> record_starts(b'a,b\n1,"x\ny"\n\n2,z\n').tolist()
    [0, 4, 13]
    """
    octets = np.frombuffer(content, dtype=np.uint8)
    breaks = octets == _NEWLINE
    quotes = octets == quote
    if quotes.any():
        breaks &= ~np.logical_xor.accumulate(quotes)
    breaks = np.flatnonzero(breaks)
    starts = np.concatenate([np.zeros(1, dtype=np.int64), breaks + 1])
    ends = np.append(breaks, len(octets))
    held = ends - starts
    only_return = held == 1
    only_return[only_return] = octets[starts[only_return]] == _RETURN
    found: npt.NDArray[np.int64] = starts[(held > 0) & ~only_return]
    return found


def _without_records(content: bytes, file: RawFile, gone: pl.Series) -> bytes:
    if file.unit == "row":
        buffer = BytesIO()
        pl.read_parquet(BytesIO(content)).filter(~gone).write_parquet(buffer)
        return buffer.getvalue()
    starts = _starts(content, file.name)
    edges = np.append(starts, len(content))
    kept = [content[: edges[1]] if len(edges) > 1 else content]
    for row in np.flatnonzero(~gone.to_numpy()):
        kept.append(content[edges[row + 1] : edges[row + 2]])
    return b"".join(kept)
