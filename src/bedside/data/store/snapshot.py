"""An opened snapshot: its shards, one subject, or everything as it was known at a moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from bedside.core.errors import NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import Blobs, DataKeys
from bedside.core.records.event import EVENT_COLUMNS
from bedside.core.records.snapshot import Manifest, Shard, SnapshotEntry, Zone
from bedside.data.store.as_of import as_of, known_as
from bedside.data.store.digesting import content_digest
from bedside.data.store.layout import STORED_SCHEMA, bucket_of
from bedside.data.store.parquet import read_encrypted

__all__ = ["Snapshot", "blob_of", "label_of"]


def blob_of(zone: Zone, material: str) -> str:
    """The name of a shard's file: that of its key, so that no two files ever share it."""
    return f"shards/{zone.value}/{material[:2]}/{material[2:]}"


def label_of(zone: Zone, content: str) -> str:
    """What a shard's file is bound to by its encryption, and its data key by its wrapping."""
    return f"bedside-shard/1/{zone.value}/{content}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One fixed state of a data set; every read checks what it reads.

    Each page and the footer are authenticated under a key of this one file, and bound to its
    content's digest, so that no other file, and no other state of it, opens in its place.

    Each method raises `Refused` when a shard was changed, cut, swapped or rolled back
    (`shard_tampered`) or its key was destroyed (`key_destroyed`), and `Unavailable` when the store
    is out of reach.
    """

    entry: SnapshotEntry
    manifest: Manifest
    blobs: Blobs
    data_keys: DataKeys

    @property
    def digest(self) -> str:
        """The address of what it says."""
        return self.entry.snapshot

    def shard(
        self,
        number: int,
        columns: Sequence[str] | None = None,
        where: pl.Expr | None = None,
    ) -> pl.DataFrame:
        """The rows of one shard, sorted, or those columns and rows of them that are wanted."""
        return self._read(self.manifest.shards[number], columns, where)

    def shards(
        self, columns: Sequence[str] | None = None, where: pl.Expr | None = None
    ) -> Iterator[pl.DataFrame]:
        """The rows of each shard, one after another."""
        for shard in self.manifest.shards:
            yield self._read(shard, columns, where)

    def subject(self, subject_id: int) -> pl.DataFrame:
        """Every event of a subject, and of whoever was ever said to be the same person.

        One shard is read. The table is empty when the subject is not here.
        """
        beside = dict(self.manifest.merged)
        root = beside.get(subject_id, subject_id)
        group = [root, *(one for one, other in beside.items() if other == root)]
        bucket = bucket_of(root)
        for shard in self.manifest.shards:
            if shard.first_bucket <= bucket <= shard.last_bucket:
                return self._read(shard, None, pl.col("subject_id").is_in(group))
        return pl.DataFrame(schema=STORED_SCHEMA)

    def as_of(self, moment: datetime, *, subject_id: int | None = None) -> Iterator[pl.DataFrame]:
        """The hospital as it was known at the moment, shard by shard; or one subject of it.

        Raises:
            Invalid: the moment has no time zone.
        """
        if subject_id is None:
            for events in self.shards():
                yield as_of(events, moment)
        else:
            yield known_as(self.subject(subject_id), moment, subject_id)

    def events(self) -> pl.DataFrame:
        """Every event, in one table without the places of the raw records."""
        return pl.concat(list(self.shards(EVENT_COLUMNS)))

    def check(self, number: int) -> None:
        """Read one shard whole: its file as it was saved, its rows as the manifest names them.

        Raises:
            Refused: they are not (code `shard_tampered`).
        """
        shard = self.manifest.shards[number]
        rows = self.shard(number)
        file = self.blobs.get(blob_of(self.manifest.zone, shard.material))
        if digest_bytes(file) != shard.sha256:
            raise _tampered(shard, "is not the file that was saved")
        if content_digest(rows) != shard.content:
            raise _tampered(shard, "does not hold the rows that its manifest names")

    def _read(
        self, shard: Shard, columns: Sequence[str] | None, where: pl.Expr | None
    ) -> pl.DataFrame:
        zone = self.manifest.zone
        label = label_of(zone, shard.content)
        try:
            content = self.blobs.get(blob_of(zone, shard.material))
        except NotFound:
            raise _tampered(shard, "is missing") from None
        if len(content) != shard.size:
            raise _tampered(shard, "is not the file that was saved")
        key = self.data_keys.open(shard.material, label)
        try:
            return read_encrypted(content, key=key, label=label, columns=columns, where=where)
        except Refused:
            raise _tampered(shard, "is not the file that was saved") from None


def _tampered(shard: Shard, how: str) -> Refused:
    return Refused(
        f"The shard {shard.content[:12]}… of this snapshot {how}.",
        fix="restore it from a backup, or build the snapshot again.",
        code="shard_tampered",
    )
