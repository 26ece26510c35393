"""An Excel sheet as CSV, once it is known to be of bounded size."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from xml.etree.ElementTree import ParseError

import polars as pl
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

from bedside.data.collect.facts import Part

__all__ = ["SHEETS", "plain_name", "sheet_as_csv"]

SHEETS = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
MOST_CELLS = 10_000_000  # of a sheet, the empty ones between its first and last one included
MOST_XML = 256 << 20  # bytes
MOST_TEXT = 256 << 20  # characters of a sheet's cells; one text may stand in many
_READ = 1 << 20


def plain_name(name: str) -> str:
    """The name of the file as it came.

    >>> plain_name("set/ward.xlsx.csv"), plain_name("ward.csv")
    ('set/ward.xlsx', 'ward.csv')
    """
    plain = name.removesuffix(".csv")
    return plain if plain.lower().endswith(SHEETS) else name


def sheet_as_csv(part: Part) -> Part:
    """The first sheet of an Excel file (.xlsx, .xlsm) as CSV; any other part unchanged.

    A part that is no readable sheet, or a larger one than is read, stays as it is.
    """
    if not part.name.lower().endswith((".xlsx", ".xlsm")) or not _is_bounded(part.content):
        return part
    try:
        sheet = pl.read_excel(BytesIO(part.content), infer_schema_length=0)
        content = sheet.write_csv().encode()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:  # a panic of the library is no Exception
        return part
    return replace(part, name=f"{part.name}.csv", content=content)


def _is_bounded(content: bytes) -> bool:
    """Whether every sheet has so many cells and so much text that it can be read whole."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as book:
            names = [one.lower() for one in book.namelist()]
            shared = _Texts()
            for name in book.namelist():
                if name.lower() == "xl/sharedstrings.xml":
                    _parse(book, name, shared)
            for name in book.namelist():
                if name.lower().startswith("xl/worksheets/") and name.lower().endswith(".xml"):
                    _parse(book, name, _Extent(shared.lengths))
            return "xl/workbook.xml" in names and _weight(book) <= MOST_XML
    except (
        _TooLarge, ParseError, DefusedXmlException, zipfile.BadZipFile, zlib.error, EOFError,
        OSError, RuntimeError, ValueError,
    ):  # fmt: skip
        return False


class _TooLarge(Exception):
    """A sheet is larger than is read."""


def _weight(book: zipfile.ZipFile) -> int:
    """Bytes in all members of the workbook; what it says of itself is not believed."""
    return sum(len(chunk) for name in book.namelist() for chunk in _chunks(book, name))


def _chunks(book: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    given = 0
    with book.open(name) as member:
        while chunk := member.read(_READ):
            given += len(chunk)
            if given > MOST_XML:
                raise _TooLarge
            yield chunk


def _parse(book: zipfile.ZipFile, name: str, target: "_Texts | _Extent") -> None:
    parser = DefusedXMLParser(target=target, forbid_dtd=True)
    for chunk in _chunks(book, name):
        parser.feed(chunk)
    parser.close()


def _plain(tag: str) -> str:
    return tag.rpartition("}")[2]


@dataclass
class _Texts:
    """The lengths of the shared texts (ECMA-376 part 1, 18.4.8)."""

    lengths: list[int] = field(default_factory=list)

    def start(self, tag: str, _: dict[str, str]) -> None:
        """A text begins."""
        if _plain(tag) == "si":
            self.lengths.append(0)

    def end(self, tag: str) -> None:
        """Nothing is done at an end."""

    def data(self, text: str) -> None:
        """More of it."""
        if self.lengths:
            self.lengths[-1] += len(text)

    def close(self) -> None:
        """Nothing is left to do."""


@dataclass
class _Extent:
    """How far a sheet reaches, and how much text its cells show (ECMA-376 part 1, 18.3.1.4)."""

    lengths: list[int]
    row: int = 0
    column: int = 0
    rows: int = 0
    columns: int = 0
    text: int = 0
    is_shared: bool = False
    number: str = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """A row or a cell begins."""
        name, place = _plain(tag), attributes.get("r", "")
        if name == "row":
            self.row, self.column = int(place) if place else self.row + 1, 0
        elif name == "c":
            letters = place.rstrip("0123456789").upper()
            self.column = _column(letters) if letters else self.column + 1
            digits = place[len(letters) :]
            self.rows = max(self.rows, int(digits) if digits else self.row)
            self.columns = max(self.columns, self.column)
            self.is_shared, self.number = attributes.get("t") == "s", ""
            if self.rows * self.columns > MOST_CELLS:
                raise _TooLarge

    def data(self, text: str) -> None:
        """What a cell says, or which shared text."""
        if self.is_shared:
            self.number += text
        self.text += len(text)

    def end(self, tag: str) -> None:
        """A cell ends."""
        if _plain(tag) == "c" and self.is_shared and self.number.strip().isdigit():
            at = int(self.number)
            self.text += self.lengths[at] if at < len(self.lengths) else 0
            self.is_shared = False
        if self.text > MOST_TEXT:
            raise _TooLarge

    def close(self) -> None:
        """Nothing is left to do."""


def _column(letters: str) -> int:
    """The number of a column, from 1.

    >>> _column("A"), _column("XFD")
    (1, 16384)
    """
    if len(letters) > 3 or not letters.isascii() or not letters.isalpha():
        raise _TooLarge
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
