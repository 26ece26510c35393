"""Looking at snapshots, comparing, checking and keeping them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Refused
from bedside.core.ports import Ledger
from bedside.core.records.event import EVENT_COLUMNS
from bedside.core.records.evidence import count_shown
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.policy import Act
from bedside.core.records.snapshot import RawFile, Zone
from bedside.data.store.layout import STORED_SCHEMA
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.opened_data import opened_data
from bedside.lifecycle.platform import Platform

__all__ = [
    "Checked",
    "Difference",
    "check_data",
    "diff",
    "keep_snapshot",
    "record_snapshot",
    "recorded_snapshots",
    "shown",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a newer snapshot says that an older one does not, and the other way round, by code."""

    old: str
    new: str
    same: bool
    shared_shards: int
    subjects_added: int
    subjects_gone: int
    codes: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One snapshot read whole; `fault` is empty when every byte and row is as it was saved."""

    name: str
    snapshot: str
    rows: int
    fault: str


def shown(platform: Platform, reference: str, *, moment: datetime | None = None) -> dict[str, Any]:
    """What a snapshot holds, by code, as it is or as of a moment; small counts are not told.

    Raises:
        NotFound, Invalid, Refused: as `EventStore.open`.
    """
    snapshot = opened_data(platform, Act.INSPECT, reference)
    manifest = snapshot.manifest
    frames = snapshot.shards() if moment is None else snapshot.as_of(moment)
    parts, subjects, rows = [], 0, 0
    with platform.progress.step("read", total=len(manifest.shards)) as advance:
        for events in frames:
            rows += events.height
            subjects += events["subject_id"].n_unique()
            parts.append(_by_code(events))
            advance(1)
    codes = _summed(parts)
    return {
        "name": manifest.name,
        "snapshot": snapshot.digest,
        "zone": manifest.zone.value,
        "release_mode": manifest.release_mode,
        "created_at": manifest.created_at,
        "state": manifest.sequence,
        "erased": manifest.erased,
        "as_of": None if moment is None else iso(moment),
        "events": rows,
        "subjects": count_shown(subjects),
        "shards": [
            {"events": shard.rows, "bytes": shard.size, "content": shard.content}
            for shard in manifest.shards
        ],
        "raw_files": [
            {"name": file.name, "digest": file.digest, "records": file.rows}
            for file in manifest.sources
        ],
        "codes": [
            {"code": code, "unit": unit, "events": count_shown(count), "subjects": count_shown(who)}
            for code, unit, count, who in codes.iter_rows()
        ],
    }


def _by_code(events: pl.DataFrame) -> pl.DataFrame:
    return (
        events.group_by(pl.col("code").cast(pl.String), pl.col("unit").cast(pl.String))
        .agg(pl.len().cast(pl.Int64).alias("events"), pl.col("subject_id").n_unique())
        .rename({"subject_id": "subjects"})
        .cast({"subjects": pl.Int64})
    )


def _summed(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return (
        pl.concat(parts)
        .group_by("code", "unit")
        .sum()
        .sort("events", "code", descending=[True, False])
    )


def diff(platform: Platform, old: str, new: str) -> Difference:
    """Compare two snapshots shard by shard; shards with the same content are not read.

    Raises:
        NotFound, Invalid, Refused: as `EventStore.open`.
    """
    before, after = (opened_data(platform, Act.INSPECT, one) for one in (old, new))
    contents = [{s.content for s in one.manifest.shards} for one in (before, after)]
    shared = contents[0] & contents[1]
    tables = [_counted(one, shared) for one in (before, after)]
    rows = tables[1].join(tables[0], on="_row", how="full", suffix="_old")
    changed = rows.with_columns(
        (pl.col("n").fill_null(0) - pl.col("n_old").fill_null(0)).alias("change"),
        pl.coalesce("code", "code_old").alias("code"),
    )
    codes = (
        changed.group_by("code")
        .agg(
            pl.col("change").clip(lower_bound=0).sum().alias("added"),
            (-pl.col("change")).clip(lower_bound=0).sum().alias("gone"),
        )
        .filter((pl.col("added") > 0) | (pl.col("gone") > 0))
        .sort("code")
    )
    people = [set(one["subject_id"].unique()) for one in tables]
    return Difference(
        old=before.digest,
        new=after.digest,
        same=before.digest == after.digest,
        shared_shards=len(shared),
        subjects_added=len(people[1] - people[0]),
        subjects_gone=len(people[0] - people[1]),
        codes=tuple((code, int(added), int(gone)) for code, added, gone in codes.iter_rows()),
    )


def _counted(snapshot: Snapshot, shared: set[str]) -> pl.DataFrame:
    """How often each row occurs in the shards that the other snapshot does not have."""
    parts = [
        snapshot.shard(number, EVENT_COLUMNS)
        for number, shard in enumerate(snapshot.manifest.shards)
        if shard.content not in shared
    ] or [pl.DataFrame(schema={name: STORED_SCHEMA[name] for name in EVENT_COLUMNS})]
    rows = pl.concat(parts).with_columns(pl.col("code", "unit").cast(pl.String))
    return (
        rows.with_columns(pl.struct(EVENT_COLUMNS).alias("_row"))
        .group_by("_row")
        .agg(pl.len().cast(pl.Int64).alias("n"), pl.col("code", "subject_id").first())
    )


def check_data(platform: Platform) -> list[Checked]:
    """Read every snapshot whole: signatures, files, rows, and that the ledger knows each state."""
    recorded = recorded_snapshots(platform.ledger)
    found = []
    entries = platform.store.entries()
    with platform.progress.step("check", total=sum(one.shards for one in entries)) as advance:
        for entry in entries:
            fault = ""
            try:
                snapshot = platform.store.opened(entry)
                for number in range(len(snapshot.manifest.shards)):
                    snapshot.check(number)
                    advance(1)
            except Refused as refused:
                fault = refused.problem
            if not fault and entry.snapshot not in recorded:
                fault = "the ledger does not know this state"
            found.append(
                Checked(name=entry.name, snapshot=entry.snapshot, rows=entry.rows, fault=fault)
            )
    lost = recorded - {entry.snapshot for entry in platform.store.catalogue.entries()}
    return [
        *found,
        *(
            Checked(name="?", snapshot=one, rows=0, fault="the ledger names it, and it is gone")
            for one in sorted(lost)
        ),
    ]


def keep_snapshot(
    platform: Platform,
    name: str,
    batches: Iterable[pl.DataFrame],
    *,
    job: str,
    source: Node,
    run_id: str,
    zone: Zone,
    release_mode: str,
    salt: str,
    files: Sequence[RawFile],
) -> Snapshot:
    """Keep events as the next state of a data set, with what it was made of, and tell the ledger.

    Args:
        platform: The workspace.
        name: Of the data set.
        batches: Whole subjects.
        job: What made it, in the lineage.
        source: What it was made of.
        run_id: Of the run that made it.
        zone: Where it lies.
        release_mode: Under which rule it may be used.
        salt: Of its pseudonyms.
        files: The raw files behind it.
    """
    now = iso(platform.clock.now())

    def edges(digest: str) -> list[Edge]:
        output = Node(kind="snapshot", id=digest)
        return [Edge(at=now, job=job, run=run_id, source=source, output=output)]

    snapshot = platform.store.save(
        name,
        batches,
        zone=zone,
        release_mode=release_mode,
        salt=salt,
        sources=files,
        edges=edges,
    )
    record_snapshot(platform, snapshot)
    return snapshot


def record_snapshot(platform: Platform, snapshot: Snapshot) -> None:
    """Let the ledger know that a snapshot was saved; `recorded_snapshots` finds it there."""
    platform.ledger.append(
        platform.actor,
        "snapshot",
        {
            "name_of_data": snapshot.entry.name,
            "snapshot": snapshot.digest,
            "manifest": snapshot.entry.manifest,
            "events_count": snapshot.entry.rows,
        },
    )


def recorded_snapshots(ledger: Ledger) -> set[str]:
    """The digests of every snapshot that the ledger says was saved, or put in another's place."""
    return {
        digest
        for entry in ledger.entries()
        if entry.action in ("snapshot", "erase")
        for digest in _named_in(entry.details)
    }


def _named_in(details: dict[str, Any]) -> Iterator[str]:
    if "snapshot" in details:
        yield details["snapshot"]
    for _, new in details.get("snapshots", []):
        yield new
