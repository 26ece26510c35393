"""Which of the records that came are new, and what each of them corrects or takes back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
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
    "subjects": pl.List(pl.Int64),
    "known_at": UTC_US,
    "stamped": pl.Boolean,
    "retracts": pl.Boolean,
    "file": pl.Int32,
    "offset": pl.Int64,
    "is_new": pl.Boolean,
    "replaced": pl.Boolean,
}
"""One version of one record: all its events have its `source_row`, whosoever they are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What is to be kept of the drafts.

    Args:
        kept: For each version to keep: its source_row as it came (`was`) and as it is stored, its
            file and where it lies there, and the moment `not_before` which none of it was known
            (null: any).
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


def versions_of(events: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The versions among draft events, in the order in which they came (`VERSION_SCHEMA`).

    Args:
        events: Draft events with `source_file`.
        now: The moment of collecting: from then on a fact is known that has no other moment.
    """
    keys = ["source_file", "source_row"]
    rows = events.with_columns(
        pl.col("known_at").fill_null(pl.lit(now, dtype=UTC_US)),
        pl.when("stamped").then("known_at").alias("_stamp"),
    )
    versions = rows.group_by(keys).agg(
        pl.col("_stamp", "known_at").min(),
        pl.col("stamped").any(),
        pl.col("retracts").all(),
        pl.col("source_offset").min().alias("offset"),
        *_LEAST_AND_MOST,
    )
    return (
        _with_subjects(versions, rows, keys)
        .with_columns(
            pl.coalesce("_stamp", "known_at").alias("known_at"),
            pl.col("source_file").alias("file"),
            pl.lit(value=True).alias("is_new"),
            pl.lit(value=False).alias("replaced"),
        )
        .select(_cast(VERSION_SCHEMA))
        .sort("file", "offset", "source_row")
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
    is_named = new.select(has_identity()).to_series()
    nameless = new.filter(~is_named).select("source_row").unique()
    named = new.filter(is_named).select(_identity().alias("_identity")).unique()
    found = []
    for shard in shards:
        rows = shard.with_columns(
            _identity().alias("_identity"),
            (pl.col("code").cast(pl.String) == TAKEN_BACK).alias("_back"),
        )
        about = [
            rows.join(nameless, on="source_row", how="semi"),
            rows.join(named, on="_identity", how="semi"),
            rows.filter(pl.col("source_file").is_in(list(renewed))),
        ]
        found += [one.drop("_identity", "code") for one in about if one.height]
    if not found:
        return pl.DataFrame(schema=VERSION_SCHEMA)
    rows = pl.concat(found).with_columns(
        pl.when("_back").then("known_at").alias("_back_at"),
        pl.when(~pl.col("_back")).then("subject_id").alias("_own"),
    )
    replaced = rows["replaces"].drop_nulls().unique()
    versions = rows.group_by("source_row").agg(
        pl.col("_back_at", "known_at").min(),
        pl.col("_back").all().alias("retracts"),
        pl.col("source_file").min().alias("file"),
        pl.col("source_offset").min().alias("offset"),
        *_LEAST_AND_MOST,
        pl.col("_own").min().alias("_own_least"),
        pl.col("_own").max().alias("_own_most"),
    )
    # What a version takes back may have been another's, so its own facts say whose it is; and that
    # has the moment of the version, while some of its facts may have later ones.
    versions = versions.with_columns(
        pl.coalesce("_back_at", "known_at").alias("known_at"),
        pl.coalesce("_own_least", "_least").alias("_least"),
        pl.coalesce("_own_most", "_most").alias("_most"),
    )
    taking = versions.filter("retracts")["source_row"]
    own = rows.filter(~pl.col("_back") | pl.col("source_row").is_in(taking.implode()))
    return (
        _with_subjects(versions, own, ["source_row"])
        .with_columns(
            pl.lit(value=False).alias("stamped"),
            pl.lit(value=False).alias("is_new"),
            pl.col("source_row").is_in(replaced.implode()).alias("replaced"),
        )
        .select(_cast(VERSION_SCHEMA))
        .sort("source_row")
    )


_LEAST_AND_MOST = (
    pl.col("subject_id").min().alias("_least"),
    pl.col("subject_id").max().alias("_most"),
)


def _with_subjects(versions: pl.DataFrame, rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """The versions with the subjects of each; hardly any has several."""
    one = versions.with_columns(pl.concat_list("_least").alias("subjects"))
    several = versions.filter(pl.col("_least") != pl.col("_most"))
    if several.is_empty():
        return one
    every = rows.join(several, on=keys, how="semi").group_by(keys)
    lists = every.agg(pl.col("subject_id").unique().sort().alias("_every"))
    joined = one.join(lists, on=keys, how="left")
    return joined.with_columns(pl.coalesce("_every", "subjects").alias("subjects"))


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
    another, now or in an earlier collecting, is known from now on, not from when its fact
    happened; and what takes back a version without a stamp is not known before it.

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
    first = _in_time(
        came.join(known, on="source_row", how="anti", maintain_order="left"), known, now
    )
    chain = _chain(first.filter("_several").select(list(VERSION_SCHEMA)), known)
    pairs = chain.filter(
        pl.col("_later_source_row").is_not_null()
        & (pl.col("is_new") | pl.col("_later_is_new"))
        & ~pl.col("retracts")
    )
    gone = _gone(came, known, renewed)
    later = chain.filter(pl.col("is_new") & pl.col("_has_earlier"))["source_row"]
    fulfilled = pairs.filter(pl.col("_later_retracts"))["_later_source_row"]
    kept = first.filter(
        ~(pl.col("retracts") & pl.col("source_row").is_in(fulfilled.implode()))
    ).with_columns(
        pl.when(pl.col("_again") | pl.col("source_row").is_in(later.implode()))
        .then(pl.col("known_at"))
        .alias("not_before")
    )
    return Decided(
        kept=kept.select("was", "source_row", "file", "offset", "not_before"),
        rows=pl.concat([_rows_of_pairs(pairs), _rows_of_gone(gone, now)]),
        already_here=new.height - first.height,
        corrections=int((pairs["_later_is_new"] & ~pairs["_later_retracts"]).sum()),
        taken_back=fulfilled.len() + gone.height,
    )


def _standing_again(
    came: pl.DataFrame, known: pl.DataFrame, renewed: Mapping[int, int]
) -> pl.DataFrame:
    """The versions with `was`, and another `source_row` where an earlier state has returned.

    Only a newer state of a whole file can say that; a message that is sent twice cannot.
    """
    told = came.with_columns(pl.col("source_row").alias("was"))
    asked = told.filter(pl.col("file").is_in(list(renewed.values())))
    returned = asked.join(known.filter("replaced"), on="source_row", how="semi")["source_row"]
    names, times = {row: row for row in returned}, 0
    while left := _not_standing(names, known):
        times += 1
        names |= {row: row[:DIGEST_BYTES] + _mark(b"again", row, times) for row in left}
    if not names:
        return told
    table = pl.DataFrame(
        {"was": list(names), "_now": list(names.values())},
        schema={"was": pl.Binary, "_now": pl.Binary},
    )
    return (
        told.join(table, on="was", how="left", maintain_order="left")
        .with_columns(pl.coalesce("_now", "source_row").alias("source_row"))
        .drop("_now")
    )


def _not_standing(names: Mapping[bytes, bytes], known: pl.DataFrame) -> list[bytes]:
    """The rows whose latest return (its name) is known and was replaced as well."""
    if not names:
        return []
    table = pl.DataFrame({"was": list(names), "source_row": list(names.values())})
    return table.join(known.filter("replaced"), on="source_row", how="semi")["was"].to_list()


def _mark(word: bytes, row: bytes, number: int) -> bytes:
    return blake2b(word + row + number.to_bytes(4, "big"), digest_size=DIGEST_BYTES).digest()


def _cast(schema: Mapping[str, Any]) -> list[pl.Expr]:
    return [pl.col(name).cast(kind) for name, kind in schema.items()]


def _identity() -> pl.Expr:
    return pl.col("source_row").bin.slice(0, DIGEST_BYTES)


def _in_time(first: pl.DataFrame, known: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The new versions, `known_at` put right; which are of several, which stand again."""
    moment = pl.lit(now, dtype=UTC_US)
    held = known.filter(has_identity()).group_by(_identity().alias("_identity"))
    rows = (
        first.with_row_index("_came")
        .with_columns(_identity().alias("_identity"))
        .join(held.agg(pl.col("known_at").max().alias("_held")), on="_identity", how="left")
        .with_columns(
            (pl.col("was") != pl.col("source_row")).alias("_again"),
            (
                has_identity()
                & (pl.col("_held").is_not_null() | pl.col("_identity").is_duplicated())
            ).alias("_several"),
        )
        .with_columns(
            pl.when("_again")
            .then(pl.max_horizontal("known_at", moment))
            .otherwise("known_at")
            .alias("known_at")
        )
        .sort("_came")
    )
    one, several = rows.filter(~pl.col("_several")), rows.filter("_several")
    before = pl.col("known_at").cum_max().shift(1).over("_identity")
    late = ~pl.col("stamped") & (pl.col("_held").is_not_null() | before.is_not_null())
    several = several.with_columns(
        pl.when(late)
        .then(pl.max_horizontal("known_at", moment, before, "_held"))
        .otherwise("known_at")
        .alias("known_at")
    )
    unstamped = pl.when(~pl.col("stamped")).then(pl.col("known_at")).cum_max()
    withdrawn = unstamped.forward_fill().shift(1).over("_identity")
    several = several.with_columns(
        pl.when("retracts")
        .then(pl.max_horizontal("known_at", withdrawn))
        .otherwise("known_at")
        .alias("known_at")
    )
    return pl.concat([one, several]).sort("_came")


def _chain(new: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The versions of each record in their order, each with what is told of the next one.

    Of stored ones that became known together, the one that stands comes last.
    """
    same = pl.col("_identity") == pl.col("_identity").shift(-1)
    return (
        pl.concat([known, new])
        .filter(has_identity())
        .with_row_index("_came")
        .with_columns(
            _identity().alias("_identity"),
            pl.when(~pl.col("is_new"))
            .then(~pl.col("replaced") & ~pl.col("retracts"))
            .alias("_stands"),
        )
        .sort("_identity", "known_at", "is_new", "_stands", "_came")
        .with_columns(
            (pl.col("_identity") == pl.col("_identity").shift(1)).alias("_has_earlier"),
            *(
                pl.when(same).then(pl.col(name).shift(-1)).alias(f"_later_{name}")
                for name in ("source_row", "known_at", "file", "offset", "is_new", "retracts")
            ),
        )
    )


def _rows_of_pairs(pairs: pl.DataFrame) -> pl.DataFrame:
    """For each version that has a later one: the row that takes it back."""
    return _rows(
        pairs,
        source_row=pl.col("_later_source_row"),
        replaces=pl.col("source_row"),
        known_at=pl.col("_later_known_at"),
        file=pl.col("_later_file"),
        offset=pl.col("_later_offset"),
    )


def _gone(came: pl.DataFrame, known: pl.DataFrame, renewed: Mapping[int, int]) -> pl.DataFrame:
    """The versions that the newer state of their file, number `_renewal`, no longer holds."""
    standing = known.filter(
        pl.col("file").is_in(list(renewed)) & ~pl.col("retracts") & ~pl.col("replaced")
    )
    came = came if standing.height else came.clear()
    named = came.filter(has_identity()).select(_identity()).to_series().unique()
    return standing.filter(
        ~pl.col("source_row").is_in(came["source_row"].implode())
        & ~(has_identity() & _identity().is_in(named.implode()))
    ).with_columns(pl.col("file").replace_strict(dict(renewed), default=-1).alias("_renewal"))


def _rows_of_gone(gone: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """The rows that take them back."""
    marks = [
        row[:DIGEST_BYTES] + _mark(b"gone", row, file)
        for row, file in gone.select("source_row", "_renewal").iter_rows()
    ]
    return _rows(
        gone.with_columns(pl.Series("_mark", marks, dtype=pl.Binary)),
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
) -> pl.DataFrame:
    """Rows that take versions back, one for each of the subjects whom a version is about."""
    said = {
        "subject_id": pl.col("subjects"),
        "time": known_at,
        "known_at": known_at,
        "code": pl.lit(TAKEN_BACK),
        "source_row": source_row,
        "replaces": replaces,
        "source_file": file,
        "source_offset": offset,
    }
    made = versions.select(said.get(name, pl.lit(None)).alias(name) for name in STORED_SCHEMA)
    return made.explode("subject_id").select(_cast(STORED_SCHEMA))
