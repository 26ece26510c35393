"""Tables of the OMOP CDM, released column by column: what no rule names does not come out.

The rules are `omop_rules.csv`: by table and field, or by the ending of a field's name in every
table. Vocabularies and what describes the database go as they are: they tell of nobody.
"""

import csv
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import polars as pl

from bedside.privacy.cleaner import Note
from bedside.privacy.fields.columns import ColumnActions, subjects_of
from bedside.privacy.rules import Action

__all__ = ["CLINICAL", "OmopRelease", "dated", "omop_rule"]

OPEN = frozenset(
    {
        "concept", "concept_ancestor", "concept_class", "concept_relationship", "concept_synonym",
        "domain", "drug_strength", "relationship", "vocabulary",
    }
)  # fmt: skip
"""Tables of the vocabularies."""


@cache
def _rules() -> tuple[tuple[str, str, str], ...]:
    text = files("bedside.privacy.fields").joinpath("omop_rules.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple((row["table"], row["field"], row["rule"]) for row in rows)


CLINICAL = frozenset(table for table, _, _ in _rules() if table != "*") | {
    "death", "visit_occurrence", "visit_detail"
}  # fmt: skip
"""Tables that come out under the rules; any other stays behind."""


def omop_rule(table: str, name: str) -> str:
    """What is done with a field: the table's own rule counts before that of every table.

    >>> omop_rule("person", "year_of_birth"), omop_rule("death", "death_date")
    ('year_of_birth', 'date')
    >>> omop_rule("person", "shoe_size")
    'drop'
    """
    for of in (table, "*"):
        for where, pattern, rule in _rules():
            if where == of and fnmatchcase(name, pattern):
                return rule
    return "drop"


@dataclass(slots=True)
class OmopRelease:
    """Releases tables, one after another; their ids still join.

    Args:
        columns: What is done with a column.
    """

    columns: ColumnActions

    def table(self, name: str, rows: pl.DataFrame) -> pl.DataFrame | None:
        """A table, released, in its own column names; None where all of it stays behind.

        Args:
            name: Such as `person`, in any case.
            rows: As it was read; every column may be text.
        """
        lost, table = self.columns.actions.lost, name.lower()
        if table in OPEN:
            return rows
        if table not in CLINICAL:
            lost[f"table {table}" if table.isidentifier() else "a table of no name"] += rows.height
            return None
        rows = rows.rename({column: column.lower() for column in rows.columns})
        person = "subject_id" if table == "cohort" else "person_id"
        told = rows.with_row_index("_row")
        if person in rows.columns:
            people = subjects_of(rows[person], self.columns.actions)
            told = told.with_columns(pl.col(person).cast(pl.String).alias("_id")).join(
                people, on="_id", how="left", maintain_order="left"
            )
        else:
            told = told.with_columns(pl.lit(None, dtype=pl.Int64).alias("_offset"))
        done = []
        for column in rows.columns:
            released = self._column(told, column, omop_rule(table, column), table)
            if released is None:
                lost[f"{table}.{column}"] += rows.height - rows[column].null_count()
            else:
                done.append(released)
        return pl.DataFrame(done) if done else None

    def _column(self, told: pl.DataFrame, column: str, rule: str, table: str) -> pl.Series | None:
        here, offset = pl.col(column), pl.col("_offset")
        if rule == "person":
            return told["_pseudonym"].alias(column)
        if rule.startswith("id"):
            return self.columns.renumbered(told[column], rule.partition(":")[2] or column)
        if rule == "text":
            return self._text(told, column, table)
        plan = self.columns.actions.plan
        kept = {"state": "state", "place": "place"}
        if rule == "drop" or (rule in kept and plan.action(kept[rule]) is not Action.KEEP):
            return None
        if rule in ("date", "birth_date"):
            made = self.columns.date(dated(told[column]), offset, kind=rule)
        elif rule == "year_of_birth":
            born: pl.Expr = pl.date(here.cast(pl.Int64, strict=False), 7, 1)
            if "birth_datetime" in told.columns:
                exact = dated(told["birth_datetime"]).cast(pl.Date)
                born = pl.coalesce(exact, born)
            made = self.columns.date(born, offset, kind="birth_date").dt.year()
        elif rule == "postcode":
            made = self.columns.postcode(here)
        elif told[column].dtype == pl.String and rule == "keep":  # all of these are numbers
            made = pl.when(
                here.str.strip_chars().cast(pl.Float64, strict=False).is_not_null()
            ).then(here)
        else:
            made = here
        return told.select(made.alias(column)).to_series()

    def _text(self, told: pl.DataFrame, column: str, table: str) -> pl.Series | None:
        cleaner = self.columns.actions.cleaner
        if cleaner is None:
            return None
        texts = told.filter(pl.col(column).is_not_null())
        people = texts["_id"] if "_id" in texts.columns else pl.Series([None] * texts.height)
        notes = [
            Note(None if who is None else self.columns.actions.subject(who), str(text), table)
            for who, text in zip(people, texts[column], strict=True)
        ]
        cleaned = texts.select("_row").with_columns(
            pl.Series(column, cleaner.clean(notes), dtype=pl.String)
        )
        return told.select("_row").join(cleaned, on="_row", how="left", maintain_order="left")[
            column
        ]


def dated(column: pl.Series) -> pl.Expr:
    """A column of dates or times: text is read as ISO 8601, and what is neither is null."""
    here = pl.col(column.name)
    if column.dtype in (pl.Date, pl.Datetime):
        return here
    whole = here.cast(pl.String).str.replace(" ", "T").str.slice(0, 19)
    stamp = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False)
    if column.cast(pl.String).str.contains(":").any():
        return pl.coalesce(stamp, whole.str.to_datetime("%Y-%m-%d", strict=False))
    return pl.coalesce(
        whole.str.to_date("%Y-%m-%d", strict=False), whole.str.to_date("%Y%m%d", strict=False)
    )
