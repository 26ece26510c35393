"""Keys in files of the workspace, readable by their owner alone.

No passphrase yet: whoever can read the owner's files can read the keys. A key service comes later.
"""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bedside.core.errors import Invalid, Refused
from bedside.infra.files import UNFINISHED, disk_trouble

__all__ = ["FileKeys"]

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_LENGTH = 32  # bytes: AES-256, and the seed of Ed25519 (RFC 8032)


class FileKeys:
    """The keys of one workspace, made on first use: the first process to need a key makes it.

    There is no passphrase: the keys are as safe as their owner's files. Losing the folder loses
    every object and every sealed part of the ledger, so back it up apart from the data.

    Args:
        folder: Where they lie; made with mode 0700, the files with 0600.

    Raises:
        Refused: somebody else can read a private key or its folder, or a key file is damaged
            (code `key_exposed` or `key_damaged`).
        Unavailable: the disk is full or refuses.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def data_key(self) -> bytes:
        """The 32 bytes from which the workspace's other secrets are derived."""
        return self._secret("data.key")

    def derive(self, purpose: str) -> bytes:
        """A 32-byte key for one purpose, derived from the data key.

        Raises:
            Invalid: the purpose is empty.
        Source: RFC 5869 (HKDF), with SHA-256.
        """
        if not purpose:
            raise Invalid("A key was asked for without a purpose.", fix="name what it is for.")
        info = f"bedside/1/{purpose}".encode()
        return HKDF(hashes.SHA256(), _LENGTH, salt=None, info=info).derive(self.data_key())

    def ledger_key(self) -> Ed25519PrivateKey:
        """The key that signs the head of the ledger."""
        return Ed25519PrivateKey.from_private_bytes(self._secret("ledger.key"))

    def signing_key_path(self) -> Path:
        """The PEM file of the EC P-256 key that signs bundles."""
        self._kept("signing.pem", _new_signing_key)
        return self._folder / "signing.pem"

    def public_key_path(self) -> Path:
        """The PEM file of its public half; others may read this one, and not write it.

        Raises:
            Refused: it is not the half of our private key.
        """
        public = _public_half(self._kept("signing.pem", _new_signing_key))
        if self._kept("signing.pub", lambda: public, forbidden=_OTHERS_WRITE) != public:
            raise _damaged("signing.pub")
        return self._folder / "signing.pub"

    def _secret(self, name: str) -> bytes:
        secret = self._kept(name, lambda: os.urandom(_LENGTH))
        if len(secret) != _LENGTH:
            raise _damaged(name)
        return secret

    def _kept(self, name: str, make: Callable[[], bytes], *, forbidden: int = _OTHERS) -> bytes:
        path = self._folder / name
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _check_private(self._folder, forbidden=_OTHERS)
            if not os.path.lexists(path):
                _claim(path, make())
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(handle, "rb") as file:
                _check_private(path, forbidden=forbidden, handle=handle)
                return file.read()
        except OSError as error:
            raise disk_trouble(error) from None


def _check_private(path: Path, *, forbidden: int, handle: int | None = None) -> None:
    status = path.stat() if handle is None else os.fstat(handle)
    if status.st_mode & forbidden:
        what, mode = ("folder", "700") if stat.S_ISDIR(status.st_mode) else ("file", "600")
        raise Refused(
            f"Others on this machine can reach the key {what} '{path.name}'.",
            fix=f"find out who has read it, then run: chmod {mode} {path}",
            code="key_exposed",
        )


def _claim(path: Path, content: bytes) -> None:
    """Put a new key in place, whole; when two processes race, the first one's key stays."""
    handle, name = mkstemp(dir=path.parent, prefix=UNFINISHED)  # mkstemp makes it 0600
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(name, path)
    finally:
        os.unlink(name)


def _new_signing_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_half(private: bytes) -> bytes:
    try:
        key = serialization.load_pem_private_key(private, password=None)
    except (ValueError, TypeError):
        raise _damaged("signing.pem") from None
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _damaged(name: str) -> Refused:
    return Refused(
        f"The key file '{name}' is damaged.",
        fix="restore the workspace's key folder from a backup.",
        code="key_damaged",
    )
