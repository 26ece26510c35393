"""The cells of tables as facts: numbers, categories and texts, what is missing, what is none."""

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.table_mapping import TableColumn
from bedside.data.collect.facts import FACT_SCHEMA

__all__ = ["FEW", "PLACES", "facts_of_cells", "frequent_names", "plain_facts"]

FEW = f"(of {SUPPRESS_AT_OR_BELOW} patients or fewer)"
PLACES = (
    "_part", "_subject", "_encounter", "_offset", "_record", "_time", "_end", "_identity",
)  # fmt: skip
LONGEST_NAME = 64
_NOTHING = pl.lit(None, dtype=pl.String)
_OF_THE_ROW: dict[str, pl.Expr] = {
    "subject": pl.col("_subject"),
    "encounter": pl.col("_encounter"),
    "record": pl.col("_record"),
    "identity": pl.col("_identity"),
    "offset": pl.col("_offset"),
    "retracts": pl.lit(value=False),
}


def plain_facts(
    rows: pl.DataFrame,
    code: str,
    kind: str,
    *,
    dated: bool = True,
    text: str | None = None,
    retracts: bool = False,
) -> pl.DataFrame:
    """One fact for each row, the same for all."""
    said = {
        **_OF_THE_ROW,
        "time": pl.col("_time") if dated else _NOTHING,
        "end": pl.col("_end") if dated and not retracts else _NOTHING,
        "kind": pl.lit(kind),
        "code": pl.lit(code),
        "text": pl.lit(text),
        "retracts": pl.lit(retracts),
    }
    return rows.select(*_facts(said), "_part")


def facts_of_cells(
    cells: pl.DataFrame,
    columns: Mapping[str, TableColumn],
    missing: Sequence[str],
    dropped: Counter[str],
) -> pl.DataFrame:
    """The facts of cells; what is no value is counted in `dropped`, what is missing is not.

    Args:
        cells: `PLACES`, and `_name` (of `columns`), `_written` and `_unit` of each cell.
        columns: What is what.
        missing: What is written where nothing was measured, in any column.
        dropped: Is added to.
    """
    written = pl.col("_written").str.strip_chars()
    plain = pl.col("_written").str.replace(r"\.0+$", "")
    unit = pl.col("_unit").str.strip_chars().replace("", None)
    number = pl.col("_written").cast(pl.Float64, strict=False)
    mode = pl.col("_mode")
    said = {
        **_OF_THE_ROW,
        "time": pl.when(~pl.col("_static")).then(pl.col("_time")),
        "end": pl.when(~pl.col("_static")).then(pl.col("_end")),
        "kind": pl.col("_kind"),
        "code": pl.col("_code"),
        "value": pl.when((mode == "number") & number.is_finite()).then(number),
        "unit": pl.when(mode == "number").then(pl.coalesce(unit, "_declared_unit")),
        "text": pl.when(mode == "category")
        .then(pl.coalesce("_meant", "_meant_plain"))
        .when(mode == "text")
        .then(pl.col("_written")),
    }
    categories = _categories_of(columns)
    made = (
        cells.lazy()
        .with_columns(written)
        .filter(pl.col("_written").is_not_null() & (pl.col("_written") != ""))
        .with_columns(plain.alias("_plain"))
        .filter(~pl.col("_written").is_in(missing) & ~pl.col("_plain").is_in(missing))
        .join(_missing_of(columns), on=["_name", "_written"], how="anti")
        .join(
            _missing_of(columns),
            left_on=["_name", "_plain"],
            right_on=["_name", "_written"],
            how="anti",
        )
        .join(_meanings_of(columns), on="_name", how="left")
        .join(categories, on=["_name", "_written"], how="left")
        .join(
            categories.rename({"_meant": "_meant_plain"}),
            left_on=["_name", "_plain"],
            right_on=["_name", "_written"],
            how="left",
        )
        .select(*_facts(said), "_part", "_name", "_mode")
        .collect()
    )
    unread = made["value"].is_null() & made["text"].is_null() & (made["_mode"] != "mark")
    for name, count in made.filter(unread)["_name"].value_counts().iter_rows():
        is_number = columns[name].categories is None
        why = "not a finite number" if is_number else "not among its categories"
        dropped[f"{name}: {why}"] += int(count)
    return made.filter(~unread).drop("_name", "_mode")


def frequent_names(names: pl.DataFrame) -> dict[str, int]:
    """How often each name (`name`, with `subject`) was met; those of few patients under `FEW`.

    What stands where a code or a unit should stand may be anything, a patient's value as well. So
    it is repeated only where more than ten patients have it.
    """
    told: Counter[str] = Counter()
    counts = names.group_by("name").agg(pl.len(), pl.col("subject").n_unique().alias("of"))
    for name, count, of in counts.iter_rows():
        is_told = of > SUPPRESS_AT_OR_BELOW and 0 < len(name or "") <= LONGEST_NAME
        told[name if is_told and name.isprintable() else FEW] += int(count)
    return dict(told)


def _facts(said: Mapping[str, pl.Expr]) -> list[pl.Expr]:
    return [
        said.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in FACT_SCHEMA.items()
    ]


def _meanings_of(columns: Mapping[str, TableColumn]) -> pl.LazyFrame:
    """For each name: its code, kind, unit, whether it is static, and how its values are read."""
    rows = [
        {
            "_name": name,
            "_code": one.code,
            "_kind": one.kind,
            "_declared_unit": one.unit,
            "_static": one.role == "static",
            "_mode": _mode_of(one),
        }
        for name, one in columns.items()
    ]
    text = ("_name", "_code", "_kind", "_declared_unit", "_mode")
    schema = {**dict.fromkeys(text, pl.String), "_static": pl.Boolean}
    return pl.LazyFrame(rows, schema=schema)


def _mode_of(column: TableColumn) -> str:
    """How the values of a column are read."""
    if column.role == "mark":
        return "mark"
    if column.categories is not None:
        return "category"
    return "number" if column.unit else "text"


def _categories_of(columns: Mapping[str, TableColumn]) -> pl.LazyFrame:
    rows = [
        {"_name": name, "_written": written, "_meant": meant}
        for name, one in columns.items()
        for written, meant in (one.categories or {}).items()
    ]
    return pl.LazyFrame(rows, schema=dict.fromkeys(("_name", "_written", "_meant"), pl.String))


def _missing_of(columns: Mapping[str, TableColumn]) -> pl.LazyFrame:
    rows = [
        {"_name": name, "_written": written}
        for name, one in columns.items()
        for written in one.missing
    ]
    return pl.LazyFrame(rows, schema=dict.fromkeys(("_name", "_written"), pl.String))
