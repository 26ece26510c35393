"""When things happened, as far as a release mode lets it be told.

Safe Harbor lets nothing of a date stand but its year. What a model learns from is how long after
another thing a thing happened, and a length of time is no element of a date. So each subject's
clock is set to begin with the first of January of the year of their first event, and runs on in
true time from there: order and intervals within a subject stay exact to the microsecond; month,
day, day of the week and hour are gone, and with them every season and all that subjects shared.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from bedside.core.errors import Refused
from bedside.privacy.rules import Action, ReleasePlan

__all__ = ["BIRTH", "Clocks", "retimed"]

BIRTH = "MEDS//BIRTH"
"""The code of a birth in what we collect; `coded_identifiers.csv` has those of others."""

OLDEST = 90  # years: this age and all above are one
_TIMES = ("time", "known_at", "end")
_SPENT = ("offset",)  # what nobody needs once the times are moved
_MOVING = (Action.ELAPSED, Action.SHIFT)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What is done with times, the moment of the release, and the codes of births."""

    date: Action
    birth_date: Action
    age: Action
    released_at: datetime
    births: tuple[str, ...] = (BIRTH,)

    @classmethod
    def of(
        cls, plan: ReleasePlan, released_at: datetime, births: tuple[str, ...] = (BIRTH,)
    ) -> "Clocks":
        """What a plan says of dates.

        Raises:
            Refused: dates are dropped, and events without times are none (code `release_mode`).
        """
        if plan.action("date") is Action.DROP:
            raise Refused(
                "Events without their times are no events.",
                fix="use date=elapsed or date=year.",
                code="release_mode",
            )
        birth, age = plan.action("birth_date"), plan.action("age")
        return cls(plan.action("date"), birth, age, released_at.astimezone(UTC), births)

    @property
    def hides_age(self) -> bool:
        """Whether no age above 89 may be told, nor be worked out."""
        return self.age is not Action.KEEP

    @property
    def first_year(self) -> int:
        """Whoever was there before it is 90 by now."""
        return self.released_at.year - OLDEST + 1


def retimed(events: pl.DataFrame, clocks: Clocks, lost: Counter[str]) -> pl.DataFrame:
    """The events at the times that may be told; rows that cannot be told are counted and left out.

    Args:
        events: Whole subjects: subject_id, offset (days), time, known_at, end, code. Much faster
            where the subjects are in order and flagged as such.
        clocks: What is done.
        lost: Counts what is left out, by reason.
    """
    told = events.with_columns(_is_birth(events["code"], clocks).alias("_birth"))
    if clocks.hides_age:
        gone = {"older than 89 years before the release": _before(clocks)}
        told = _left_out(told, gone, lost)
    people = _people(told, clocks)
    kept = [name for name in events.columns if name not in _SPENT]
    if clocks.date in _MOVING:
        told = _beside(told, people, "_delta")
    told = told.with_columns(_moved(name, clocks) for name in _TIMES).select(*kept, "_birth")
    if people["_born"].null_count() < people.height:
        told = _births(told, people, clocks, lost)
    if clocks.date is Action.SHIFT:
        ahead = pl.max_horizontal(*_TIMES) > pl.lit(clocks.released_at)
        told = _left_out(told, {"would lie after the release": ahead}, lost)
    return told.select(kept)


def _beside(events: pl.DataFrame, people: pl.DataFrame, *names: str) -> pl.DataFrame:
    """The events, with columns of their subjects."""
    own = people.select("subject_id", *names)
    return events.join(own, on="subject_id", how="left", maintain_order="left")


def _is_birth(code: pl.Series, clocks: Clocks) -> pl.Expr:
    """By the numbers that stand for the codes: a comparison of texts would take twice as long."""
    codes = code.cast(pl.Categorical)
    births = pl.Series(clocks.births, dtype=pl.String).cast(codes.dtype).to_physical()
    numbers = codes.to_physical()
    found = pl.any_horizontal(pl.lit(value=False), *(pl.lit(numbers) == one for one in births))
    return found & pl.col("time").is_not_null()


def _before(clocks: Clocks) -> pl.Expr:
    oldest = datetime(clocks.first_year, 1, 1, tzinfo=UTC)
    return (pl.col("time") < pl.lit(oldest)).fill_null(value=False) & ~pl.col("_birth")


def _people(events: pl.DataFrame, clocks: Clocks) -> pl.DataFrame:
    """Of each subject: how far the clock moves, birth, the birth that is told, and who was 90."""
    dated = pl.when(~pl.col("_birth")).then(pl.col("time"))
    born = pl.when(pl.col("_birth")).then(pl.col("time")).min().alias("_born")
    people = events.group_by("subject_id", maintain_order=True).agg(
        dated.min().fill_null(pl.col("known_at").min()).alias("_first"),
        pl.max_horizontal(dated.max(), pl.col("known_at").max(), pl.col("end").max()).alias(
            "_last"
        ),
        born,
        pl.col("offset").first().alias("_offset"),
    )
    ninety = pl.col("_born").dt.offset_by(f"{OLDEST}y")
    delta = pl.col("_first").dt.truncate("1y") - pl.col("_first")
    if clocks.date is Action.SHIFT:
        delta = pl.duration(days=pl.col("_offset"))
    told = people.with_columns(
        delta.alias("_delta"),
        (ninety <= pl.col("_last")).fill_null(value=False).alias("_old"),
        (ninety <= pl.lit(clocks.released_at)).fill_null(value=False).alias("_old_by_now"),
    )
    born = _born(clocks, capped=bool(told["_old_by_now"].any()))
    return told.with_columns(born.alias("_told_born")).drop("_offset", "_last")


def _born(clocks: Clocks, *, capped: bool) -> pl.Expr:
    """The birth that may be told; `capped`: somebody would be 90 by now."""
    match clocks.birth_date:
        case Action.YEAR:
            moved = pl.col("_born")
            if clocks.date is Action.SHIFT:
                moved = moved + pl.col("_delta")
            born = moved.dt.truncate("1y")
        case Action.SHIFT:
            born = pl.col("_born") + pl.duration(days=pl.col("_offset"))
        case _:
            born = pl.col("_born")
    if not (clocks.hides_age and capped):
        return born
    last = _moved("_last", clocks)
    return pl.when("_old").then(last.dt.truncate("1y").dt.offset_by(f"-{OLDEST}y")).otherwise(born)


def _moved(name: str, clocks: Clocks) -> pl.Expr:
    column = pl.col(name)
    if clocks.date is Action.YEAR:
        return column.dt.truncate("1y")
    return column + pl.col("_delta") if clocks.date in _MOVING else column


def _births(
    told: pl.DataFrame, people: pl.DataFrame, clocks: Clocks, lost: Counter[str]
) -> pl.DataFrame:
    """Births as their rule says; whoever reached 90 was born 90 years before their last event."""
    row = pl.int_range(pl.len(), dtype=pl.UInt32).alias("_row")
    born = told.select(row, "subject_id", "_birth").filter("_birth")
    born = _beside(born, people, "_told_born", "_old", "_old_by_now")
    gone: dict[str, pl.Series] = {}
    if clocks.birth_date is Action.DROP:
        gone["birth"] = born["_row"]
    if clocks.hides_age and people["_old_by_now"].any():
        unsaid = born.filter(pl.col("_old_by_now") & ~pl.col("_old"))
        gone["birth of whoever would be 90 by now"] = unsaid["_row"]
        gone["more than 90 years before the last event"] = _too_early(told, people)
    when = told["time"].clone().scatter(born["_row"], born["_told_born"])
    return _without_rows(told.with_columns(when), gone, lost)


def _too_early(told: pl.DataFrame, people: pl.DataFrame) -> pl.Series:
    """Rows before the birth that is told of somebody who reached 90."""
    old = people.filter("_old")
    if old.is_empty():
        return pl.Series(dtype=pl.UInt32)
    least = _beside(told.select("subject_id", "time", "_birth"), old, "_told_born")
    early = (pl.col("time") < pl.col("_told_born")) & ~pl.col("_birth")
    return least.select(early.fill_null(value=False)).to_series().arg_true()


def _without_rows(
    events: pl.DataFrame, gone: dict[str, pl.Series], lost: Counter[str]
) -> pl.DataFrame:
    """Without the rows of these numbers."""
    for why, rows in gone.items():
        lost[why] += len(rows)
    stays = np.ones(events.height, dtype=np.bool_)
    for rows in gone.values():
        stays[rows.to_numpy()] = False
    return events if stays.all() else events.filter(pl.Series(stays))


def _left_out(events: pl.DataFrame, gone: dict[str, pl.Expr], lost: Counter[str]) -> pl.DataFrame:
    """The rows that stay; most often that is all of them, and nothing is copied."""
    masks = events.select(one.fill_null(value=False).alias(why) for why, one in gone.items())
    for why in gone:
        lost[why] += int(masks[why].sum())
    if not gone or not any(masks[why].any() for why in gone):
        return events
    return events.filter(~masks.select(pl.any_horizontal(pl.all())).to_series())
