"""A bundle: a flat folder, a manifest that lists every byte, an address that is its digest."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bedside.core.errors import NotFound, Refused, Unavailable
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.bundle import MANIFEST

__all__ = ["read_sealed", "seal"]

FORMAT = "bedside-bundle/1"
LARGEST = 1 << 30  # bytes in one file
_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z]+")


def seal(files: Mapping[str, bytes], facts: Mapping[str, Any], folder: Path) -> str:
    """Write the files and their manifest to `folder/<digest>`; return the digest.

    The same files and facts give the same bytes, and sealing them twice is once.

    Raises:
        Unavailable: the disk is full; nothing half-written is left.
    """
    listed = {
        name: {"sha256": digest_bytes(content), "size": len(content)}
        for name, content in files.items()
    }
    manifest = canonical_json({"format": FORMAT, "facts": dict(facts), "files": listed})
    digest = digest_bytes(manifest)
    final, part = folder / digest, folder / f".part-{digest[:12]}-{os.getpid()}"
    if final.is_dir():
        return digest
    try:
        part.mkdir(parents=True)
        for name, content in {**files, MANIFEST: manifest}.items():
            if not _NAME.fullmatch(name):
                raise Refused(f"'{name}' is not a file name for a bundle.", fix="keep it flat.")
            with (part / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        part.rename(final)
    except OSError as error:
        raise Unavailable(
            f"The bundle could not be written (error {error.errno}); nothing half-written is left.",
            fix="free some space and run the build again.",
            code="disk_full",
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return digest


def read_sealed(folder: Path, digest: str) -> dict[str, bytes]:
    """Every file of a bundle but its manifest, each checked against it.

    Raises:
        NotFound: there is no such bundle.
        Refused: a file was changed, is missing or was added; it is named.
    """
    place = folder / digest
    if not place.is_dir():
        raise NotFound(f"There is no bundle {digest[:12]}….", fix="build it again.")
    manifest = _read(place / MANIFEST)
    if digest_bytes(manifest) != digest:
        raise _tampered(MANIFEST, "it is not the manifest of this address")
    listed = json.loads(manifest)["files"]
    found = {path.name for path in place.iterdir()} - {MANIFEST}
    for name in sorted(found - set(listed)):
        raise _tampered(name, "it was added")
    for name in sorted(set(listed) - found):
        raise _tampered(name, "it is missing")
    files = {}
    for name, facts in listed.items():
        content = _read(place / name)
        if digest_bytes(content) != facts["sha256"]:
            raise _tampered(name, "its bytes were changed")
        files[name] = content
    return files


def _read(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise _tampered(path.name, "it is not a plain file")
    if path.stat().st_size > LARGEST:
        raise _tampered(path.name, "it is too large")
    return path.read_bytes()


def _tampered(name: str, what: str) -> Refused:
    return Refused(
        f"The bundle is not as it was sealed: {name}: {what}.",
        fix="fetch or build it again, and find out who changed it.",
        code="bundle_tampered",
    )
