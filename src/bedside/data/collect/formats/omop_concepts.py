"""The concept table of an OMOP source: what its numbers mean as codes."""

from hashlib import blake2b

import polars as pl

from bedside.data.collect.facts import Beside
from bedside.data.collect.formats.bounded_parquet import Unreadable, is_parquet, read_parquet
from bedside.data.collect.formats.omop_text import read_text
from bedside.interop.omop.concepts import PREFIXES

__all__ = ["CONCEPT_FILES", "Concepts", "concepts_beside"]

CONCEPT_FILES = ("CONCEPT.parquet", "CONCEPT.csv", "CONCEPT.tsv", "CONCEPT.txt")
UCUM = "UCUM//"
_NEEDED = ("concept_id", "vocabulary_id", "concept_code")
_SCHEMA = {"concept_id": pl.Int64, "code": pl.String}
_last: dict[bytes, pl.DataFrame] = {}  # the parts of a source share one vocabulary


class Concepts:
    """Codes by concept_id.

    Args:
        table: `concept_id` and its `code`, such as `LOINC//2345-7`; each concept once. None: no
            concept is known.
    """

    def __init__(self, table: pl.DataFrame | None = None) -> None:
        self._table = pl.DataFrame(schema=_SCHEMA) if table is None else table

    def codes(self, concepts: pl.Series) -> pl.Series:
        """The code of each concept; `OMOP//<concept_id>` where the table has none.

        Null where there is no concept: the field is empty, or holds 0.
        """
        wanted = concepts.unique().drop_nulls()
        found = self._table.filter(pl.col("concept_id").is_in(wanted.implode()))
        joined = pl.DataFrame({"concept_id": concepts}).join(
            found, on="concept_id", how="left", maintain_order="left"
        )
        numbered = pl.lit("OMOP//") + pl.col("concept_id").cast(pl.String)
        code = pl.when(pl.col("concept_id") != 0).then(pl.coalesce("code", numbered))
        return joined.select(code.alias("code"))["code"]

    def units(self, concepts: pl.Series) -> pl.Series:
        """The UCUM code of each unit, null where the table does not tell it."""
        codes = self.codes(concepts)
        ucum = codes.str.starts_with(UCUM)
        return codes.str.strip_prefix(UCUM).set(~ucum.fill_null(value=False), None)


def concepts_beside(beside: Beside) -> Concepts:
    """The concept table that lies beside, or an empty one.

    A concept table that cannot be read counts as none: the codes then stay numbers.
    """
    for name in CONCEPT_FILES:
        content = beside(name)
        if content is not None:
            return Concepts(_table(content, name))
    return Concepts()


def _table(content: bytes, name: str) -> pl.DataFrame:
    digest = blake2b(content, digest_size=16).digest()
    if digest not in _last:
        made = _read(content, name)
        _last.clear()
        _last[digest] = made
    return _last[digest]


def _read(content: bytes, name: str) -> pl.DataFrame:
    empty = pl.DataFrame(schema=_SCHEMA)
    try:
        if is_parquet(name):
            rows, _ = read_parquet(content, lambda column: column.lower() in _NEEDED)
        else:
            rows = read_text(content).rows
    except Unreadable:
        return empty
    rows = rows.rename({column: column.lower() for column in rows.columns}, strict=False)
    if not set(_NEEDED) <= set(rows.columns):
        return empty
    vocabulary = pl.col("vocabulary_id").cast(pl.String).replace(PREFIXES)
    return (
        rows.select(
            pl.col("concept_id").cast(pl.Int64, strict=False),
            (vocabulary + "//" + pl.col("concept_code").cast(pl.String)).alias("code"),
        )
        .filter(pl.col("concept_id").is_not_null() & pl.col("code").is_not_null())
        .unique("concept_id", keep="first", maintain_order=True)
    )
