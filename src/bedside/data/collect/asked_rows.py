"""A plain table of questions: a row for each patient, a column for each input of a model.

The columns are called as the inputs of the Open Inference wire, and mean the same: numbers in their
declared units, and the labels of categories, that hold when the question is asked. An empty value
is an input that is left out. Beside them may stand `subject` (or `pseudonym`) and `as_of`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from bedside.core.clock import since_1970
from bedside.core.errors import Invalid
from bedside.core.records.declaration import Declaration
from bedside.data.collect.plain_table import PlainTable, opened_table
from bedside.features.told_rows import ToldColumn, ToldRows
from bedside.interop.asked import category_labels, find_label
from bedside.interop.instants import read_instant
from bedside.interop.open_inference.metadata import Input, inputs_of

__all__ = ["ABOUT", "asked_blocks", "told_of"]

ABOUT = ("row", "subject_id", "as_of")
"""The columns of a block that are no inputs: the row in the file, from 1, whose, and when."""
_SUBJECT, _PSEUDONYM, _AS_OF = "subject", "pseudonym", "as_of"
_BESIDE = (_SUBJECT, _PSEUDONYM, _AS_OF)
_INPUT = "input."
_MOMENT = pl.Datetime("us", "UTC")
_NEVER = -(1 << 63)
_FIRST, _LAST = (datetime.fromisoformat(f"{year}-01-01T00:00:00Z") for year in (1850, 2201))
_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)

Floats = npt.NDArray[np.float64]


def asked_blocks(
    path: Path, declaration: Declaration, rows: int, pseudonym: Callable[[str], int]
) -> Iterator[pl.DataFrame]:
    """The questions of a file, in blocks; nobody is named in them.

    Args:
        path: The one file that is read; .parquet or .csv.
        declaration: As served.
        rows: Of each block but the last.
        pseudonym: Of an identifier in the column `subject`.

    Yields:
        `row` (Int64), `subject_id` (Int64, null where nobody is named), `as_of` (UTC, null where
        it is not said), and `input.NAME` (Float64) of each column: a number, or the index of its
        label (the number of labels where it is none of them); NaN where it is left out. `told_of`
        reads them.

    Raises:
        NotFound: there is no such file.
        Invalid: it is malformed; a column is unknown or stands twice; a value is no finite number
            or no time. The text names the column and the row and never a value.
    """
    with opened_table(path) as table:
        reader = _Reader(table, declaration, pseudonym)
        kept: list[pl.DataFrame] = []
        height = 0
        for piece in table.pieces():
            kept.append(reader.block(piece))
            height += piece.num_rows
            if height >= rows:
                whole = pl.concat(kept)
                for at in range(0, height - height % rows, rows):
                    yield whole[at : at + rows].rechunk()
                kept, height = [whole[height - height % rows :]], height % rows
        if height:
            yield pl.concat(kept).rechunk()


def told_of(block: pl.DataFrame, declaration: Declaration, now: datetime | None) -> ToldRows:
    """A block as it is checked and scored.

    Args:
        block: Of `asked_blocks`.
        declaration: The same.
        now: When it is asked, where a row does not say; None: every row says it.
    """
    moments = block["as_of"] if now is None else block["as_of"].fill_null(now)
    names = [name for name in block.columns if name not in ABOUT]
    inputs = inputs_of(declaration)
    return ToldRows(
        columns=tuple(_told_column(inputs[name.removeprefix(_INPUT)]) for name in names),
        values=tuple(block[name].to_numpy() for name in names),
        as_of=moments.to_physical().to_numpy(),
    )


def _told_column(asked: Input) -> ToldColumn:
    signal = asked.signal
    return ToldColumn(
        name=asked.name,
        code=asked.code,
        unit=None if signal is None else signal.unit,
        is_static=signal is not None and signal.role == "static",
        labels=() if signal is None else category_labels(signal),
    )


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the file: its place, from 0, its name, and which input it is, if any."""

    place: int
    name: str
    asked: Input | None


class _Reader:
    """Reads the pieces of one table into blocks."""

    def __init__(
        self, table: PlainTable, declaration: Declaration, pseudonym: Callable[[str], int]
    ) -> None:
        self._table, self._pseudonym = table, pseudonym
        inputs = inputs_of(declaration)
        self._columns = [
            self._known(place, name, inputs) for place, name in enumerate(table.columns)
        ]
        names = set(table.columns)
        if {_SUBJECT, _PSEUDONYM} <= names:
            raise _wrong(_PSEUDONYM, "stands beside a subject.", fix="give one of the two.")
        if not names.difference(_BESIDE):
            raise Invalid(
                f"'{table.name}' has no input of this model.",
                fix=f"name columns as its inputs: {_some(inputs)}.",
                code="unknown_input",
            )
        self._next = 1

    def block(self, piece: pa.RecordBatch) -> pl.DataFrame:
        """The rows of a piece."""
        first, count = self._next, piece.num_rows
        self._next += count
        subject = pl.repeat(None, count, dtype=pl.Int64, eager=True)
        as_of = pl.repeat(None, count, dtype=_MOMENT, eager=True)
        told: dict[str, pl.Series] = {}
        for column in self._columns:
            values, where = piece.column(column.place), _Where(column.name, first)
            if column.asked is not None:
                told[_INPUT + column.name] = pl.Series(self._value(column.asked, values, where))
            elif column.name == _AS_OF:
                as_of = _moments(values, where)
            elif column.name == _PSEUDONYM:
                subject = _pseudonyms(values, where, is_text=self._table.is_text)
            else:
                subject = self._subjects(values, where)
        row = pl.int_range(first, first + count, dtype=pl.Int64, eager=True)
        return pl.DataFrame({"row": row, "subject_id": subject, "as_of": as_of, **told})

    def _known(self, place: int, name: str, inputs: dict[str, Input]) -> _Column:
        """What a column is; its name is not repeated where it may be a value."""
        asked = inputs.get(name)
        where = f"Column {place + 1} of '{self._table.name}'"
        if name in _BESIDE:
            if asked is not None:
                raise Invalid(
                    f"{where} has a name that is both an input of this model and what a table says "
                    "beside its inputs.",
                    fix="score events instead, with --data.",
                )
            return _Column(place, name, None)
        if asked is None:
            raise Invalid(
                f"{where} is not an input of this model.",
                fix=f"leave it out, or name it as one of: {_some(inputs)}; or subject, pseudonym "
                "or as_of. The first line of a CSV file holds the names.",
                code="unknown_input",
            )
        if asked.datatype == "BOOL":
            raise _wrong(
                name,
                "needs the time of each event, for which a table has no place.",
                fix="leave it out, or score events with --data.",
            )
        return _Column(place, name, asked)

    def _value(self, asked: Input, values: Any, where: "_Where") -> Floats:
        signal = asked.signal
        if signal is None or not signal.is_categorical:
            return _numbers(values, where, is_text=self._table.is_text)
        labels = category_labels(signal)

        def index(text: str, row: int) -> float:
            del row
            found = find_label(signal, text)
            return float(len(labels) if found is None else labels.index(found))

        found: Floats = _of_each_text(values, where, index, missing=np.nan)
        return found

    def _subjects(self, values: Any, where: "_Where") -> pl.Series:
        """The pseudonyms of identifiers."""
        if pa.types.is_integer(values.type):
            values = values.cast(pa.string())
        told = _of_each_text(values, where, lambda text, _: self._pseudonym(text), missing=-1)
        return pl.Series(told).replace(-1, None)


@dataclass(frozen=True, slots=True)
class _Where:
    """The place of a column's values in the file: its name, and the row of the first."""

    column: str
    first: int

    def wrong(self, place: int, problem: str, *, fix: str) -> Invalid:
        """The error of the value at a place of this piece."""
        where = f"Column '{self.column}', row {self.first + place},"
        return Invalid(f"{where} {problem}", fix=fix)


def _wrong(column: str, problem: str, *, fix: str) -> Invalid:
    return Invalid(f"Column '{column}' {problem}", fix=fix)


def _some(names: Any) -> str:
    told = list(names)
    return ", ".join(told[:40]) + (f" and {len(told) - 40} more" if len(told) > 40 else "")


def _is_of(kind: Any, tests: Any) -> bool:
    return any(test(kind) for test in tests)


def _numbers(values: Any, where: _Where, *, is_text: bool) -> Floats:
    """Finite numbers, NaN where there is none."""
    if not is_text and not _is_of(values.type, _NUMBERS):
        raise _wrong(
            where.column, "holds no numbers.", fix="store numbers in it, in the declared unit."
        )
    told = _series(values)
    numbers = told.cast(pl.Float64, strict=False)
    if numbers.null_count() > told.null_count():
        first = (numbers.is_null() & told.is_not_null()).arg_max()
        raise where.wrong(
            int(first or 0), "is not a number.", fix="give a number, as 4.2; or nothing."
        )
    found: Floats = numbers.to_numpy()
    if not np.isfinite(found).all():
        there = ~np.isfinite(found) & told.is_not_null().to_numpy()
        if there.any():
            raise where.wrong(
                int(np.argmax(there)),
                "is not a finite number.",
                fix="leave the value empty (null, not NaN) when it was not measured.",
            )
    return found


def _of_each_text(values: Any, where: _Where, read: Any, *, missing: float) -> Any:
    """What `read` makes of each text; each is read once for a piece, however often it stands."""
    if pa.types.is_null(values.type):
        return np.full(len(values), missing)
    is_listed = pa.types.is_dictionary(values.type)
    if not _is_of(values.type.value_type if is_listed else values.type, _TEXTS):
        raise _wrong(where.column, "holds no text.", fix="store text in it.")
    listed = values if is_listed else values.dictionary_encode()
    places = _series(listed.indices).cast(pl.Int64).fill_null(-1).to_numpy()
    used, first = np.unique(places, return_index=True)
    numbers = [
        missing if at < 0 or (text := listed.dictionary[at].as_py()) is None else read(text, row)
        for at, row in zip(used.tolist(), first.tolist(), strict=True)
    ]
    kind = np.float64 if isinstance(missing, float) else np.int64
    return np.array(numbers, dtype=kind)[np.searchsorted(used, places)]


def _pseudonyms(values: Any, where: _Where, *, is_text: bool) -> pl.Series:
    if not is_text and not _is_of(values.type, (pa.types.is_integer, pa.types.is_null)):
        raise _wrong(where.column, "holds no whole numbers.", fix="give pseudonyms, or subject.")
    told = _series(values)
    numbers = told.cast(pl.Int64, strict=False)
    wrong = told.is_not_null() & (numbers.is_null() | (numbers < 0))
    if wrong.any():
        raise where.wrong(
            int(wrong.arg_max() or 0),
            "is no pseudonym.",
            fix="give whole numbers from 0 to 2^63 - 1, or identifiers in a column subject.",
        )
    return numbers


def _moments(values: Any, where: _Where) -> pl.Series:
    """When each is asked about; null where it is not said."""
    if not pa.types.is_timestamp(values.type):

        def instant(text: str, row: int) -> int:
            moment = read_instant(text, f"Column '{where.column}', row {where.first + row},")
            return since_1970(moment)

        stamps = _of_each_text(values, where, instant, missing=_NEVER)
        return pl.Series(stamps).replace(_NEVER, None).cast(pl.Int64).cast(_MOMENT)
    if values.type.tz is None:
        raise _wrong(where.column, "holds times without a zone.", fix="store them as UTC.")
    told = _series(values)
    moments = told.cast(_MOMENT, strict=False)
    wrong = told.is_not_null() & ~moments.is_between(_FIRST, _LAST, closed="left").fill_null(False)
    if wrong.any():
        raise where.wrong(
            int(wrong.arg_max() or 0), "is in a year outside 1850 to 2200.", fix="correct the year."
        )
    return moments


def _series(values: Any) -> pl.Series:
    told = pl.from_arrow(values)
    assert isinstance(told, pl.Series)  # noqa: S101  (of an array)
    return told
