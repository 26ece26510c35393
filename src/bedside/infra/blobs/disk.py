"""Blobs in a folder: one private file each, written whole or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused
from bedside.infra.blobs.names import checked_name, checked_prefix, is_name, no_such_blob
from bedside.infra.files import UNFINISHED, synchronise_folder, write_atomically

__all__ = ["DiskBlobs"]

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class DiskBlobs:
    """The Blobs port on a folder.

    A name is a path below the folder. No link inside the folder is ever followed, so that whoever
    can plant one there cannot make Bedside read or write elsewhere; the way to the folder itself
    may lead over links.

    Args:
        folder: Where the blobs lie; made on first use, with mode 0700, the files with 0600.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, content: bytes | bytearray | memoryview) -> None:
        """Keep the bytes, whole or not at all, durable when this returns; replaces older ones.

        Raises:
            Invalid: the name is not one of ours.
            Refused: a link lies on the way (code `blob_link`).
            Unavailable: the disk is full (code `disk_full`) or refuses; what stood there stands.
        """
        write_atomically(self._path(name), content)

    def get(self, name: str) -> bytes:
        """The bytes again.

        Raises:
            Invalid: the name is not one of ours.
            NotFound: nothing has this name.
            Refused: it is a link, or one lies on the way (code `blob_link`).
            Unavailable: the disk refuses.
        """
        path = self._path(name)
        try:
            if stat.S_ISLNK(path.lstat().st_mode):
                raise _a_link()
            with open(os.open(path, _READ), "rb", buffering=0) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise no_such_blob()
                return file.readall()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise no_such_blob() from None
        except OSError as error:
            raise disk_trouble(error) from None

    def has(self, name: str) -> bool:
        """Whether something has this name.

        Raises:
            Invalid: the name is not one of ours.
            Refused: a link lies on the way (code `blob_link`).
        """
        try:
            return stat.S_ISREG(self._path(name).lstat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise disk_trouble(error) from None

    def remove(self, name: str) -> None:
        """Remove it, durably; removing what is not there is no error.

        Raises:
            Invalid: the name is not one of ours.
            Refused: a link lies on the way (code `blob_link`).
            Unavailable: the disk refuses.
        """
        path = self._path(name)
        try:
            with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
                path.unlink()
            with suppress(FileNotFoundError, NotADirectoryError):
                synchronise_folder(path.parent)  # also when another process has removed it
        except OSError as error:
            raise disk_trouble(error) from None

    def names(self, prefix: str) -> Iterator[str]:
        """Every name that begins with `prefix`, in order; half-written ones are never seen.

        Raises:
            Invalid: no name begins so.
            Unavailable: the disk refuses.
        """
        checked_prefix(prefix)
        return self._below("", prefix)

    def sweep(self) -> int:
        """Remove what killed processes left half-written; return how many files that was.

        Call it only while no other process puts blobs, that is, under the workspace's lock.

        Raises:
            Unavailable: the disk refuses.
        """
        swept = 0
        try:
            for folder, _, files in os.walk(self._folder):
                left = [name for name in files if name.startswith(UNFINISHED)]
                for name in left:
                    with suppress(FileNotFoundError):
                        os.unlink(os.path.join(folder, name))
                swept += len(left)
        except OSError as error:
            raise disk_trouble(error) from None
        return swept

    def _path(self, name: str) -> Path:
        """The file of a name, if no link lies between it and our folder."""
        path = self._folder
        *folders, last = checked_name(name).split("/")
        for part in folders:
            path /= part
            try:
                linked = path.is_symlink()
            except OSError as error:
                raise disk_trouble(error) from None
            if linked:
                raise _a_link()
        return path / last

    def _below(self, above: str, prefix: str) -> Iterator[str]:
        try:
            with os.scandir(self._folder / above) as found:
                entries = sorted(
                    f"{above}{entry.name}" + "/" * entry.is_dir(follow_symlinks=False)
                    for entry in found
                    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
                )
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise disk_trouble(error) from None
        for entry in entries:
            if not is_name(entry.removesuffix("/")):
                continue
            if entry.endswith("/"):
                if entry.startswith(prefix) or prefix.startswith(entry):
                    yield from self._below(entry, prefix)
            elif entry.startswith(prefix):
                yield entry


def _a_link() -> Refused:
    return Refused(
        "A link lies where Bedside keeps a file of its own; it was not followed.",
        fix="find out who made it, remove it, and restore the file from a backup.",
        code="blob_link",
    )
