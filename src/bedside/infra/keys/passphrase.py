"""Bytes sealed with a passphrase: scrypt makes the key, AES-256-GCM seals."""

import base64
import os
import unicodedata
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from bedside.core.errors import Invalid, Refused

__all__ = ["checked_passphrase", "new_salt", "opened", "sealed"]

VARIABLE = "BEDSIDE_KEY_PASSPHRASE"  # wiring reads it; the errors here name it
_COST = {"kdf": "scrypt", "n": 1 << 17, "r": 8, "p": 1}
_LABEL = b"bedside-keyring/1"
_NONCE = 12


def checked_passphrase(passphrase: str | None) -> str | None:
    """The passphrase in one form, however the keyboard composed its letters.

    Raises:
        Invalid: it is blank.
    """
    if passphrase is None:
        return None
    if not passphrase.strip():
        raise Invalid(
            "The passphrase of the keyring is blank.", fix=f"set {VARIABLE}, or unset it."
        )
    return unicodedata.normalize("NFC", passphrase)


def new_salt() -> bytes:
    """A fresh salt for a passphrase."""
    return os.urandom(16)


def sealed(content: bytes, passphrase: str, salt: bytes) -> dict[str, Any]:
    """The bytes, sealed, as a JSON object.

    Source: RFC 7914 (scrypt), at the cost that OWASP's password storage cheat sheet gives first:
        N = 2^17, r = 8, p = 1, which takes 128 MiB.
    """
    nonce = os.urandom(_NONCE)
    content = AESGCM(_stretched(passphrase, salt)).encrypt(nonce, content, _LABEL)
    texts = {"salt": salt, "nonce": nonce, "content": content}
    return {**_COST, **{name: base64.b64encode(value).decode() for name, value in texts.items()}}


def opened(box: dict[str, Any], passphrase: str | None) -> tuple[bytes, bytes]:
    """The bytes of a sealed object, and its salt.

    Raises:
        ValueError: it is not an object that `sealed` makes; another cost is not accepted, so that
            nobody can make a file cheap to guess, or dear to open.
        Refused: there is no passphrase, or it is not the right one (code `wrong_passphrase`).
    """
    if passphrase is None:
        raise Refused(
            "The keyring is sealed with a passphrase, and none was given.",
            fix=f"set the environment variable {VARIABLE} to the passphrase.",
            code="wrong_passphrase",
        )
    if {name: box.get(name) for name in _COST} != _COST:
        raise ValueError("another cost")
    salt, nonce, content = (
        base64.b64decode(box[name], validate=True) for name in ("salt", "nonce", "content")
    )
    try:
        return AESGCM(_stretched(passphrase, salt)).decrypt(nonce, content, _LABEL), salt
    except InvalidTag:
        raise Refused(
            "The keyring does not open with this passphrase.",
            fix=f"set the environment variable {VARIABLE} to the passphrase it was sealed with; "
            "if it is that one, restore the keyring from a backup.",
            code="wrong_passphrase",
        ) from None


@lru_cache(maxsize=4)
def _stretched(passphrase: str, salt: bytes) -> bytes:
    """The key of a passphrase; remembered, so that a process pays once and not for each reading."""
    cost = {name: value for name, value in _COST.items() if isinstance(value, int)}
    return Scrypt(salt=salt, length=32, **cost).derive(passphrase.encode())
