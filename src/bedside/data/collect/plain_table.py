"""A plain table of a stranger, Parquet or CSV, read piece by piece; no error repeats a value.

Only the file that is named is opened, once, and no other path or URL that it may hold.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from bedside.core.errors import BedsideError, Invalid, NotFound, Unavailable

__all__ = ["PlainTable", "opened_table"]

PIECE = 1 << 16  # rows of a Parquet file that are read at once
BLOCK = 8 << 20  # bytes of a CSV file
LONGEST = 1 << 20  # bytes of a CSV file's first line


class PlainTable:
    """The names of the columns, each once, and the rows.

    Args:
        name: Of the file, for errors.
        columns: Their names.
        is_text: Whether every value is a text, as in CSV; an empty one is missing.
        pieces: Reads the rows in their order.
    """

    def __init__(
        self,
        name: str,
        columns: list[str],
        *,
        is_text: bool,
        pieces: Callable[[], Iterator[pa.RecordBatch]],
    ) -> None:
        self.name, self.columns, self.is_text, self._pieces = name, columns, is_text, pieces
        for place, column in enumerate(columns):
            if column in columns[:place]:
                raise Invalid(
                    f"Columns {columns.index(column) + 1} and {place + 1} of '{name}' have the "
                    "same name.",
                    fix="leave one of them out, or give it its own name.",
                    code="malformed",
                )

    def pieces(self) -> Iterator[pa.RecordBatch]:
        """The rows, piece by piece.

        Raises:
            Invalid: the file is malformed.
        """
        with _told_apart(self.name):
            yield from self._pieces()


@contextmanager
def opened_table(path: Path) -> Iterator[PlainTable]:
    """The table in a file whose name ends in .parquet or .csv.

    Raises:
        NotFound: there is no such file.
        Invalid: its name ends otherwise, or it is malformed.
        Unavailable: it may not be read.
    """
    if path.suffix not in _READERS:
        raise Invalid(
            f"'{path.name}' is neither .parquet nor .csv.",
            fix="give a Parquet file, or a CSV file with commas, in UTF-8, with a line of names.",
        )
    if not path.is_file():
        raise NotFound(f"There is no file '{path.name}'.", fix="give the path of the table.")
    try:
        file = path.open("rb")
    except OSError as error:
        raise Unavailable(
            f"'{path.name}' cannot be read ({type(error).__name__}).", fix="check its permissions."
        ) from None
    with file:
        with _told_apart(path.name):
            table = _READERS[path.suffix](file, path.name)
        yield table


def _parquet(file: BinaryIO, name: str) -> PlainTable:
    schema = pq.ParquetFile(file).schema_arrow
    texts = [
        field.name
        for field in schema
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]

    def pieces() -> Iterator[pa.RecordBatch]:
        file.seek(0)
        # texts stay in their dictionary: a small file may repeat a long one a million times
        table = pq.ParquetFile(file, read_dictionary=texts)
        for piece in table.iter_batches(batch_size=PIECE):
            piece.validate(full=True)
            yield piece

    return PlainTable(name, list(schema.names), is_text=False, pieces=pieces)


def _csv(file: BinaryIO, name: str) -> PlainTable:
    first = file.readline(LONGEST)
    columns = next(csv.reader([first.decode("utf-8-sig")], strict=True), [])
    is_bare = not file.read(1)
    if not columns or (is_bare and not first.endswith(b"\n")):
        raise Invalid(
            f"'{name}' has no row under a line of names.",
            fix="write the names of the columns, separated by commas, in the first line.",
            code="malformed",
        )

    def pieces() -> Iterator[pa.RecordBatch]:
        if is_bare:
            return
        file.seek(0)
        wrong: list[int] = []

        def refuse(row: Any) -> str:
            wrong.append(row.number)  # and not its text
            return "error"

        try:
            yield from pa.csv.open_csv(
                file,
                read_options=pa.csv.ReadOptions(
                    column_names=columns, skip_rows=1, use_threads=False, block_size=BLOCK
                ),
                parse_options=pa.csv.ParseOptions(
                    invalid_row_handler=refuse, ignore_empty_lines=False
                ),
                convert_options=pa.csv.ConvertOptions(
                    column_types=dict.fromkeys(columns, pa.string()),
                    strings_can_be_null=True,
                    null_values=[""],
                ),
            )
        except pa.ArrowInvalid:
            if not wrong:
                raise
            raise Invalid(
                f"Line {wrong[0]} of '{name}' has more or fewer values than there are names.",
                fix="give each line one value for each name; one that was not measured is empty.",
                code="malformed",
            ) from None

    return PlainTable(name, columns, is_text=True, pieces=pieces)


_READERS = {".parquet": _parquet, ".csv": _csv}


@contextmanager
def _told_apart(name: str) -> Iterator[None]:
    """Tell a malformed file without the reader's own words, which may repeat a value."""
    try:
        yield
    except BedsideError:
        raise
    except Exception as error:
        raise Invalid(
            f"'{name}' is malformed ({type(error).__name__}).",
            fix="export it again, or check that the transfer was complete.",
            code="malformed",
        ) from None
