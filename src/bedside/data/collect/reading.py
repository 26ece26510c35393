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

__all__ = ["Received", "kept_file", "read_file", "received", "record_starts"]

_READERS: dict[str, Callable[[BytesIO], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": pl.read_csv,
}
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
        return Received(content=content, file=file, table=left, offsets=self.offsets.filter(~rows))

    def _places(self, rows: pl.Series) -> list[tuple[int, int]]:
        """Offset and length, in the file as it was received, of the rows marked true."""
        first = self.offsets.filter(rows).to_list()
        if self.file.unit == "row":
            return [(offset, 1) for offset in first]
        edges = np.append(record_starts(self.content), len(self.content))
        lengths = np.diff(edges)[1:][rows.to_numpy()]
        return list(zip(first, lengths.tolist(), strict=True))


def read_file(path: Path, *, subject: str) -> Received:
    """Read a Parquet or CSV file.

    Args:
        path: The file.
        subject: The column with the source's patient identifier.

    Raises:
        NotFound: there is no such file.
        Invalid: its name does not end in .parquet or .csv, or it cannot be read as that.
    """
    if not path.is_file():
        raise NotFound(
            f"There is no data file '{path.name}' in the folder given.",
            fix="give the folder that holds it with --data.",
        )
    if path.suffix not in _READERS:
        raise Invalid(f"'{path.name}' is neither Parquet nor CSV.", fix="convert it to Parquet.")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"'{path.name}' cannot be read ({type(error).__name__}).", fix="check its permissions."
        ) from None
    return received(content, name=path.name, subject=subject)


def _parsed(content: bytes, name: str) -> pl.DataFrame:
    try:
        return _READERS[Path(name).suffix](BytesIO(content))
    except Exception as error:  # Polars' own errors may repeat a value, so only the class is told
        raise Invalid(
            f"'{name}' is malformed ({type(error).__name__}).",
            fix="export it again, or check that the transfer was complete.",
            code="malformed",
        ) from None


def received(content: bytes, *, name: str, subject: str) -> Received:
    """The table in the bytes of a file whose name ends in .parquet or .csv.

    Raises:
        Invalid: the bytes are not what the name says.
    """
    table, suffix = _parsed(content, name), Path(name).suffix
    offsets = np.arange(table.height, dtype=np.int64)
    if suffix == ".csv":
        offsets = record_starts(content)[1:]
        if len(offsets) != table.height:
            raise Invalid(
                f"'{name}' has a line that is no row of its table.",
                fix="export it again without comments and empty lines.",
                code="malformed",
            )
    file = RawFile(
        digest=digest_bytes(content),
        name=name,
        unit="byte" if suffix == ".csv" else "row",
        rows=table.height,
        subject=subject,
    )
    return Received(content=content, file=file, table=table, offsets=pl.Series("_offset", offsets))


def kept_file(content: bytes, file: RawFile) -> Received:
    """A raw file that was kept, with what was erased from it since in mind.

    Raises:
        Invalid: the bytes are not what the name says.
    """
    found = received(content, name=file.name, subject=file.subject)
    if not file.gone:
        return replace(found, file=file)
    offsets = pl.Series("_offset", [file.as_received(place) for place in found.offsets])
    return replace(found, file=file, offsets=offsets.cast(pl.Int64))


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
    starts = record_starts(content)
    edges = np.append(starts, len(content))
    kept = [content[: edges[1]] if len(edges) > 1 else content]
    for row in np.flatnonzero(~gone.to_numpy()):
        kept.append(content[edges[row + 1] : edges[row + 2]])
    return b"".join(kept)
