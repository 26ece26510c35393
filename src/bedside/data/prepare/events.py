"""Collected events made ready for learning, shard by shard: current, in one unit, plausible."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from bedside.core.records.collection import Collection
from bedside.core.records.event import TAKEN_BACK
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW, count_shown
from bedside.data.prepare.rules import USABLE, Rules, rules_for, units_met
from bedside.data.store.merging import without_replaced

__all__ = ["Preparation", "Shards", "current", "judged", "prepare_events"]

Shards = Callable[[], Iterable[pl.DataFrame]]
"""Gives the shards of a data set anew each time: they are read more than once. All rows of one
subject, and of whom they were merged with, must lie in one shard."""


def current(events: pl.DataFrame) -> pl.DataFrame:
    """The rows of a shard that stand: neither replaced, nor taken back, nor merely taking back."""
    return without_replaced(events, events).filter(pl.col("code").cast(pl.String) != TAKEN_BACK)


def judged(events: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """The events with what the rules say about each row.

    Added: `_state` (of the unit; null for a row without a number, or with one that is not finite),
    `_value` (in the canonical unit, null where there is none), `_to` (that unit), and `_plausible`
    (null where there is no range).
    """
    table = rules.table(events.schema["code"], events.schema["unit"])
    finite = pl.col("value").is_not_null() & pl.col("value").is_finite()
    usable = finite & pl.col("_state").is_in(USABLE)
    return (
        events.join(table, on=["code", "unit"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            pl.when(finite).then("_state").alias("_state"),
            pl.when(usable)
            .then(pl.col("value") * pl.col("_factor") + pl.col("_offset"))
            .alias("_value"),
        )
        .with_columns(pl.col("_value").is_between("_low", "_high").alias("_plausible"))
    )


@dataclass(kw_only=True)
class Preparation:
    """Cleans the shards of one data set, and counts what it did; the counts of shards add up.

    A number that is not finite, or whose unit is absent, not understood or does not convert, is
    set aside with its row, and so is an implausible one. Numbers of units that are not understood
    are never guessed at.
    """

    rules: Rules
    keeps_history: bool = False
    events_in: int = 0
    events_out: int = 0
    superseded: int = 0
    not_finite: Counter[str] = field(default_factory=Counter)
    units: Counter[tuple[str, str | None, str]] = field(default_factory=Counter)
    implausible: Counter[str] = field(default_factory=Counter)

    def clean(self, shard: pl.DataFrame) -> pl.DataFrame:
        """The events of one shard that are fit for learning, in canonical units."""
        self.events_in += shard.height
        standing = shard if self.keeps_history else current(shard)
        self.superseded += shard.height - standing.height
        marked = judged(standing, self.rules)
        number = pl.col("value").is_not_null()
        kept = ~number | (pl.col("_value").is_not_null() & pl.col("_plausible").fill_null(True))
        self._count(marked.filter(number))
        clean = marked.filter(kept).select(
            pl.coalesce("_value", "value").alias(name)
            if name == "value"
            else pl.when(number).then(pl.coalesce("_to", "unit")).otherwise("unit").alias(name)
            if name == "unit"
            else name
            for name in shard.columns
        )
        self.events_out += clean.height
        return clean

    def _count(self, numbers: pl.DataFrame) -> None:
        plain = pl.col("code", "unit").cast(pl.String)
        for code, count in _sizes(numbers.filter(pl.col("_state").is_null()), "code"):
            self.not_finite[code] += count
        for code, count in _sizes(numbers.filter(~pl.col("_plausible")), "code"):
            self.implausible[code] += count
        by_unit = (
            numbers.filter(pl.col("_state").is_not_null())
            .group_by("code", "unit", "_state")
            .len()
            .with_columns(plain)
        )
        for code, unit, state, count in by_unit.iter_rows():
            self.units[code, unit, state] += count

    def figures(self) -> dict[str, Any]:
        """The counts as JSON; ten or fewer are shown as "10 or fewer".

        What so few wrote for a unit is not told: it may be a slip, and say anything.
        """
        return {
            "events_in": self.events_in,
            "events_out": self.events_out,
            "superseded": count_shown(self.superseded),
            "not_finite": {code: count_shown(n) for code, n in sorted(self.not_finite.items())},
            "implausible": {code: count_shown(n) for code, n in sorted(self.implausible.items())},
            "units": [
                {
                    "code": code,
                    "unit": unit if count > SUPPRESS_AT_OR_BELOW else None,
                    "state": state,
                    "to": self.rules.codes[code].unit,
                    "values": count_shown(count),
                }
                for (code, unit, state), count in sorted(
                    self.units.items(), key=lambda item: (item[0][0], item[0][1] or "", item[0][2])
                )
                if state != "kept"
            ],
        }


def _sizes(rows: pl.DataFrame, by: str) -> Iterable[tuple[str, int]]:
    return rows.group_by(pl.col(by).cast(pl.String)).len().iter_rows()


def prepare_events(
    shards: Shards, source: Collection, *, keeps_history: bool = False
) -> tuple[Iterator[pl.DataFrame], Preparation]:
    """Clean the events of a collected data set, one shard at a time.

    Args:
        shards: With merges folded; they are read once for the units that were met, then cleaned.
        source: Its `units` and `quality` say what is canonical and what is plausible.
        keeps_history: Keep the rows that were replaced or taken back, and what did so, so that a
            moment before the correction can be replayed. They are cleaned as well.

    Returns:
        The clean shards, and the counts, which are whole when the last shard was taken.

    Raises:
        Invalid: the declaration names a unit that is not UCUM, or a range that holds no value.
    """
    preparation = Preparation(
        rules=rules_for(source, units_met(shards())), keeps_history=keeps_history
    )
    return (preparation.clean(shard) for shard in shards()), preparation
