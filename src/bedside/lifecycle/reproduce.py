"""Building a registered version again, and comparing bytes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bedside.core.errors import NotFound
from bedside.core.records.bundle import DECLARATION_SOURCE, MANIFEST
from bedside.core.records.declaration import Declaration
from bedside.core.records.lineage import Node
from bedside.core.records.snapshot import SnapshotEntry
from bedside.data.collect.reading import kept_file
from bedside.deploy.package.sealing import seal
from bedside.lifecycle.build import rebuilt
from bedside.lifecycle.intake import FileIntake, Intake, SourceIntake
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["Reproduction", "reproduce"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """Whether a version came out the same to the byte; if not, why, and which files differ."""

    version: str
    exact: bool
    because: str
    differing: tuple[str, ...] = ()


def reproduce(platform: Platform, version_id: str) -> Reproduction:
    """Build a version again from the data it was made of, without any earlier step, and compare.

    Raises:
        NotFound: there is no such version, or its snapshot is not in this workspace.
        Refused: its bundle is not intact.
    """
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    told = json.loads((platform.bundles / version.bundle / MANIFEST).read_bytes())["facts"]
    entry = _entry(platform, told["snapshot"])
    if entry.successor is not None:
        done = _no_longer(platform, version.id, entry)
    elif told["code"] != platform.code:
        done = Reproduction(
            version=version.id,
            exact=False,
            because="It was built by another Bedside or with other libraries than are installed "
            "here. Install what the bundle names to rebuild it to the byte.",
        )
    else:
        scratch = TemporaryDirectory(dir=platform.folder, prefix="reproduce-")
        with platform.lock(), scratch as folder:
            source = bundle.files[DECLARATION_SOURCE]
            made = rebuilt(platform, source, _same_data(platform, entry), Path(folder))
            digest = seal(made.files, made.facts, Path(folder) / "bundles")
        differing = tuple(
            sorted(
                name
                for name in made.files.keys() | bundle.files.keys() - {MANIFEST}
                if made.files.get(name) != bundle.files.get(name)
            )
        )
        exact = digest == version.bundle
        done = Reproduction(
            version=version.id,
            exact=exact,
            because="Every file came out the same to the byte."
            if exact
            else "Some files came out differently; this is a defect of the declared environment.",
            differing=differing,
        )
    platform.ledger.append(
        platform.actor,
        "reproduce",
        {"version": version.id, "exact": done.exact, "differing": list(done.differing)},
    )
    return done


def _same_data(platform: Platform, entry: SnapshotEntry) -> Callable[[Declaration], Intake]:
    """The intake of the very data from which a prepared snapshot was made.

    A table is read again from its raw bytes; of a collected source, the state that was used.
    """

    def intake(declaration: Declaration) -> Intake:
        if declaration.data.source:
            made_of = platform.store.catalogue.made_of(Node(kind="snapshot", id=entry.snapshot))
            digest = next(edge.source.id for edge in reversed(made_of) if edge.job == "prepare")
            return SourceIntake(platform=platform, declaration=declaration, digest=digest)
        (file,) = platform.store.opened(entry).manifest.sources
        received = kept_file(platform.store.raw.get(file.digest), file)
        return FileIntake(platform=platform, declaration=declaration, received=received)

    return intake


def _entry(platform: Platform, digest: str) -> SnapshotEntry:
    found = [one for one in platform.store.catalogue.entries() if one.snapshot == digest]
    if not found:
        raise NotFound(
            f"The snapshot {digest[:12]}… that it was built from is not in this workspace.",
            fix="restore it from a backup, or run this where it was built.",
        )
    return found[-1]


def _no_longer(platform: Platform, version: str, entry: SnapshotEntry) -> Reproduction:
    every, count, last = platform.store.catalogue.entries(), 0, entry
    while last.successor is not None:
        count += 1
        last = next(one for one in every if one.snapshot == last.successor)
    return Reproduction(
        version=version,
        exact=False,
        because=f"It can no longer be exact: {count} subject"
        f"{' was' if count == 1 else 's were'} erased from the snapshot {entry.snapshot[:12]} that "
        f"it was built from, as the ledger records. What is left is {last.snapshot[:12]}.",
    )
