"""Building a registered version again, and comparing bytes."""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bedside.core.errors import NotFound
from bedside.core.records.bundle import DECLARATION_SOURCE, MANIFEST
from bedside.core.records.snapshot import SnapshotEntry
from bedside.data.collect.reading import kept_file
from bedside.deploy.package.sealing import seal
from bedside.lifecycle.build import rebuilt
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
    """Build a version again from its raw file, without using any earlier step, and compare.

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
        with platform.lock():
            snapshot = platform.store.opened(entry)
            (file,) = snapshot.manifest.sources
            found = kept_file(platform.store.raw.get(file.digest), file)
            with TemporaryDirectory(dir=platform.folder, prefix="reproduce-") as scratch:
                made = rebuilt(platform, bundle.files[DECLARATION_SOURCE], found, Path(scratch))
                digest = seal(made.files, made.facts, Path(scratch) / "bundles")
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
