"""Tables: CSV, PSV, TSV, Parquet, ARFF and Excel, by the mapping that the source declares."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.core.records.table_mapping import TableColumn, TableMapping
from bedside.data.collect.facts import (
    FACT_SCHEMA,
    RECORD_SCHEMA,
    UTC_US,
    Batch,
    Beside,
    Part,
    Reader,
    digest_of_records,
)
from bedside.data.collect.formats.table_reading import ReadTable, read_table, sheet_as_csv
from bedside.data.collect.times import NO_ZONE, moments

__all__ = ["READER", "facts_of_table"]

NO_TIME = "its time is missing, not written as declared, or outside 1800 to 2300"


def collect(part: Part, source: Collection, beside: Beside) -> Batch:
    """The facts of one table.

    Raises:
        Invalid: no mapping is for this file, or a declared column is not in it.
    """
    mapping = _mapping_of(part, source)
    name = mapping.files
    try:
        table = read_table(part, mapping.separator)
    except Invalid as error:
        if error.code != "malformed":
            raise
        bad = BadRecord(file=part.name, offset=0, length=len(part.content), reason=error.problem)
        empty = pl.DataFrame(schema=FACT_SCHEMA)
        return Batch(
            facts=empty, records=pl.DataFrame(schema=RECORD_SCHEMA), rows_in={}, bad=(bad,)
        )
    return facts_of_table(table, _row_digests(part, table), part.name, name, mapping, source)


def _mapping_of(part: Part, source: Collection) -> TableMapping:
    last = PurePosixPath(part.name).name
    for mapping in source.tables:
        if fnmatch(last, mapping.files) or fnmatch(part.name, mapping.files):
            return mapping
    raise Invalid(
        f"No table is declared for the file '{last}'.",
        fix="add one under tables:, or narrow files: in the source.",
        code="no_mapping",
    )


def _row_digests(part: Part, table: ReadTable) -> pl.Series:
    """The digest of each row as it is written; of a columnar one, of its text."""
    if part.unit == "row" or part.name.lower().endswith(".parquet"):
        joined = pl.concat_str(
            [pl.col(name).fill_null("") for name in table.rows.columns], separator="\x1f"
        )
        return digest_of_records(table.rows.select(joined).to_series().to_list())
    content = part.content
    ends = table.offsets + table.lengths
    return digest_of_records(
        [
            content[start:end].rstrip(b"\r\n")
            for start, end in zip(table.offsets.tolist(), ends.tolist(), strict=True)
        ]
    )


def facts_of_table(
    table: ReadTable,
    digests: pl.Series,
    file: str,
    what: str,
    mapping: TableMapping,
    source: Collection,
) -> Batch:
    """The facts of rows that were read, by a mapping.

    Args:
        table: The rows as text.
        digests: Of each row, shape (n,).
        file: The part's name; it may name the subject.
        what: How the rows are counted in the report.
        mapping: Which column is what.
        source: For the zone of its times.

    Raises:
        Invalid: a declared column is not there (code `missing_column`).
    """
    _check_columns(table.rows, mapping, what)
    made = _Made(table, digests, file, what, mapping, source)
    return made.batch()


def _check_columns(rows: pl.DataFrame, mapping: TableMapping, what: str) -> None:
    named = [
        mapping.subject, mapping.time.column, mapping.end.column if mapping.end else None,
        mapping.code_column, mapping.value_column, mapping.unit_column, mapping.encounter,
        *mapping.columns, *mapping.key,
    ]  # fmt: skip
    absent = sorted({name for name in named if name is not None} - set(rows.columns))
    if absent:
        raise Invalid(
            f"The table '{what}' has no column {', '.join(absent)}.",
            fix="correct the column names in the source, or give the right file.",
            code="missing_column",
        )


@dataclass
class _Made:
    """One table on its way to facts."""

    table: ReadTable
    digests: pl.Series
    file: str
    what: str
    mapping: TableMapping
    source: Collection
    dropped: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def batch(self) -> Batch:
        rows = self._placed()
        timeless = rows["_time"].is_null()
        parts = list(self._facts(rows.filter(~timeless)))
        bad = [*self.table.bad]
        if timeless.any():
            bad += self._timeless(rows.filter(timeless))
        facts = pl.concat([pl.DataFrame(schema=FACT_SCHEMA), *parts])
        records = rows.select(
            pl.col("_offset").alias("offset"),
            pl.col("_length").alias("length"),
            pl.col("_subject").alias("subject"),
        )
        return Batch(
            facts=facts,
            records=records.cast(RECORD_SCHEMA),  # type: ignore[arg-type]
            rows_in={self.what: rows.height - int(timeless.sum())},
            dropped=dict(self.dropped),
            bad=tuple(bad),
            codes_unknown=dict(self.unknown),
        )

    def _placed(self) -> pl.DataFrame:
        """The rows with whose they are, when, and what names them."""
        mapping, rows = self.mapping, self.table.rows
        zone = self.source.timezone
        none = pl.lit(None, dtype=pl.String)
        stem = PurePosixPath(self.file).stem
        subject = pl.lit(stem)
        if mapping.subject is not None:
            subject = pl.col(mapping.subject)
        elif mapping.one_subject == "row":
            subject = pl.format("{} {}", subject, pl.int_range(1, pl.len() + 1))
        columns = [
            subject.cast(pl.String).str.strip_chars().replace("", None).alias("_subject"),
            (pl.col(mapping.encounter) if mapping.encounter else none).alias("_encounter"),
            pl.Series("_offset", self.table.offsets),
            pl.Series("_length", self.table.lengths),
            self.digests.alias("_record"),
            self._times(rows, zone).alias("_time"),
            self._ends(rows, zone).alias("_end"),
            self._identities(rows).alias("_identity"),
        ]
        return rows.with_columns(columns)

    def _times(self, rows: pl.DataFrame, zone: str | None) -> pl.Series:
        rule = self.mapping.time
        if rule.column is not None:
            return moments(rows[rule.column], rule, zone)
        start = pl.Series([rule.origin], dtype=pl.String).str.to_datetime(time_unit="us")
        moment = start.dt.convert_time_zone("UTC")[0]
        return pl.select(pl.repeat(moment, rows.height, dtype=UTC_US)).to_series()

    def _ends(self, rows: pl.DataFrame, zone: str | None) -> pl.Series:
        rule = self.mapping.end
        if rule is None or rule.column is None:
            return pl.Series([None], dtype=UTC_US).new_from_index(0, rows.height)
        return moments(rows[rule.column], rule, zone)

    def _identities(self, rows: pl.DataFrame) -> pl.Series:
        if not self.mapping.key:
            return pl.Series([None], dtype=pl.Binary).new_from_index(0, rows.height)
        parts = [pl.lit(self.mapping.files), *(pl.col(k).fill_null("") for k in self.mapping.key)]
        named = rows.select(pl.concat_str(parts, separator="\x1f")).to_series()
        return digest_of_records(named.to_list())

    def _timeless(self, rows: pl.DataFrame) -> Iterator[BadRecord]:
        """Rows that do not say when, and where it is the zone that is missing, that."""
        reason, rule = NO_TIME, self.mapping.time
        if self.source.timezone is None and rule.format not in ("number", "clock") and rule.column:
            with_zone = moments(rows[rule.column], rule, "UTC")
            reason = NO_ZONE if with_zone.is_not_null().any() else NO_TIME
        places = rows.select("_offset", "_length").iter_rows()
        for offset, length in places:
            yield BadRecord(file=self.file, offset=offset, length=length, reason=reason)

    def _facts(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        mapping = self.mapping
        if mapping.row_event is not None:
            yield self._fact(rows, mapping.row_event, "encounter", end=True)
        firsts = rows.unique("_subject", keep="first", maintain_order=True)
        for code, text in mapping.constants.items():
            yield self._fact(firsts, code, "patient", static=True, text=pl.lit(text))
        for name, column in mapping.columns.items():
            yield self._column(rows, name, name, column, None)
        if mapping.code_column is None or mapping.value_column is None:
            return
        written = pl.col(mapping.code_column).str.strip_chars()
        for name, column in mapping.codes.items():
            some = rows.filter(written == name)
            yield self._column(some, mapping.value_column, name, column, mapping.unit_column)
        other = rows.filter(~written.is_in(list(mapping.codes)) | written.is_null())
        if other.height:
            self.dropped["a code that the table's codes: do not name"] += other.height
            names = other[mapping.code_column].value_counts().iter_rows()
            self.unknown.update({f"{self.what}|{name}": int(count) for name, count in names})

    def _column(
        self, rows: pl.DataFrame, name: str, said: str, column: TableColumn, unit: str | None
    ) -> pl.DataFrame:
        """The facts of one column; what is no value of it is counted."""
        missing = [*self.mapping.missing, *column.missing, ""]
        text = pl.col(name).str.strip_chars()
        told = rows.filter(text.is_not_null() & ~text.is_in(missing))
        if column.categories is not None:
            plain = text.str.replace(r"\.0$", "")
            meant = plain.replace_strict(column.categories, default=None, return_dtype=pl.String)
            return self._kept(told, meant, None, None, column, f"{said}: not among its categories")
        if column.unit is None:
            return self._kept(told, text, None, None, column, "")
        value = text.cast(pl.Float64, strict=False)
        finite = pl.when(value.is_finite()).then(value)
        written = pl.lit(column.unit) if unit is None else pl.coalesce(unit, pl.lit(column.unit))
        return self._kept(told, None, finite, written, column, f"{said}: not a finite number")

    def _kept(
        self,
        rows: pl.DataFrame,
        text: pl.Expr | None,
        value: pl.Expr | None,
        unit: pl.Expr | None,
        column: TableColumn,
        reason: str,
    ) -> pl.DataFrame:
        read = text if text is not None else value
        assert read is not None  # noqa: S101 - one of the two is given
        unread = int(rows.select(read.is_null().sum()).item()) if rows.height else 0
        if unread:
            self.dropped[reason] += unread
            rows = rows.filter(read.is_not_null())
        return self._fact(
            rows, column.code, column.kind, static=column.role == "static", text=text, value=value,
            unit=unit,
        )  # fmt: skip

    def _fact(
        self,
        rows: pl.DataFrame,
        code: str,
        kind: str,
        *,
        static: bool = False,
        end: bool = False,
        text: pl.Expr | None = None,
        value: pl.Expr | None = None,
        unit: pl.Expr | None = None,
    ) -> pl.DataFrame:
        none = pl.lit(None)
        said = {
            "subject": pl.col("_subject"),
            "time": none if static else pl.col("_time"),
            "end": pl.col("_end") if end or self.mapping.end is not None else none,
            "kind": pl.lit(kind),
            "code": pl.lit(code),
            "value": value if value is not None else none,
            "unit": unit if unit is not None else none,
            "text": text if text is not None else none,
            "encounter": pl.col("_encounter"),
            "record": pl.col("_record"),
            "identity": pl.col("_identity"),
            "retracts": pl.lit(value=False),
            "offset": pl.col("_offset"),
        }
        return rows.select(
            said.get(name, none).cast(kind_).alias(name) for name, kind_ in FACT_SCHEMA.items()
        )


READER = Reader(collect=collect, kinds=frozenset(), repeats="counted", prepare=sheet_as_csv)
