"""The bytes of a table, whatever its form, become columns of text and the place of each row."""

from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import Part
from bedside.data.collect.formats.bounded_parquet import Unreadable, is_parquet, read_parquet
from bedside.data.collect.formats.table_sheet import SHEETS
from bedside.data.collect.reading import record_starts
from bedside.interop.arff import read_header

__all__ = ["ReadTable", "read_table"]

_SEPARATORS = {".csv": ",", ".psv": "|", ".tsv": "\t", ".tab": "\t", ".arff": ",", ".txt": ","}
LARGEST = 256 << 20  # bytes of a text that is read at once; a longer CSV comes in parts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTable:
    """The rows as text, the place of each in its part, and the rows that are none.

    `offsets` and `lengths`: shape (n,), bytes of a text, rows of a Parquet file.
    """

    rows: pl.DataFrame
    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    bad: tuple[BadRecord, ...] = ()


def read_table(part: Part, separator: str | None) -> ReadTable:
    """The table in a part.

    A row with too many or too few fields is a bad record; the others are read.

    Raises:
        Invalid: it cannot be read as a table at all. The message tells why, no value.
    """
    suffix = PurePosixPath(part.name).suffix.lower()
    if is_parquet(part.name):
        return _columnar(part)
    if suffix in SHEETS:
        raise _malformed("no sheet can be read, or it is too large; save it as .xlsx or CSV")
    content = _utf8(part.content)
    separator = separator or _SEPARATORS.get(suffix, ",")
    if suffix != ".arff":
        return _text(part, content, separator, first=0, names=None, quote='"')
    header = read_header(content)
    return _text(part, content, ",", first=header.data, names=header.names, quote="'")


def _columnar(part: Part) -> ReadTable:
    try:
        table, _ = read_parquet(part.content)
    except Unreadable as error:
        raise _malformed(str(error)) from None
    return ReadTable(
        rows=table.select(_written(name, kind) for name, kind in table.schema.items()),
        offsets=np.arange(table.height, dtype=np.int64),
        lengths=np.ones(table.height, dtype=np.int64),
    )


def _written(name: str, kind: pl.DataType) -> pl.Expr:
    """A column as text; moments in ISO 8601, with their offset where they have a zone."""
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            return column.dt.strftime("%Y-%m-%dT%H:%M:%S%.6f")
        return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
    if isinstance(kind, pl.Duration):
        return (column.dt.total_microseconds() / 1e6).cast(pl.String)
    return column.cast(pl.String, strict=False)


def _utf8(content: bytes) -> bytes:
    """The content, which must be UTF-8; the same bytes, so that places stay what they are."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _malformed("it is written in UTF-16; export it in UTF-8")
    if len(content) > LARGEST:
        raise _malformed(f"it is larger than {LARGEST >> 20} MiB; give it in several files")
    if b"\0" in content:
        raise _malformed("it holds NUL bytes")
    if b"\r" in content and b"\n" not in content:
        raise _malformed("its lines end with a carriage return alone; export it with line feeds")
    try:
        content.decode()
    except UnicodeDecodeError:
        raise _malformed("it is not written in UTF-8") from None
    return content


def _text(
    part: Part,
    content: bytes,
    separator: str,
    *,
    first: int,
    names: tuple[str, ...] | None,
    quote: str,
) -> ReadTable:
    body = content[first:]
    octets = np.frombuffer(body, dtype=np.uint8)
    starts = record_starts(body, quote=ord(quote))
    ends = np.append(starts[1:], len(body))[: len(starts)]
    if names is not None:
        is_row = octets[starts] != ord("%")
        starts, ends = starts[is_row], ends[is_row]
    marks = np.flatnonzero(_unquoted(octets, quote) & (octets == ord(separator)))
    fields = np.searchsorted(marks, ends) - np.searchsorted(marks, starts) + 1
    if names is None:
        if not len(starts):
            raise _malformed("it is empty")
        names = _names(body[starts[0] : ends[0]], separator, quote)
        starts, ends, fields = starts[1:], ends[1:], fields[1:]
    wrong = fields != len(names)
    bad = [
        BadRecord(
            file=part.name,
            offset=int(start) + first,
            length=int(end - start),
            reason="a row has more or fewer fields than the header",
        )
        for start, end in zip(starts[wrong], ends[wrong], strict=True)
    ]
    loose = quote != '"' or b"\n\n" in body or b"\n\r\n" in body
    if bad or loose:  # comments and empty lines between the rows are not read
        starts, ends = starts[~wrong], ends[~wrong]
        kept = b"".join(
            body[a:b].rstrip(b"\r\n") + b"\n" for a, b in zip(starts, ends, strict=True)
        )
    else:
        kept = body[starts[0] :] if len(starts) else b""
    rows = _parsed(kept, separator, quote, names)
    if rows.height != len(starts):
        raise _malformed("its rows cannot be told apart; check its quotes")
    return ReadTable(rows=rows, offsets=starts + first, lengths=ends - starts, bad=tuple(bad))


def _unquoted(octets: npt.NDArray[np.uint8], quote: str) -> npt.NDArray[np.bool_]:
    """Which bytes lie outside quotes."""
    quotes = octets == ord(quote)
    outside: npt.NDArray[np.bool_] = ~np.logical_xor.accumulate(quotes) if quotes.any() else ~quotes
    return outside


def _names(line: bytes, separator: str, quote: str) -> tuple[str, ...]:
    header = _parsed(
        line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") + b"\n", separator, quote, None
    )
    told = [str(name or "").strip() for name in header.row(0)] if header.height else []
    names = tuple(name or f"(column {at})" for at, name in enumerate(told, 1))
    if len(set(names)) != len(names):
        raise _malformed("two columns have the same name")
    return names


def _parsed(
    content: bytes, separator: str, quote: str, names: tuple[str, ...] | None
) -> pl.DataFrame:
    if not content:
        return pl.DataFrame(schema=dict.fromkeys(names or (), pl.String))
    try:
        table = pl.read_csv(
            BytesIO(content),
            separator=separator,
            quote_char=quote,
            has_header=False,
            infer_schema=False,
        )
    except (Exception, pl.exceptions.PanicException) as error:
        raise _malformed(f"its rows cannot be read ({type(error).__name__})") from None
    if names is None:
        return table
    if table.width != len(names):
        raise _malformed("its rows cannot be told apart; check its quotes")
    table.columns = list(names)
    return table


def _malformed(why: str) -> Invalid:
    return Invalid(f"The table is malformed: {why}.", fix="export it again.", code="malformed")
