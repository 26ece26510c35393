"""Knows callers by the access tokens of the one issuer that is configured.

Source: OpenID Connect Core 1.0; RFC 9068 (JWT access tokens); RFC 8725 (best current practices).
"""

from base64 import urlsafe_b64decode
from binascii import Error as NoBase64
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

import msgspec

from bedside.core.clock import Clock
from bedside.core.errors import Refused
from bedside.core.ports.cds_hooks import Signatures
from bedside.core.records.caller import Caller
from bedside.core.records.issuer import Issuer
from bedside.serve.auth import bearer_of

__all__ = ["ALGORITHMS", "LEEWAY", "IssuerTokens", "checked_claims"]

ALGORITHMS = ("RS256", "ES256", "PS256")
LEEWAY = timedelta(seconds=30)
"""How far the clocks of the issuer and of this server may differ."""
_LIFETIME = timedelta(hours=24)
_REMEMBERED = 4096  # tokens
_OF_AN_ID_TOKEN = ("nonce", "at_hash", "c_hash")
_JSON = msgspec.json.Decoder(dict[str, Any])


class IssuerTokens:
    """An authenticator of bearer access tokens.

    A token that was found good is remembered by its digest until it ends, so that its signature is
    checked once. Where a token says that its key lies (jku, x5u, jwk) is never looked at.

    Args:
        issuer: Whose tokens are believed.
        signatures: Its keys.
        clock: Says what time it is.
    """

    def __init__(self, issuer: Issuer, *, signatures: Signatures, clock: Clock) -> None:
        self._issuer, self._signatures, self._clock = issuer, signatures, clock
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """Whoever the token is of; None: it is none of this issuer.

        Raises:
            Refused: it is, and is not as it must be. The text never repeats the token.
        """
        token = bearer_of(headers)
        if token is None or token.count(b".") != 2:
            return None
        digest = sha256(token).digest()
        now = self._clock.now().timestamp()
        if (known := self._known.get(digest)) is not None:
            if now < known[0]:
                return known[1]
            del self._known[digest]
        if _unchecked(token, 1).get("iss") != self._issuer.issuer:
            return None
        claims = checked_claims(
            token, self._issuer.issuer, self._issuer.audience, self._signatures, now
        )
        caller = self._caller_of(claims, token)
        self._known[digest] = (float(claims["exp"]), caller)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return caller

    def _caller_of(self, claims: Mapping[str, Any], token: bytes) -> Caller:
        kind = str(_unchecked(token, 0).get("typ", "JWT")).lower().removeprefix("application/")
        if kind not in ("jwt", "at+jwt") or any(name in claims for name in _OF_AN_ID_TOKEN):
            raise _refused("is no access token", "send the access token, not the ID token", "kind")
        party = claims.get("azp", claims.get("client_id"))
        if self._issuer.clients and party not in self._issuer.clients:
            raise _refused("was given to another client (azp)", "list it for the issuer", "azp")
        scopes = self._issuer.allowed(claims)
        return Caller(name=f"oidc:{claims['sub']}", scopes=scopes)


def checked_claims(
    token: bytes, issuer: str, audience: str, signatures: Signatures, now: float
) -> dict[str, Any]:
    """The claims of a token that this issuer signed, for this audience, and that is good now.

    Args:
        token: In the compact form.
        issuer: What `iss` must be.
        audience: What `aud` must name.
        signatures: The keys of the issuer.
        now: Seconds since 1970.

    Raises:
        Refused: it is not so.
    """
    head = _unchecked(token, 0)
    if head.get("alg") not in ALGORITHMS:
        raise _refused(
            "is signed in a way that is not taken", f"use {' or '.join(ALGORITHMS)}", "alg"
        )
    if "crit" in head:
        raise _refused("asks for what is not known here (crit)", "leave crit out", "crit")
    if not signatures.is_signed(token.decode("ascii", "replace")):
        raise _refused(
            "is not signed with a known key of the issuer",
            "get a new one; a key that is new may take a minute to be known here",
            "signature",
        )
    claims = _unchecked(token, 1)
    told = claims.get("aud")
    named = told if isinstance(told, list) else [told]
    if claims.get("iss") != issuer or audience not in named:
        raise _refused(
            "is of another issuer or for another audience", "ask for one for this", "aud"
        )
    _check_times(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or not subject.isprintable():
        raise _refused("names nobody (sub)", "let the issuer name who it is of", "sub")
    return claims


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    leeway = LEEWAY.total_seconds()
    exp, iat, nbf = claims.get("exp"), claims.get("iat"), claims.get("nbf", 0)
    if not all(type(one) in (int, float) for one in (exp, iat, nbf)):
        raise _refused("does not say when it begins and ends", "let it carry exp and iat", "times")
    assert exp is not None and iat is not None  # noqa: S101, PT018 - numbers, as just seen
    if now >= exp + leeway:
        raise _refused("has run out (exp)", "get a new one", "exp")
    if iat > now + leeway or nbf > now + leeway:
        raise _refused("is not good yet (iat, nbf)", "set the clocks right", "nbf")
    if exp - iat > _LIFETIME.total_seconds():
        raise _refused("lives longer than a day", "shorten its life", "life")


def _unchecked(token: bytes, part: int) -> dict[str, Any]:
    """The header (0) or the claims (1), which anybody may have written; empty where it is none."""
    try:
        told = token.split(b".")[part]
        return _JSON.decode(urlsafe_b64decode(told + b"=" * (-len(told) % 4)))
    except (ValueError, NoBase64, RecursionError):  # msgspec's errors are ValueErrors
        return {}


def _refused(problem: str, fix: str, what: str) -> Refused:
    return Refused(f"The token {problem}.", fix=f"{fix}.", code=f"token_{what}")
