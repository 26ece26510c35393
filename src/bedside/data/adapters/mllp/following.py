"""The journal read while it is written: message by message, each frame opened once."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.disk import disk_trouble
from bedside.core.ports import DataKeys
from bedside.core.records.received import Received
from bedside.data.adapters.mllp.journal import key_context
from bedside.data.adapters.mllp.journal_files import file_names, number_of
from bedside.data.adapters.mllp.sealing import (
    HEADER,
    FileHeader,
    frames_in,
    read_file_header,
    tampered,
)

__all__ = ["Follower"]


@dataclass(slots=True)
class _Open:
    """The file that is read, and how far."""

    name: str
    header: FileHeader
    cipher: AESGCM
    end: int
    place: int


class Follower:
    """The Feed port on a journal. Not for several threads.

    Args:
        folder: The journal's.
        data_keys: What keeps its data keys.
        durable: Says how many messages are durable; what stands behind them in the file may be
            lost yet, and another message may get its number.
    """

    def __init__(self, folder: Path, data_keys: DataKeys, *, durable: Callable[[], int]) -> None:
        self._folder, self._data_keys, self._durable = folder, data_keys, durable
        self._open: _Open | None = None
        self._read: deque[Received] = deque()

    @property
    def end(self) -> int:
        """The number that the next message gets."""
        return self._durable()

    @property
    def oldest(self) -> int:
        """The number of the oldest message that is still here."""
        for name in file_names(self._folder):
            header = self._header_of(name)
            if header is not None:
                return header.first
        return self.end

    def after(self, place: int, *, most: int) -> Sequence[Received]:
        """Messages from this number on; the whole journal is read again only to go back."""
        if self._begins > place:
            self._open = None
            self._read.clear()
        while self._read and self._read[0].place < place:
            self._read.popleft()
        while len(self._read) < most and self._more(place):
            pass
        return [self._read.popleft() for _ in range(min(most, len(self._read)))]

    @property
    def _begins(self) -> int:
        """The number of the first message that was not given yet."""
        if self._read:
            return self._read[0].place
        return 0 if self._open is None else self._open.place

    def _more(self, place: int) -> bool:
        """Read on, in this file or the next; whether anything was read."""
        if self._open is not None and self._tail(self._open, place):
            return True
        last = 0 if self._open is None else self._open.header.number
        for name in file_names(self._folder):
            header = self._header_of(name) if number_of(name) > last else None
            if header is None:
                continue
            if header.number != number_of(name):
                raise tampered()
            if self._open is not None and not self._goes_on(self._open, header):
                raise tampered()
            cipher = AESGCM(self._data_keys.open(header.material, key_context(header.number)))
            self._open = _Open(name, header, cipher, HEADER, header.first)
            if self._tail(self._open, place):
                return True
        return False

    def _goes_on(self, file: _Open, header: FileHeader) -> bool:
        """Whether a file may follow; those in between may have been collected, and removed."""
        if header.first > file.place:
            return not (self._folder / file.name).exists()
        return header.first == file.place

    def _tail(self, file: _Open, place: int) -> bool:
        """Open the frames that were added to a file; whether there were any."""
        content = self._bytes_of(file.name, file.end)
        found = frames_in(
            file.cipher, file.header, content or b"", file.place, until=self._durable()
        )
        for number, (message, at) in enumerate(
            zip(found.messages, found.moments, strict=True), start=file.place
        ):
            if number >= place:
                self._read.append(Received(place=number, at=at, content=message))
        file.end += found.end
        file.place += len(found.messages)
        return bool(found.messages)

    def _header_of(self, name: str) -> FileHeader | None:
        content = self._bytes_of(name, 0, HEADER)
        return None if content is None else read_file_header(content)

    def _bytes_of(self, name: str, start: int, most: int | None = None) -> bytes | None:
        """The bytes of a file from a place on; None where it is gone."""
        try:
            with (self._folder / name).open("rb") as file:
                file.seek(start, os.SEEK_SET)
                return file.read() if most is None else file.read(most)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise disk_trouble(error) from None
