"""A stranger's CSV file as columns of text, and where in the file each of its records lies."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.data.collect.formats.bounded_parquet import Unreadable

__all__ = ["TextTable", "read_text"]

BLOCK = 8 << 20  # bytes that are looked at in one step
MOST_RESTARTS = 20  # after a quotation mark that is never closed
LONGEST_HEADER = 1 << 16  # bytes
_BOM = b"\xef\xbb\xbf"

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """The records that could be read, as text, and the others.

    Args:
        rows: Every column as text; an empty field is null.
        offsets, lengths: Shape (n,). Where each row lies, in bytes.
        bad: Offset, length and reason of each record that could not be read.
    """

    rows: pl.DataFrame
    offsets: Offsets
    lengths: Offsets
    bad: tuple[tuple[int, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Records:
    """Where the records of a text lie: shape (n,) each."""

    starts: Offsets
    ends: Offsets
    fields: Offsets
    closed: bool


def read_text(content: bytes) -> TextTable:
    """Read CSV (RFC 4180) or tab-separated text with a header, in UTF-8.

    Tab-separated text has no quotation marks of its own, unless its header begins with one.

    Raises:
        Unreadable: it has no header, or its header is no text.
    """
    lead = len(_BOM) if content.startswith(_BOM) else 0
    head, separator, quoted = _header(content, lead)
    body = content[lead:]
    good, bad = _sorted_out(body, len(head), separator, quoted)
    table = _parsed(body, good, head, separator, quoted)
    if table is None:
        good, more = _decodable(body, good)
        bad += more
        table = _parsed(body, good, head, separator, quoted)
    if table is None:
        raise Unreadable("it is not CSV that can be read")
    return TextTable(
        rows=table,
        offsets=good.starts + lead,
        lengths=good.ends - good.starts,
        bad=tuple(sorted((start + lead, length, why) for start, length, why in bad)),
    )


def _header(content: bytes, lead: int) -> tuple[list[str], bytes, bool]:
    line = content[lead : lead + LONGEST_HEADER].partition(b"\n")[0].rstrip(b"\r")
    separator = b"\t" if line.count(b"\t") > line.count(b",") else b","
    quoted = separator == b"," or line.startswith(b'"')
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise Unreadable("its header is not UTF-8") from None
    names = [name.strip().strip('"').strip() for name in text.split(separator.decode())]
    if not all(names) or "\0" in text or len(set(names)) != len(names):
        raise Unreadable("its first line does not name the columns, each once")
    return names, separator, quoted


def _records(content: bytes, first: int, separator: bytes, quoted: bool) -> _Records:
    """The records from a byte on; a line break inside quotation marks does not end one."""
    octets = np.frombuffer(content, dtype=np.uint8)
    breaks: list[Offsets] = []
    counts: list[Offsets] = []
    inside, seen = 0, 0
    for at in range(first, len(octets), BLOCK):
        block = octets[at : at + BLOCK]
        if quoted:
            within = np.bitwise_xor.accumulate((block == ord('"')).view(np.uint8)) ^ inside
            inside, outside = int(within[-1]), within == 0
        else:
            outside = np.ones(len(block), dtype=bool)
        ends = np.flatnonzero((block == ord("\n")) & outside)
        told = np.cumsum((block == ord(separator)) & outside, dtype=np.int64) + seen
        breaks.append(ends + at + 1)
        counts.append(told[ends])
        seen = int(told[-1])
    ends = np.concatenate([*breaks, np.empty(0, dtype=np.int64)]).astype(np.int64)
    totals = np.concatenate([*counts, np.empty(0, dtype=np.int64)]).astype(np.int64)
    if len(octets) > (int(ends[-1]) if len(ends) else first):
        ends, totals = np.append(ends, len(octets)), np.append(totals, seen)
    starts = np.concatenate([np.array([first], dtype=np.int64), ends[:-1]])[: len(ends)]
    return _Records(starts, ends, np.diff(totals, prepend=0) + 1, not inside)


def _sorted_out(
    content: bytes, width: int, separator: bytes, quoted: bool
) -> tuple[_Records, list[tuple[int, int, str]]]:
    """The records with as many fields as the header, and the bad ones.

    A quotation mark that is never closed spoils the line it stands in, not the rest of the file.
    """
    kept: list[_Records] = []
    bad: list[tuple[int, int, str]] = []
    first = content.find(b"\n") + 1 or len(content)
    for restart in range(MOST_RESTARTS + 1):
        found = _records(content, first, separator, quoted)
        whole = found.fields == width
        if not found.closed and len(whole):
            whole[-1] = False
        spoilt = _first_torn(content, found, whole) if quoted and restart < MOST_RESTARTS else None
        stop = len(whole) if spoilt is None else spoilt
        kept.append(_Records(*_only(found, np.flatnonzero(whole[:stop])), True))
        wrong = np.flatnonzero(~whole[:stop])
        bad += list(_told(content, found, wrong, width))
        if spoilt is None:
            break
        start = int(found.starts[spoilt])
        end = content.find(b"\n", start) + 1
        bad.append((start, end - start, "a quotation mark is not closed"))
        first = end
    good = _Records(
        np.concatenate([one.starts for one in kept]),
        np.concatenate([one.ends for one in kept]),
        np.concatenate([one.fields for one in kept]),
        True,
    )
    return (_without_nul(content, good, bad) if b"\0" in content else good), bad


def _only(found: _Records, which: Offsets) -> tuple[Offsets, Offsets, Offsets]:
    return found.starts[which], found.ends[which], found.fields[which]


def _first_torn(content: bytes, found: _Records, whole: npt.NDArray[np.bool_]) -> int | None:
    """The first bad record that spans several lines: its quotation marks are not to be trusted."""
    for index in np.flatnonzero(~whole):
        start, end = int(found.starts[index]), int(found.ends[index])
        if 0 <= content.find(b"\n", start, end) < end - 1:
            return int(index)
    return None


def _told(
    content: bytes, found: _Records, wrong: Offsets, width: int
) -> Iterator[tuple[int, int, str]]:
    for index in wrong:
        start, end = int(found.starts[index]), int(found.ends[index])
        if content[start:end].strip(b"\r\n"):
            count = int(found.fields[index])
            yield start, end - start, f"it has {count} fields where the header has {width}"


def _without_nul(content: bytes, good: _Records, bad: list[tuple[int, int, str]]) -> _Records:
    spoilt = [b"\0" in content[a:b] for a, b in zip(good.starts, good.ends, strict=True)]
    for index in np.flatnonzero(spoilt):
        start, end = int(good.starts[index]), int(good.ends[index])
        bad.append((start, end - start, "it holds a NUL character"))
    return _Records(*_only(good, np.flatnonzero(~np.array(spoilt, dtype=bool))), True)


def _decodable(content: bytes, good: _Records) -> tuple[_Records, list[tuple[int, int, str]]]:
    """The records that are UTF-8."""
    kept, bad = [], []
    for index, (start, end) in enumerate(zip(good.starts, good.ends, strict=True)):
        try:
            content[start:end].decode("utf-8")
            kept.append(index)
        except UnicodeDecodeError:
            bad.append((int(start), int(end - start), "it is not UTF-8"))
    return _Records(*_only(good, np.array(kept, dtype=np.int64)), True), bad


def _parsed(
    content: bytes, good: _Records, head: list[str], separator: bytes, quoted: bool
) -> pl.DataFrame | None:
    """The good records as columns of text; None where Polars does not see the same records."""
    schema = dict.fromkeys(head, pl.String)
    if not len(good.starts):
        return pl.DataFrame(schema=schema)
    try:
        table = pl.read_csv(
            BytesIO(b"".join(_runs(content, good))),
            has_header=False,
            schema=schema,
            separator=separator.decode(),
            quote_char='"' if quoted else None,
        )
    except (Exception, pl.exceptions.PanicException):  # its text may repeat a value
        return None
    return table if table.height == len(good.starts) else None


def _runs(content: bytes, good: _Records) -> Iterator[bytes]:
    """The bytes of the records, in as few pieces as possible."""
    new = np.flatnonzero(good.starts[1:] != good.ends[:-1]) + 1
    for piece in np.split(np.arange(len(good.starts)), new):
        run = content[int(good.starts[piece[0]]) : int(good.ends[piece[-1]])]
        yield run if run.endswith(b"\n") else run + b"\n"
