"""The files of a journal on the disk: their names, their bytes, and who may write there."""

import fcntl
import os
from pathlib import Path

from bedside.core.disk import disk_trouble
from bedside.core.errors import Unavailable
from bedside.data.adapters.mllp.sealing import tampered

__all__ = [
    "SUFFIX",
    "content_of",
    "file_names",
    "is_locked",
    "locked_folder",
    "next_of",
    "number_of",
    "remove_file",
    "synchronise",
    "write_at",
    "write_next",
]

SUFFIX = ".journal"
_LOCK = ".lock"
_NEXT = ".next"
"""Where the numbers of files and messages go on, once the newest file is removed, too."""


def next_of(folder: Path) -> tuple[int, int]:
    """The number of the last file that there was, and that of the next message."""
    try:
        number, place = (folder / _NEXT).read_text().split()
    except FileNotFoundError:
        return 0, 0
    except OSError as error:
        raise disk_trouble(error) from None
    except ValueError:
        raise tampered() from None
    return int(number), int(place)


def write_next(folder: Path, number: int, place: int) -> None:
    """Keep durably where the numbers go on."""
    path = folder / f"{_NEXT}.new"
    try:
        with path.open("w") as file:
            file.write(f"{number} {place}\n")
            file.flush()
            os.fsync(file.fileno())
        path.replace(folder / _NEXT)
        synchronise(folder)
    except OSError as error:
        raise disk_trouble(error) from None


def file_names(folder: Path) -> list[str]:
    """The names of the journal's files, the oldest first."""
    try:
        found = [one.name for one in os.scandir(folder) if one.name.endswith(SUFFIX)]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise disk_trouble(error) from None
    return sorted(one for one in found if one.removesuffix(SUFFIX).isdecimal())


def number_of(name: str) -> int:
    """The number of a file by its name."""
    return int(name.removesuffix(SUFFIX))


def content_of(path: Path) -> bytes:
    """All bytes of a file; `FileNotFoundError` where it is gone."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise disk_trouble(error) from None


def remove_file(path: Path) -> None:
    """Remove a file durably."""
    try:
        path.unlink()
        synchronise(path.parent)
    except OSError as error:
        raise disk_trouble(error) from None


def write_at(handle: int, content: bytes, place: int) -> None:
    """Write all of it at a place."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(handle, rest, place)
        rest, place = rest[written:], place + written


def synchronise(folder: Path) -> None:
    """Make durable which files a folder holds."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def locked_folder(folder: Path) -> int:
    """The handle that holds the folder, so that no other process writes there."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise Unavailable(
            "Another process receives messages into this folder.",
            fix="stop it, or give another folder.",
            code="journal_busy",
        ) from None
    return handle


def is_locked(folder: Path) -> bool:
    """Whether a process receives messages into the folder."""
    try:
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
