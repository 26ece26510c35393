"""From a file as it was received to snapshots of events: collected, then prepared."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from bedside.core.errors import Invalid, NotFound
from bedside.core.ids import canonical_json, subject_pseudonym
from bedside.core.records.declaration import Declaration, Source
from bedside.core.records.lineage import Node
from bedside.core.records.release_mode import ReleaseMode
from bedside.core.records.snapshot import Zone
from bedside.data.collect.reading import Received
from bedside.data.collect.table import collect_table
from bedside.data.prepare import prepare, quality_report
from bedside.data.store.merging import fold_merges
from bedside.data.store.snapshot import Snapshot
from bedside.interop.declaration import declaration_to_json
from bedside.lifecycle.cohort import received_file
from bedside.lifecycle.data import keep_snapshot
from bedside.lifecycle.deidentify import released_name
from bedside.lifecycle.platform import Platform

__all__ = [
    "FileIntake",
    "Intake",
    "SourceIntake",
    "intake_of",
    "pseudonym_of",
    "tags_of",
    "without_erased",
]


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


class Intake(Protocol):
    """The steps of a build that make its data sets; each keeps its result in the event store."""

    @property
    def declaration(self) -> Declaration:
        """The model whose data they are."""
        ...

    @property
    def run_id(self) -> str:
        """Of this run, in the lineage."""
        ...

    def inputs(self) -> dict[str, Any]:
        """What the collected events depend on, beside the program."""
        ...

    def collect(self) -> dict[str, bytes]:
        """`snapshot`, the digest of the collected events, and `report`, what became of the rows."""
        ...

    def collected(self, digest: str) -> Snapshot:
        """The collected events again."""
        ...

    def prepare(self, collected: Snapshot) -> dict[str, bytes]:
        """`snapshot`, the digest of `NAME/prepared`, and `quality`, what was set aside."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileIntake:
    """One wide table as it was received."""

    platform: Platform
    declaration: Declaration
    received: Received
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    def inputs(self) -> dict[str, Any]:
        """The file, the declaration of its columns, and who was erased."""
        told = json.loads(declaration_to_json(self.declaration))
        return {
            "raw": self.received.file.digest,
            "name": self.received.file.name,
            "data": told["data"],
            "signals": told["signals"],
            "erased": sorted(self.platform.store.catalogue.suppressed()),
        }

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
        data = self.declaration.data
        snapshot = keep_snapshot(
            self.platform,
            f"{self.declaration.name}/collected",
            iter([events]),
            job="collect",
            source=raw,
            run_id=self.run_id,
            zone=Zone.of(data.release_mode),
            release_mode=data.release_mode,
            salt=data.pseudonym_salt,
            files=[file.file],
        )
        return {"snapshot": snapshot.digest.encode(), "report": canonical_json(report)}

    def collected(self, digest: str) -> Snapshot:
        """The collected events again."""
        return self.platform.store.open(f"{self.declaration.name}/collected@{digest}")

    def prepare(self, collected: Snapshot) -> dict[str, bytes]:
        """Fold merges, set implausible values aside, and keep the rest as `NAME/prepared`."""
        return _prepared(self.platform, self.declaration, self.run_id, collected)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceIntake:
    """A collected source: its prepared events, as they stand in the workspace or at a digest."""

    platform: Platform
    declaration: Declaration
    digest: str | None = None
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def _name(self) -> str:
        data = self.declaration.data
        if data.project:
            return released_name(data.source, data.release_mode, data.project)
        return f"{data.source}/prepared"

    def _opened(self) -> Snapshot:
        """The source's events, as they were collected or as they were released for a project.

        Raises:
            NotFound: the source was never collected here, or never released so.
            Invalid: the declaration speaks of another release mode or salt than the source.
        """
        data = self.declaration.data
        try:
            found = self.platform.store.open(
                self._name if self.digest is None else f"{self._name}@{self.digest}"
            )
        except NotFound:
            raise _not_there(data) from None
        manifest = found.manifest
        if data.release_mode != manifest.release_mode:
            raise _differs(data, manifest.release_mode)
        if not data.project and data.pseudonym_salt != manifest.salt:
            raise Invalid(
                f"bedside.yaml says data.pseudonym_salt: {data.pseudonym_salt}, but the source was "
                f"collected with {manifest.salt}.",
                fix=f"write pseudonym_salt: {manifest.salt}.",
                code="source_differs",
            )
        return found

    def inputs(self) -> dict[str, Any]:
        """The state of the source."""
        return {"source": self._name, "snapshot": self._opened().digest}

    def collect(self) -> dict[str, bytes]:
        """Name the source's prepared events; nothing is copied."""
        found = self._opened()
        report = {
            "rows_in": sum(file.rows for file in found.manifest.sources),
            "events_out": found.manifest.rows,
        }
        return {"snapshot": found.digest.encode(), "report": canonical_json(report)}

    def collected(self, digest: str) -> Snapshot:
        """The source's events again."""
        return self.platform.store.open(f"{self._name}@{digest}")

    def prepare(self, collected: Snapshot) -> dict[str, bytes]:
        """Set aside what this model takes for implausible; keep the rest as `NAME/prepared`."""
        return _prepared(self.platform, self.declaration, self.run_id, collected)


def _not_there(data: Source) -> NotFound:
    if data.project:
        return NotFound(
            f"The source '{data.source}' was not released as {data.release_mode} for the project "
            f"'{data.project}'.",
            fix=f"release it first: bedside deid data {data.source}/prepared --mode "
            f"{data.release_mode} --project {data.project}.",
            code="not_released",
        )
    return NotFound(
        f"The source '{data.source}' was not collected into this workspace.",
        fix=f"collect it first: bedside data collect {data.source} --data FOLDER, or give "
        "bedside build the folder with --data.",
        code="not_collected",
    )


def _differs(data: Source, there: str) -> Invalid:
    """The source is under another mode than the model says; a release would make it so."""
    problem = (
        f"bedside.yaml says data.release_mode: {data.release_mode}, but the source was collected "
        f"with {there}."
    )
    fix = f"write release_mode: {there}."
    if there == ReleaseMode.IDENTIFIED:
        fix = (
            f"release it: bedside deid data {data.source}/prepared --mode {data.release_mode} "
            f"--project NAME, and write project: NAME under data; or {fix}"
        )
    return Invalid(problem, fix=fix, code="source_differs")


def intake_of(platform: Platform, declaration: Declaration, data: Path | None) -> Intake:
    """Where a build gets its data.

    Args:
        platform: The workspace.
        declaration: Names a source, or one wide table.
        data: The folder (or the file) of the table; a source was collected before.
    """
    if declaration.data.source:
        return SourceIntake(platform=platform, declaration=declaration)
    received = received_file(declaration, data)
    return FileIntake(platform=platform, declaration=declaration, received=received)


def _prepared(
    platform: Platform, declaration: Declaration, run_id: str, collected: Snapshot
) -> dict[str, bytes]:
    height, aside = 0, Counter[str]()

    def clean() -> Iterator[pl.DataFrame]:
        nonlocal height
        for shard in collected.shards():
            events, counts = prepare(fold_merges(shard), declaration.signals)
            height += shard.height
            aside.update(counts)
            yield events

    manifest = collected.manifest
    snapshot = keep_snapshot(
        platform,
        f"{declaration.name}/prepared",
        clean(),
        job="prepare",
        source=Node(kind="snapshot", id=collected.digest),
        run_id=run_id,
        zone=manifest.zone,
        release_mode=manifest.release_mode,
        salt=manifest.salt,
        files=manifest.sources,
    )
    quality = quality_report(height, aside)
    return {"snapshot": snapshot.digest.encode(), "quality": canonical_json(quality)}
