"""A bundle: a flat folder, a manifest that lists every byte, an address that is its digest."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bedside.core.disk import disk_trouble
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.bundle import MANIFEST
from bedside.deploy.package.opening import FILE_NAME, FORMAT, LARGEST, read_facts, read_sealed

__all__ = ["read_facts", "read_sealed", "seal"]

_UNFINISHED = ".part-"


def seal(files: Mapping[str, bytes], facts: Mapping[str, Any], folder: Path) -> str:
    """Write the files and their manifest to `folder/<digest>`; return the digest.

    The same files and facts give the same bytes, and sealing them twice is once. The bundle gets
    its name only when it is whole and synchronised, so a killed process leaves none.

    Args:
        files: By flat name, such as `model.onnx`.
        facts: What is true of the bundle, as JSON can say it; no time and nothing random.
        folder: Where the bundles lie.

    Raises:
        Invalid: a name is not flat and in lower case, a file is too large, or the facts are not
            JSON.
        Refused: what lies at this address already is not what was sealed there.
        Unavailable: the disk is full (code `disk_full`) or refuses; nothing half-written is left.
    """
    manifest = _manifest(files, facts)
    digest = digest_bytes(manifest)
    if not os.path.lexists(folder / digest):
        try:
            with _part(folder) as part:
                for name, content in {**files, MANIFEST: manifest}.items():
                    _write(part / name, content)
                _synchronise(part)
                _publish(part, folder / digest)
        except OSError as error:
            raise disk_trouble(error) from None
    read_sealed(folder, digest)
    return digest


def _manifest(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    for name, content in files.items():
        if not FILE_NAME.fullmatch(name) or name == MANIFEST:
            raise Invalid(
                f"'{name}' is not a name for a file of a bundle.",
                fix="use lower-case letters, digits and '_', one ending, and no folder.",
            )
        if len(content) > LARGEST:
            raise Invalid(f"{name} is larger than {LARGEST >> 20} MiB.", fix="make it smaller.")
    listed = {
        name: {"sha256": digest_bytes(content), "size": len(content)}
        for name, content in files.items()
    }
    try:
        return canonical_json({"format": FORMAT, "facts": dict(facts), "files": listed})
    except (TypeError, ValueError):
        raise Invalid(
            "The facts of a bundle cannot be written as JSON.",
            fix="give strings, finite numbers, lists and mappings.",
        ) from None


@contextmanager
def _part(folder: Path) -> Iterator[Path]:
    """A folder to build in, locked while its process lives; it is gone afterwards."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(folder)
    part = Path(mkdtemp(dir=folder, prefix=_UNFINISHED))
    handle = os.open(part, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what killed processes left: the parts that nobody holds."""
    for part in folder.glob(f"{_UNFINISHED}*/"):
        try:
            handle = os.open(part, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(part, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(handle)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def _publish(part: Path, final: Path) -> None:
    try:
        part.rename(final)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise
        return  # another process was first; what it sealed is checked like any other
    _synchronise(final.parent)


def _synchronise(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
