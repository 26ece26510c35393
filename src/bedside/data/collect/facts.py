"""What a collector makes of one part of a source: facts, still in the source's own words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Literal

import polars as pl

from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord

__all__ = [
    "FACT_SCHEMA",
    "RECORD_SCHEMA",
    "UTC_US",
    "Batch",
    "Beside",
    "Collector",
    "Part",
    "Reader",
    "digest_of_records",
]

UTC_US = pl.Datetime("us", "UTC")
DIGEST_BYTES = 12

FACT_SCHEMA: dict[str, Any] = {
    "subject": pl.String,
    "time": UTC_US,
    "end": UTC_US,
    "recorded": UTC_US,
    "kind": pl.String,
    "code": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "text": pl.String,
    "encounter": pl.String,
    "record": pl.Binary,
    "identity": pl.Binary,
    "retracts": pl.Boolean,
    "offset": pl.Int64,
}
"""A fact as the source tells it.

- `subject`, `encounter`: the source's own identifiers; they become pseudonyms later.
- `time`, `end`: when it happened (null: a static fact); `recorded`: the source's own stamp of when
  it was made known, null where it has none. `known_at` follows from the declared rule of `kind`.
- `code`: `SYSTEM//code`. `value` with `unit` as the source writes it, or `text`.
- `record`: `digest_of_records` of the raw record, the same for each fact that it gives.
- `identity`: `digest_of_records` of what names the record through all its versions (for FHIR
  `Observation/17`), or null: a later record with the same identity replaces the earlier one.
- `retracts`: the record takes its earlier versions back; such a row has a code but no value.
- `offset`: the record's first byte in the part (or its row, in a columnar one).
"""

RECORD_SCHEMA: dict[str, Any] = {"offset": pl.Int64, "length": pl.Int64, "subject": pl.String}
"""Every record of a part, also those that gave no fact: where it lies and whose it is (null: not
known), so that erasing a subject can cut it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A file as it was received, or a run of whole records of it, at most `PART_BYTES` long.

    `unit` says what offsets count: bytes of a text, rows of a Parquet file. `first` is how many
    bytes of the file lie before this part.
    """

    name: str
    content: bytes
    unit: Literal["byte", "row"] = "byte"
    first: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The facts of one part (`FACT_SCHEMA`), its records (`RECORD_SCHEMA`), and what was not one.

    Args:
        facts: In any order.
        records: In the order of the part.
        rows_in: Records read, by kind of record.
        dropped: Records, or parts of records, that gave no fact: how many for each reason. A
            reason never holds a patient's value.
        bad: Unreadable records.
        codes_unknown: Codes without a system that is known, `system|code`, and how often.
    """

    facts: pl.DataFrame
    records: pl.DataFrame
    rows_in: Mapping[str, int]
    dropped: Mapping[str, int] = field(default_factory=dict)
    bad: tuple[BadRecord, ...] = ()
    codes_unknown: Mapping[str, int] = field(default_factory=dict)


Beside = Callable[[str], bytes | None]
"""Gives the content of another file of the same source by its name without a folder, or None."""

Collector = Callable[[Part, Collection, Beside], Batch]
"""Reads one part. It raises only for a wrong declaration: a bad record is told in the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """How one format is collected.

    Args:
        collect: Reads a part.
        kinds: The kinds of fact that it can give; each that is met must be declared.
        split: Where a large file may be cut: at `lines`; between the `rows` of a text table, each
            part with the header of the file before it; or not at all (`whole`).
        repeats: A record that is there twice says the same twice (`same`), or is two facts
            (`counted`).
        looks_beside: It reads other files of the source as well.
        passive: Patterns of files that are only looked at beside others.
        collect_all: Reads several small parts at once, where that is quicker.
        prepare: Turns a file into the text that is kept and read, where that is another form.
    """

    collect: Collector
    kinds: frozenset[str]
    split: Literal["lines", "rows", "whole"] = "whole"
    repeats: Literal["same", "counted"] = "same"
    looks_beside: bool = False
    passive: tuple[str, ...] = ()
    collect_all: Callable[[Sequence[Part], Collection, Beside], list[Batch]] | None = None
    prepare: Callable[[Part], Part] = lambda part: part


def digest_of_records(records: "list[bytes] | list[str]") -> pl.Series:
    """A digest (BLAKE2b, 12 bytes) of each record; null for an empty one.

    >>> digest_of_records(["Observation/17", ""]).is_null().to_list()
    [False, True]
    """
    made = (
        blake2b(one.encode() if isinstance(one, str) else one, digest_size=DIGEST_BYTES).digest()
        if one
        else None
        for one in records
    )
    return pl.Series(list(made), dtype=pl.Binary)
