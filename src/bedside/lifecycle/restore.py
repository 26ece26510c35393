"""From a backup to a working workspace, and the proof that it is whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import Blobs, ObjectStore, Progress
from bedside.lifecycle.backup import AREAS, BackupList
from bedside.lifecycle.data import check_data
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.steps import WriteFile

__all__ = ["Restored", "prove", "restore_blobs", "restore_files", "tables_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was proven of a restored workspace."""

    blobs: int
    snapshots: int
    versions: int
    ledger_entries: int


def restore_files(
    listed: BackupList, sealed: ObjectStore, folder: Path, write: WriteFile, *, keys: bool
) -> int:
    """Write the sealed files back: those of the folder `keys`, or all others; return how many.

    Raises:
        Refused: a file is missing, was changed, or its name leads out of the workspace.
    """
    count = 0
    for name, digest in listed.files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise _damaged("A name in it leads out of the workspace.")
        if (path.parts[0] == "keys") == keys:
            write(folder / path, _object(sealed, digest))
            count += 1
    return count


def restore_blobs(listed: BackupList, source: Blobs, target: Blobs, progress: Progress) -> None:
    """Bring every encrypted file back, checking its digest on the way.

    Raises:
        Refused: one is missing, was changed, or is none of ours (code `backup_damaged`).
    """
    with progress.step("copy", total=len(listed.blobs)) as advance:
        for name, digest in listed.blobs:
            if not name.startswith(AREAS):
                raise _damaged("It lists a file that is none of a workspace.")
            try:
                content = source.get(name)
            except NotFound:
                raise _damaged(f"Its file {name[-12:]} is missing.") from None
            if digest_bytes(content) != digest:
                raise _damaged(f"Its file {name[-12:]} was changed.")
            target.put(name, content)
            advance(1)


def tables_of(listed: BackupList, sealed: ObjectStore) -> Iterator[tuple[str, bytes]]:
    """The tables of the database, chunk by chunk.

    Raises:
        Refused: a chunk is missing or was changed.
    """
    for table, digest in listed.tables:
        yield table, _object(sealed, digest)


def prove(platform: Platform, listed: BackupList, advance: Callable[[int], None]) -> Restored:
    """Read the restored workspace whole: the ledger, every snapshot, every bundle.

    Raises:
        Refused: something is not as it was (code `restore_failed`), and what.
    """
    faults = platform.ledger.verify()
    if faults:
        raise _failed(faults[0].text)
    advance(1)
    checked = check_data(platform)
    for one in checked:
        if one.fault:
            raise _failed(f"{one.name}: {one.fault}")
    advance(1)
    versions = platform.registry.versions()
    for version in versions:
        try:
            open_bundle(platform, version)
        except BedsideError as error:
            raise _failed(error.problem) from None
    advance(1)
    return Restored(
        blobs=len(listed.blobs),
        snapshots=len(checked),
        versions=len(versions),
        ledger_entries=sum(1 for _ in platform.ledger.entries()),
    )


def _object(sealed: ObjectStore, digest: str) -> bytes:
    try:
        return sealed.get(digest)
    except (NotFound, Invalid):
        raise _damaged(f"Its part {digest[:12]} is missing.") from None


def _damaged(what: str) -> Refused:
    return Refused(
        f"The backup is damaged. {what}",
        fix="restore an earlier one with --backup, or the copy that lies elsewhere.",
        code="backup_damaged",
    )


def _failed(what: str) -> Refused:
    return Refused(
        f"What was restored is not whole: {what}",
        fix="do not use this workspace; restore an earlier backup into another folder.",
        code="restore_failed",
    )
