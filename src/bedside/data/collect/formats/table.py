"""Tables: CSV, PSV, TSV, Parquet, ARFF and Excel, by the mapping that the source declares."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import PurePosixPath

import numpy as np
import polars as pl

from bedside.core.clock import parse_instant
from bedside.core.errors import Invalid
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.core.records.event import TAKEN_BACK
from bedside.core.records.table_mapping import TableMapping
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
from bedside.data.collect.formats.bounded_parquet import as_rows
from bedside.data.collect.formats.table_cells import (
    PLACES,
    facts_of_cells,
    frequent_names,
    plain_facts,
)
from bedside.data.collect.formats.table_reading import ReadTable, read_table
from bedside.data.collect.formats.table_sheet import plain_name, sheet_as_csv
from bedside.data.collect.times import NO_ZONE, moments

__all__ = ["READER", "facts_of_tables"]

CELLS_AT_ONCE = 4_000_000
NO_TIME = "its time is missing, not written as declared, or outside 1800 to 2300"
_NOTHING = pl.lit(None, dtype=pl.String)


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
        alike.setdefault(mapping.files, []).append((number, part, table))
    for name, tables in alike.items():
        batches = facts_of_tables([one[1:] for one in tables], mappings[name], source)
        made.update(zip((number for number, _, _ in tables), batches, strict=True))
    return [made[number] for number in range(len(parts))]


def _unreadable(part: Part, reason: str) -> Batch:
    bad = BadRecord(file=part.name, offset=0, length=_size(part), reason=reason)
    facts, records = pl.DataFrame(schema=FACT_SCHEMA), pl.DataFrame(schema=RECORD_SCHEMA)
    return Batch(facts=facts, records=records, rows_in={}, bad=(bad,))


def _size(part: Part) -> int:
    """What an unreadable part is long: of one whose rows cannot be counted, none is known."""
    return 0 if part.unit == "row" else len(part.content)


def _mapping_of(part: Part, source: Collection) -> TableMapping:
    name = plain_name(part.name)
    last = PurePosixPath(name).name
    for mapping in source.tables:
        if fnmatch(last, mapping.files) or fnmatch(name, mapping.files):
            return mapping
    raise Invalid(
        f"No table is declared for the file '{last}'.",
        fix="add one under tables:, or narrow files: in the source.",
        code="no_mapping",
    )


def _row_digests(part: Part, table: ReadTable, whose: str) -> pl.Series:
    """The digest of each row as it is written; of a columnar one, of its text.

    `whose` is the subject's name where it does not stand in the rows.
    """
    if part.unit == "row":
        joined = pl.concat_str(
            [pl.lit(whose), *(pl.col(name).fill_null("") for name in table.rows.columns)],
            separator="\x1f",
        )
        return digest_of_records(table.rows.select(joined).to_series().to_list())
    content, before = part.content, f"{whose}\x1f".encode() if whose else b""
    ends = table.offsets + table.lengths
    return digest_of_records(
        [
            before + content[start:end].rstrip(b"\r\n")
            for start, end in zip(table.offsets.tolist(), ends.tolist(), strict=True)
        ]
    )


def facts_of_tables(
    tables: Sequence[tuple[Part, ReadTable]], mapping: TableMapping, source: Collection
) -> list[Batch]:
    """The facts of tables that look alike, a batch for each.

    A row that its key names and that says nothing takes back what it said earlier.

    Args:
        tables: Each part, and its rows as text.
        mapping: Which column is what.
        source: For the zone of its times.

    Raises:
        Invalid: a declared column is not in a table.
    """
    for _, table in tables:
        _check_columns(table.rows, mapping)
    return _Made(tables, mapping, source).batches()


def _check_columns(rows: pl.DataFrame, mapping: TableMapping) -> None:
    named = [
        mapping.subject, mapping.time.column, mapping.end.column if mapping.end else None,
        mapping.code_column, mapping.value_column, mapping.unit_column, mapping.encounter,
        *mapping.columns, *mapping.key,
    ]  # fmt: skip
    absent = sorted({name for name in named if name is not None} - set(rows.columns))
    if absent:
        raise Invalid(
            f"The table '{mapping.files}' has no column {', '.join(absent)}.",
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
        timed = rows.filter(pl.col("_time").is_not_null())
        none = pl.DataFrame(schema={**FACT_SCHEMA, "_part": pl.Int32})
        facts = pl.concat([none, *self._facts(timed)])
        facts = pl.concat([facts, *self._emptied(timed, facts)])
        by_part = facts.partition_by("_part", as_dict=True, include_key=False)
        bad: dict[int, list[BadRecord]] = {}
        for number, record in self._timeless(rows.filter(pl.col("_time").is_null())):
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
        stems = [PurePosixPath(plain_name(part.name)).stem for part, _ in self.tables]
        whose = stems if mapping.subject is None else [""] * len(stems)
        encounter = _NOTHING
        if mapping.encounter is not None:
            encounter = pl.col(mapping.encounter).str.strip_chars().replace("", None)
        heights = [table.rows.height for _, table in self.tables]
        number = pl.Series("_part", np.repeat(np.arange(len(heights), dtype=np.int32), heights))
        digests = [
            _row_digests(part, table, name)
            for (part, table), name in zip(self.tables, whose, strict=True)
        ]
        return rows.with_columns(
            number,
            self._subjects(rows, stems, number).alias("_subject"),
            encounter.alias("_encounter"),
            pl.Series("_offset", np.concatenate([table.offsets for _, table in self.tables])),
            pl.Series("_length", np.concatenate([table.lengths for _, table in self.tables])),
            pl.concat(digests).alias("_record"),
            self._times(rows, zone).alias("_time"),
            self._ends(rows, zone).alias("_end"),
            self._identities(rows, pl.Series(whose).gather(number.cast(pl.UInt32))).alias(
                "_identity"
            ),
        )

    def _subjects(self, rows: pl.DataFrame, stems: list[str], number: pl.Series) -> pl.Series:
        mapping = self.mapping
        if mapping.subject is not None:
            return rows[mapping.subject].str.strip_chars().replace("", None)
        firsts = [part.first for part, _ in self.tables]
        names = [
            f"{stem}@{first}" if first and mapping.one_subject == "row" else stem
            for stem, first in zip(stems, firsts, strict=True)
        ]
        subject = pl.Series(names, dtype=pl.String).gather(number.cast(pl.UInt32))
        if mapping.one_subject == "file":
            return subject
        counts = [np.arange(1, table.rows.height + 1) for _, table in self.tables]
        return subject + " " + pl.Series(np.concatenate(counts)).cast(pl.String)

    def _times(self, rows: pl.DataFrame, zone: str | None) -> pl.Series:
        rule = self.mapping.time
        if rule.column is not None:
            return moments(rows[rule.column], rule, zone)
        moment = parse_instant(rule.origin or "")
        return pl.select(pl.repeat(moment, rows.height, dtype=UTC_US)).to_series()

    def _ends(self, rows: pl.DataFrame, zone: str | None) -> pl.Series:
        rule = self.mapping.end
        if rule is None or rule.column is None:
            return pl.Series([None], dtype=UTC_US).new_from_index(0, rows.height)
        return moments(rows[rule.column], rule, zone)

    def _identities(self, rows: pl.DataFrame, whose: pl.Series) -> pl.Series:
        if not self.mapping.key:
            return pl.Series([None], dtype=pl.Binary).new_from_index(0, rows.height)
        key = [pl.col(name).str.strip_chars().fill_null("") for name in self.mapping.key]
        parts = [pl.lit(self.mapping.files), pl.lit(whose), *key]
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
            yield plain_facts(rows, mapping.row_event, "encounter")
        firsts = rows.unique("_subject", keep="first", maintain_order=True)
        for code, text in mapping.constants.items():
            yield plain_facts(firsts, code, "patient", dated=False, text=text)
        if mapping.code_column is None or mapping.value_column is None:
            names = list(mapping.columns)
            step = max(CELLS_AT_ONCE // max(len(names), 1), 1)
            for at in range(0, rows.height, step):
                cells = rows.slice(at, step).unpivot(
                    names, index=PLACES, variable_name="_name", value_name="_written"
                )
                cells = cells.with_columns(_unit=_NOTHING)
                yield facts_of_cells(cells, mapping.columns, mapping.missing, self.dropped)
            return
        cells = rows.select(
            *PLACES,
            pl.col(mapping.code_column).str.strip_chars().alias("_name"),
            pl.col(mapping.value_column).alias("_written"),
            (pl.col(mapping.unit_column) if mapping.unit_column else _NOTHING).alias("_unit"),
        )
        named = pl.col("_name").is_in(list(mapping.codes)).fill_null(value=False)
        other = cells.filter(~named)
        if other.height:
            self.dropped["a code that the table's codes: do not name"] += other.height
            met = other.select(name="_name", subject="_subject")
            counts = frequent_names(met).items()
            self.unknown.update({f"{self.what}|{name}": count for name, count in counts})
        yield facts_of_cells(cells.filter(named), mapping.codes, mapping.missing, self.dropped)

    def _emptied(self, rows: pl.DataFrame, facts: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Facts that take back, for rows which a key names and which say nothing."""
        columns = [*self.mapping.columns.values(), *self.mapping.codes.values()]
        if self.mapping.key and columns:
            place = ["_part", "_offset"]
            said = facts.select("_part", pl.col("offset").alias("_offset")).unique()
            empty = rows.join(said, on=place, how="anti", maintain_order="left")
            yield plain_facts(empty, TAKEN_BACK, columns[0].kind, retracts=True)


def _prepared(part: Part) -> Part:
    """A sheet as CSV; the places in a Parquet file count its rows."""
    return as_rows(sheet_as_csv(part))


READER = Reader(
    collect=lambda part, source, beside: collect([part], source, beside)[0],
    collect_all=collect,
    kinds=frozenset(),
    split="rows",
    repeats="counted",
    prepare=_prepared,
)
