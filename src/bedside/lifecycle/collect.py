"""Collecting a source: its new parts are read, and what they say is added to its data set."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path, PurePath
from typing import Any

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import ConversionReport
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.snapshot import RawFile, Zone
from bedside.data.collect.facts import UTC_US, Part, Reader
from bedside.data.collect.formats.registry import reader_of
from bedside.data.collect.incoming import Incoming
from bedside.data.collect.versions import Decided, decide, known_versions, versions_of
from bedside.data.store.layout import STORED_SCHEMA
from bedside.data.store.snapshot import Snapshot
from bedside.interop.collection import collection_digest, read_collection
from bedside.lifecycle.collect_parts import Group, Kept, groups_of, read_group
from bedside.lifecycle.data import recorded_snapshots
from bedside.lifecycle.frames import frame_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import Done, StepRunner

__all__ = ["Collected", "collect", "load_source"]

TOLD_CODES = 50  # of the codes and units that are not understood, the most frequent are told


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The data set after collecting, and what became of what came."""

    snapshot: Snapshot
    report: ConversionReport
    is_new: bool


def load_source(path: Path) -> Collection:
    """The declaration of a source in a file, or in the folder that holds `source.yaml`.

    Raises:
        Refused: it is not there.
        Invalid: it is not right; the line and the fix are named.
    """
    file = path / "source.yaml" if path.is_dir() else path
    if not file.is_file():
        raise Refused(
            "There is no declaration of a source there.",
            fix="give a source.yaml, its folder, or the name of a source that ships with Bedside.",
            code="no_declaration",
        )
    source = read_collection(file.read_bytes(), file=file.name)
    return replace(source, views=tuple(_view(file.parent, name) for name in source.views))


def _view(folder: Path, name: str) -> str:
    """The text of a ViewDefinition beside the declaration."""
    if PurePath(name).name != name:
        raise Invalid(
            "A view's name leads out of the declaration's folder.",
            fix="put the file beside the declaration and name it alone.",
        )
    try:
        return (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise NotFound(
            f"The view '{name}' is not beside the declaration, or not written in UTF-8.",
            fix="put the ViewDefinition's JSON file into the declaration's folder.",
        ) from None


def collect(platform: Platform, source: Collection, incoming: Incoming) -> Collected:
    """Read what is new, and keep it as the next state of `NAME/collected`.

    The same parts again add nothing; a killed run goes on where it stopped.

    Args:
        platform: The workspace.
        source: The declaration.
        incoming: Where the parts come from.

    Raises:
        NotFound: there is no such file.
        Invalid: the declaration does not fit the data.
        Refused: more records are unreadable than the source bears (code `too_many_bad`).
        Unavailable: another process holds the workspace, or the disk refuses.
    """
    with platform.lock():
        platform.ledger.append(platform.actor, "collect.start", {"name_of_data": source.name})
        done = _Run(platform, source, reader_of(source.format), incoming).whole()
        incoming.kept()
        return done


@dataclass
class _Run:
    platform: Platform
    source: Collection
    reader: Reader
    incoming: Incoming
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    stamps: dict[str, Counter[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = self.platform
        self.rules = collection_digest(self.source)
        self.now: datetime = place.clock.now()
        self.steps = StepRunner(
            folder=place.folder / "steps",
            objects=place.objects,
            write=place.write,
            progress=place.progress,
            code=place.code,
        )

    def whole(self) -> Collected:
        before = self._before()
        stands = before is not None and all(
            file.rules == self.rules for file in before.manifest.sources
        )
        base = before if stands else None
        sources = list(base.manifest.sources) if base is not None else []
        known = {member[:3] for file in sources for member in file.members}
        again = before.manifest.sources if before is not None and base is None else ()
        done, seen = [], 0
        for group in groups_of(self._parts(again), known):
            seen += group.skipped
            if group.parts:
                done.append(self._read(group, len(sources)))
                sources += done[-1].files
        self._bear()
        if not done and before is not None:
            if before.digest not in recorded_snapshots(self.platform.ledger):
                self._record(before)  # an earlier run was killed between the two
            report = self._report(files_known=seen, decided=None, subjects=0)
            return Collected(snapshot=before, report=report, is_new=False)
        return self._saved(base, done, sources, seen)

    def _parts(self, again: tuple[RawFile, ...]) -> Iterator[Part]:
        """What is in the folder, and what was collected earlier by other rules."""
        here = set()
        for part in self.incoming.parts(self.reader.split):
            made = self.reader.prepare(part)
            here.add((made.name, made.first, digest_bytes(made.content)))
            yield made
        for file in again:
            if all(member[:3] in here for member in file.members):
                continue
            content = self.platform.store.raw.get(file.digest)
            unit: Any = file.unit
            places = [file.place(start) for _, _, _, start in file.members] + [len(content)]
            for member, (start, end) in zip(file.members, pairwise(places), strict=True):
                if member[:3] not in here:
                    name, first, _, _ = member
                    text = content if unit == "row" else content[start:end]
                    yield Part(name=name, content=text, unit=unit, first=first)

    def _before(self) -> Snapshot | None:
        name = f"{self.source.name}/collected"
        named = [entry for entry in self.platform.store.entries() if entry.name == name]
        return self.platform.store.opened(named[-1]) if named else None

    def _read(self, group: Group, first: int) -> Kept:
        """Read a group of parts, or find what an earlier run made of it."""
        inputs = {
            "parts": [[part.name, part.first, digest] for part, digest in group.parts],
            "rules": self.rules,
            "erased": sorted(self.platform.store.catalogue.suppressed()),
            "beside": self.incoming.fingerprint() if self.reader.looks_beside else "",
        }
        done = self.steps.run(
            f"collect {group.title}",
            inputs,
            lambda advance: read_group(
                self.platform, self.source, self.reader, self.incoming.beside, group, advance
            ),
            total=len(group.parts),
        )
        return self._kept(done, first)

    def _kept(self, done: Done, first: int) -> Kept:
        told = json.loads(self.steps.read(done, "told"))
        for name, counts in told["counts"].items():
            self.counts.setdefault(name, Counter()).update(counts)
        for kind, stamps in told["known_at"].items():
            self.stamps.setdefault(kind, Counter()).update(stamps)
        files = tuple(
            RawFile(
                **{
                    **file,
                    "gone": (),
                    "rules": self.rules,
                    "members": tuple((n, f, d, s) for n, f, d, s in file["members"]),
                }
            )
            for file in told["files"]
        )
        return Kept(done=done, files=files, first=first)

    def _bear(self) -> None:
        """Stop when too much is unreadable; what was read stays found for the next run."""
        for bad in self.incoming.bad:
            self.counts.setdefault("quarantined", Counter())[bad.reason] += 1
        bad_count = sum(self.counts.get("quarantined", Counter()).values())
        rows = sum(self.counts.get("rows_in", Counter()).values())
        share = bad_count / max(rows + bad_count, 1)
        if share > self.source.quarantine.at_most:
            reasons = ", ".join(
                f"{reason}: {count}" for reason, count in self.counts["quarantined"].most_common(5)
            )
            raise Refused(
                f"{bad_count:,} of {rows + bad_count:,} records are unreadable ({reasons}); the "
                f"source bears {self.source.quarantine.at_most:.2%}.",
                fix="ask for the files again, or raise quarantine: at_most: in the source.",
                code="too_many_bad",
            )

    def _drafts(self, kept: Kept) -> pl.DataFrame:
        """The draft events of a group; `source_file` counts from the data set's first file."""
        drafts = frame_of(self.steps.read(kept.done, "events"))
        return drafts.with_columns(pl.col("source_file") + kept.first)

    def _saved(
        self, base: Snapshot | None, done: list[Kept], sources: list[RawFile], seen: int
    ) -> Collected:
        new = pl.concat(
            [
                versions_of(part, int(file[0]), self.now)
                for kept in done
                for file, part in self._drafts(kept).group_by("source_file", maintain_order=True)
            ]
        )
        renewed = self._renewed(base, sources)
        columns = (
            "subject_id", "known_at", "code", "source_row", "replaces", "source_file",
            "source_offset",
        )  # fmt: skip
        shards = base.shards(columns) if base is not None else iter(())
        known = known_versions(shards, new, renewed)
        decided = decide(new, known, self.now, renewed=renewed)
        if decided.kept.is_empty() and decided.rows.is_empty() and base is not None:
            return Collected(snapshot=base, report=self._report(seen, decided, 0), is_new=False)
        firsts = self._firsts(base, done)
        subjects: set[int] = set()

        def batches() -> Iterator[pl.DataFrame]:
            if base is not None:
                yield from base.shards()
            for kept in done:
                events = _stored(self._drafts(kept), decided.kept, firsts, self.now)
                subjects.update(events["subject_id"].unique())
                yield events
            yield decided.rows

        snapshot = self._save(batches(), sources)
        report = self._report(files_known=seen, decided=decided, subjects=len(subjects))
        self.platform.ledger.append(
            self.platform.actor,
            "collect.done",
            {
                "name_of_data": snapshot.entry.name,
                "snapshot": snapshot.digest,
                "report": self.platform.objects.put(canonical_json(asdict(report))),
                **_told(report),
            },
        )
        return Collected(snapshot=snapshot, report=report, is_new=True)

    def _renewed(self, base: Snapshot | None, sources: list[RawFile]) -> dict[int, int]:
        """For a full extract: each older file, and the newest one of the same name."""
        if base is None or self.source.extract != "full":
            return {}
        start = len(base.manifest.sources)
        newest = {file.name: start + at for at, file in enumerate(sources[start:])}
        return {
            number: newest[file.name]
            for number, file in enumerate(sources[:start])
            if file.name in newest
        }

    def _firsts(self, base: Snapshot | None, done: list[Kept]) -> pl.DataFrame:
        """When each subject's first dated fact was known."""
        drafts = [
            self._drafts(kept).filter(pl.col("time").is_not_null() & pl.col("waits").is_null())
            for kept in done
        ]
        held = [one.select("subject_id", "known_at") for one in drafts]
        if base is not None:
            dated = pl.col("time").is_not_null()
            held += list(base.shards(("subject_id", "known_at"), dated))
        return pl.concat(held).group_by("subject_id").agg(pl.col("known_at").min().alias("_first"))

    def _save(self, batches: Iterator[pl.DataFrame], sources: list[RawFile]) -> Snapshot:
        place, source = self.platform, self.source
        now = iso(self.now)

        def edges(digest: str) -> list[Edge]:
            output = Node(kind="snapshot", id=digest)
            raw = dict.fromkeys(file.digest for file in sources)
            return [
                Edge(
                    at=now,
                    job="collect",
                    run=self.run_id,
                    source=Node(kind="raw", id=one),
                    output=output,
                )
                for one in raw
            ]

        with place.progress.step("save"):
            snapshot = place.store.save(
                f"{source.name}/collected",
                batches,
                zone=Zone.IDENTIFIED if source.release_mode == "identified" else Zone.RELEASED,
                release_mode=source.release_mode,
                salt=source.pseudonym_salt,
                sources=sources,
                edges=edges,
            )
        self._record(snapshot)
        return snapshot

    def _record(self, snapshot: Snapshot) -> None:
        self.platform.ledger.append(
            self.platform.actor,
            "snapshot",
            {
                "name_of_data": snapshot.entry.name,
                "snapshot": snapshot.digest,
                "manifest": snapshot.entry.manifest,
                "events_count": snapshot.entry.rows,
            },
        )

    def _report(self, files_known: int, decided: Decided | None, subjects: int) -> ConversionReport:
        counts = self.counts

        def of(name: str) -> dict[str, int]:
            return dict(sorted(counts.get(name, Counter()).items()))

        def most(name: str) -> dict[str, int]:
            return dict(counts.get(name, Counter()).most_common(TOLD_CODES))

        told = counts.get("told", Counter())
        return ConversionReport(
            name=self.source.name,
            format=self.source.format,
            files=told["files"],
            files_known=files_known,
            rows_in=of("rows_in"),
            events_out=of("kinds"),
            subjects=subjects,
            already_here=decided.already_here if decided else 0,
            corrections=decided.corrections if decided else 0,
            taken_back=decided.taken_back if decided else 0,
            merges=told["merges"],
            dropped=of("dropped"),
            quarantined=of("quarantined"),
            known_at={kind: dict(stamps) for kind, stamps in sorted(self.stamps.items())},
            codes_mapped=told["codes_mapped"],
            codes_unknown=most("codes_unknown"),
            units_unknown=most("units_unknown"),
        )


def _told(report: ConversionReport) -> dict[str, Any]:
    """What the ledger keeps of a report: counts by kind, and how many were none."""
    return {
        "format": report.format,
        "files": report.files,
        "rows_in": [list(pair) for pair in report.rows_in.items()],
        "events_out": [list(pair) for pair in report.events_out.items()],
        "already_here": report.already_here,
        "corrections": report.corrections,
        "taken_back": report.taken_back,
        "dropped": sum(report.dropped.values()),
        "quarantined": sum(report.quarantined.values()),
    }


def _stored(
    drafts: pl.DataFrame, kept: pl.DataFrame, firsts: pl.DataFrame, now: datetime
) -> pl.DataFrame:
    """The draft events that are kept, as they are stored."""
    moment = pl.lit(now, dtype=UTC_US)
    found = drafts.rename({"source_row": "was"}).join(
        kept, left_on=["was", "source_file"], right_on=["was", "file"], how="inner"
    )
    waited = pl.col("_first") + pl.duration(microseconds=pl.col("waits"))
    return (
        found.join(firsts, on="subject_id", how="left")
        .with_columns(
            pl.max_horizontal(pl.coalesce("known_at", waited, moment), pl.col("not_before")).alias(
                "known_at"
            ),
            pl.lit(None, dtype=pl.Binary).alias("replaces"),
        )
        .select(pl.col(name).cast(kind) for name, kind in STORED_SCHEMA.items())
    )
