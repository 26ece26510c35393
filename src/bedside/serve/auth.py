"""Who calls: by the token of the first run, by a client's own token, by its certificate."""

import hashlib
import hmac
import logging
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Protocol

from bedside.core.clock import Clock
from bedside.core.errors import BedsideError, Invalid
from bedside.core.ports.access import Clients
from bedside.core.records.caller import EVERYTHING, Caller
from bedside.core.records.client import Client

__all__ = [
    "Authenticator",
    "KnownClients",
    "TokenCheck",
    "bearer_of",
    "first_run_token",
    "token_digest",
]

LOOK_SECONDS = 0.5
"""Between two looks at what has changed."""
BLIND_SECONDS = 60.0
"""After which, when nobody can look, clients are let in no more: one may have been revoked."""
_LOG = logging.getLogger("bedside.serve")
_LONGEST = 8192  # bytes of an `Authorization` header


def first_run_token() -> tuple[str, str]:
    """A new token with 256 random bits, and its SHA-256 in hexadecimal, which is what to keep."""
    token = secrets.token_urlsafe(32)
    return token, token_digest(token)


def token_digest(token: str) -> str:
    """SHA-256 of the token, as 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def bearer_of(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The bearer token of a request.

    >>> bearer_of({b"authorization": b"Bearer abc"}), bearer_of({b"authorization": b"Basic abc"})
    (b'abc', None)
    """
    told = headers.get(b"authorization", b"")
    scheme, _, token = told.partition(b" ")
    return token if token and scheme.lower() == b"bearer" and len(told) <= _LONGEST else None


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
        self._caller = Caller(name="token", scopes=EVERYTHING)

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """Whoever has the token; may do everything."""
        if self(headers.get(b"authorization", b"")):
            return self._caller
        return None

    def __call__(self, authorization: bytes) -> bool:
        """Whether an `Authorization` header carries the token; takes as long either way."""
        scheme, _, token = authorization.partition(b" ")
        given = hashlib.sha256(token).digest()
        return hmac.compare_digest(given, self._digest) and scheme.lower() == b"bearer"


class KnownClients:
    """Knows the clients of a workspace: by the digest of a token, or by a certificate.

    They are held in memory, so a request costs one SHA-256 and one look into a table; a thread
    looks every half second whether they have changed. A token is found by its digest, so the time
    that takes tells nothing about another one.

    Args:
        clients: Where they are kept.
        clock: Says what time it is.
        now: Seconds that only grow.
    """

    def __init__(
        self, clients: Clients, *, clock: Clock, now: Callable[[], float] = monotonic
    ) -> None:
        self._clients, self._clock, self._now = clients, clock, now
        self._by_token: dict[bytes, tuple[Client, Caller]] = {}
        self._by_subject: dict[str, tuple[Client, Caller]] = {}
        self._revision = -1
        self._looked = float("-inf")
        self._ended = threading.Event()

    def start(self) -> None:
        """Look from now on, beside whatever goes on."""
        self.look()
        threading.Thread(target=self._keep_looking, name="bedside-access", daemon=True).start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()

    def look(self) -> None:
        """Take in what has changed; what cannot be read now is logged, and tried again."""
        at = self._now()
        try:
            revision = self._clients.revision()
            if revision != self._revision:
                self._take_in(self._clients.all())
                self._revision = revision
        except BedsideError as error:
            _LOG.error("the clients cannot be looked at: %s", error.code)
        except Exception as error:
            # Its text may hold a row, so only its class is named; the thread must go on.
            _LOG.error("the clients cannot be looked at: %s", type(error).__name__)
        else:
            self._looked = at

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """The client whose token, or else whose certificate, this is."""
        token = bearer_of(headers)
        if token is not None:
            found = self._by_token.get(hashlib.sha256(token).digest())
        elif b"authorization" in headers:
            return None
        else:
            found = self._by_subject.get(_certificate_subject(scope))
        if found is None or self._now() - self._looked > BLIND_SECONDS:
            return None
        client, caller = found
        if client.expires is not None and not client.is_good(self._clock.now()):
            return None
        return caller

    def _take_in(self, clients: list[Client]) -> None:
        good = [(one, one.as_caller()) for one in clients if one.revoked is None]
        self._by_token = {
            bytes.fromhex(one.token_sha256): (one, caller)
            for one, caller in good
            if one.token_sha256 is not None
        }
        self._by_subject = {
            one.subject: (one, caller) for one, caller in good if one.subject is not None
        }

    def _keep_looking(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()


def _certificate_subject(scope: Mapping[str, Any]) -> str:
    """Of the certificate that the TLS of this connection has checked; empty where there is none.

    Source: ASGI TLS extension 0.2, `client_cert_name`.
    """
    subject = scope.get("extensions", {}).get("tls", {}).get("client_cert_name")
    return subject if isinstance(subject, str) else ""
