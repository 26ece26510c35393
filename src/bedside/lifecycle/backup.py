"""A backup: encrypted files as they lie, everything else sealed, and a signed list of it all."""

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.ports import Blobs, ByteSigner, ObjectStore
from bedside.lifecycle.platform import Platform

__all__ = ["AREAS", "BackedUp", "BackupList", "backup", "backup_names", "read_list"]

AREAS = ("material/", "shards/", "raw/", "manifests/")
"""What is copied as it lies. Results of build steps are not: a build makes them anew."""

FILES = (
    "bundles/**/*", "reports/*", "checkpoints/*", "token.sha256", "keys/*.wrapped",
    "keys/signing.p*",
)  # fmt: skip
_FORMAT = "bedside-backup/1"
_POINTER = re.compile(r"backups/([0-9t]+z)\.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What a backup consists of, what of it was new, and what was pruned."""

    name: str
    files: int
    copied: int
    bytes: int
    tables: int
    pruned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupList:
    """The list of a backup, as it was signed: blobs with digests, sealed files and tables."""

    body: bytes
    signature: bytes
    blobs: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    tables: tuple[tuple[str, str], ...]

    def check(self, signer: ByteSigner) -> None:
        """Check the signature.

        Raises:
            Refused: the list was changed, or another workspace made it (code `bad_signature`).
        """
        signer.verify(self.body, self.signature)


def backup(
    platform: Platform, target: Blobs, sealed: ObjectStore, *, prune: bool = False
) -> BackedUp:
    """Bring a backup of the workspace up to date; nothing counts before all of it is there.

    The key file is never part of it: whoever has only the backup has nothing.

    Args:
        platform: The workspace.
        target: Where the encrypted files go.
        sealed: Sealed objects in the same place, for everything that is not ciphertext yet.
        prune: Afterwards remove every earlier backup there, and what only it needs.

    Raises:
        Unavailable: the target is full or out of reach, or another process holds the workspace.
    """
    with platform.lock():
        tables = [(name, sealed.put(chunk)) for name, chunk in platform.metadata.dump()]
        files = [
            (path.relative_to(platform.folder).as_posix(), sealed.put(path.read_bytes()))
            for path in _files(platform.folder)
        ]
        blobs, copied, size = _copied(platform, target)
        now = platform.clock.now()
        name = now.strftime("%Y%m%dt%H%M%S%fz")
        told = {
            "format": _FORMAT,
            "created_at": iso(now),
            "blobs": blobs,
            "files": files,
            "tables": tables,
        }
        body = canonical_json(told).decode()
        signature = base64.b64encode(platform.store.signer.sign(body.encode())).decode()
        listed = sealed.put(canonical_json({"body": body, "signature": signature}))
        target.put(f"backups/{name}.json", canonical_json({"list": listed}))
        needed = {listed, *(d for _, d in files), *(d for _, d in tables)}
        pruned = _pruned(target, sealed, name, {n for n, _ in blobs}, needed) if prune else 0
        done = BackedUp(
            name=name,
            files=len(blobs) + len(files),
            copied=copied,
            bytes=size,
            tables=len({table for table, _ in tables}),
            pruned=pruned,
        )
        platform.ledger.append(
            platform.actor,
            "backup",
            {"list": listed, "files": done.files, "copied": copied, "pruned": pruned},
        )
    return done


def _files(folder: Path) -> Iterator[Path]:
    for pattern in FILES:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                yield path


def _copied(platform: Platform, target: Blobs) -> tuple[list[tuple[str, str]], int, int]:
    """Every encrypted file with its digest, how many were new there, and the bytes of all."""
    source, blobs, copied, size = platform.store.blobs, [], 0, 0
    names = [name for area in AREAS for name in source.names(area)]
    with platform.progress.step("copy", total=len(names)) as advance:
        for name in names:
            content = source.get(name)
            digest = digest_bytes(content)
            if not _is_there(target, name, digest):
                target.put(name, content)
                copied += 1
            blobs.append((name, digest))
            size += len(content)
            advance(1)
    return blobs, copied, size


def _is_there(target: Blobs, name: str, digest: str) -> bool:
    """A wrapped key changes when its key is rotated; any other file never changes its bytes."""
    if not target.has(name):
        return False
    return not name.startswith("material/") or digest_bytes(target.get(name)) == digest


def _pruned(
    target: Blobs, sealed: ObjectStore, newest: str, blobs: set[str], objects: set[str]
) -> int:
    pruned = 0
    for name in [one for one in backup_names(target) if one != newest]:
        target.remove(f"backups/{name}.json")
        pruned += 1
    for area in AREAS:
        for name in [one for one in target.names(area) if one not in blobs]:
            target.remove(name)
    for digest in [one for one in sealed.digests() if one not in objects]:
        sealed.remove(digest)
    return pruned


def backup_names(target: Blobs) -> list[str]:
    """The finished backups of a place, oldest first."""
    found = (_POINTER.fullmatch(name) for name in target.names("backups/"))
    return [one.group(1) for one in found if one is not None]


def read_list(target: Blobs, sealed: ObjectStore, name: str | None = None) -> BackupList:
    """The list of a backup, the newest if none is named; its signature is not checked yet.

    Raises:
        NotFound: there is no backup, or none of this name.
        Refused: it cannot be read, or was made with other keys.
    """
    names = backup_names(target)
    if not names or (name is not None and name not in names):
        raise NotFound(
            "There is no such backup in that place.",
            fix=f"use one of: {', '.join(names)}." if names else "check the folder or bucket.",
        )
    try:
        pointer = json.loads(target.get(f"backups/{name or names[-1]}.json"))["list"]
        outer = json.loads(_opened(sealed, pointer))
        body = outer["body"].encode()
        told = json.loads(body)
        if told["format"] != _FORMAT:
            raise ValueError
        return BackupList(
            body=body,
            signature=base64.b64decode(outer["signature"]),
            blobs=_pairs(told["blobs"]),
            files=_pairs(told["files"]),
            tables=_pairs(told["tables"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Refused(
            "The list of this backup cannot be read.",
            fix="restore an earlier one with --backup.",
            code="backup_damaged",
        ) from None


def _opened(sealed: ObjectStore, digest: str) -> bytes:
    try:
        return sealed.get(digest)
    except (Invalid, NotFound, Refused) as error:
        if error.code == "key_destroyed":
            raise
        raise Refused(
            "The list of this backup does not open: it was changed, or made with other keys.",
            fix="give the key file of the workspace that made it, or another backup.",
            code="wrong_key",
        ) from None


def _pairs(told: Sequence[Sequence[Any]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(one), str(other)) for one, other in told)
