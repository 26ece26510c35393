"""Sealed objects on disk: named by the digest of what they hold, encrypted with AES-256-GCM."""

import os
import re
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.infra.files import UNFINISHED, disk_trouble, write_atomically

__all__ = ["CHUNK", "SealedDisk", "checked_digest", "no_such_object"]

CHUNK = 16 << 20  # bytes of plaintext sealed at once
NONCE, TAG = 12, 16  # bytes, AES-GCM: NIST SP 800-38D
STEP = NONCE + CHUNK + TAG
_DIGEST = re.compile(r"[0-9a-f]{64}")


class SealedDisk:
    """The ObjectStore port on a folder.

    A file is a run of sealed chunks, each with its own random nonce. A chunk's associated data are
    the object's digest, the chunk's number and whether it is the last, so that a swapped, cut,
    lengthened or reordered file does not open (the STREAM construction: Hoang et al., CRYPTO 2015).
    Random nonces keep one key good for 2^32 chunks, which is 64 PiB.

    Args:
        folder: Where the objects lie, as `ab/cdef…`.
        key: 32 bytes.

    Raises:
        Invalid: the key is not 32 bytes.
    """

    def __init__(self, folder: Path, key: bytes) -> None:
        if len(key) != 32:
            raise Invalid("The key of the objects is not 32 bytes.", fix="derive it from FileKeys.")
        self._folder = folder
        self._cipher = AESGCM(key)

    def put(self, content: bytes) -> str:
        """Keep the bytes and return their SHA-256. Putting them twice is once.

        What lies there damaged is put right.

        Raises:
            Unavailable: the disk is full (code `disk_full`) or refuses; nothing partial is left.
        """
        digest = digest_bytes(content)
        if not self._holds(digest):
            write_atomically(self._path(digest), self._sealed(digest, content))
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes again.

        Raises:
            Invalid: it is not a SHA-256 digest.
            NotFound: nothing has this digest.
            Refused: what lies there is not what was put (code `object_tampered`).
        """
        try:
            sealed = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise no_such_object(digest) from None
        except OSError as error:
            raise disk_trouble(error) from None
        return self._opened(digest, sealed)

    def has(self, digest: str) -> bool:
        """Whether something is kept under this digest.

        Raises:
            Invalid: it is not a SHA-256 digest.
        """
        return self._path(digest).is_file()

    def sweep(self) -> int:
        """Remove what killed processes left half-written; return how many files that was.

        Call it only while no other process puts objects, that is, under the workspace's lock.
        """
        left = list(self._folder.glob(f"*/{UNFINISHED}*"))
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _holds(self, digest: str) -> bool:
        try:
            self.get(digest)
        except BedsideError:
            return False
        return True

    def _sealed(self, digest: str, content: bytes) -> bytearray:
        clear = memoryview(content)
        chunks = max(-(-len(content) // CHUNK), 1)
        sealed = bytearray(len(content) + chunks * (NONCE + TAG))
        target = memoryview(sealed)
        for index in range(chunks):
            nonce, place = os.urandom(NONCE), index * STEP
            chunk = clear[index * CHUNK : (index + 1) * CHUNK]
            body = target[place + NONCE : place + NONCE + len(chunk) + TAG]
            target[place : place + NONCE] = nonce
            self._cipher.encrypt_into(nonce, chunk, _label(digest, index, chunks), body)
        target.release()
        return sealed

    def _opened(self, digest: str, sealed: bytes) -> bytes:
        source = memoryview(sealed)
        chunks = max(-(-len(sealed) // STEP), 1)
        parts = []
        try:
            for index in range(chunks):
                chunk = source[index * STEP : (index + 1) * STEP]
                label = _label(digest, index, chunks)
                parts.append(self._cipher.decrypt(bytes(chunk[:NONCE]), chunk[NONCE:], label))
        except (InvalidTag, ValueError):
            raise _tampered(digest) from None
        content = parts[0] if len(parts) == 1 else b"".join(parts)
        if digest_bytes(content) != digest:
            raise _tampered(digest)
        return content

    def _path(self, digest: str) -> Path:
        checked_digest(digest)
        return self._folder / digest[:2] / digest[2:]


def checked_digest(digest: str) -> str:
    """The digest, if it is one.

    Raises:
        Invalid: it is not 64 hexadecimal digits in lower case.
    """
    if _DIGEST.fullmatch(digest) is None:
        raise Invalid("That is not the digest of an object.", fix="give a SHA-256 in lower case.")
    return digest


def no_such_object(digest: str) -> NotFound:
    """The error of a digest that nothing has."""
    return NotFound(f"No object {digest[:12]}… is kept here.", fix="run the build again.")


def _tampered(digest: str) -> Refused:
    return Refused(
        f"The object {digest[:12]}… was changed, moved or sealed with another key.",
        fix="restore it from a backup, or run the build again.",
        code="object_tampered",
    )


def _label(digest: str, index: int, chunks: int) -> bytes:
    return f"bedside-object/1:{digest}:{index}:{int(index == chunks - 1)}".encode()
