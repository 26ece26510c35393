"""Rows that do not fit into memory, on the disk for a while: encrypted, and gone with the process.

The file has no name: it is unlinked as soon as it is open, so that even a killed process leaves
nothing. Its key is never written anywhere.
"""

import os
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType

import polars as pl
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.disk import disk_trouble
from bedside.core.errors import Unavailable

__all__ = ["Spill"]

NONCE = 12  # bytes, AES-GCM


class Spill:
    """A temporary file of sealed tables.

    Args:
        folder: On which disk it lies.

    Raises:
        Unavailable: the disk is full or refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._cipher, self._count, self._end = AESGCM(os.urandom(32)), 0, 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by close()
        except OSError as error:
            raise disk_trouble(error) from None

    def write(self, table: pl.DataFrame) -> tuple[int, int]:
        """Keep a table; return its place, to be given to `read`."""
        buffer = BytesIO()
        table.write_ipc_stream(buffer, compression="uncompressed")
        self._count += 1
        nonce = self._count.to_bytes(NONCE, "big")  # one key, one process: a counter never repeats
        sealed = memoryview(nonce + self._cipher.encrypt(nonce, buffer.getbuffer(), None))
        place = (self._end, len(sealed))
        try:
            rest = sealed
            while rest:
                rest = rest[os.pwrite(self._file.fileno(), rest, self._end) :]
                self._end = place[0] + len(sealed) - len(rest)
        except OSError as error:
            raise disk_trouble(error) from None
        return place

    def read(self, place: tuple[int, int]) -> pl.DataFrame:
        """The table again.

        Raises:
            Unavailable: the disk gave back other bytes.
        """
        try:
            sealed = os.pread(self._file.fileno(), place[1], place[0])
            clear = self._cipher.decrypt(sealed[:NONCE], sealed[NONCE:], None)
        except OSError as error:
            raise disk_trouble(error) from None
        except (InvalidTag, ValueError):
            raise Unavailable(
                "The disk gave back other bytes than it was given.",
                fix="check the disk, and run the same command again.",
                code="disk",
            ) from None
        return pl.read_ipc_stream(BytesIO(clear))

    def close(self) -> None:
        """Give the disk its space back."""
        self._file.close()

    def __enter__(self) -> "Spill":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
