"""Facts become draft events: pseudonyms, `known_at` by the declared rule, the codes' meaning."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from bedside.core.clock import microseconds, parse_duration
from bedside.core.errors import Invalid
from bedside.core.ids import subject_pseudonym
from bedside.core.records.collection import Collection
from bedside.core.records.event import MERGED_INTO, TAKEN_BACK
from bedside.data.collect.facts import (
    DIGEST_BYTES,
    FACT_SCHEMA,
    RECORD_SCHEMA,
    UTC_US,
    Batch,
    digest_of_records,
)

__all__ = ["DRAFT_SCHEMA", "Draft", "draft_of", "has_identity"]

NO_IDENTITY = bytes(DIGEST_BYTES)

DRAFT_SCHEMA: dict[str, Any] = {
    "subject_id": pl.Int64,
    "time": UTC_US,
    "known_at": UTC_US,
    "end": UTC_US,
    "code": pl.String,
    "value": pl.Float64,
    "unit": pl.String,
    "text": pl.String,
    "encounter_id": pl.Int64,
    "source_row": pl.Binary,
    "source_offset": pl.Int64,
    "kind": pl.String,
    "stamped": pl.Boolean,
    "retracts": pl.Boolean,
    "waits": pl.Int64,
}
"""An event that does not know its earlier versions yet.

`source_row` is the digest of what names the record (12 zero bytes: nothing does) and of the record
itself. `stamped`: `known_at` is the source's own stamp. `waits`: the delay in microseconds after
the subject's first dated fact, for a row whose `known_at` is counted from that; it is null until
then. It is also null where the rule has nothing to count from: then it is known from now on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The draft events of some parts, and what is to be told of them.

    `events` have `source_file`, which counts the parts from 0. `records` are, for each part, the
    places of its records with the pseudonym of whom each is about. `counts` are by name.
    """

    events: pl.DataFrame
    records: list[pl.DataFrame]
    counts: Mapping[str, Counter[str]]


def has_identity(column: str = "source_row") -> pl.Expr:
    """Whether a record is named through all its versions."""
    return ~pl.col(column).bin.starts_with(NO_IDENTITY)


def draft_of(batches: Sequence[Batch], source: Collection, *, counted: bool) -> Draft:
    """The draft events of some parts.

    Args:
        batches: What the format's reader made of each part.
        source: Its rules.
        counted: A record that is there twice in a part is two records.

    Raises:
        Invalid: a kind of fact has no declared rule for `known_at` (code `no_known_at`).
    """
    counts = _told(batches)
    facts = _numbered([batch.facts for batch in batches], FACT_SCHEMA)
    withdrawn = facts["retracts"] & facts["identity"].is_not_null()  # a deletion names no patient
    nameless = facts["subject"].is_null() & ~withdrawn
    if nameless.any():
        counts["dropped"]["no subject"] += int(nameless.sum())
        facts = facts.filter(~nameless)
    facts, mapped = _mapped(facts, source)
    events = _events(_ruled(facts, source), source, counted)
    counts["told"].update({"files": len(batches), "codes_mapped": mapped})
    places = _numbered([batch.records for batch in batches], RECORD_SCHEMA)
    placed = places.with_columns(_pseudonyms(places["subject"], source.pseudonym_salt))
    by_part = placed.partition_by("source_file", as_dict=True, include_key=False)
    empty = placed.clear().drop("source_file")
    return Draft(
        events=events.select([*DRAFT_SCHEMA, "source_file"]),
        records=[by_part.get((number,), empty) for number in range(len(batches))],
        counts=counts,
    )


def _told(batches: Sequence[Batch]) -> dict[str, Counter[str]]:
    """What the batches count, summed."""
    names = ("rows_in", "dropped", "codes_unknown", "quarantined", "told")
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for batch in batches:
        counts["rows_in"].update(batch.rows_in)
        counts["dropped"].update(batch.dropped)
        counts["codes_unknown"].update(batch.codes_unknown)
        counts["quarantined"].update(one.reason for one in batch.bad)
    return counts


def _numbered(frames: list[pl.DataFrame], schema: dict[str, Any]) -> pl.DataFrame:
    """The frames in one, with the number of each in `source_file`."""
    heights = [frame.height for frame in frames]
    numbers = np.repeat(np.arange(len(frames), dtype=np.int32), heights)
    whole = pl.concat([pl.DataFrame(schema=schema), *frames])
    return whole.with_columns(pl.Series("source_file", numbers, dtype=pl.Int32))


def _mapped(facts: pl.DataFrame, source: Collection) -> tuple[pl.DataFrame, int]:
    """The facts with local codes translated, and how many were."""
    if not source.codes:
        return facts, 0
    hit = facts["code"].is_in(list(source.codes))
    return facts.with_columns(pl.col("code").replace(source.codes)), int(hit.sum())


def _ruled(facts: pl.DataFrame, source: Collection) -> pl.DataFrame:
    """The facts with `known_at`, `stamped` and `waits`."""
    kinds = facts["kind"].unique().drop_nulls().sort().to_list()
    without = [kind for kind in kinds if kind not in source.known_at]
    if without:
        raise Invalid(
            f"The source does not say when facts of the kind {', '.join(without)} become known.",
            fix=f"add under known_at: e.g. {without[0]}: {{after: 90 min}}.",
            code="no_known_at",
        )
    rules = pl.DataFrame(
        [
            {
                "kind": kind,
                "_recorded": source.known_at[kind].recorded,
                "_delay": microseconds(parse_duration(source.known_at[kind].after)),
                "_from": source.known_at[kind].counted_from,
            }
            for kind in kinds
        ],
        schema={
            "kind": pl.String,
            "_recorded": pl.Boolean,
            "_delay": pl.Int64,
            "_from": pl.String,
        },
    )
    waits = (pl.col("_from") == "first") | (pl.col("time").is_null() & (pl.col("_from") != "end"))
    base = pl.when(pl.col("_from") == "end").then(pl.col("end")).otherwise(pl.col("time"))
    stamped = (pl.col("_recorded") | pl.col("retracts")) & pl.col("recorded").is_not_null()
    delayed = base + pl.duration(microseconds=pl.col("_delay"))
    return (
        facts.join(rules, on="kind", how="left", maintain_order="left")
        .with_columns(stamped.alias("stamped"), (waits & ~pl.col("retracts")).alias("_waits"))
        .with_columns(
            pl.when("stamped")
            .then(pl.col("recorded"))
            .when(~pl.col("_waits") & ~pl.col("retracts"))
            .then(delayed)
            .alias("known_at"),
            pl.when(~pl.col("stamped") & pl.col("_waits")).then(pl.col("_delay")).alias("waits"),
        )
    )


def _events(facts: pl.DataFrame, source: Collection, counted: bool) -> pl.DataFrame:
    salt = source.pseudonym_salt
    merged = facts["code"] == MERGED_INTO
    text = facts["text"]
    if merged.any():
        survivors = _pseudonyms(text.set(~merged, None), salt).cast(pl.String)
        text = pl.select(pl.when(merged).then(survivors).otherwise(text)).to_series()
    record = _counted(facts) if counted else facts["record"]
    identity = facts["identity"].fill_null(NO_IDENTITY)
    empty = pl.lit(None, dtype=pl.String)
    return facts.with_columns(
        _pseudonyms(facts["subject"], salt).alias("subject_id"),
        _pseudonyms(facts["encounter"], salt).alias("encounter_id"),
        pl.when("retracts").then(pl.lit(TAKEN_BACK)).otherwise(pl.col("code")).alias("code"),
        pl.when("retracts").then(None).otherwise(pl.col("value")).alias("value"),
        pl.when("retracts").then(empty).otherwise(pl.col("unit")).alias("unit"),
        pl.when("retracts").then(empty).otherwise(text).alias("text"),
        pl.when("retracts").then(pl.lit(None, dtype=UTC_US)).otherwise(pl.col("end")).alias("end"),
        _joined(identity, record).alias("source_row"),
        pl.col("offset").alias("source_offset"),
    )


def _joined(identity: pl.Series, record: pl.Series) -> pl.Series:
    """Both digests, one after the other."""
    hexed = identity.bin.encode("hex") + record.bin.encode("hex")
    return hexed.str.decode("hex")


def _counted(facts: pl.DataFrame) -> pl.Series:
    """The digest of each record; of the second, third… that says the same, another one."""
    nth = facts.select(
        (pl.col("offset").rank("dense").over("source_file", "record") - 1)
        .cast(pl.Int64)
        .alias("nth")
    )["nth"]
    again = nth > 0
    if not again.any():
        return facts["record"]
    pairs = pl.DataFrame({"record": facts["record"], "nth": nth})
    some = pairs.filter(again).unique()
    some = some.with_columns(
        digest_of_records([one + nth.to_bytes(8, "big") for one, nth in some.iter_rows()]).alias(
            "_again"
        )
    )
    joined = pairs.join(some, on=["record", "nth"], how="left", maintain_order="left")
    return joined.select(pl.coalesce("_again", "record").alias("record"))["record"]


def _pseudonyms(names: pl.Series, salt: str) -> pl.Series:
    """The pseudonym of each name; null where there is none."""
    every = names.drop_nulls().unique()
    table = pl.DataFrame(
        {"name": every, "_id": [subject_pseudonym(name, salt=salt) for name in every]},
        schema={"name": pl.String, "_id": pl.Int64},
    )
    joined = pl.DataFrame({"name": names}).join(table, on="name", how="left", maintain_order="left")
    return joined["_id"].alias(names.name)
