"""Where a backup lies, and a workspace made from one."""

import re
import shutil
from pathlib import Path

from bedside.core.clock import SystemClock
from bedside.core.errors import Invalid, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import Blobs, KeyService, ObjectStore, Progress
from bedside.core.records.ledger import Actor
from bedside.lifecycle.backup import BackedUp, backup, read_list
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.restore import Restored, prove, restore_blobs, restore_files, tables_of
from bedside.wiring.settings import settings_of
from bedside.wiring.workspace import blobs_of, keys_of, open_workspace, s3_blobs

__all__ = ["backup_workspace", "restore_workspace"]

MARK = ".restoring"
_S3 = re.compile(r"s3://([^/]+)(?:/(.+?))?/?")


def backup_workspace(platform: Platform, target: str, *, prune: bool) -> BackedUp:
    """Bring the backup in a folder or in `s3://BUCKET/PREFIX` up to date.

    Raises:
        Invalid: the folder lies inside the workspace.
        Unavailable: the target is full or out of reach.
    """
    if not target.startswith("s3://"):
        inside, folder = platform.folder.resolve(), Path(target).resolve()
        if folder == inside or inside in folder.parents:
            raise Invalid(
                "The backup would lie inside the workspace.", fix="give a folder on another disk."
            )
    place = _place(target, platform.folder)
    return backup(platform, place, _sealed(place, platform.keys), prune=prune)


def restore_workspace(
    source: str,
    folder: Path,
    *,
    name: str | None,
    key_file: Path | None,
    actor: Actor,
    progress: Progress,
) -> Restored:
    """Make a workspace from a backup, and prove that it is whole.

    A run that was stopped is finished by running it again with the same folder.

    Args:
        source: A folder, or `s3://BUCKET/PREFIX`.
        folder: Of the new workspace: empty, or not there yet.
        name: Which backup; the newest if None.
        key_file: A copy of the key file, where the keys are kept in one.
        actor: Who restores.
        progress: Is told of the steps.

    Raises:
        Refused: the folder or the database holds something; a part is missing or was changed; the
            key file is another one; or the result is not whole.
        NotFound: there is no such backup.
    """
    from bedside.infra.files import write_atomically  # noqa: PLC0415
    from bedside.infra.keys.ed25519 import Ed25519Signer  # noqa: PLC0415
    from bedside.infra.keys.secrets import Secrets  # noqa: PLC0415
    from bedside.wiring.fhir import outbox_of  # noqa: PLC0415

    if key_file is not None and not key_file.is_file():
        raise Invalid("There is no such key file.", fix="give the copy of keys/keyring.json.")
    _make_ready(folder)
    if key_file is not None:
        write_atomically(folder / "keys" / "keyring.json", key_file.read_bytes())
    settings = settings_of(folder)
    if settings.keys == "file" and key_file is None:
        raise Invalid(
            "The keys of this backup lie in a key file, and it was not given.",
            fix="give the copy of keys/keyring.json with --keyring.",
            code="no_key_file",
        )
    keys, place = keys_of(settings, SystemClock()), _place(source, folder)
    sealed = _sealed(place, keys)
    listed = read_list(place, sealed, name)
    restore_files(listed, sealed, folder, write_atomically, keys=True)
    listed.check(Ed25519Signer(Secrets(folder / "keys", keys).secret("manifests")))
    restore_blobs(listed, place, blobs_of(settings), progress)
    restore_files(listed, sealed, folder, write_atomically, keys=False)
    platform = open_workspace(folder, actor=actor, progress=progress, settings=settings)
    outbox_of(platform)  # its tables are made at its first use, and the backup may hold letters
    platform.metadata.load(tables_of(listed, sealed))
    with progress.step("prove", total=3) as advance:
        proven = prove(platform, listed, advance)
    platform.ledger.append(actor, "restore", {"list": digest_bytes(listed.body)})
    (folder / MARK).unlink()
    return proven


def _make_ready(folder: Path) -> None:
    """An empty folder that says what it is for; what a stopped restore left there is removed."""
    if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
        raise Refused(
            "The folder to restore into is not empty.",
            fix="give a new folder with --workspace.",
            code="not_empty",
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARK).touch()
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != MARK:
            path.unlink()


def _place(text: str, workspace: Path) -> Blobs:
    from bedside.infra.blobs.disk import DiskBlobs  # noqa: PLC0415

    if not text.startswith("s3://"):
        return DiskBlobs(Path(text))
    found = _S3.fullmatch(text)
    if found is None:
        raise Invalid(
            "That is not the address of a bucket.", fix="write it like s3://bucket/wards."
        )
    return s3_blobs(found.group(1), found.group(2) or "bedside-backup", settings_of(workspace))


def _sealed(place: Blobs, keys: KeyService) -> ObjectStore:
    from bedside.infra.blobs.below import BlobsBelow  # noqa: PLC0415
    from bedside.infra.keys.material import BlobDataKeys  # noqa: PLC0415
    from bedside.infra.objects.sealed import SealedObjects  # noqa: PLC0415

    own = BlobsBelow(place, "own")
    return SealedObjects(own, BlobDataKeys(own, keys), key="backup", prefix="sealed")
