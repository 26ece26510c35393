"""Which subjects are one person, as far as the hospital knew it at a moment."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from bedside.core.errors import Invalid
from bedside.core.records.event import MERGED_INTO

__all__ = ["Persons", "fold_merges", "merge_statements", "persons_of", "without_replaced"]


@dataclass(slots=True)
class Persons:
    """Sets of subjects that are one person, and the one whose identifier survives.

    Statements are given in the order in which they became known. Each joins all that is known to
    be the one person with all that is known to be the other; its target names the survivor.
    """

    _set_of: dict[int, set[int]] = field(default_factory=dict)
    _survivor: dict[int, int] = field(default_factory=dict)

    def merge(self, subject: int, into: int) -> None:
        """They are one person, and `into` survives, or whoever survives it already."""
        one = self._set_of.setdefault(subject, {subject})
        other = self._set_of.setdefault(into, {into})
        survivor = into if one is other else self.survivor(into)
        if one is not other:
            other |= one
            for member in one:
                self._set_of[member] = other
        for member in other:
            self._survivor[member] = survivor

    def survivor(self, subject: int) -> int:
        """The subject under which this one is known now."""
        return self._survivor.get(subject, subject)

    def relabelled(self) -> dict[int, int]:
        """Every subject that is known under another, and that other."""
        return {one: now for one, now in self._survivor.items() if one != now}

    def together(self) -> dict[int, int]:
        """Every subject of a person with several, and the least of them."""
        return {one: min(group) for one, group in self._set_of.items() if len(group) > 1}


def merge_statements(events: pl.DataFrame) -> pl.DataFrame:
    """The merges among the events: subject_id, into, known_at, in the order of becoming known.

    Raises:
        Invalid: a merge does not name another subject.
    """
    told = (
        events.filter(pl.col("code") == MERGED_INTO)
        .filter(pl.col("text").is_not_null())
        .select(
            "subject_id",
            pl.col("text").cast(pl.Int64, strict=False).alias("into"),
            "known_at",
            "source_row",
        )
        .sort("known_at", "source_row", "subject_id", "into")
    )
    if told["into"].null_count():
        raise Invalid(
            f"An event {MERGED_INTO} does not name a subject.",
            fix="put the surviving subject_id into its text, in decimal digits.",
        )
    return told


def persons_of(statements: Iterable[tuple[int, int]]) -> Persons:
    """Who is one person after these statements (subject, into)."""
    persons = Persons()
    for subject, into in statements:
        persons.merge(subject, into)
    return persons


def without_replaced(seen: pl.DataFrame, record: pl.DataFrame) -> pl.DataFrame:
    """The rows that are seen and that no seen row replaces.

    A correction counts for the records of its own subject, and of whoever was ever said to be the
    same person; filed under a stranger it changes nothing.

    Args:
        seen: Some of the rows of `record`.
        record: Every event of these subjects and of all that are merged with them.
    """
    if seen["replaces"].null_count() == seen.height:
        return seen
    statements = merge_statements(record)
    pairs = zip(statements["subject_id"], statements["into"], strict=True)
    together = persons_of(pairs).together()
    person = pl.col("subject_id").replace(list(together), list(together.values()))
    replaced = seen.filter(pl.col("replaces").is_not_null()).select(
        person.alias("_person"), pl.col("replaces").alias("source_row")
    )
    return (
        seen.with_columns(person.alias("_person"))
        .join(replaced.unique(), on=["_person", "source_row"], how="anti", maintain_order="left")
        .drop("_person")
    )


def fold_merges(events: pl.DataFrame) -> pl.DataFrame:
    """The events with merged subjects under their last surviving identifier, for learning.

    What was recorded under another identifier becomes known under the surviving one when the two
    were found to be one person, and not before; so a model sees no more than the ward did. Merges
    that were taken back do not count. The statements themselves are left out.

    Args:
        events: Every event of its subjects, and of all that are merged with them.
    """
    valid = merge_statements(without_replaced(events, events))
    rest = events.filter(pl.col("code") != MERGED_INTO)
    if valid.is_empty():
        return rest
    pairs = list(zip(valid["subject_id"], valid["into"], valid["known_at"], strict=True))
    persons = persons_of((subject, into) for subject, into, _ in pairs)
    joined = pl.DataFrame(
        [
            {"subject_id": subject, "_now": now, "_joined": _first_together(pairs, subject, now)}
            for subject, now in persons.relabelled().items()
        ],
        schema={"subject_id": pl.Int64, "_now": pl.Int64, "_joined": pl.Datetime("us", "UTC")},
    )
    return (
        rest.join(joined, on="subject_id", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("_now", "subject_id").alias("subject_id"),
            pl.max_horizontal("known_at", "_joined").alias("known_at"),
        )
        .drop("_now", "_joined")
    )


def _first_together(pairs: list[tuple[int, int, object]], one: int, other: int) -> object:
    """When the two were first known to be one person."""
    persons = Persons()
    for subject, into, known_at in pairs:
        persons.merge(subject, into)
        together = persons.together()
        if one in together and together.get(one) == together.get(other):
            return known_at
    raise AssertionError("two subjects of one person were never merged")
