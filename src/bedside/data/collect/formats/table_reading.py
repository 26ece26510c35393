"""The bytes of a table, whatever its form, become columns of text and the place of each row."""

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.conversion import BadRecord
from bedside.data.collect.facts import Part
from bedside.data.collect.reading import record_starts
from bedside.interop.arff import read_header

__all__ = ["ReadTable", "read_table", "sheet_as_csv"]

_SEPARATORS = {".csv": ",", ".psv": "|", ".tsv": "\t", ".tab": "\t", ".arff": ",", ".txt": ","}
_SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
MOST_CELLS = 50_000_000  # of a sheet, which is read whole


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTable:
    """The rows as text, the place of each in its part, and the rows that are none.

    `offsets` and `lengths`: shape (n,), bytes of a text, rows of a Parquet file.
    """

    rows: pl.DataFrame
    offsets: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    bad: tuple[BadRecord, ...] = ()


def sheet_as_csv(part: Part) -> Part:
    """The first sheet of an Excel file as CSV, which is what is kept and read; others unchanged.

    A part that is no readable sheet is kept as it is, and told when it is read.
    """
    if not part.name.lower().endswith(_SHEETS):
        return part
    try:
        sheet = pl.read_excel(BytesIO(part.content), infer_schema_length=0)
    except Exception:
        return part
    if sheet.height * sheet.width > MOST_CELLS:
        return part
    name = str(PurePosixPath(part.name).with_suffix(".csv"))
    return replace(part, name=name, content=sheet.write_csv().encode())


def read_table(part: Part, separator: str | None) -> ReadTable:
    """The table in a part.

    A row with too many or too few fields is a bad record; the others are read.

    Raises:
        Invalid: it cannot be read as a table at all. The message tells why, no value.
    """
    suffix = PurePosixPath(part.name).suffix.lower()
    if suffix == ".parquet":
        return _columnar(part)
    if suffix in _SHEETS:
        raise _malformed("the sheet cannot be read")
    content = _utf8(part.content)
    separator = separator or _SEPARATORS.get(suffix, ",")
    if suffix != ".arff":
        return _text(part, content, separator, first=0, names=None, quote='"')
    header = read_header(content)
    return _text(part, content, ",", first=header.data, names=header.names, quote="'")


def _columnar(part: Part) -> ReadTable:
    try:
        table = pl.read_parquet(BytesIO(part.content))
    except Exception as error:
        raise _malformed(f"it is not Parquet ({type(error).__name__})") from None
    plain = [
        pl.col(name).cast(pl.String, strict=False)
        for name, kind in table.schema.items()
        if not kind.is_nested() and kind not in (pl.Binary, pl.Object)
    ]
    return ReadTable(
        rows=table.select(plain),
        offsets=np.arange(table.height, dtype=np.int64),
        lengths=np.ones(table.height, dtype=np.int64),
    )


def _utf8(content: bytes) -> bytes:
    """The content, which must be UTF-8; the same bytes, so that places stay what they are."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _malformed("it is written in UTF-16; export it in UTF-8")
    if b"\0" in content:
        raise _malformed("it holds NUL bytes")
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
    inside = np.cumsum(octets == ord(quote)) & 1
    starts = record_starts(body, quote=ord(quote))
    if names is not None:
        starts = starts[octets[starts] != ord("%")] if len(starts) else starts
    ends = np.append(starts[1:], len(body))
    marks = np.concatenate([[0], np.cumsum((octets == ord(separator)) & (inside == 0))])
    fields = marks[ends] - marks[starts] + 1
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


def _names(line: bytes, separator: str, quote: str) -> tuple[str, ...]:
    header = _parsed(
        line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") + b"\n", separator, quote, None
    )
    names = tuple(str(name or "").strip() for name in header.row(0)) if header.height else ()
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
    except Exception as error:
        raise _malformed(f"its rows cannot be read ({type(error).__name__})") from None
    if names is None:
        return table
    if table.width != len(names):
        raise _malformed("its rows cannot be told apart; check its quotes")
    table.columns = list(names)
    return table


def _malformed(why: str) -> Invalid:
    return Invalid(f"The table is malformed: {why}.", fix="export it again.", code="malformed")
