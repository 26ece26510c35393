"""Tables: CSV, PSV, TSV, Parquet, ARFF and Excel, by the mapping that the source declares."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath

import numpy as np
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

__all__ = ["READER", "facts_of_tables"]

CELLS_AT_ONCE = 4_000_000
NO_TIME = "its time is missing, not written as declared, or outside 1800 to 2300"


def collect(parts: Sequence[Part], source: Collection, beside: Beside) -> list[Batch]:
    """The facts of tables, those of one mapping together: a source may have thousands of files.

    Raises:
        Invalid: no mapping is for a file, or a declared column is not in it.
    """
    made: dict[int, Batch] = {}
    alike: dict[str, list[tuple[int, Part, ReadTable]]] = {}
    mappings: dict[str, TableMapping] = {}
    for number, part in enumerate(parts):
        mapping = _mapping_of(part, source)
        mappings[mapping.files] = mapping
        try:
            table = read_table(part, mapping.separator)
        except Invalid as error:
            if error.code != "malformed":
                raise
            made[number] = _unreadable(part, error.problem)
            continue
        _check_columns(table.rows, mapping, mapping.files)
        alike.setdefault(mapping.files, []).append((number, part, table))
    for name, tables in alike.items():
        batches = facts_of_tables([one[1:] for one in tables], mappings[name], source)
        made.update(zip((number for number, _, _ in tables), batches, strict=True))
    return [made[number] for number in range(len(parts))]


def _unreadable(part: Part, reason: str) -> Batch:
    bad = BadRecord(file=part.name, offset=0, length=len(part.content), reason=reason)
    facts, records = pl.DataFrame(schema=FACT_SCHEMA), pl.DataFrame(schema=RECORD_SCHEMA)
    return Batch(facts=facts, records=records, rows_in={}, bad=(bad,))


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


def _row_digests(part: Part, table: ReadTable, whose: str) -> pl.Series:
    """The digest of each row as it is written; of a columnar one, of its text.

    `whose` is the file's subject, where the row itself does not name one: two patients' rows that
    read the same are not the same.
    """
    if part.unit == "row" or part.name.lower().endswith(".parquet"):
        joined = pl.concat_str(
            [pl.lit(whose), *(pl.col(name).fill_null("") for name in table.rows.columns)],
            separator="\x1f",
        )
        return digest_of_records(table.rows.select(joined).to_series().to_list())
    content, own = part.content, whose.encode() + b"\x1f"
    ends = table.offsets + table.lengths
    return digest_of_records(
        [
            own + content[start:end].rstrip(b"\r\n")
            for start, end in zip(table.offsets.tolist(), ends.tolist(), strict=True)
        ]
    )


def facts_of_tables(
    tables: Sequence[tuple[Part, ReadTable]], mapping: TableMapping, source: Collection
) -> list[Batch]:
    """The facts of tables that look alike, a batch for each.

    Args:
        tables: Each part, and its rows as text.
        mapping: Which column is what.
        source: For the zone of its times.
    """
    made = _Made(tables, mapping, source)
    return made.batches()


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
    """Tables that look alike, on their way to facts."""

    tables: Sequence[tuple[Part, ReadTable]]
    mapping: TableMapping
    source: Collection
    dropped: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    @property
    def what(self) -> str:
        """How the rows are called in the report."""
        return self.mapping.files

    def batches(self) -> list[Batch]:
        """One for each part; what was dropped is told with the first."""
        rows = self._placed()
        timeless = rows["_time"].is_null()
        none = pl.DataFrame(schema={**FACT_SCHEMA, "_part": pl.Int32})
        facts = pl.concat([none, *self._facts(rows.filter(~timeless))])
        by_part = facts.partition_by("_part", as_dict=True, include_key=False)
        bad: dict[int, list[BadRecord]] = {}
        for number, record in self._timeless(rows.filter(timeless)):
            bad.setdefault(number, []).append(record)
        records = rows.select(
            pl.col("_offset").alias("offset"),
            pl.col("_length").alias("length"),
            pl.col("_subject").alias("subject"),
            "_part",
        ).partition_by("_part", as_dict=True, include_key=False)
        made = []
        for number, (_, table) in enumerate(self.tables):
            unread = bad.get(number, [])
            made.append(
                Batch(
                    facts=by_part.get((number,), none.drop("_part")),
                    records=records.get((number,), pl.DataFrame(schema=RECORD_SCHEMA)),
                    rows_in={self.what: table.rows.height - len(unread)},
                    dropped=dict(self.dropped) if number == 0 else {},
                    bad=(*table.bad, *unread),
                    codes_unknown=dict(self.unknown) if number == 0 else {},
                )
            )
        return made

    def _placed(self) -> pl.DataFrame:
        """The rows of every table with whose they are, when, and what names them."""
        mapping, zone = self.mapping, self.source.timezone
        rows = pl.concat([table.rows for _, table in self.tables], how="diagonal")
        heights = [table.rows.height for _, table in self.tables]
        number = pl.Series("_part", np.repeat(np.arange(len(heights), dtype=np.int32), heights))
        stems = [PurePosixPath(part.name).stem for part, _ in self.tables]
        own = stems if mapping.subject is None else [""] * len(stems)
        subject = pl.Series(stems, dtype=pl.String).gather(number.cast(pl.UInt32))
        if mapping.subject is not None:
            subject = rows[mapping.subject].cast(pl.String).str.strip_chars()
        elif mapping.one_subject == "row":
            nth = pl.Series(np.concatenate([np.arange(1, n + 1) for n in heights]))
            subject = subject + " " + nth.cast(pl.String)
        return rows.with_columns(
            number,
            subject.replace("", None).alias("_subject"),
            (pl.col(mapping.encounter) if mapping.encounter else _NOTHING).alias("_encounter"),
            pl.Series("_offset", np.concatenate([table.offsets for _, table in self.tables])),
            pl.Series("_length", np.concatenate([table.lengths for _, table in self.tables])),
            pl.concat(
                [
                    _row_digests(part, table, whose)
                    for (part, table), whose in zip(self.tables, own, strict=True)
                ]
            ).alias("_record"),
            self._times(rows, zone).alias("_time"),
            self._ends(rows, zone).alias("_end"),
            self._identities(rows).alias("_identity"),
        )

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

    def _timeless(self, rows: pl.DataFrame) -> Iterator[tuple[int, BadRecord]]:
        """Rows that do not say when, and where it is the zone that is missing, that."""
        reason, rule = NO_TIME, self.mapping.time
        if self.source.timezone is None and rule.format not in ("number", "clock") and rule.column:
            with_zone = moments(rows[rule.column], rule, "UTC")
            reason = NO_ZONE if with_zone.is_not_null().any() else NO_TIME
        for number, offset, length in rows.select("_part", "_offset", "_length").iter_rows():
            name = self.tables[number][0].name
            yield number, BadRecord(file=name, offset=offset, length=length, reason=reason)

    def _facts(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        mapping = self.mapping
        if mapping.row_event is not None:
            yield self._plain(rows, mapping.row_event, "encounter", "_time", None)
        firsts = rows.unique("_subject", keep="first", maintain_order=True)
        for code, text in mapping.constants.items():
            yield self._plain(firsts, code, "patient", None, text)
        if mapping.code_column is None or mapping.value_column is None:
            names = list(mapping.columns)
            for at in range(0, rows.height, max(CELLS_AT_ONCE // max(len(names), 1), 1)):
                some = rows.slice(at, max(CELLS_AT_ONCE // max(len(names), 1), 1))
                cells = some.unpivot(
                    names, index=_PLACES, variable_name="_name", value_name="_written"
                )
                yield self._values(cells.with_columns(_unit=_NOTHING), mapping.columns)
            return
        unit = pl.col(mapping.unit_column) if mapping.unit_column else _NOTHING
        cells = rows.select(
            *_PLACES,
            pl.col(mapping.code_column).str.strip_chars().alias("_name"),
            pl.col(mapping.value_column).alias("_written"),
            unit.alias("_unit"),
        )
        named = pl.col("_name").is_in(list(mapping.codes)).fill_null(value=False)
        other = cells.filter(~named)
        if other.height:
            self.dropped["a code that the table's codes: do not name"] += other.height
            counts = other["_name"].fill_null("(empty)").value_counts().iter_rows()
            self.unknown.update({f"{self.what}|{name}": int(count) for name, count in counts})
        yield self._values(cells.filter(named), mapping.codes)

    def _values(self, cells: pl.DataFrame, columns: dict[str, TableColumn]) -> pl.DataFrame:
        """The facts of cells (_name, _written, _unit); what is no value is counted."""
        written = pl.col("_written").str.strip_chars()
        told = (
            cells.lazy()
            .with_columns(written)
            .filter(
                pl.col("_written").is_not_null()
                & ~pl.col("_written").is_in([*self.mapping.missing, ""])
            )
            .join(_missing_of(columns), on=["_name", "_written"], how="anti")
            .join(_meanings_of(columns), on="_name", how="left")
            .with_columns(_plain=pl.col("_written").str.replace(r"\.0$", ""))
            .join(
                _categories_of(columns),
                left_on=["_name", "_plain"],
                right_on=["_name", "_written"],
                how="left",
            )
        )
        number = pl.col("_written").cast(pl.Float64, strict=False)
        said = {
            "subject": pl.col("_subject"),
            "time": pl.when(~pl.col("_static")).then(pl.col("_time")),
            "end": pl.col("_end"),
            "kind": pl.col("_kind"),
            "code": pl.col("_code"),
            "value": pl.when((pl.col("_mode") == "number") & number.is_finite()).then(number),
            "unit": pl.when(pl.col("_mode") == "number").then(
                pl.coalesce("_unit", "_declared_unit")
            ),
            "text": pl.when(pl.col("_mode") == "category")
            .then(pl.col("_meant"))
            .when(pl.col("_mode") == "text")
            .then(pl.col("_written")),
            "encounter": pl.col("_encounter"),
            "record": pl.col("_record"),
            "identity": pl.col("_identity"),
            "retracts": pl.lit(value=False),
            "offset": pl.col("_offset"),
        }
        made = told.select(
            *(
                said.get(name, pl.lit(None)).cast(kind).alias(name)
                for name, kind in FACT_SCHEMA.items()
            ),
            "_part",
            "_name",
        ).collect()
        unread = made["value"].is_null() & made["text"].is_null()
        if unread.any():
            for name, count in made.filter(unread)["_name"].value_counts().iter_rows():
                is_number = columns[name].categories is None
                why = "not a finite number" if is_number else "not among its categories"
                self.dropped[f"{name}: {why}"] += int(count)
            made = made.filter(~unread)
        return self._once(made.drop("_name"))

    def _once(self, made: pl.DataFrame) -> pl.DataFrame:
        """A static fact that every row of a subject repeats is one fact."""
        static = made["time"].is_null()
        if not static.any():
            return made
        told = made.filter(static)
        first = told.unique(
            ["_part", "subject", "code", "value", "unit", "text"], keep="first", maintain_order=True
        )
        if told.height > first.height:
            self.dropped["a static fact that an earlier row says"] += told.height - first.height
        return pl.concat([made.filter(~static), first])

    def _plain(
        self, rows: pl.DataFrame, code: str, kind: str, time: str | None, text: str | None
    ) -> pl.DataFrame:
        said = {
            "subject": pl.col("_subject"),
            "time": pl.col(time) if time else _NOTHING,
            "end": pl.col("_end") if time else _NOTHING,
            "kind": pl.lit(kind),
            "code": pl.lit(code),
            "text": pl.lit(text),
            "encounter": pl.col("_encounter"),
            "record": pl.col("_record"),
            "identity": pl.col("_identity"),
            "retracts": pl.lit(value=False),
            "offset": pl.col("_offset"),
        }
        return rows.select(
            *(
                said.get(name, pl.lit(None)).cast(kind_).alias(name)
                for name, kind_ in FACT_SCHEMA.items()
            ),
            "_part",
        )


_NOTHING = pl.lit(None, dtype=pl.String)
_PLACES = (
    "_part", "_subject", "_encounter", "_offset", "_record", "_time", "_end", "_identity",
)  # fmt: skip


def _meanings_of(columns: dict[str, TableColumn]) -> pl.LazyFrame:
    """For each name: its code, kind, unit, whether it is static, and how its values are read."""
    rows = [
        {
            "_name": name,
            "_code": one.code,
            "_kind": one.kind,
            "_declared_unit": one.unit,
            "_static": one.role == "static",
            "_mode": "category" if one.categories is not None else "number" if one.unit else "text",
        }
        for name, one in columns.items()
    ]
    text = ("_name", "_code", "_kind", "_declared_unit", "_mode")
    schema = {**dict.fromkeys(text, pl.String), "_static": pl.Boolean}
    return pl.LazyFrame(rows, schema=schema)


def _categories_of(columns: dict[str, TableColumn]) -> pl.LazyFrame:
    rows = [
        {"_name": name, "_written": written, "_meant": meant}
        for name, one in columns.items()
        for written, meant in (one.categories or {}).items()
    ]
    return pl.LazyFrame(rows, schema=dict.fromkeys(("_name", "_written", "_meant"), pl.String))


def _missing_of(columns: dict[str, TableColumn]) -> pl.LazyFrame:
    rows = [
        {"_name": name, "_written": written}
        for name, one in columns.items()
        for written in one.missing
    ]
    return pl.LazyFrame(rows, schema=dict.fromkeys(("_name", "_written"), pl.String))


READER = Reader(
    collect=lambda part, source, beside: collect([part], source, beside)[0],
    collect_all=collect,
    kinds=frozenset(),
    repeats="counted",
    prepare=sheet_as_csv,
)
