"""What is done with a column of a table, for many rows at once."""

import secrets
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from bedside.privacy.fields.actions import FieldActions
from bedside.privacy.postcodes import zip3_of
from bedside.privacy.rules import Action

__all__ = ["ColumnActions", "subjects_of"]

OLDEST = 90
MOST_BANDS = 40  # words for ages; a column with more is no column of bands


def subjects_of(identifiers: pl.Series, actions: FieldActions) -> pl.DataFrame:
    """For each of the source's patient identifiers: the pseudonym, and the offset in days.

    Returns:
        _id (text), _pseudonym, _offset.
    """
    known = identifiers.cast(pl.String).drop_nulls().unique().sort().to_list()
    subjects = [actions.subject(one) for one in known]
    drawn = actions.vault.numbers(subjects)
    return pl.DataFrame(
        {
            "_id": known,
            "_pseudonym": [drawn[one].pseudonym for one in subjects],
            "_offset": [drawn[one].offset for one in subjects],
        },
        schema={"_id": pl.String, "_pseudonym": pl.Int64, "_offset": pl.Int64},
    )


@dataclass(slots=True)
class ColumnActions:
    """Acts on columns; technical ids get new numbers, the same in all tables of one run.

    Args:
        actions: What is done with a field.
    """

    actions: FieldActions
    _ids: dict[str, pl.DataFrame] = field(default_factory=dict)

    def renumbered(self, column: pl.Series, space: str) -> pl.Series:
        """A number drawn at random in place of each id; kept nowhere once the run has ended."""
        old = column.cast(pl.String)
        known = self._ids.get(space, pl.DataFrame(schema={"old": pl.String, "new": pl.Int64}))
        fresh = pl.DataFrame({"old": old.drop_nulls().unique()}).join(known, on="old", how="anti")
        if fresh.height:
            draws = np.random.default_rng(secrets.randbits(128))
            new = pl.Series(draws.integers(1, 2**53, fresh.height, dtype=np.int64))
            known = pl.concat([known, fresh.with_columns(new.alias("new"))])
            self._ids[space] = known
        told = pl.DataFrame({"old": old}).join(known, on="old", how="left", maintain_order="left")
        return told["new"].alias(column.name)

    def date(self, column: pl.Expr, offset: pl.Expr, *, kind: str = "date") -> pl.Expr:
        """A column of dates or times as it may be told; the year as its first of January."""
        action = self.actions.plan.action(kind)
        if action is Action.DROP:
            return pl.lit(None)
        if action is Action.KEEP:
            return column
        shifts = Action.SHIFT in (action, self.actions.plan.action("date"))
        moved = column + pl.duration(days=offset) if shifts else column
        released = self.actions.released_at
        if action is Action.SHIFT:
            return pl.when(moved.dt.date() <= released.date()).then(moved)
        year = moved.dt.truncate("1y")
        if self.actions.plan.action("age") is Action.KEEP:
            return year
        first = released.year - OLDEST + 1
        return pl.when(moved.dt.year() >= first).then(year)

    def postcode(self, column: pl.Expr) -> pl.Expr:
        """A column of postal codes."""
        action = self.actions.plan.action("postcode")
        if action is Action.KEEP:
            return column
        return zip3_of(column.cast(pl.String)) if action is Action.ZIP3 else pl.lit(None)

    def age(self, column: pl.Series) -> pl.Series:
        """A column of ages in years: numbers, or words such as `[70-80)`."""
        if self.actions.plan.action("age") is not Action.CAP:
            return column
        number = column.cast(pl.Float64, strict=False)
        if column.dtype.is_numeric() or number.null_count() == column.null_count():
            return number.clip(upper_bound=OLDEST)
        words = column.cast(pl.String)
        first = words.str.extract(r"(\d{1,3})").cast(pl.Int64)
        if words.n_unique() > MOST_BANDS:
            return pl.Series(column.name, [None] * column.len(), dtype=pl.String)
        capped = pl.select(pl.when(first >= OLDEST).then(pl.lit("90+")).otherwise(words))
        return capped.to_series().alias(column.name)
