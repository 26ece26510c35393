"""Erasing a subject: from every zone and snapshot, with a proof that does not name them."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

import polars as pl

from bedside.cohorts.splits import side_of
from bedside.core.clock import iso
from bedside.core.errors import NotFound, Refused
from bedside.core.ids import subject_pseudonym
from bedside.core.records.bundle import EVIDENCE
from bedside.core.records.lineage import Node
from bedside.core.records.policy import Act
from bedside.core.records.snapshot import RawFile, SnapshotEntry
from bedside.data.collect.kept import KeptPart
from bedside.data.collect.reading import Received, kept_file
from bedside.data.store.snapshot import Snapshot
from bedside.lifecycle.data import recorded_snapshots
from bedside.lifecycle.deidentify import VAULT_SALT
from bedside.lifecycle.door import enter
from bedside.lifecycle.intake import pseudonym_of, tags_of
from bedside.lifecycle.live_opened import drop_opened
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.scores import has_scores_of
from bedside.lifecycle.steps import forget_steps

__all__ = ["Erasure", "TrainedOn", "ancestors", "erase"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedOn:
    """A model version that was built from data of the subject, and on which side they were."""

    version: str
    side: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased. `tag` is the proof: a keyed digest, the same whenever it is computed."""

    tag: str
    events: int
    snapshots: tuple[tuple[str, str, str], ...]
    raw_files: int
    predictions: int
    stand_ins: int
    versions: tuple[TrainedOn, ...]
    files_removed: int
    entry: int


_Masked = tuple[Received | KeptPart, pl.Series, set[str]]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Who is to be erased, in the words of each data set: by salt, the pseudonyms."""

    identifier: str | None
    ids: dict[str, set[int]]


def erase(platform: Platform, subject: str, *, is_pseudonym: bool = False) -> Erasure:
    """Remove a subject from the raw zone, every snapshot, every step's result, the sealed ledger.

    Whoever was said to be the same person goes with them. From the first moment on they are not
    taken in again. A run that was stopped is finished by running it again.

    Args:
        platform: The workspace.
        subject: The source's own patient identifier, or the pseudonym.
        is_pseudonym: It is the pseudonym, a whole number.

    Raises:
        Invalid: a pseudonym is not a whole number.
        NotFound: no snapshot, raw file or prediction knows the subject.
        Unavailable: another process holds the workspace, or the disk refuses; what is left of the
            subject is removed by running it again.
    """
    enter(platform, Act.ERASE)
    with platform.lock():
        store = platform.store
        snapshots = [store.opened(entry) for entry in store.entries()]
        wanted = _wanted(platform, snapshots, subject, is_pseudonym)
        files = {
            file: _with_mask(platform, file, wanted, snapshot.manifest.salt)
            for snapshot in snapshots
            for file in snapshot.manifest.sources
        }
        names = {name for _, _, found in files.values() for name in found}
        salts = {snapshot.manifest.salt for snapshot in snapshots} | set(wanted.ids)
        tags = _tags(platform, wanted, names, salts)
        before = store.catalogue.suppressed()
        everyone = set[int]().union(*wanted.ids.values()) if wanted.ids else set[int]()
        sealed = sum(len(platform.ledger.sealed_for(one)) for one in everyone)
        touched = [s for s in snapshots if _is_in(s, wanted, files)]
        known = bool(touched or sealed or before.intersection(tags))
        if not known and not has_scores_of(platform, everyone):
            raise NotFound(
                "No snapshot, file or prediction of this workspace knows this subject.",
                fix="give the identifier as the source writes it, or --pseudonym with the number.",
            )
        store.catalogue.suppress(sorted(tags), iso(platform.clock.now()))
        platform.consents.forget(tags)
        _rewrite(platform, touched, wanted, files)
        replaced = _unrecorded(platform)
        versions = tuple(_trained_on(platform, [old for old, _ in replaced], everyone))
        forget_steps(platform.folder / "steps", platform.objects)
        removed = store.sweep()
        drop_opened(platform, everyone)
        predictions = sum(platform.ledger.forget(one) for one in everyone)
        stand_ins = _forgotten_stand_ins(platform, everyone)
        told = {
            "tag": min(tags),
            "events_count": sum(old.rows - new.rows for old, new in replaced),
            "snapshots": [[old.snapshot, new.snapshot] for old, new in replaced],
            "raw_files": sum(bool(mask.any()) for _, mask, _ in files.values()),
            "predictions_count": predictions,
            "stand_ins_count": stand_ins,
            "versions": [asdict(one) for one in versions],
            "files_removed": removed,
        }
        entry = platform.ledger.append(platform.actor, "erase", told)
        return Erasure(
            tag=min(tags),
            events=sum(old.rows - new.rows for old, new in replaced),
            snapshots=tuple((old.name, old.snapshot, new.snapshot) for old, new in replaced),
            raw_files=int(told["raw_files"]),  # type: ignore[call-overload]
            predictions=predictions,
            stand_ins=stand_ins,
            versions=versions,
            files_removed=removed,
            entry=entry.sequence,
        )


def ancestors(entries: list[SnapshotEntry], digest: str) -> set[str]:
    """The snapshot, and those that stood in its place before a subject was erased from them."""
    found, new = set[str](), {digest}
    while new:
        found |= new
        new = {one.snapshot for one in entries if one.successor in new} - found
    return found


def _wanted(
    platform: Platform, snapshots: list[Snapshot], subject: str, is_pseudonym: bool
) -> _Wanted:
    """The subject's pseudonym under every salt, with those of whoever is the same person.

    Where a vault drew the pseudonyms, it is asked for theirs.
    """
    ids: dict[str, set[int]] = {}
    salts = {snapshot.manifest.salt for snapshot in snapshots}
    for salt in {one for one in salts if not one.startswith(VAULT_SALT)} or {"bedside"}:
        ids[salt] = {pseudonym_of(subject, salt=salt, is_pseudonym=is_pseudonym)}
    for salt in salts if is_pseudonym else ():
        if salt.startswith(VAULT_SALT):
            back = _released_as(platform, salt, int(subject))
            ids = {of: theirs | back for of, theirs in ids.items()}
    for snapshot in snapshots:
        known = ids.get(snapshot.manifest.salt, set())
        for pair in snapshot.manifest.merged:
            if known.intersection(pair):
                root = pair[1]
                known |= {one for one, beside in snapshot.manifest.merged if beside == root}
                known.add(root)
    everyone = set[int]().union(*ids.values())
    for salt in salts:
        if salt.startswith(VAULT_SALT):
            ids[salt] = _pseudonyms(platform, salt, everyone)
    return _Wanted(None if is_pseudonym else subject, ids)


def _released_as(platform: Platform, salt: str, pseudonym: int) -> set[int]:
    """Who was released under a pseudonym, if anybody was."""
    try:
        return {platform.vaults.of(salt.removeprefix(VAULT_SALT)).subject_of(pseudonym)}
    except NotFound:
        return set()
    except Refused as refused:
        if refused.code not in ("erased", "key_destroyed"):
            raise
        return set()


def _pseudonyms(platform: Platform, salt: str, subjects: set[int]) -> set[int]:
    """Under which pseudonyms a project released these subjects."""
    found = set[int]()
    for subject in subjects:
        try:
            found.add(platform.vaults.of(salt.removeprefix(VAULT_SALT)).pseudonym(subject))
        except Refused as refused:
            if refused.code not in ("erased", "key_destroyed"):
                raise
    return found


def _with_mask(platform: Platform, file: RawFile, wanted: _Wanted, salt: str) -> _Masked:
    """A raw file, which of its rows are the subject's, and by which identifiers."""
    raw = platform.store.raw
    if file.index:
        index = KeptPart.of(b"", file, raw.get(file.index))
        ids = pl.Series(sorted(wanted.ids[salt]), dtype=pl.Int64)
        theirs = index.index["subject_id"].is_in(ids.implode()).fill_null(value=False)
        part = replace(index, content=raw.get(file.digest)) if theirs.any() else index
        return part, theirs, set()
    found = kept_file(raw.get(file.digest), file)
    identifiers = found.table[file.subject].cast(pl.String)
    names = {
        name
        for name in identifiers.drop_nulls().unique()
        if name == wanted.identifier or subject_pseudonym(name, salt=salt) in wanted.ids[salt]
    }
    return found, identifiers.is_in(list(names)).fill_null(False), names


def _tags(platform: Platform, wanted: _Wanted, names: set[str], salts: set[str]) -> set[str]:
    named = names | ({wanted.identifier} if wanted.identifier is not None else set())
    tags = {tag for name in named for salt in salts for tag in tags_of(platform, name, salt)}
    return tags | {platform.tag(f"{salt}:{one}") for salt, ids in wanted.ids.items() for one in ids}


def _forgotten_stand_ins(platform: Platform, everyone: set[int]) -> int:
    """Destroy their keys in every project's vault; how many stand-ins that concerns."""
    count = 0
    for project in platform.vaults.projects():
        try:
            vault = platform.vaults.of(project)
        except Refused as refused:
            if refused.code != "key_destroyed":  # with it everybody was forgotten
                raise
            continue
        count += sum(vault.forget(one) for one in everyone)
    return count


def _is_in(
    snapshot: Snapshot,
    wanted: _Wanted,
    files: dict[RawFile, _Masked],
) -> bool:
    manifest = snapshot.manifest
    return any(bool(files[file][1].any()) for file in manifest.sources) or any(
        not snapshot.subject(one).filter(pl.col("subject_id") == one).is_empty()
        for one in wanted.ids[manifest.salt]
    )


def _rewrite(
    platform: Platform,
    touched: list[Snapshot],
    wanted: _Wanted,
    files: dict[RawFile, _Masked],
) -> None:
    """Put every touched snapshot's successor in its place."""
    left: dict[RawFile, RawFile] = {}
    with platform.progress.step("erase", total=len(touched)) as advance:
        for snapshot in touched:
            for file in snapshot.manifest.sources:
                found, mask, _ = files[file]
                if file not in left and mask.any():
                    rest = found.without(mask)
                    for kept in rest.objects:
                        platform.store.raw.put(kept)
                    left[file] = rest.file
            ids = wanted.ids[snapshot.manifest.salt]
            sources = [left.get(file, file) for file in snapshot.manifest.sources]
            platform.store.replace(snapshot, gone=ids, sources=sources)
            advance(1)


def _unrecorded(platform: Platform) -> list[tuple[SnapshotEntry, SnapshotEntry]]:
    """Old and new of every replacement that the ledger does not know yet, a killed run's too."""
    entries = platform.store.catalogue.entries()
    recorded = recorded_snapshots(platform.ledger)
    after = {(one.name, one.snapshot): one for one in entries}
    return [
        (old, after[old.name, old.successor])
        for old in entries
        if old.successor is not None and old.successor not in recorded
    ]


def _trained_on(
    platform: Platform, replaced: list[SnapshotEntry], everyone: set[int]
) -> Iterator[TrainedOn]:
    """The versions built from a replaced snapshot, or from what stood in its place before."""
    entries, seen = platform.store.catalogue.entries(), set[str]()
    for digest in {one for old in replaced for one in ancestors(entries, old.snapshot)}:
        for edge in platform.store.catalogue.made_from(Node(kind="snapshot", id=digest)):
            if edge.output.kind == "version" and edge.output.id not in seen:
                seen.add(edge.output.id)
                side = _side(platform, edge.output.id, everyone)
                yield TrainedOn(version=edge.output.id, side=side)


def _side(platform: Platform, version_id: str, ids: set[int]) -> str:
    """The side of the split on which the subject was, or why it cannot be told."""
    try:
        bundle = open_bundle(platform, platform.registry.get(version_id))
    except (NotFound, Refused):
        return "unknown"
    if "recalibration" in json.loads(bundle.files[EVIDENCE]):
        return "recalibration"
    split = bundle.declaration.evaluation.split
    return " and ".join(sorted({side_of(one, split) for one in ids}))
