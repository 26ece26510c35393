"""The journal of received messages: sealed, and durable before anything is acknowledged."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.disk import disk_trouble
from bedside.core.errors import Invalid
from bedside.core.ports import DataKeys
from bedside.data.adapters.mllp.journal_files import (
    SUFFIX,
    content_of,
    file_names,
    is_locked,
    locked_folder,
    next_of,
    number_of,
    remove_file,
    synchronise,
    write_at,
    write_next,
)
from bedside.data.adapters.mllp.sealing import (
    HEADER,
    FileHeader,
    Opened,
    opened,
    read_file_header,
    sealed_frame,
    tampered,
)
from bedside.data.collect.facts import Part
from bedside.interop.hl7v2.framing import framed

__all__ = ["Journal", "JournalPart", "forget", "journal_parts", "key_context"]

LARGEST_FILE = 64 << 20  # bytes, before the next file is begun
_KEY = "raw"


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPart:
    """The messages of one file of the journal, in MLLP frames, and the file's name for `forget`.

    `first` is the number of its first message, counted through the whole journal from 0;
    `complete`: nothing will be added to the file any more.
    """

    part: Part
    file: str
    first: int
    messages: int
    complete: bool


@dataclass(slots=True)
class _Active:
    handle: int
    header: FileHeader
    cipher: AESGCM
    end: int
    place: int


class Journal:
    """Where received messages are appended. One process at a time has it open.

    Each file has a data key of its own, made when the file is begun and kept wrapped by the key
    service, so a file whose key is forgotten can never be read again. A process never goes on with
    a file of another: it cuts the torn tail that a killed one left, and begins a new file. So no
    place in a file is ever sealed twice under one key.

    Args:
        folder: On which disk it lies.
        data_keys: What keeps the data keys.
        largest_file: In bytes; then the next file is begun.

    Raises:
        Unavailable: another process has it open (code `journal_busy`), or the disk or the key
            service is out of reach.
        Refused: an earlier file was changed (code `journal_tampered`).
    """

    def __init__(
        self, folder: Path, data_keys: DataKeys, *, largest_file: int = LARGEST_FILE
    ) -> None:
        self._folder, self._data_keys, self._largest = folder, data_keys, largest_file
        self._active: _Active | None = None
        self._number, self._place = 0, 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = locked_folder(folder)
        except OSError as error:
            raise disk_trouble(error) from None
        try:
            self._recover()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in the file that is open, if one is."""
        return self._active is None

    @property
    def place(self) -> int:
        """How many messages are durable; the next one has this number."""
        return self._place

    def append(self, messages: Sequence[bytes], at: datetime | None = None) -> None:
        """Append messages in one frame; all of them are durable when this returns.

        Args:
            messages: As they were received.
            at: When they were received.

        Raises:
            Unavailable: the disk is full (code `disk_full`) or refuses, or the key service is out
                of reach. None of the messages counts as kept, and the next call begins a new file.
        """
        if not messages:
            return
        active = self._active or self._begin()
        frame = sealed_frame(active.cipher, active.header, active.place, messages, at)
        try:
            write_at(active.handle, frame, active.end)
            os.fdatasync(active.handle)
        except OSError as error:
            self._abandon(active)
            raise disk_trouble(error) from None
        active.end += len(frame)
        active.place += len(messages)
        self._place = active.place
        if active.end >= self._largest:
            self.rotate()

    def rotate(self) -> None:
        """Close the file that is open; the next message begins another.

        Raises:
            Unavailable: the disk is full or refuses. What was appended stays durable.
        """
        active, self._active = self._active, None
        if active is None:
            return
        try:
            write_at(
                active.handle,
                sealed_frame(active.cipher, active.header, active.place, ()),
                active.end,
            )
            os.fdatasync(active.handle)
        except OSError as error:
            raise disk_trouble(error) from None
        finally:
            os.close(active.handle)

    def close(self) -> None:
        """Close the file that is open, and let another process have the journal."""
        try:
            self.rotate()
        finally:
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _recover(self) -> None:
        """Cut the torn tail of the last file, and learn where to go on."""
        names = file_names(self._folder)
        if not names:
            self._number, self._place = next_of(self._folder)
            return
        self._number = number_of(names[-1])
        path = self._folder / names[-1]
        content = content_of(path)
        header = read_file_header(content)
        if header is None:
            remove_file(path)
            self._number -= 1
            self._recover()
            return
        found = _opened(self._data_keys, header, content)
        self._place = header.first + len(found.messages)
        if found.end < len(content):
            try:
                with path.open("r+b") as file:
                    file.truncate(found.end)
                    os.fsync(file.fileno())
            except OSError as error:
                raise disk_trouble(error) from None

    def _begin(self) -> _Active:
        self._number = number = self._number + 1
        material, data_key = self._data_keys.new(_KEY, key_context(number))
        header = FileHeader(material, number, self._place)
        path = self._folder / f"{number:012d}{SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = -1
        try:
            handle = os.open(path, flags, 0o600)
            write_at(handle, header.written(), 0)
            os.fsync(handle)
            synchronise(self._folder)
        except OSError as error:
            with suppress(OSError):
                if handle >= 0:
                    os.close(handle)
                    path.unlink()
            with suppress(Exception):  # the first error is the one to tell
                self._data_keys.forget(material)
            raise disk_trouble(error) from None
        self._active = _Active(handle, header, AESGCM(data_key), HEADER, self._place)
        return self._active

    def _abandon(self, active: _Active) -> None:
        """Never go on with a file whose last write is in doubt."""
        self._active = None
        with suppress(OSError):
            os.ftruncate(active.handle, active.end)
        with suppress(OSError):
            os.fsync(active.handle)
        with suppress(OSError):
            os.close(active.handle)


def journal_parts(
    folder: Path, data_keys: DataKeys, *, unfinished: bool = False
) -> Iterator[JournalPart]:
    """The messages of the journal for collecting, file by file, oldest first.

    What was answered AE or AR is among them, so that collecting sets it aside with its reason.
    A listener may be writing meanwhile: then its newest file is not complete.

    Args:
        folder: The journal's.
        data_keys: What keeps its data keys.
        unfinished: Give the file that is still being written as well, as far as it is durable.

    Raises:
        Refused: a file was changed, cut, moved or removed from between others (code
            `journal_tampered`), or its key was destroyed (`key_destroyed`).
    """
    names = file_names(folder)
    listening = is_locked(folder)
    expected: int | None = None
    for name in names:
        try:
            content = content_of(folder / name)
        except FileNotFoundError:
            continue
        header = read_file_header(content)
        if header is None:
            continue
        if header.number != number_of(name):
            raise tampered()
        if expected is not None and header.first != expected:
            raise tampered()
        found = _opened(data_keys, header, content)
        expected = header.first + len(found.messages)
        complete = found.closed or name != names[-1] or not listening
        if found.messages and (complete or unfinished):
            yield JournalPart(
                part=Part(
                    name=f"mllp-{header.number:08d}-{header.material[:8]}.hl7",
                    content=b"".join(framed(one) for one in found.messages),
                ),
                file=name,
                first=header.first,
                messages=len(found.messages),
                complete=complete,
            )


def forget(folder: Path, data_keys: DataKeys, files: Sequence[str]) -> int:
    """Remove files whose messages are collected durably; return how many were removed.

    They go from the oldest on, up to the first that is not named; one that is still being written
    stays. A file and its key go together, so what was removed
    cannot be read from the disk's remains either.

    Raises:
        Invalid: a name is no file of a journal.
        Unavailable: the disk or the key service refuses; call it again.
    """
    for name in files:
        if not name.endswith(SUFFIX) or not name.removesuffix(SUFFIX).isdecimal():
            raise Invalid("That is no file of the journal.", fix="give the file of a JournalPart.")
    names, listening, removed = file_names(folder), is_locked(folder), 0
    for name in names:
        if name not in files:
            break
        path = folder / name
        content = content_of(path)
        header = read_file_header(content)
        if name == names[-1] and listening and not _is_closed(data_keys, header, content):
            break
        if name == names[-1] and header is not None:
            after = header.first + len(_opened(data_keys, header, content).messages)
            write_next(folder, header.number, after)
        remove_file(path)
        if header is not None:
            data_keys.forget(header.material)
        removed += 1
    return removed


def key_context(number: int) -> str:
    """What the data key of a file is bound to."""
    return f"mllp/{number}"


def _opened(data_keys: DataKeys, header: FileHeader, content: bytes) -> Opened:
    cipher = AESGCM(data_keys.open(header.material, key_context(header.number)))
    return opened(cipher, header, content)


def _is_closed(data_keys: DataKeys, header: FileHeader | None, content: bytes) -> bool:
    return header is not None and _opened(data_keys, header, content).closed
