"""Collecting a source: its new parts are read, and what they say is added to its data set."""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from itertools import chain, groupby
from pathlib import Path, PurePath

import polars as pl

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.collection import Collection
from bedside.core.records.conversion import BadRecord, ConversionReport
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.policy import Act, Resource
from bedside.core.records.snapshot import RawFile, Zone
from bedside.data.collect.adding import first_contacts, kept_drafts, stored_events
from bedside.data.collect.facts import Reader
from bedside.data.collect.formats.registry import reader_of
from bedside.data.collect.incoming import Incoming
from bedside.data.collect.versions import Decided, decide, known_versions, versions_of
from bedside.data.store.snapshot import Snapshot
from bedside.interop.collection import collection_digest, read_collection
from bedside.lifecycle.collect_arrivals import Arrivals, Arrived
from bedside.lifecycle.collect_parts import Group, Kept, groups_of, read_group
from bedside.lifecycle.collect_report import Tally, told_of
from bedside.lifecycle.data import record_snapshot, recorded_snapshots
from bedside.lifecycle.door import enter
from bedside.lifecycle.frames import frame_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import StepRunner

__all__ = ["Collected", "collect", "load_source"]

NOTED = 10  # so many reasons why files could not be read are told while it goes on
_ABOUT = (
    "subject_id", "known_at", "code", "source_row", "replaces", "source_file", "source_offset",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The data set after collecting, and what became of what came.

    `unread` are files that could not be read at all, or not to their end.
    """

    snapshot: Snapshot
    report: ConversionReport
    is_new: bool
    unread: tuple[BadRecord, ...] = ()


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
    enter(platform, Act.COLLECT, Resource(name=source.name, zone=Zone.of(source.release_mode)))
    with platform.lock():
        platform.ledger.append(platform.actor, "collect.start", {"name_of_data": source.name})
        done = _Run(platform, source, reader_of(source.format), incoming).whole()
        incoming.kept()
        return replace(done, unread=tuple(incoming.bad))


@dataclass
class _Moment:
    """What was collected at one moment.

    `renewed`: each older file of which a newer state came then, and the number of that.
    """

    now: datetime
    done: list[Kept]
    renewed: dict[int, int]
    decided: Decided | None = None


@dataclass
class _Run:
    platform: Platform
    source: Collection
    reader: Reader
    incoming: Incoming
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    tally: Tally = field(default_factory=Tally)

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
        held = before.manifest.sources if before is not None else ()
        arrivals = Arrivals(
            self.source, self.reader, self.incoming, self.platform.store.raw, before=held
        )
        stands = all(file.rules == self.rules for file in held)
        base = before if stands else None
        sources = list(held) if stands else []
        moments: list[_Moment] = []
        if before is not None and not stands:  # each collecting once more, by the new rules
            for taken, files in groupby(held, key=lambda file: file.collected_at):
                then = parse_instant(taken or before.manifest.created_at)
                moments.append(self._moment(then, arrivals.kept(files), sources))
        moments.append(self._moment(self.now, arrivals.fresh(), sources))
        unread = Counter(one.reason for one in self.incoming.bad)
        for reason, count in unread.most_common(NOTED):  # the name of a file may name a patient
            self.platform.progress.note(f"Not read, {count} time{'s' * (count > 1)}: {reason}.")
        known = sum(file.rows for file in held)
        self.tally.bear(self.source, self.incoming.bad, known)
        if not any(moment.done for moment in moments) and before is not None:
            return self._nothing_new(before, arrivals.known)
        return self._added(base, moments, sources, arrivals.known)

    def _nothing_new(self, before: Snapshot, known: int) -> Collected:
        if before.digest not in recorded_snapshots(self.platform.ledger):
            record_snapshot(self.platform, before)  # an earlier run was killed between the two
        report = self.tally.report(self.source, known)
        return Collected(snapshot=before, report=report, is_new=False)

    def _before(self) -> Snapshot | None:
        name = f"{self.source.name}/collected"
        named = [entry for entry in self.platform.store.entries() if entry.name == name]
        return self.platform.store.opened(named[-1]) if named else None

    def _moment(self, now: datetime, arrived: Iterator[Arrived], sources: list[RawFile]) -> _Moment:
        """Read what came at a moment, and put its files behind `sources`."""
        start, done = len(sources), list[Kept]()
        for group in groups_of(arrived, self.reader.split):
            done.append(self._read(group, len(sources), now))
            sources += done[-1].files
        newest: dict[str, int] = {}
        if self.source.extract == "full":
            newest = {file.name: start + at for at, file in enumerate(sources[start:])}
        renewed = {
            number: newest[file.name]
            for number, file in enumerate(sources[:start])
            if file.name in newest
        }
        return _Moment(now=now, done=done, renewed=renewed)

    def _read(self, group: Group, first: int, now: datetime) -> Kept:
        """Read a group of parts, or find what an earlier run made of it."""
        inputs = {
            "parts": [one.key for one in group.parts],
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
        files = tuple(
            RawFile(
                **{
                    **file,
                    "gone": (),
                    "rules": self.rules,
                    "members": tuple((n, f, d, s) for n, f, d, s in file["members"]),
                    "collected_at": iso(now),
                }
            )
            for file in self.tally.read(self.steps.read(done, "told"))
        )
        return Kept(done=done, files=files, first=first)

    def _drafts(self, kept: Kept) -> pl.DataFrame:
        """The draft events of a group; `source_file` counts from the data set's first file."""
        drafts = frame_of(self.steps.read(kept.done, "events"))
        return drafts.with_columns(pl.col("source_file") + kept.first)

    def _decide(self, base: Snapshot | None, moments: list[_Moment]) -> None:
        """Decide of each moment's versions, those of earlier moments in mind."""
        earlier: list[pl.DataFrame] = []
        for at, moment in enumerate(moments):
            if not moment.done:
                continue
            new = pl.concat([self._versions(one, moment.now) for one in moment.done])
            stored = base.shards(_ABOUT) if base is not None else iter(())
            known = known_versions(chain(stored, earlier), new, moment.renewed)
            moment.decided = decide(new, known, moment.now, renewed=moment.renewed)
            self.tally.decided.append(moment.decided)
            if at + 1 < len(moments):
                none = first_contacts([], [])
                earlier += [
                    stored_events(one, none, moment.now).select(_ABOUT)
                    for one in self._kept_drafts(moment)
                ]
                earlier.append(moment.decided.rows.select(_ABOUT))

    def _versions(self, kept: Kept, now: datetime) -> pl.DataFrame:
        """The versions of a group; what is there more than once is counted."""
        drafts = self._drafts(kept)
        versions = versions_of(drafts, now)
        places = drafts.select("source_file", "source_row", "source_offset").n_unique()
        self.tally.copies += places - versions.height
        return versions

    def _kept_drafts(self, moment: _Moment) -> Iterator[pl.DataFrame]:
        for one in moment.done:
            assert moment.decided is not None  # noqa: S101 - decided before anything is kept
            yield kept_drafts(self._drafts(one), moment.decided.kept, moment.now)

    def _added(
        self, base: Snapshot | None, moments: list[_Moment], sources: list[RawFile], known: int
    ) -> Collected:
        self._decide(base, moments)
        decided = self.tally.decided
        adds = any(one.kept.height or one.rows.height for one in decided)
        if base is not None and not adds and not self.tally.of("quarantined"):
            report = self.tally.report(self.source, known)
            return Collected(snapshot=base, report=report, is_new=False)
        if base is None and not adds:
            raise Invalid(
                "Nothing in the data gives an event.",
                fix="check that the declaration names the right files, columns and codes.",
                code="no_events",
            )
        dated = pl.col("time").is_not_null()
        contacts = ("subject_id", "time", "known_at", "code")
        firsts = first_contacts(
            base.shards(contacts, dated) if base is not None else (),
            chain.from_iterable(self._kept_drafts(one) for one in moments),
        )

        def batches() -> Iterator[pl.DataFrame]:
            if base is not None:
                yield from base.shards()
            for moment in moments:
                for drafts in self._kept_drafts(moment):
                    self.tally.added(drafts)
                    yield stored_events(drafts, firsts, moment.now)
            for one in decided:
                yield one.rows

        snapshot = self._save(batches(), sources)
        report = self.tally.report(self.source, known)
        self.platform.ledger.append(
            self.platform.actor,
            "collect.done",
            {
                "name_of_data": snapshot.entry.name,
                "snapshot": snapshot.digest,
                "report": self.platform.objects.put(canonical_json(asdict(report))),
                **told_of(report),
            },
        )
        return Collected(snapshot=snapshot, report=report, is_new=True)

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
                zone=Zone.of(source.release_mode),
                release_mode=source.release_mode,
                salt=source.pseudonym_salt,
                sources=sources,
                edges=edges,
            )
        record_snapshot(self.platform, snapshot)
        return snapshot
