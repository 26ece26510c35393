"""A file or a member of an archive as a stream, gunzipped where it is, that stops at a bomb."""

import zipfile
import zlib
from typing import IO

__all__ = ["CUT", "LARGEST_MEMBER", "LARGEST_RATIO", "Unpacked"]

LARGEST_MEMBER = 64 << 30  # bytes that one compressed file may give
LARGEST_RATIO = 400  # of what gzip or ZIP gives to what it was given; text stays below 100
CUT = "it is damaged or cut"
_READ = 4 << 20
_BOMB = "it gives far more than its size explains (a decompression bomb?)"


class Unpacked:
    """What a stream gives; what precedes a fault is given first.

    Args:
        raw: The bytes as they lie on the disk, or in a ZIP archive as it inflates them.
        name: `….gz` is gunzipped; several gzip members may follow one another (RFC 1952, 2.2).
        size: Bytes on the disk, to know a bomb by.
    """

    def __init__(self, raw: IO[bytes], name: str, size: int) -> None:
        self._raw, self._size = raw, max(size, 1)
        self._inflater = zlib.decompressobj(wbits=31) if name.lower().endswith(".gz") else None
        self._waiting = b""
        self.given = 0
        """Bytes so far."""
        self.fault = ""
        """Why there is no more, where it is not the end. It repeats nothing of the content."""

    def read(self, wanted: int) -> bytes:
        """At most `wanted` bytes; fewer, and at last none, at the end or at a fault.

        Raises:
            OSError: the disk refuses.
        """
        made: list[bytes] = []
        height = 0
        while height < wanted and not self.fault:
            chunk = self._chunk(wanted - height)
            if not chunk:
                break
            made.append(chunk)
            height += len(chunk)
        self.given += height
        if self.given > LARGEST_MEMBER or (
            self.given > _READ and self.given > LARGEST_RATIO * self._size
        ):
            self.fault = _BOMB
            return b""
        return b"".join(made)

    def all(self, largest: int) -> bytes:
        """Everything, if it is at most `largest` bytes; nothing at a fault.

        Raises:
            OSError: the disk refuses.
        """
        made = bytearray()
        while chunk := self.read(_READ):
            made += chunk
            if len(made) > largest:
                self.fault = f"it is larger than {largest >> 20} MiB, and its format cannot be cut"
        return b"" if self.fault else bytes(made)

    def _chunk(self, wanted: int) -> bytes:
        try:
            return self._next(min(wanted, _READ))
        except (EOFError, zlib.error, zipfile.BadZipFile):
            self.fault = CUT
            return b""

    def _next(self, wanted: int) -> bytes:
        if self._inflater is None:
            return bytes(self._raw.read(wanted))
        while True:
            compressed = self._waiting or self._raw.read(_READ)
            if self._inflater.eof:
                if not compressed.strip(b"\0"):  # padding
                    self._waiting = b""
                    if compressed:
                        continue
                    return b""
                self._inflater = zlib.decompressobj(wbits=31)
            made = self._inflater.decompress(compressed, wanted)
            self._waiting = self._inflater.unconsumed_tail or self._inflater.unused_data
            if made:
                return made
            if not compressed and not self._inflater.eof:
                raise EOFError
