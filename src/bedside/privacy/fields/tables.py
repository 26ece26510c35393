"""Any table, released column by column.

A column is an identifier where its name says so (`table_names.csv`), or whoever releases it does.
Any other stays behind where its values are nearly each one person's own, or are notes; numbers and
words that many share come out.
"""

import csv
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import polars as pl

from bedside.core.errors import Invalid
from bedside.privacy.cleaner import Note
from bedside.privacy.fields.columns import ColumnActions, subjects_of
from bedside.privacy.fields.omop import dated
from bedside.privacy.rules import Action, kinds

__all__ = ["TableRelease", "kind_by_name"]

KEEP = "keep"
"""In place of a kind: a person has looked at the column, and it comes out as it is."""

LONGEST = 100  # characters of a word
ALONE = 0.5  # share of rows with a value of their own, from which on a column names people
FEW = 20  # rows below which no share is told


@cache
def _patterns() -> tuple[tuple[str, str], ...]:
    text = files("bedside.privacy.fields").joinpath("table_names.csv").read_text("utf-8")
    return tuple((row["pattern"], row["kind"]) for row in csv.DictReader(text.splitlines()))


def kind_by_name(column: str) -> str | None:
    """Which identifier a column is by its name, None for none.

    >>> kind_by_name("Patient_ZIP"), kind_by_name("sodium")
    ('postcode', None)
    """
    name = column.lower().replace(" ", "_").replace("-", "_")
    return next((kind for pattern, kind in _patterns() if fnmatchcase(name, pattern)), None)


@dataclass(slots=True)
class TableRelease:
    """Releases a table with a row for each subject, or several.

    Args:
        columns: What is done with a column.
        subject: The column with the source's own patient identifier.
        told: Columns whose kind whoever releases them knows; `keep` lets one out as it is.
    """

    columns: ColumnActions
    subject: str
    told: dict[str, str] = field(default_factory=dict)

    def table(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The table, released: the subject's column holds the pseudonym.

        Raises:
            Invalid: there is no such column, or no such kind.
        """
        absent = [one for one in (self.subject, *self.told) if one not in rows.columns]
        unknown = sorted(set(self.told.values()) - {*kinds(), KEEP})
        if absent or unknown:
            raise Invalid(
                f"There is no column '{absent[0]}'." if absent else "There is no such kind.",
                fix=f"use columns of the table, and kinds: {', '.join([KEEP, *kinds()])}.",
            )
        people = subjects_of(rows[self.subject], self.columns.actions)
        joined = (
            rows.with_row_index("_row")
            .with_columns(pl.col(self.subject).cast(pl.String).alias("_id"))
            .join(people, on="_id", how="left", maintain_order="left")
        )
        done = [joined["_pseudonym"].alias(self.subject)]
        for column in rows.columns:
            if column != self.subject:
                released = self._column(joined, column)
                if released is None:
                    self.columns.actions.lost[f"column {column}"] += rows.height
                else:
                    done.append(released)
        return pl.DataFrame(done).select(
            one for one in rows.columns if one in {series.name for series in done}
        )

    def _column(self, rows: pl.DataFrame, column: str) -> pl.Series | None:
        kind = self.told.get(column) or kind_by_name(column) or _looks(rows[column])
        if kind == KEEP:
            return rows[column]
        if kind is None:
            return _numbers_alone(rows[column])
        action, here = self.columns.actions.plan.action(str(kind)), pl.col(column)
        if action is Action.STAND_IN:
            return self.columns.renumbered(rows[column], column)
        if action is Action.CAP:
            return self.columns.age(rows[column])
        if kind in ("date", "birth_date"):
            made = self.columns.date(dated(rows[column]), pl.col("_offset"), kind=kind)
        elif action is Action.KEEP:
            made = here
        elif action is Action.ZIP3:
            made = self.columns.postcode(here)
        else:
            return self._cleaned(rows, column) if kind == "free_text" else None
        return rows.select(made.alias(column)).to_series()

    def _cleaned(self, rows: pl.DataFrame, column: str) -> pl.Series | None:
        cleaner = self.columns.actions.cleaner
        if cleaner is None:
            return None
        texts = rows.filter(pl.col(column).is_not_null())
        subjects = self.columns.actions.subject
        notes = [
            Note(None if who is None else subjects(who), str(text), column)
            for who, text in texts.select("_id", column).rows()
        ]
        cleaned = texts.select("_row").with_columns(
            pl.Series(column, cleaner.clean(notes), dtype=pl.String)
        )
        return rows.select("_row").join(cleaned, on="_row", how="left", maintain_order="left")[
            column
        ]


def _numbers_alone(column: pl.Series) -> pl.Series:
    """A column whose values are numbers, for the most part, without the words among them."""
    if column.dtype != pl.String or column.null_count() == column.len():
        return column
    number = column.str.strip_chars().cast(pl.Float64, strict=False)
    if 2 * (column.len() - number.null_count()) <= column.len() - column.null_count():
        return column
    return column.set(number.is_null(), None)


def _looks(column: pl.Series) -> str | None:
    """What a column is by its values."""
    values = column.drop_nulls()
    if values.dtype in (pl.Date, pl.Datetime):
        return "date"
    if values.is_empty() or values.dtype.is_float() or values.dtype == pl.Boolean:
        return None
    share = float((values.value_counts(name="_rows")["_rows"] == 1).sum()) / values.len()
    text = values.cast(pl.String)
    if text.cast(pl.Float64, strict=False).null_count():
        return _words(text, share)
    whole = text.cast(pl.Int64, strict=False)
    large = float((whole.abs() >= 10_000).sum()) / whole.len()
    names = whole.null_count() == 0 and min(large, share) >= ALONE and whole.len() >= FEW
    return "other" if names else None


def _words(text: pl.Series, share: float) -> str | None:
    if (text.str.len_chars() > LONGEST).any():
        return "free_text"
    days = float(text.str.contains(r"^\d{4}-\d{2}-\d{2}").sum()) / text.len()
    if days >= ALONE:
        return "date"
    return "other" if share >= ALONE else None
