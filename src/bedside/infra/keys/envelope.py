"""What the key services share: how a wrapped key is written, and how each of them says no."""

import base64
import binascii
import re

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.records.key import KEYS

__all__ = [
    "FOR_URLS",
    "STANDARD",
    "checked",
    "checked_data_key",
    "in_use",
    "key_destroyed",
    "no_such_version",
    "unwritten",
    "version_of",
    "wrapped_text",
    "wrong_key",
]

STANDARD, FOR_URLS = b"+/", b"-_"  # the last two letters of Base64: RFC 4648, sections 4 and 5
_WRAPPED = re.compile(r"([a-z]+):v([1-9][0-9]{0,8}):([A-Za-z0-9+/_-]+=*)")


def wrapped_text(service: str, version: int, sealed: bytes) -> str:
    """A wrapped key as text that names its service and version.

    >>> wrapped_text("file", 3, b"sealed")
    'file:v3:c2VhbGVk'
    """
    return f"{service}:v{version}:{base64.urlsafe_b64encode(sealed).decode()}"


def unwritten(
    wrapped: str, *, service: str, key: str, alphabet: bytes = FOR_URLS
) -> tuple[int, bytes]:
    """The version and the sealed bytes of a wrapped key.

    A text has one spelling only: Base64 can say the same bytes in several ways, and a changed
    letter shall never pass.

    Raises:
        Refused: the text is of another service, or was changed (code `wrong_key`).
    """
    found = _WRAPPED.fullmatch(wrapped)
    if found is None or found[1] != service:
        raise wrong_key(key)
    try:
        sealed = base64.b64decode(found[3], altchars=alphabet, validate=True)
    except binascii.Error:
        raise wrong_key(key) from None
    if base64.b64encode(sealed, altchars=alphabet).decode() != found[3]:
        raise wrong_key(key)
    return int(found[2]), sealed


def version_of(wrapped: str) -> int | None:
    """The version of its key that a text names; None if it is not a wrapped key.

    >>> version_of("vault:v12:c2VhbGVk")
    12
    """
    found = _WRAPPED.fullmatch(wrapped)
    return None if found is None else int(found[2])


def checked(key: str, context: str | None = None) -> str:
    """The name of the key, if it is one of ours and a context that is given says something.

    Raises:
        Invalid: there is no such key, or the context is empty.
    """
    if key not in KEYS:
        raise Invalid("There is no key of this name.", fix=f"name one of {', '.join(KEYS)}.")
    if context is not None and not context:
        raise Invalid("A key was asked for without a context.", fix="name what it is for.")
    return key


def checked_data_key(data_key: bytes) -> bytes:
    """The data key, if it has the length of one.

    Raises:
        Invalid: it has fewer than 16 or more than 64 bytes.
    """
    if not 16 <= len(data_key) <= 64:
        raise Invalid("A data key has 16 to 64 bytes.", fix="draw 32 random bytes.")
    return data_key


def key_destroyed(key: str, version: int | None = None) -> Refused:
    """The error of a key, or of one of its versions, that is gone."""
    what = f"The key '{key}'" if version is None else f"Version {version} of the key '{key}'"
    return Refused(
        f"{what} was destroyed, and nobody can read again what it protected ({KEYS[key]}).",
        fix="this cannot be undone; bring the data in again, or build them again.",
        code="key_destroyed",
    )


def wrong_key(key: str) -> Refused:
    """The error of a wrapped key that does not open."""
    return Refused(
        f"A wrapped key does not open with the key '{key}': it was changed, or belongs to another "
        "key, key service or file.",
        fix="open it with the key service it was made with, or restore it from a backup.",
        code="wrong_key",
    )


def no_such_version(key: str, version: int | None = None) -> NotFound:
    """The error of a key, or of a version of it, that was never made."""
    what = "" if version is None else f" version {version} of"
    return NotFound(f"There is no{what} key '{key}' here.", fix="run `bedside keys list`.")


def in_use(key: str, version: int) -> Refused:
    """The error of destroying the version that is wrapped with."""
    return Refused(
        f"Version {version} of the key '{key}' is the newest, and in use.",
        fix="rotate the key first, or destroy the whole key.",
        code="key_in_use",
    )
