"""Which of the records that came are new, and what each of them corrects or takes back."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

import polars as pl

from bedside.core.records.event import TAKEN_BACK
from bedside.data.collect.draft import has_identity
from bedside.data.collect.facts import DIGEST_BYTES, UTC_US
from bedside.data.store.layout import STORED_SCHEMA

__all__ = ["VERSION_SCHEMA", "Decided", "decide", "known_versions", "versions_of"]

VERSION_SCHEMA: dict[str, Any] = {
    "source_row": pl.Binary,
    "subject_id": pl.Int64,
    "known_at": UTC_US,
    "stamped": pl.Boolean,
    "retracts": pl.Boolean,
    "file": pl.Int32,
    "offset": pl.Int64,
    "is_new": pl.Boolean,
    "replaced": pl.Boolean,
}
"""One version of one record: all its events have its `source_row`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What is to be kept of the drafts.

    Args:
        kept: For each version to keep: its source_row as it came (`was`) and as it is stored, its
            file, and the moment `not_before` which it was not known (null: any).
        rows: The rows that take earlier versions back (`STORED_SCHEMA`).
        already_here: Records that were there before.
        corrections: Records that replace an earlier version.
        taken_back: Records that were withdrawn.
    """

    kept: pl.DataFrame
    rows: pl.DataFrame
    already_here: int
    corrections: int
    taken_back: int


def versions_of(events: pl.DataFrame, file: int, now: datetime) -> pl.DataFrame:
    """The versions among the draft events of one part (`VERSION_SCHEMA`)."""
    return (
        events.lazy()
        .group_by("source_row", maintain_order=True)
        .agg(
            pl.col("subject_id").first(),
            pl.col("known_at").fill_null(now).min(),
            pl.col("stamped").any(),
            pl.col("retracts").all(),
            pl.col("source_offset").min().alias("offset"),
        )
        .with_columns(
            pl.lit(file).alias("file"),
            pl.lit(value=True).alias("is_new"),
            pl.lit(value=False).alias("replaced"),
        )
        .select(_cast(VERSION_SCHEMA))
        .collect()
    )


def known_versions(
    shards: Iterable[pl.DataFrame], new: pl.DataFrame, renewed: Collection[int]
) -> pl.DataFrame:
    """The versions in stored events that the new ones may be about (`VERSION_SCHEMA`).

    Args:
        shards: Stored events: subject_id, known_at, code, source_row, replaces, source_file and
            source_offset.
        new: The new versions.
        renewed: Raw files of which a newer state came: all their versions are given.
    """
    wanted = new.select("source_row").unique()
    named = new.filter(has_identity()).select(_identity().alias("_identity")).unique()
    found = []
    for shard in shards:
        rows = shard.with_columns(_identity().alias("_identity"))
        about = pl.concat(
            [
                rows.join(wanted, on="source_row", how="semi"),
                rows.join(named, on="_identity", how="semi"),
                rows.filter(pl.col("source_file").is_in(list(renewed))),
            ]
        ).drop("_identity")
        found.append(about)
    if not found:
        return pl.DataFrame(schema=VERSION_SCHEMA)
    rows = pl.concat(found)
    replaced = rows["replaces"].drop_nulls().unique()
    return (
        rows.with_columns((pl.col("code").cast(pl.String) == TAKEN_BACK).alias("_back"))
        .group_by("source_row")
        .agg(
            pl.col("subject_id").sort_by("_back").first(),
            pl.col("known_at").min(),
            pl.lit(value=False).alias("stamped"),
            pl.col("_back").all().alias("retracts"),
            pl.col("source_file").min().alias("file"),
            pl.col("source_offset").min().alias("offset"),
            pl.lit(value=False).alias("is_new"),
        )
        .with_columns(pl.col("source_row").is_in(replaced.implode()).alias("replaced"))
        .select(_cast(VERSION_SCHEMA))
        .sort("source_row")
    )


def decide(
    new: pl.DataFrame,
    known: pl.DataFrame,
    now: datetime,
    *,
    renewed: Mapping[int, int],
) -> Decided:
    """What each new version is: there already, a first state, a correction, a withdrawal.

    Versions of one record are in the order in which they became known; of those that became known
    together, in the order in which they came. A version that came with no stamp of its own after
    another is known from now on, not from when its fact happened.

    Args:
        new: Versions that came, in the order in which they came.
        known: Those that are stored (`known_versions`).
        now: The moment of collecting.
        renewed: Files of which a newer state came, and that state's number: a record that is not
            in it was taken back, and one that is in it stands again.
    """
    came = _standing_again(
        new.unique("source_row", keep="first", maintain_order=True), known, renewed
    )
    first = came.join(known, on="source_row", how="anti", maintain_order="left")
    late = (
        has_identity()
        & ~pl.col("stamped")
        & _identity().is_in(known.select(_identity()).to_series().unique().implode())
    ) | (pl.col("was") != pl.col("source_row"))
    moment = pl.lit(now, dtype=UTC_US)
    first = first.with_columns(
        pl.when(late).then(moment).alias("not_before"),
        pl.when(late)
        .then(pl.max_horizontal("known_at", moment))
        .otherwise(pl.col("known_at"))
        .alias("known_at"),
    )
    chained = _taken_back(first.select(list(VERSION_SCHEMA)), known)
    gone = _gone(came, known, now, renewed)
    fulfilled = first.filter("retracts").join(
        chained.filter("_later_new"), on="source_row", how="semi"
    )
    kept = first.join(fulfilled, on="source_row", how="anti", maintain_order="left")
    return Decided(
        kept=kept.select("was", "source_row", "file", "not_before"),
        rows=pl.concat([chained.select(list(STORED_SCHEMA)), gone]),
        already_here=new.height - first.height,
        corrections=int((chained["_later_new"] & ~chained["_withdrawn"]).sum()),
        taken_back=int(first["retracts"].sum()) + gone.height,
    )


def _standing_again(
    came: pl.DataFrame, known: pl.DataFrame, renewed: Mapping[int, int]
) -> pl.DataFrame:
    """The versions with `was`, and another `source_row` where an earlier state has returned.

    Only a newer state of a whole file can say that; a message that is sent twice cannot.
    """
    told = came.with_columns(pl.col("source_row").alias("was"))
    returned = told.filter(pl.col("file").is_in(list(renewed.values()))).join(
        known.filter("replaced"), on="source_row", how="semi"
    )
    if returned.is_empty():
        return told
    names = {
        row: row[:DIGEST_BYTES] + _mark(b"again", row, file)
        for row, file in returned.select("source_row", "file").iter_rows()
    }
    table = pl.DataFrame(
        {"was": list(names), "_now": list(names.values())},
        schema={"was": pl.Binary, "_now": pl.Binary},
    )
    return (
        told.join(table, on="was", how="left", maintain_order="left")
        .with_columns(pl.coalesce("_now", "source_row").alias("source_row"))
        .drop("_now")
    )


def _mark(word: bytes, row: bytes, file: int) -> bytes:
    return blake2b(word + row + file.to_bytes(4, "big"), digest_size=DIGEST_BYTES).digest()


def _cast(schema: Mapping[str, Any]) -> list[pl.Expr]:
    return [pl.col(name).cast(kind) for name, kind in schema.items()]


def _identity() -> pl.Expr:
    return pl.col("source_row").bin.slice(0, DIGEST_BYTES)


def _taken_back(new: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """For each version that has a later one, one of them new: the row that takes it back."""
    chain = (
        pl.concat([known, new])
        .filter(has_identity())
        .with_row_index("_came")
        .with_columns(_identity().alias("_identity"))
        .sort("_identity", "known_at", "is_new", "_came")
        .with_columns(
            *(
                pl.col(name).shift(-1).over("_identity").alias(f"_later_{name}")
                for name in ("source_row", "known_at", "file", "offset", "is_new", "retracts")
            )
        )
        .filter(
            pl.col("_later_source_row").is_not_null()
            & (pl.col("is_new") | pl.col("_later_is_new"))
            & ~pl.col("retracts")
        )
    )
    return _rows(
        chain,
        source_row=pl.col("_later_source_row"),
        replaces=pl.col("source_row"),
        known_at=pl.col("_later_known_at"),
        file=pl.col("_later_file"),
        offset=pl.col("_later_offset"),
        extra=(
            pl.col("_later_is_new").alias("_later_new"),
            pl.col("_later_retracts").alias("_withdrawn"),
        ),
    )


def _gone(
    came: pl.DataFrame, known: pl.DataFrame, now: datetime, renewed: Mapping[int, int]
) -> pl.DataFrame:
    """The rows that take back what the newer state of a file no longer holds."""
    named = came.filter(has_identity()).select(_identity()).to_series().unique()
    stale = known.filter(
        pl.col("file").is_in(list(renewed))
        & ~pl.col("retracts")
        & ~pl.col("replaced")
        & ~pl.col("source_row").is_in(came["was"].implode())
        & ~pl.col("source_row").is_in(came["source_row"].implode())
        & ~(has_identity() & _identity().is_in(named.implode()))
    ).with_columns(pl.col("file").replace_strict(dict(renewed), default=-1).alias("_renewal"))
    marks = [
        row[:DIGEST_BYTES] + _mark(b"gone", row, file)
        for row, file in stale.select("source_row", "_renewal").iter_rows()
    ]
    return _rows(
        stale.with_columns(pl.Series("_mark", marks, dtype=pl.Binary)),
        source_row=pl.col("_mark"),
        replaces=pl.col("source_row"),
        known_at=pl.lit(now, dtype=UTC_US),
        file=pl.col("_renewal"),
        offset=pl.lit(-1),
    )


def _rows(
    versions: pl.DataFrame,
    *,
    source_row: pl.Expr,
    replaces: pl.Expr,
    known_at: pl.Expr,
    file: pl.Expr,
    offset: pl.Expr,
    extra: tuple[pl.Expr, ...] = (),
) -> pl.DataFrame:
    said = {
        "subject_id": pl.col("subject_id"),
        "time": known_at,
        "known_at": known_at,
        "code": pl.lit(TAKEN_BACK),
        "source_row": source_row,
        "replaces": replaces,
        "source_file": file,
        "source_offset": offset,
    }
    return versions.select(
        *(
            said.get(name, pl.lit(None)).cast(kind).alias(name)
            for name, kind in STORED_SCHEMA.items()
        ),
        *extra,
    )
