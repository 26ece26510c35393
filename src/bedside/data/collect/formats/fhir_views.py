"""FHIR resources by the hospital's own ViewDefinitions (SQL on FHIR v2): rows, then facts."""

from collections import Counter
from typing import Any

import msgspec
import numpy as np
import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord
from bedside.core.records.table_mapping import TableMapping
from bedside.data.collect.facts import FACT_SCHEMA, RECORD_SCHEMA, Batch, Part
from bedside.data.collect.formats.table import facts_of_tables
from bedside.data.collect.formats.table_reading import ReadTable
from bedside.interop.sql_on_fhir import Table, ViewDefinition, read_view, run_view_apart

__all__ = ["collect_views"]


def collect_views(part: Part, source: Collection) -> Batch:
    """The facts of a part's resources, one resource to a line, by the views of the source.

    A view's rows become facts by the table of the source that bears its name under `files`. What
    no view asks for gives no fact, and is counted. A resource that a view cannot be applied to is
    a bad record.

    Raises:
        Invalid: a view is not right, or no table bears its name.
    """
    lines = _Lines(part)
    facts: list[pl.DataFrame] = []
    places: list[pl.DataFrame] = []
    bad, seen = list(lines.bad), np.zeros(len(lines.resources), dtype=bool)
    dropped: Counter[str] = Counter()
    for text in source.views:
        view = read_view(text.encode())
        mapping = _mapping_of(view, source)
        table, rejected = run_view_apart(view, lines.resources)
        bad += [lines.bad_record(one.place, one.problem.problem) for one in rejected]
        if not len(table):
            continue
        seen[np.unique(table.source)] = True
        (batch,) = facts_of_tables([(part, lines.rows(table))], mapping, source)
        facts.append(batch.facts)
        places.append(batch.records)
        bad += batch.bad
        dropped.update(batch.dropped)
    if not seen.all():
        dropped["no view of the source has a row for it"] += int((~seen).sum())
    return Batch(
        facts=pl.concat([pl.DataFrame(schema=FACT_SCHEMA), *facts]),
        records=lines.records(places),
        rows_in=dict(Counter(lines.kinds)),
        dropped=dict(dropped),
        bad=tuple(bad),
    )


def _mapping_of(view: ViewDefinition, source: Collection) -> TableMapping:
    for mapping in source.tables:
        if mapping.files == view.name:
            return mapping
    raise Invalid(
        f"No table of the source says what the columns of the view '{view.name}' mean.",
        fix=f"add one under tables: with files: {view.name}.",
        code="no_mapping",
    )


class _Lines:
    """The resources of a part, and where each lies."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.resources: list[Any] = []
        self.kinds: list[str] = []
        self.bad: list[BadRecord] = []
        offsets: list[int] = []
        lengths: list[int] = []
        at = 0
        decode = msgspec.json.Decoder().decode
        for line in part.content.splitlines(keepends=True):
            start, at = at, at + len(line)
            if not line.strip():
                continue
            try:
                resource = decode(line)
                kind = resource["resourceType"]
                if not isinstance(kind, str):
                    raise TypeError
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self.bad.append(self._bad(start, len(line), "the line is not JSON"))
                continue
            except (TypeError, KeyError):
                self.bad.append(self._bad(start, len(line), "it has no resourceType"))
                continue
            self.resources.append(resource)
            self.kinds.append(kind if kind.isalpha() and len(kind) < 64 else "unknown")
            offsets.append(start)
            lengths.append(len(line))
        self.offsets = np.array(offsets, dtype=np.int64)
        self.lengths = np.array(lengths, dtype=np.int64)

    def _bad(self, offset: int, length: int, reason: str) -> BadRecord:
        return BadRecord(file=self.part.name, offset=offset, length=length, reason=reason)

    def bad_record(self, number: int, reason: str) -> BadRecord:
        """The resource of this number, set aside."""
        return self._bad(int(self.offsets[number]), int(self.lengths[number]), reason)

    def rows(self, table: Table) -> ReadTable:
        """A view's rows as text, each at the place of its resource."""
        columns = {
            name: pl.Series(name, [_text(value) for value in values], dtype=pl.String)
            for name, values in table.columns.items()
        }
        return ReadTable(
            rows=pl.DataFrame(columns),
            offsets=self.offsets[table.source],
            lengths=self.lengths[table.source],
        )

    def records(self, places: list[pl.DataFrame]) -> pl.DataFrame:
        """Every resource, with whose it is where a view has told."""
        every = pl.DataFrame({"offset": self.offsets, "length": self.lengths})
        told = pl.concat([pl.DataFrame(schema=RECORD_SCHEMA), *places])
        whose = told.drop_nulls("subject").group_by("offset").agg(pl.col("subject").first())
        joined = every.join(whose, on="offset", how="left", maintain_order="left")
        return joined.select(pl.col(name).cast(kind) for name, kind in RECORD_SCHEMA.items())


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return msgspec.json.encode(value).decode()
