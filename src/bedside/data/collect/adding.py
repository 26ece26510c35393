"""Draft events that are kept become stored ones, with the moment at which each became known."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

import polars as pl

from bedside.core.records.event import TAKEN_BACK
from bedside.data.collect.facts import UTC_US
from bedside.data.store.layout import STORED_SCHEMA

__all__ = ["first_contacts", "kept_drafts", "stored_events"]


def kept_drafts(drafts: pl.DataFrame, kept: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The draft events of the versions that are kept, each version once, under its stored name.

    `known_at` is put right, but for what waits for the subject's first dated fact.

    Args:
        drafts: Draft events with `source_file`.
        kept: As `decide` gives it; that of other drafts may be among it.
        now: The moment of collecting.
    """
    found = drafts.rename({"source_row": "was"}).join(
        kept,
        left_on=["was", "source_file", "source_offset"],
        right_on=["was", "file", "offset"],
        how="inner",
    )
    moment = pl.coalesce("known_at", pl.lit(now, dtype=UTC_US))
    return found.with_columns(
        pl.when(pl.col("waits").is_null())
        .then(pl.max_horizontal(moment, "not_before"))
        .alias("known_at")
    )


def first_contacts(stored: Iterable[pl.DataFrame], added: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """When each subject's first dated fact was known: subject_id, first.

    Args:
        stored: Stored events: subject_id, time, known_at and code.
        added: Kept drafts.
    """
    dated = pl.col("time").is_not_null() & pl.col("known_at").is_not_null()
    says = pl.col("code").cast(pl.String) != TAKEN_BACK
    first = pl.col("known_at").min().alias("first")
    held = [
        one.filter(dated & says).group_by("subject_id").agg(first) for one in chain(stored, added)
    ]
    none = pl.DataFrame(schema={"subject_id": pl.Int64, "first": UTC_US})
    return pl.concat([none, *held]).group_by("subject_id").agg(pl.col("first").min())


def stored_events(added: pl.DataFrame, firsts: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Kept drafts as they are stored.

    Args:
        added: Kept drafts.
        firsts: As `first_contacts` gives it; a subject who is not there is met now.
        now: The moment of collecting.
    """
    waited = pl.col("first") + pl.duration(microseconds=pl.col("waits"))
    known_at = pl.coalesce(waited, pl.lit(now, dtype=UTC_US))
    return (
        added.filter(pl.col("subject_id").is_not_null())  # else a deletion of what never came
        .join(firsts, on="subject_id", how="left")
        .with_columns(
            pl.coalesce("known_at", pl.max_horizontal(known_at, "not_before")).alias("known_at"),
            pl.lit(None, dtype=pl.Binary).alias("replaces"),
        )
        .select(pl.col(name).cast(kind) for name, kind in STORED_SCHEMA.items())
    )
