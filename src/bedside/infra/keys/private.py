"""Files that their owner alone can reach, and a lock beside them."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bedside.core.disk import disk_trouble
from bedside.core.errors import Refused

__all__ = ["OTHERS", "OTHERS_WRITE", "damaged", "locked", "made_private", "read_private", "stamp"]

OTHERS = stat.S_IRWXG | stat.S_IRWXO
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

Stamp = tuple[int, int, int, int]


def made_private(folder: Path) -> None:
    """Make the folder with mode 0700, or see that nobody else can reach the one that is there.

    Raises:
        Refused: others can reach it (code `key_exposed`).
        Unavailable: the disk refuses.
    """
    try:
        try:
            status = os.stat(folder)
        except FileNotFoundError:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            status = os.stat(folder)
    except OSError as error:
        raise disk_trouble(error) from None
    _refuse_exposed(folder, status, OTHERS)


def stamp(path: Path, *, forbidden: int = OTHERS) -> Stamp | None:
    """What changes whenever the file is replaced; None while there is no such file.

    Raises:
        Refused: others can reach it, or it is a link (code `key_exposed`).
        Unavailable: the disk refuses.
    """
    try:
        status = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise disk_trouble(error) from None
    _refuse_exposed(path, status, forbidden)
    return _stamp(status)


def read_private(path: Path, *, forbidden: int = OTHERS) -> tuple[Stamp, bytes] | None:
    """The stamp and the bytes of the file; None while there is no such file.

    Raises:
        Refused: others can reach it, or it is a link (code `key_exposed`).
        Unavailable: the disk refuses.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise (_linked(path) if error.errno == errno.ELOOP else disk_trouble(error)) from None
    try:
        with open(handle, "rb") as file:
            status = os.fstat(handle)
            _refuse_exposed(path, status, forbidden)
            return _stamp(status), file.read()
    except OSError as error:
        raise disk_trouble(error) from None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait for the lock file and hold it; the lock ends with the process, however it ends.

    Raises:
        Unavailable: the disk refuses.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_trouble(error) from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            raise disk_trouble(error) from None
        yield
    finally:
        os.close(handle)


def damaged(name: str) -> Refused:
    """The error of a key file that is not what was written."""
    return Refused(
        f"The key file '{name}' is damaged.",
        fix="restore the workspace's key folder from a backup.",
        code="key_damaged",
    )


def _refuse_exposed(path: Path, status: os.stat_result, forbidden: int) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise _linked(path)
    if status.st_mode & forbidden:
        what, mode = ("folder", "700") if stat.S_ISDIR(status.st_mode) else ("file", "600")
        raise Refused(
            f"Others on this machine can reach the key {what} '{path.name}'.",
            fix=f"find out who has read it, then run: chmod {mode} {path}",
            code="key_exposed",
        )


def _linked(path: Path) -> Refused:
    return Refused(
        f"The key file '{path.name}' is a link to somewhere else.",
        fix="put the file itself into the key folder, and find out who made the link.",
        code="key_exposed",
    )


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size
