"""Knows CDS Hooks clients by the token that signs each of their calls.

Source: CDS Hooks 2.0, "Trusting CDS Clients"; RFC 7519; RFC 8725 (best current practices).
"""

from base64 import urlsafe_b64decode
from binascii import Error as NoBase64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bedside.core.clock import Clock
from bedside.core.errors import Refused, Unavailable
from bedside.core.ports.cds_hooks import ReplayStore, Signatures
from bedside.core.records.caller import Caller
from bedside.core.records.cds_client import CdsClient

__all__ = ["ALGORITHMS", "LEEWAY", "LIFETIME", "CdsClients"]

ALGORITHMS = ("ES384", "RS384")
LEEWAY = timedelta(seconds=30)
"""How far the clocks of a client and of this server may differ."""
LIFETIME = timedelta(minutes=5)
"""The longest life of a token."""
_LARGEST = 8192  # bytes of a token
_ROOT = "/cds-services"


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str
    typ: str
    jku: str | None = None
    crit: msgspec.Raw = msgspec.Raw()


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | tuple[str, ...]
    exp: float
    iat: float
    jti: str
    tenant: str | None = None


class _Issuer(msgspec.Struct, frozen=True):
    iss: str


_HEADER = msgspec.json.Decoder(_Header)
_CLAIMS = msgspec.json.Decoder(_Claims)
_ISSUER = msgspec.json.Decoder(_Issuer)


class CdsClients:
    """An authenticator of CDS Hooks clients.

    A token counts only on `/cds-services`, once, for the one address that it names, from a client
    that is listed, signed with a key of this client.

    Args:
        clients: Who may call.
        signatures: The keys of each, by its name.
        replay: Remembers which tokens were used.
        base: The public address of this server, without a slash at its end.
        clock: Says what time it is.
    """

    def __init__(
        self,
        clients: Sequence[CdsClient],
        *,
        signatures: Mapping[str, Signatures],
        replay: ReplayStore,
        base: str,
        clock: Clock,
    ) -> None:
        self._clients = {one.issuer: one for one in clients}
        self._signatures = dict(signatures)
        self._replay, self._base, self._clock = replay, base, clock

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """The client; None: it carries no token of a client that is listed.

        Raises:
            Refused: it carries one that is not as it must be, or was used before. The text never
                repeats the token.
        """
        path = scope["path"]
        if path != _ROOT and not path.startswith(f"{_ROOT}/"):
            return None
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or len(token) > _LARGEST or token.count(b".") != 2:
            return None
        head, body, _ = token.split(b".")
        client = self._clients.get(_issuer_of(body))
        if client is None:
            return None
        _check_header(_part(_HEADER, head, "header"), client)
        if not self._signatures[client.name].is_signed(token.decode("ascii", "replace")):
            raise _refused(
                "is not signed with a key of this client",
                "sign it with a key of the client's key set, and name its kid; a key that is new "
                "may take a minute to be known here",
                "signature",
            )
        claims = _part(_CLAIMS, body, "claims")
        self._check_claims(claims, path, client)
        self._use(claims)
        name = f"cds:{client.name}"
        if client.tenants and claims.tenant is not None:
            name += f"/{claims.tenant}"
        return Caller(name=name, scopes=client.scopes)

    def _check_claims(self, claims: _Claims, path: str, client: CdsClient) -> None:
        endpoint = f"{self._base}{path}"
        named = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if endpoint not in named:
            raise _refused(
                "is for another address (aud)", "name exactly the address that is called", "aud"
            )
        now = self._clock.now().timestamp()
        leeway = LEEWAY.total_seconds()
        if claims.iat > now + leeway:
            raise _refused("was issued in the future (iat)", "set the client's clock", "iat")
        if claims.exp <= now - leeway:
            raise _refused("has run out (exp)", "sign a new one for each call", "exp")
        if not 0 < claims.exp - claims.iat <= LIFETIME.total_seconds():
            raise _refused(
                "lives longer than 5 minutes, or ends before it begins", "shorten its life", "life"
            )
        if not 0 < len(claims.jti) <= 255:
            raise _refused("has no id of its own (jti)", "give each a new UUID", "jti")
        if client.tenants and claims.tenant not in client.tenants:
            raise _refused("is of a tenant that is not listed", "list it for this client", "tenant")

    def _use(self, claims: _Claims) -> None:
        expires = datetime.fromtimestamp(claims.exp, UTC) + LEEWAY
        try:
            first = self._replay.first_use(claims.iss, claims.jti, expires=expires)
        except Unavailable:
            raise _refused(
                "cannot be told from one that was used before, just now", "try again", "unavailable"
            ) from None
        if not first:
            raise _refused("was used before (jti)", "sign a new one for each call", "replayed")


def _check_header(header: _Header, client: CdsClient) -> None:
    if header.alg not in ALGORITHMS:
        raise _refused(
            "is signed in a way that is not taken here", f"use {' or '.join(ALGORITHMS)}", "alg"
        )
    if header.typ.upper() != "JWT":
        raise _refused("is not of the type JWT (typ)", "write typ: JWT", "typ")
    if header.crit:
        raise _refused("asks for what is not known here (crit)", "leave crit out", "crit")
    if header.jku is not None and header.jku != client.jku:
        raise _refused(
            "names a key set that is not listed for this client (jku)", "list it, or leave it out",
            "jku",
        )  # fmt: skip


def _issuer_of(body: bytes) -> str:
    try:
        return _ISSUER.decode(_decoded(body)).iss
    except (ValueError, NoBase64, RecursionError):  # msgspec's errors are ValueErrors
        return ""


def _part(decoder: "msgspec.json.Decoder[Any]", part: bytes, what: str) -> Any:
    try:
        return decoder.decode(_decoded(part))
    except (ValueError, NoBase64, RecursionError):
        raise _refused(
            f"lacks one of its {what}, or has it in another form",
            "give alg, kid and typ; and iss, aud, exp, iat and jti",
            what,
        ) from None


def _decoded(part: bytes) -> bytes:
    return urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _refused(problem: str, fix: str, what: str) -> Refused:
    return Refused(f"The client's token {problem}.", fix=f"{fix}.", code=f"cds_token_{what}")
