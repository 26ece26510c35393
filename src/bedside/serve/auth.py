"""The token that opens the served models: shown once, kept only as its digest."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Any, Protocol

from bedside.core.errors import Invalid
from bedside.core.records.caller import EVERYTHING, Caller

__all__ = ["Authenticator", "TokenCheck", "first_run_token", "token_digest"]


def first_run_token() -> tuple[str, str]:
    """A new token with 256 random bits, and its SHA-256 in hexadecimal, which is what to keep."""
    token = secrets.token_urlsafe(32)
    return token, token_digest(token)


def token_digest(token: str) -> str:
    """SHA-256 of the token, as 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


class Authenticator(Protocol):
    """Knows callers by what their requests carry."""

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """Who sent it; None: nobody known here.

        Args:
            scope: Of the ASGI connection.
            headers: By lower-case name; one that was sent twice is empty.

        Raises:
            Refused: it carries something that is no longer, or not here, to be trusted.
        """
        ...


class TokenCheck:
    """Knows the digest of the one token that opens everything.

    Raises:
        Invalid: the digest is not 64 hexadecimal digits.

    >>> check = TokenCheck(token_digest("open"))
    >>> check(b"Bearer open"), check(b"Bearer shut"), check(b""), check(b"Basic open")
    (True, False, False, False)
    """

    def __init__(self, token_sha256: str) -> None:
        if re.fullmatch(r"[0-9a-f]{64}", token_sha256) is None:
            raise Invalid("The token digest is not a SHA-256.", fix="give 64 hexadecimal digits.")
        self._digest = bytes.fromhex(token_sha256)

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """Whoever has the token; may do everything."""
        if self(headers.get(b"authorization", b"")):
            return Caller(name="token", scopes=EVERYTHING)
        return None

    def __call__(self, authorization: bytes) -> bool:
        """Whether an `Authorization` header carries the token; takes as long either way."""
        scheme, _, token = authorization.partition(b" ")
        given = hashlib.sha256(token).digest()
        return hmac.compare_digest(given, self._digest) and scheme.lower() == b"bearer"
