"""From a file as it was received to snapshots of events: collected, then prepared."""

import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, subject_pseudonym
from bedside.core.records.declaration import Declaration
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.snapshot import RawFile, Zone
from bedside.data.collect.reading import Received
from bedside.data.collect.table import collect_table
from bedside.data.prepare import prepare, quality_report
from bedside.data.store.merging import fold_merges
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.data import record_snapshot
from bedside.lifecycle.platform import Platform

__all__ = ["Intake", "pseudonym_of", "tags_of", "without_erased"]


def pseudonym_of(subject: str, *, salt: str, is_pseudonym: bool) -> int:
    """The pseudonym of the source's identifier, or the number that was given as one.

    Raises:
        Invalid: a pseudonym is not a whole number.
    """
    if not is_pseudonym:
        return subject_pseudonym(subject, salt=salt)
    if not subject.isdecimal():
        raise Invalid("A pseudonym is a whole number.", fix="leave --pseudonym out, or give one.")
    return int(subject)


def tags_of(platform: Platform, identifier: str, salt: str) -> tuple[str, str]:
    """How an erased subject is known again: by the source's identifier, and by its pseudonym."""
    pseudonym = subject_pseudonym(identifier, salt=salt)
    return platform.tag(f"identifier:{identifier}"), platform.tag(f"{salt}:{pseudonym}")


def without_erased(
    platform: Platform, declaration: Declaration, file: Received
) -> tuple[Received, int]:
    """The file without the rows of subjects who were erased, and how many rows that cut."""
    erased = platform.store.catalogue.suppressed()
    salt, column = declaration.data.pseudonym_salt, declaration.data.subject
    if not erased or column not in file.table.columns:
        return file, 0
    identifiers = file.table[column].cast(pl.String)
    gone = [
        name
        for name in identifiers.drop_nulls().unique()
        if erased.intersection(tags_of(platform, name, salt))
    ]
    mask = identifiers.is_in(gone).fill_null(False)
    if not mask.any():
        return file, 0
    return file.without(mask), int(mask.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The steps of a build that make its data sets; each keeps its result in the event store."""

    platform: Platform
    declaration: Declaration
    received: Received
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def collect(self) -> dict[str, bytes]:
        """Keep the file as it was received, and its events as the data set `NAME/collected`.

        Subjects who were erased are not taken in again: their rows are cut out of the file first.
        """
        file, cut = without_erased(self.platform, self.declaration, self.received)
        events, report = collect_table(file.table, self.declaration, file.offsets)
        if cut:
            self.platform.progress.note(
                f"Rows of erased subjects that were not taken in again: {cut}."
            )
        raw = Node(kind="raw", id=self.platform.store.raw.put(file.content))
        snapshot = self._save("collected", iter([events]), raw, [file.file])
        return {"snapshot": snapshot.digest.encode(), "report": canonical_json(report)}

    def prepare(self, collected: Snapshot) -> dict[str, bytes]:
        """Fold merges, set implausible values aside, and keep the rest as `NAME/prepared`."""
        height, aside = 0, Counter[str]()

        def clean() -> Iterator[pl.DataFrame]:
            nonlocal height
            for shard in collected.shards():
                events, counts = prepare(fold_merges(shard), self.declaration.signals)
                height += shard.height
                aside.update(counts)
                yield events

        source = Node(kind="snapshot", id=collected.digest)
        snapshot = self._save("prepared", clean(), source, collected.manifest.sources)
        quality = quality_report(height, aside)
        return {"snapshot": snapshot.digest.encode(), "quality": canonical_json(quality)}

    def _save(
        self,
        part: str,
        batches: Iterator[pl.DataFrame],
        source: Node,
        files: Sequence[RawFile],
    ) -> Snapshot:
        """Keep events as the next state of one of this model's data sets, with its lineage."""
        data, place = self.declaration.data, self.platform
        job = "collect" if part == "collected" else "prepare"
        now = iso(place.clock.now())

        def edges(digest: str) -> list[Edge]:
            output = Node(kind="snapshot", id=digest)
            return [Edge(at=now, job=job, run=self.run_id, source=source, output=output)]

        snapshot = place.store.save(
            f"{self.declaration.name}/{part}",
            batches,
            zone=Zone.of(data.release_mode),
            release_mode=data.release_mode,
            salt=data.pseudonym_salt,
            sources=files,
            edges=edges,
        )
        record_snapshot(place, snapshot)
        return snapshot
