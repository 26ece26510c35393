"""The event store: saves snapshots so that they are there whole or not at all, and opens them."""

from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import polars as pl

from bedside.core.clock import Clock, iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import Blobs, ByteSigner, Catalogue, DataKeys, ObjectStore
from bedside.core.records.lineage import Edge
from bedside.core.records.snapshot import Manifest, RawFile, Shard, SnapshotEntry, Zone
from bedside.data.store.digesting import content_digest
from bedside.data.store.layout import bucket_of
from bedside.data.store.manifest import manifest_bytes, manifest_of
from bedside.data.store.parquet import write_encrypted
from bedside.data.store.sharding import RUN, TARGET, SpillFile, sharded
from bedside.data.store.snapshot import Snapshot, blob_of, label_of

__all__ = ["EventStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStore:
    """Snapshots of events over a store of blobs, a key service and a catalogue.

    Args:
        blobs: Where the encrypted shards lie.
        data_keys: One key for each shard, kept apart from it.
        manifests: Sealed objects: the signed manifests.
        raw: Sealed objects: files as they were received.
        signer: Signs the manifests.
        catalogue: Which snapshots exist.
        clock: Stamps them.
        spill: Opens a temporary file for rows that do not fit into memory.
        run: Rows held in memory at once.
        target: Rows to a shard.
    """

    blobs: Blobs
    data_keys: DataKeys
    manifests: ObjectStore
    raw: ObjectStore
    signer: ByteSigner
    catalogue: Catalogue
    clock: Clock
    spill: Callable[[], AbstractContextManager[SpillFile]]
    run: int = RUN
    target: int = TARGET

    def save(
        self,
        name: str,
        batches: Iterable[pl.DataFrame],
        *,
        zone: Zone,
        release_mode: str,
        salt: str,
        sources: Sequence[RawFile],
        edges: Callable[[str], Sequence[Edge]] = lambda _: (),
        advance: Callable[[int], None] = lambda _: None,
    ) -> Snapshot:
        """Keep the events as the next state of a data set; saving the same again is once.

        Nothing of it can be seen before all of it is durable.

        Args:
            name: The data set.
            batches: The events, in any order.
            zone: Where they belong.
            release_mode: Under which rule they may be used.
            salt: Of their pseudonyms.
            sources: The raw files; `source_file` of a row counts them from 0.
            edges: The lineage to record with it, given the snapshot's digest.
            advance: Is told of the rows as they are written.

        Raises:
            Invalid: there is no event, or a row is not one.
            Refused: another process saved a state meanwhile, or a key was destroyed.
            Unavailable: the disk is full or refuses.
        """
        with self.spill() as spill:
            shards, merged = sharded(
                batches,
                spill,
                lambda events, first, last: self.keep(events, zone, first, last),
                advance=advance,
                run=self.run,
                target=self.target,
            )
        before = self._latest(name)
        manifest = Manifest(
            name=name,
            sequence=1 if before is None else before.sequence + 1,
            zone=zone,
            release_mode=release_mode,
            salt=salt,
            shards=shards,
            sources=tuple(sources),
            merged=merged,
            previous=None if before is None else before.manifest,
            created_at=iso(self.clock.now()),
        )
        if before is not None and before.snapshot == manifest.snapshot:
            same = self.opened(before)
            if same.manifest.shards == shards:
                return same
        entry = self.entered(manifest)
        self.catalogue.add(entry, shards, edges(manifest.snapshot))
        return self._snapshot(entry, manifest)

    def keep(self, events: pl.DataFrame, zone: Zone, first: int, last: int) -> Shard:
        """Write one shard, unless it is kept already, whole."""
        content = content_digest(events)
        known = self.catalogue.shard(zone, content)
        if known is not None and self._is_whole(zone, known):
            return replace(known, first_bucket=first, last_bucket=last)
        label = label_of(zone, content)
        material, key = self.data_keys.new(zone.value, label)
        file = write_encrypted(events, key=key, label=label)
        self.blobs.put(blob_of(zone, material), file)
        return Shard(
            first_bucket=first,
            last_bucket=last,
            rows=events.height,
            subjects=events["subject_id"].n_unique(),
            content=content,
            sha256=digest_bytes(file),
            size=len(file),
            material=material,
        )

    def entered(self, manifest: Manifest) -> SnapshotEntry:
        """Keep a manifest; return the line that will make it visible."""
        kept = self.manifests.put(manifest_bytes(manifest, self.signer))
        return SnapshotEntry(
            name=manifest.name,
            sequence=manifest.sequence,
            zone=manifest.zone,
            snapshot=manifest.snapshot,
            manifest=kept,
            created_at=manifest.created_at,
            rows=manifest.rows,
            subjects=manifest.subjects,
            shards=len(manifest.shards),
            erased=manifest.erased,
            raw_files=tuple(source.digest for source in manifest.sources),
        )

    def entries(self) -> list[SnapshotEntry]:
        """Every state that can still be opened, by name and then oldest first."""
        return [entry for entry in self.catalogue.entries() if entry.successor is None]

    def opened(self, entry: SnapshotEntry) -> Snapshot:
        """The snapshot of a line of the catalogue, its manifest checked.

        Raises:
            Refused: the manifest was changed or is not the one that the catalogue names
                (`bad_signature`, `rolled_back`), or a key was destroyed.
        """
        manifest = manifest_of(self.manifests.get(entry.manifest), self.signer)
        told = (manifest.name, manifest.sequence, manifest.erased, manifest.snapshot)
        if told != (entry.name, entry.sequence, entry.erased, entry.snapshot):
            raise Refused(
                f"The manifest of '{entry.name}' is that of another state of it.",
                fix="restore the workspace's database from a backup.",
                code="rolled_back",
            )
        return self._snapshot(entry, manifest)

    def replace(
        self,
        snapshot: Snapshot,
        *,
        gone: Collection[int],
        sources: Sequence[RawFile],
    ) -> Snapshot:
        """Put a state without some subjects in place of a snapshot.

        The files of the old one stay until `sweep`.

        Args:
            snapshot: The old state.
            gone: The subjects.
            sources: Its raw files as they are now.
        """
        old = snapshot.manifest
        shards, mine = [], pl.col("subject_id").is_in(list(gone))
        touched = {bucket_of(dict(old.merged).get(subject, subject)) for subject in gone}
        for number, shard in enumerate(old.shards):
            first, last = shard.first_bucket, shard.last_bucket
            if any(first <= bucket <= last for bucket in touched):
                rest = snapshot.shard(number, where=~mine)
                shards.append(self.keep(rest, old.zone, first, last))
            else:
                shards.append(shard)
        manifest = replace(
            old,
            shards=tuple(shards),
            sources=tuple(sources),
            merged=tuple(pair for pair in old.merged if not set(pair) & set(gone)),
            previous=snapshot.entry.manifest,
            erased=old.erased + 1,
        )
        entry = self.entered(manifest)
        self.catalogue.replace(snapshot.entry, entry, shards)
        return self._snapshot(entry, manifest)

    def sweep(self) -> int:
        """Remove every file that no standing snapshot needs; return how many that was.

        Call it only under the workspace's lock, while nothing is being saved.
        """
        standing = self.entries()
        removed = 0
        for zone, shard in self.catalogue.unused_shards():
            self.blobs.remove(blob_of(zone, shard.material))
            self.data_keys.forget(shard.material)
            self.catalogue.forget_shard(shard.material)
            removed += 1
        manifests = {entry.manifest for entry in standing}
        raw = {digest for entry in standing for digest in entry.raw_files}
        opened = [self.opened(entry).manifest for entry in standing]
        raw |= {source.index for manifest in opened for source in manifest.sources}
        for objects, needed in ((self.manifests, manifests), (self.raw, raw)):
            for digest in [one for one in objects.digests() if one not in needed]:
                objects.remove(digest)
                removed += 1
        return removed + self._sweep_unknown(opened)

    def _sweep_unknown(self, standing: Sequence[Manifest]) -> int:
        """Shards that were written by a process that was killed before it could name them."""
        known = {
            blob_of(manifest.zone, shard.material)
            for manifest in standing
            for shard in manifest.shards
        }
        unknown = [name for name in self.blobs.names("shards/") if name not in known]
        for name in unknown:
            self.blobs.remove(name)
            self.data_keys.forget("".join(name.split("/")[-2:]))
        return len(unknown)

    def open(self, reference: str) -> Snapshot:
        """A snapshot by the name of its data set (its latest state), or by its digest.

        Args:
            reference: A name such as `early_warning/prepared`, at least six digits of a snapshot's
                digest, or both joined by `@`.

        Raises:
            NotFound: there is none; those that exist are named.
            Invalid: it could mean several.
            Refused: a subject was erased from it since (code `erased`), its manifest was changed
                or is not the one that the catalogue names (`bad_signature`, `rolled_back`), or a
                key was destroyed.
        """
        return self.opened(self._find(reference))

    def _find(self, reference: str) -> SnapshotEntry:
        every = self.catalogue.entries()
        name, _, digest = reference.partition("@")
        named = [one for one in every if one.name == name] if name else list(every)
        if not reference:
            named = []
        elif not named and not digest:
            name, digest, named = "", reference, list(every)
        if digest:
            named = [one for one in named if len(digest) >= 6 and one.snapshot.startswith(digest)]
        standing = [one for one in named if one.successor is None]
        if not named:
            known = sorted({one.name for one in every})
            raise NotFound(
                "No snapshot is called so.",
                fix=f"use one of: {', '.join(known)}." if known else "run bedside build first.",
            )
        if not standing:
            raise Refused(
                f"A subject was erased from the snapshot {named[-1].snapshot[:12]}….",
                fix=f"use what took its place: {str(named[-1].successor)[:12]}.",
                code="erased",
            )
        if digest and len({one.snapshot for one in standing}) > 1:
            raise Invalid("That could mean several snapshots.", fix="give more digits of it.")
        return standing[-1]

    def _latest(self, name: str) -> SnapshotEntry | None:
        named = [entry for entry in self.catalogue.entries() if entry.name == name]
        return named[-1] if named else None

    def _snapshot(self, entry: SnapshotEntry, manifest: Manifest) -> Snapshot:
        return Snapshot(entry=entry, manifest=manifest, blobs=self.blobs, data_keys=self.data_keys)

    def _is_whole(self, zone: Zone, shard: Shard) -> bool:
        try:
            self.data_keys.open(shard.material, label_of(zone, shard.content))
            return digest_bytes(self.blobs.get(blob_of(zone, shard.material))) == shard.sha256
        except (NotFound, Refused):
            return False
