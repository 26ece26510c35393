"""Sealed objects: named by the digest of what they hold, each under a data key of its own."""

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bedside.core.errors import BedsideError, Invalid, NotFound, Refused
from bedside.core.ids import digest_bytes
from bedside.core.ports import Blobs, DataKeys

__all__ = ["CHUNK", "HEADER", "STEP", "SealedObjects", "checked_digest", "no_such_object"]

CHUNK = 16 << 20  # bytes of plaintext sealed at once
NONCE, TAG = 12, 16  # bytes, AES-GCM: NIST SP 800-38D
STEP = NONCE + CHUNK + TAG

_LAYOUT = struct.Struct(">7sB16s")  # magic, version, id of the data key
HEADER = _LAYOUT.size
_MAGIC, _VERSION = b"bedside", 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_UNREADABLE = frozenset({"blob_damaged", "blob_link", "wrong_key"})


class SealedObjects:
    """The ObjectStore port over any store of blobs.

    A blob is a header, which names the data key, and a run of sealed chunks, each with its own
    random nonce. A chunk's associated data are the header, the prefix, the object's digest, the
    chunk's number and whether it is the last, so that a swapped, moved, cut, lengthened or
    reordered blob does not open (the STREAM construction: Hoang et al., CRYPTO 2015).

    The data key of each object is kept apart, wrapped by `key`. So a new version of that key costs
    no object a byte, and an object whose key is destroyed or forgotten can never be read again.

    Args:
        blobs: What keeps the ciphertext.
        data_keys: What keeps the data keys.
        key: The key that wraps them, by what it protects, such as `features`.
        prefix: The beginning of every blob's name: `PREFIX/ab/cdef…`.
    """

    def __init__(self, blobs: Blobs, data_keys: DataKeys, *, key: str, prefix: str) -> None:
        self._blobs, self._data_keys, self._key, self._prefix = blobs, data_keys, key, prefix

    def put(self, content: bytes) -> str:
        """Keep the bytes and return their SHA-256. Putting them twice is once.

        What lies there damaged, or under a destroyed version of the key, is put right.

        Raises:
            Refused: the key was destroyed (code `key_destroyed`).
            Unavailable: the store or the key service is full or out of reach; nothing partial is
                left.
        """
        digest = digest_bytes(content)
        lies = self._lying(digest)
        if lies is not None:
            try:
                self._opened(digest, lies)
            except Refused as refused:
                if refused.code not in ("object_tampered", "key_destroyed"):
                    raise
            else:
                return digest
        material, data_key = self._data_keys.new(self._key, self._context(digest))
        try:
            self._blobs.put(self._name(digest), self._sealed(digest, material, data_key, content))
        except BaseException:
            with suppress(BedsideError):  # the first error is the one to tell
                self._take_back(digest, material)
            raise
        if lies is not None and (old := self._own_material(digest, lies)):
            self._data_keys.forget(old)
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes again.

        Raises:
            Invalid: it is not a SHA-256 digest.
            NotFound: nothing has this digest.
            Refused: what lies there is not what was put (code `object_tampered`), or its key was
                destroyed (`key_destroyed`).
            Unavailable: the store or the key service is out of reach.
        """
        lies = self._lying(digest)
        if lies is None:
            raise no_such_object(digest)
        return self._opened(digest, lies)

    def has(self, digest: str) -> bool:
        """Whether something is kept under this digest.

        Raises:
            Invalid: it is not a SHA-256 digest.
            Unavailable: the store is out of reach.
        """
        return self._blobs.has(self._name(digest))

    def remove(self, digest: str) -> None:
        """Remove the bytes, then their key; removing what is not there is no error.

        Raises:
            Invalid: it is not a SHA-256 digest.
            Unavailable: the store or the key service is out of reach; call it again.
        """
        lies = self._lying(digest)
        if lies is None:
            return
        material = self._own_material(digest, lies)
        self._blobs.remove(self._name(digest))
        if material:
            self._data_keys.forget(material)

    def digests(self) -> Iterator[str]:
        """Every digest that is kept, in order.

        Raises:
            Unavailable: the store is out of reach.
        """
        beginning = f"{self._prefix}/"
        for name in self._blobs.names(beginning):
            digest = name.removeprefix(beginning).replace("/", "")
            if _DIGEST.fullmatch(digest) and name == self._name(digest):
                yield digest

    def _take_back(self, digest: str, material: str) -> None:
        """Forget a new data key, unless the blob that needs it has come to lie there after all."""
        lies = self._lying(digest)
        if lies is None or _material_of(lies) != material:
            self._data_keys.forget(material)

    def _lying(self, digest: str) -> bytes | None:
        """What lies there, whether it opens or not; empty where not even that can be read."""
        try:
            return self._blobs.get(self._name(digest))
        except NotFound as missing:
            if missing.code != NotFound.kind:  # the whole store is missing
                raise
            return None
        except Refused as refused:
            if refused.code not in _UNREADABLE:
                raise
            return b""

    def _own_material(self, digest: str, lies: bytes) -> str | None:
        """The id in a header, if the data key was made for this object and not for another."""
        material = _material_of(lies)
        if material is None:
            return None
        try:
            self._data_keys.open(material, self._context(digest))
        except NotFound:
            return None
        except Refused as refused:
            if refused.code != "key_destroyed":  # one that nobody can open may go, whose it was
                return None
        return material

    def _sealed(self, digest: str, material: str, data_key: bytes, content: bytes) -> bytearray:
        clear = memoryview(content)
        chunks = max(-(-len(content) // CHUNK), 1)
        sealed = bytearray(HEADER + len(content) + chunks * (NONCE + TAG))
        header = _LAYOUT.pack(_MAGIC, _VERSION, bytes.fromhex(material))
        sealed[:HEADER] = header
        cipher = AESGCM(data_key)
        with memoryview(sealed)[HEADER:] as target:
            for index in range(chunks):
                nonce, place = urandom(NONCE), index * STEP
                chunk = clear[index * CHUNK : (index + 1) * CHUNK]
                body = target[place + NONCE : place + NONCE + len(chunk) + TAG]
                target[place : place + NONCE] = nonce
                cipher.encrypt_into(nonce, chunk, self._label(header, digest, index, chunks), body)
                body.release()
        return sealed

    def _opened(self, digest: str, lies: bytes) -> bytes:
        material = _material_of(lies)
        if material is None:
            raise _tampered(digest)
        try:
            cipher = AESGCM(self._data_keys.open(material, self._context(digest)))
        except (NotFound, Refused) as error:
            raise _refused(digest, error) from None
        header, source = lies[:HEADER], memoryview(lies)[HEADER:]
        chunks = max(-(-len(source) // STEP), 1)
        content = BytesIO()  # it gives its own buffer away: no second copy of a large object
        try:
            for index in range(chunks):
                chunk = source[index * STEP : (index + 1) * STEP]
                label = self._label(header, digest, index, chunks)
                content.write(cipher.decrypt(bytes(chunk[:NONCE]), chunk[NONCE:], label))
        except (InvalidTag, ValueError):
            raise _tampered(digest) from None
        opened = content.getvalue()
        if digest_bytes(opened) != digest:
            raise _tampered(digest)
        return opened

    def _label(self, header: bytes, digest: str, index: int, chunks: int) -> bytes:
        place = f":{self._prefix}:{digest}:{index}:{int(index == chunks - 1)}"
        return header + place.encode()

    def _context(self, digest: str) -> str:
        return f"{self._prefix}/{digest}"

    def _name(self, digest: str) -> str:
        checked_digest(digest)
        return f"{self._prefix}/{digest[:2]}/{digest[2:]}"


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


def _material_of(lies: bytes) -> str | None:
    if len(lies) < HEADER:
        return None
    magic, version, material = _LAYOUT.unpack_from(lies)
    return material.hex() if (magic, version) == (_MAGIC, _VERSION) else None


def _refused(digest: str, error: BedsideError) -> BedsideError:
    """Data that do not open are named as this object; what has its own fix stays as it is."""
    if error.code in _UNREADABLE or error.code == NotFound.kind:
        return _tampered(digest)
    return error


def _tampered(digest: str) -> Refused:
    return Refused(
        f"The object {digest[:12]}… was changed or moved, or its key is gone or another.",
        fix="restore it from a backup, or run the build again.",
        code="object_tampered",
    )
