"""Opening a bundle: every byte is checked against the manifest, and the manifest by its address."""

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from bedside.core.errors import BedsideError, NotFound, Refused, Unavailable
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.bundle import MANIFEST

__all__ = ["FILE_NAME", "FORMAT", "LARGEST", "read_facts", "read_sealed"]

FORMAT = "bedside-bundle/1"
FILE_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}\.[a-z]{1,9}")  # flat, and the same on every system
LARGEST = 1 << 30  # bytes in one file
_LARGEST_MANIFEST = 1 << 22  # bytes
_DIGEST = re.compile(r"[0-9a-f]{64}")


def read_sealed(folder: Path, digest: str) -> dict[str, bytes]:
    """Every file of a bundle but its manifest, each checked against it.

    Args:
        folder: Where the bundles lie, each in a folder named by its digest.
        digest: SHA-256 of the bundle's manifest.

    Raises:
        NotFound: there is no such bundle.
        Refused: a file was changed, is missing, was added or is no plain file (code
            `bundle_tampered`); it is named.
        Unavailable: the disk refuses.
    """
    place = _place(folder, digest)
    listed: dict[str, dict[str, Any]] = _manifest(place, digest)["files"]
    try:
        found = set(os.listdir(place)) - {MANIFEST}
    except OSError as error:
        raise _unreadable(error, MANIFEST) from None
    for name in sorted(found - listed.keys()):
        raise _tampered(repr(name)[1:-1], "it was added")
    for name in sorted(listed.keys() - found):
        raise _tampered(name, "it is missing")
    return {name: _checked(place / name, facts) for name, facts in sorted(listed.items())}


def read_facts(folder: Path, digest: str) -> dict[str, Any]:
    """What the manifest of a bundle says about it; the other files are not read.

    Raises:
        NotFound: there is no such bundle.
        Refused: the manifest is not the one of this address.
    """
    facts: dict[str, Any] = _manifest(_place(folder, digest), digest)["facts"]
    return facts


def _place(folder: Path, digest: str) -> Path:
    place = folder / digest
    if not _DIGEST.fullmatch(digest) or not os.path.lexists(place):
        raise NotFound(f"There is no bundle {digest[:12]}….", fix="build it again.")
    if place.is_symlink() or not place.is_dir():
        raise _tampered(digest[:12] + "…", "it is not a plain folder")
    return place


def _manifest(place: Path, digest: str) -> dict[str, Any]:
    content = _read(place / MANIFEST, at_most=_LARGEST_MANIFEST)
    if digest_bytes(content) != digest:
        raise _tampered(MANIFEST, "it is not the manifest of this address")
    try:
        manifest = json.loads(content)
        whole = canonical_json(manifest) == content and _has_its_shape(manifest)
    except (ValueError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise _tampered(MANIFEST, f"it is not written in the format {FORMAT}")
    return dict(manifest)


def _has_its_shape(manifest: Any) -> bool:
    return (
        isinstance(manifest, dict)
        and manifest.keys() == {"format", "facts", "files"}
        and manifest["format"] == FORMAT
        and isinstance(manifest["facts"], dict)
        and isinstance(manifest["files"], dict)
        and all(
            FILE_NAME.fullmatch(name) and name != MANIFEST and _lists_a_file(facts)
            for name, facts in manifest["files"].items()
        )
    )


def _lists_a_file(facts: Any) -> bool:
    return (
        isinstance(facts, dict)
        and facts.keys() == {"sha256", "size"}
        and isinstance(facts["sha256"], str)
        and type(facts["size"]) is int
        and 0 <= facts["size"] <= LARGEST
    )


def _checked(path: Path, facts: dict[str, Any]) -> bytes:
    content = _read(path, at_most=facts["size"])
    if len(content) != facts["size"] or digest_bytes(content) != facts["sha256"]:
        raise _tampered(path.name, "its bytes were changed")
    return content


def _read(path: Path, *, at_most: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise _tampered(path.name, "it is not a plain file")
            if status.st_size > at_most:
                raise _tampered(path.name, "its bytes were changed: it has become larger")
            with open(handle, "rb", closefd=False) as file:
                return file.read(at_most + 1)
        finally:
            os.close(handle)
    except OSError as error:
        raise _unreadable(error, path.name) from None


def _unreadable(error: OSError, name: str) -> BedsideError:
    if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
        return _tampered(name, "it is not a plain file")
    if error.errno == errno.ENOENT:
        return _tampered(name, "it is missing")
    return Unavailable(
        f"{name} of the bundle cannot be read ({errno.errorcode.get(error.errno or 0)}).",
        fix="check the workspace folder and its permissions.",
        code="disk",
    )


def _tampered(name: str, what: str) -> Refused:
    return Refused(
        f"The bundle is not as it was sealed: {name}: {what}.",
        fix="fetch or build it again, and find out who changed it.",
        code="bundle_tampered",
    )
