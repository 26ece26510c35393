"""Files written whole or not at all, and a lock on a folder."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkstemp

from bedside.core.disk import disk_trouble
from bedside.core.errors import Unavailable

__all__ = [
    "UNFINISHED",
    "locked_folder",
    "make_folder",
    "synchronise_folder",
    "write_atomically",
]

UNFINISHED = ".part-"  # the name of a file that is still being written begins so


def write_atomically(
    path: Path, content: bytes | bytearray | memoryview, *, mode: int = 0o600
) -> None:
    """Write the bytes so that after any crash either all of them are there or none.

    They go to a temporary file in the same folder, are synchronised, and take the name in one step.
    Only a killed process leaves its temporary file behind, under a name that nothing reads.

    Args:
        path: The file; missing folders on the way are made, for their owner alone.
        content: Its bytes.
        mode: Who may read it.

    Raises:
        Unavailable: the disk is full (code `disk_full`) or refuses (`disk`). An older file of this
            name stands as it was; only where the last step fails, the folder's own
            synchronisation, may the new one be there already, whole.
    """
    try:
        make_folder(path.parent)
        handle, name = mkstemp(dir=path.parent, prefix=UNFINISHED)
    except OSError as error:
        raise disk_trouble(error) from None
    try:
        with open(handle, "wb", buffering=0) as file:
            _write_all(file.fileno(), content)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(name, path)
        synchronise_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):  # the first error is the one to tell
            os.unlink(name)
        if isinstance(error, OSError):
            raise disk_trouble(error) from None
        raise


def make_folder(folder: Path) -> None:
    """Make the folder and those above it that are missing, durably, for their owner alone.

    Raises:
        OSError: the disk refuses, or a file has the name.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):  # another process may make it at the same moment
        folder.mkdir(mode=0o700)
    synchronise_folder(folder.parent)


def synchronise_folder(folder: Path) -> None:
    """Make the names in the folder durable, those that were removed included.

    Raises:
        OSError: the disk refuses.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Hold the folder for one process; the lock ends with the process, however it ends.

    Raises:
        Unavailable: another process holds it (code `workspace_busy`); its number is named.
    """
    try:
        make_folder(folder)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise disk_trouble(error) from None
    try:
        _lock(handle)
        with suppress(OSError):  # the number is a courtesy: a full disk must not forbid the lock
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
        with suppress(OSError):
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip()
        named = f"process {holder}" if holder.isdecimal() else "another process"
        raise Unavailable(
            f"This workspace is in use by {named}.",
            fix="wait until it has ended, or give another folder with --workspace.",
            code="workspace_busy",
        ) from None
    except OSError as error:
        raise disk_trouble(error) from None


def _write_all(handle: int, content: bytes | bytearray | memoryview) -> None:
    rest = memoryview(content).cast("B")
    while rest:
        written = os.write(handle, rest[: 1 << 30])
        if not written:  # a disk that takes nothing and says nothing must not be asked for ever
            raise OSError(errno.EIO, "nothing was written")
        rest = rest[written:]
