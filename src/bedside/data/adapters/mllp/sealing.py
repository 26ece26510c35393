"""The form of a journal file: a header, then frames of sealed messages, each bound to its place.

A frame is what one synchronised write holds: its length with a checksum, a nonce, and under AES-GCM
the moment at which its messages were received, and the messages. The associated data are the
file's header and the number of the frame's first message, so a frame that is moved, left out in the
middle, repeated or brought from another file does not open. What no file can show by itself is that
its last frames were cut off; the next file tells it, since its header says with which message it
begins.
"""

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.clock import moment_at, since_1970
from bedside.core.errors import Refused

__all__ = [
    "HEADER",
    "FileHeader",
    "Opened",
    "frames_in",
    "opened",
    "read_file_header",
    "sealed_frame",
]

NONCE, TAG = 12, 16  # bytes, AES-GCM: NIST SP 800-38D

_LAYOUT = struct.Struct(">8sB16sQQ")
_HEAD = struct.Struct(">II")  # length of nonce and ciphertext, checksum
_LENGTH = struct.Struct(">I")
_PLACE = struct.Struct(">Q")
_MAGIC, _VERSION = b"bed.mllp", 2
_WITHOUT_MOMENTS = 1  # files of this version do not say when their messages came
HEADER = _LAYOUT.size


@dataclass(frozen=True, slots=True)
class FileHeader:
    """Which data key opens the file, its number, and the number of its first message."""

    material: str
    number: int
    first: int
    version: int = _VERSION

    def written(self) -> bytes:
        """Its bytes."""
        return _LAYOUT.pack(
            _MAGIC, self.version, bytes.fromhex(self.material), self.number, self.first
        )


@dataclass(slots=True)
class Opened:
    """What a journal file holds.

    Args:
        messages: In the order in which they came.
        moments: When each of them was received; None where the file does not say.
        end: Where the last whole frame ends; what follows was never acknowledged.
        closed: The file says itself that nothing follows.
    """

    messages: list[bytes] = field(default_factory=list)
    moments: list[datetime | None] = field(default_factory=list)
    end: int = HEADER
    closed: bool = False


def read_file_header(content: bytes) -> FileHeader | None:
    """The header of a file; None where it was not written whole, so that nothing follows either.

    Raises:
        Refused: it is no file of a journal (code `journal_tampered`).
    """
    if len(content) < HEADER:
        return None
    magic, version, material, number, first = _LAYOUT.unpack_from(content)
    if magic != _MAGIC or version not in (_WITHOUT_MOMENTS, _VERSION):
        if not any(content):  # made, and killed before it was written
            return None
        raise tampered()
    return FileHeader(material.hex(), number, first, version)


def sealed_frame(
    cipher: AESGCM,
    header: FileHeader,
    place: int,
    messages: Sequence[bytes],
    at: datetime | None = None,
) -> bytes:
    """The frame of these messages; the one without any closes the file.

    Args:
        cipher: Of the file's own data key.
        header: Of the file.
        place: The number of the first of the messages.
        messages: As they were received.
        at: When; to the microsecond. None: that is not known.
    """
    clear = b"".join(part for one in messages for part in (_LENGTH.pack(len(one)), one))
    if messages:
        clear = _PLACE.pack(0 if at is None else since_1970(at)) + clear
    nonce = os.urandom(NONCE)
    sealed = nonce + cipher.encrypt(nonce, clear, header.written() + _PLACE.pack(place))
    return _head(len(sealed), place) + sealed


def _head(length: int, place: int) -> bytes:
    return _HEAD.pack(length, zlib.crc32(_LENGTH.pack(length) + _PLACE.pack(place)))


def opened(cipher: AESGCM, header: FileHeader, content: bytes) -> Opened:
    """All whole frames of a file.

    The tail that a killed writer leaves is passed over: a last frame that is not all there, or
    that does not open and has nothing behind it. Each frame was durable before the next was begun,
    so one that does not open in the middle was changed later.

    Raises:
        Refused: a frame was changed, moved, repeated or left out (code `journal_tampered`).
    """
    found = frames_in(cipher, header, content[HEADER:], header.first)
    found.end += HEADER
    return found


def frames_in(
    cipher: AESGCM,
    header: FileHeader,
    content: bytes,
    place: int,
    *,
    until: int | None = None,
) -> Opened:
    """The whole frames of a part of a file that begins with a frame; `end` counts from there.

    Args:
        cipher: Of the file's own data key.
        header: Of the file.
        content: From the first byte of a frame on.
        place: The number of that frame's first message.
        until: Frames from this number on are not opened.

    Raises:
        Refused: as `opened` does.
    """
    found = Opened(end=0)
    while found.end < len(content) and (until is None or place < until):
        if found.closed:
            raise tampered()
        head = content[found.end : found.end + _HEAD.size]
        if len(head) < _HEAD.size:
            break
        length, _ = _HEAD.unpack(head)
        begin = found.end + _HEAD.size
        if head != _head(length, place):
            if any(content[found.end :]):  # a disk that was not told may leave zeros, not this
                raise tampered()
            break
        if begin + length > len(content):
            break
        sealed = content[begin : begin + length]
        try:
            clear = cipher.decrypt(
                sealed[:NONCE], sealed[NONCE:], header.written() + _PLACE.pack(place)
            )
        except (InvalidTag, ValueError):
            if begin + length == len(content):
                break
            raise tampered() from None
        at, messages = _told(clear, header.version)
        found.messages += messages
        found.moments += [at] * len(messages)
        found.closed = not messages
        found.end = begin + length
        place += len(messages)
    return found


def _told(clear: bytes, version: int) -> tuple[datetime | None, list[bytes]]:
    """The moment of a frame, and its messages; none closes the file."""
    if version == _WITHOUT_MOMENTS or not clear:
        return None, list(_messages(clear, 0))
    (microseconds,) = _PLACE.unpack_from(clear)
    at = moment_at(microseconds) if microseconds else None
    return at, list(_messages(clear, _PLACE.size))


def _messages(clear: bytes, place: int) -> Iterator[bytes]:
    while place < len(clear):
        (length,) = _LENGTH.unpack_from(clear, place)
        place += _LENGTH.size
        yield clear[place : place + length]
        place += length


def tampered() -> Refused:
    """The error of a journal that is not as it was written."""
    return Refused(
        "A file of received messages was changed, moved or cut.",
        fix="keep the folder as it is, restore it from a backup, and ask the senders to repeat.",
        code="journal_tampered",
    )
