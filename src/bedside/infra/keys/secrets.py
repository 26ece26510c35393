"""Secrets of a workspace: made on first use, and kept in files that only a key service opens."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json
from bedside.core.ports import KeyService
from bedside.infra.files import write_atomically
from bedside.infra.keys import private

__all__ = ["Secrets"]

_LENGTH = 32  # bytes: AES-256, and the seed of Ed25519 (RFC 8032)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PEM = "signing-pem"


class Secrets:
    """The secrets of one workspace; the first process to need one makes it.

    A secret `NAME` lies wrapped in `NAME.wrapped`. The key that signs bundles lies in
    `signing.pem`, encrypted with a password that follows from such a secret, and its public half
    in `signing.pub`. Whoever copies the folder has nothing without the key service.

    Args:
        folder: Where they lie; made with mode 0700, the files with 0600.
        keys: What wraps them.

    Raises:
        Refused: every method, when others can reach a file or the folder (code `key_exposed`), or
            a file is damaged (`key_damaged`); and as the key service refuses.
        Unavailable: every method, when the disk is full or refuses; and as the key service.
    """

    def __init__(self, folder: Path, keys: KeyService) -> None:
        self._folder, self._keys = folder, keys

    def secret(self, name: str, *, key: str = "signing") -> bytes:
        """The 32 bytes of this name, made now if there are none.

        Args:
            name: Lower-case letters and digits, joined by hyphens.
            key: The key that wraps it; the same one each time.

        Raises:
            Invalid: it is not such a name.
            Refused: it was wrapped with another key (code `wrong_key`).
        """
        if _NAME.fullmatch(name) is None:
            raise Invalid("That is not the name of a secret.", fix="use a-z, 0-9 and hyphens.")

        def new() -> bytes:
            wrapped = self._keys.wrap(os.urandom(_LENGTH), key, _context(name))
            return canonical_json({"key": key, "wrapped": wrapped})

        file = f"{name}.wrapped"
        wrapped = _parsed(file, self._kept(file, new))["wrapped"]
        secret = self._keys.unwrap(wrapped, key, _context(name))
        if len(secret) != _LENGTH:
            raise private.damaged(file)
        return secret

    def signing_password(self) -> str:
        """What opens `signing.pem`.

        Source: RFC 5869 (HKDF), with SHA-256.
        """
        derived = HKDF(hashes.SHA256(), _LENGTH, salt=None, info=b"bedside/1/signing.pem")
        return derived.derive(self.secret(_PEM)).hex()

    def signing_key_path(self) -> Path:
        """The PEM file of the EC P-256 key that signs bundles; `signing_password` opens it."""
        password = self.signing_password()
        self._kept("signing.pem", lambda: _new_signing_key(password))
        return self._folder / "signing.pem"

    def public_key_path(self) -> Path:
        """The PEM file of its public half; others may read this one, and not write it.

        Raises:
            Refused: it is not the half of our private key (code `key_damaged`).
        """
        password = self.signing_password()
        content = self._kept("signing.pem", lambda: _new_signing_key(password))
        public = _public_half(content, password)
        if self._kept("signing.pub", lambda: public, forbidden=private.OTHERS_WRITE) != public:
            raise private.damaged("signing.pub")
        return self._folder / "signing.pub"

    def rewrap(self) -> int:
        """Wrap every secret under the newest version of its key; return how many there are now.

        A secret whose key was destroyed stays as it lies and is not counted: nothing opens it.
        It may be stopped anywhere and begun again.
        """
        private.made_private(self._folder)
        done = 0
        with private.locked(self._lock):
            for path in sorted(self._folder.glob("*.wrapped")):
                done += self._rewrap(path)
        return done

    def _rewrap(self, path: Path) -> int:
        found = private.read_private(path)
        if found is None:
            return 0
        told = _parsed(path.name, found[1])
        try:
            wrapped = self._keys.rewrap(told["wrapped"], told["key"], _context(path.stem))
        except Refused as refused:
            if refused.code == "key_destroyed":
                return 0
            raise
        if wrapped != told["wrapped"]:
            write_atomically(path, canonical_json({"key": told["key"], "wrapped": wrapped}))
        return 1

    def _kept(
        self, name: str, make: Callable[[], bytes], *, forbidden: int = private.OTHERS
    ) -> bytes:
        """The content of a file, made under the lock if there is none: the first maker's stays."""
        path = self._folder / name
        private.made_private(self._folder)
        found = private.read_private(path, forbidden=forbidden)
        if found is None:
            with private.locked(self._lock):
                found = private.read_private(path, forbidden=forbidden)
                if found is None:
                    content = make()
                    write_atomically(path, content)
                    return content
        return found[1]

    @property
    def _lock(self) -> Path:
        return self._folder / "secrets.lock"


def _context(name: str) -> str:
    return f"secret/{name}"


def _parsed(file: str, content: bytes) -> dict[str, str]:
    try:
        told: Any = json.loads(content)
    except (ValueError, RecursionError):
        raise private.damaged(file) from None
    if not isinstance(told, dict) or {name: type(told[name]) for name in told} != {
        "key": str,
        "wrapped": str,
    }:
        raise private.damaged(file)
    return told


def _new_signing_key(password: str) -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )


def _public_half(content: bytes, password: str) -> bytes:
    try:
        key = serialization.load_pem_private_key(content, password.encode())
    except (ValueError, TypeError):
        raise private.damaged("signing.pem") from None
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
