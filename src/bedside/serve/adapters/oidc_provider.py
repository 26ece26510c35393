"""An OpenID provider: metadata, keys, and the exchange of a code, at its own addresses alone."""

import json
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import httpx

from bedside.core.errors import BedsideError, Invalid, Refused, Unavailable
from bedside.core.web_address import WebAddress

__all__ = ["OidcProvider"]

_SECONDS = 10.0
_LARGEST = 256 * 1024  # bytes of an answer


class OidcProvider:
    """The Provider port, and what fetches the provider's keys.

    Every address comes from the metadata of the issuer that is configured, is https (or http on
    this machine), and is never followed elsewhere.

    Args:
        issuer: Under which its metadata lie.
        client_id: Ours.
        secret: Of our client; None where it has none and PKCE alone proves who we are.
        fetch: Gives what lies at an address.

    Source: OpenID Connect Discovery 1.0; RFC 7636 (PKCE); RFC 6749, 4.1.3.
    """

    def __init__(
        self,
        issuer: str,
        *,
        client_id: str | None,
        secret: str | None,
        fetch: Callable[[str], bytes],
    ) -> None:
        self._issuer, self._client_id, self._secret = issuer, client_id, secret
        self._fetch = fetch
        self._metadata: dict[str, str] | None = None
        self._lock = threading.Lock()

    def key_set(self) -> bytes:
        """The bytes of its JWKS; fetches the metadata first where they are not known.

        Raises:
            Invalid, Refused, Unavailable: it does not give them.
        """
        return self._fetch(self._told()["jwks_uri"])

    def authorization_endpoint(self) -> str:
        """Where a browser is sent.

        Raises:
            Unavailable: the provider could not be asked for it yet.
        """
        return self._address("authorization_endpoint")

    def exchange(self, code: str, *, verifier: str, redirect: str) -> bytes:
        """The ID token for a code.

        Raises:
            Refused: the provider does not give one.
            Unavailable: it is out of reach.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        ours = self._client_id or ""
        auth: Any = httpx.USE_CLIENT_DEFAULT
        if self._secret is None:
            form["client_id"] = ours
        else:
            auth = httpx.BasicAuth(quote_plus(ours), quote_plus(self._secret))
        try:
            with httpx.Client(follow_redirects=False, trust_env=False, timeout=_SECONDS) as client:
                answer = client.post(self._address("token_endpoint"), data=form, auth=auth)
        except httpx.HTTPError:
            raise _unreachable() from None
        try:
            fits = answer.status_code == httpx.codes.OK and len(answer.content) <= _LARGEST
            token = json.loads(answer.content)["id_token"] if fits else None
        except (ValueError, KeyError, TypeError, RecursionError):
            token = None
        if not isinstance(token, str):
            raise Refused(
                "The OpenID provider does not let this person in.",
                fix="sign in again; if that does not help, check the client at the provider.",
                code="not_signed_in",
            )
        return token.encode()

    def _address(self, name: str) -> str:
        try:
            return self._told()[name]
        except (BedsideError, KeyError):
            raise _unreachable() from None

    def _told(self) -> dict[str, str]:
        with self._lock:
            if self._metadata is None:
                address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                self._metadata = _metadata(self._fetch(address), self._issuer)
            return self._metadata


def _metadata(content: bytes, issuer: str) -> dict[str, str]:
    try:
        told: Any = json.loads(content) if len(content) <= _LARGEST else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or told.get("issuer") != issuer:
        raise Invalid(
            "The metadata of the OpenID provider are not those of the issuer that is configured.",
            fix="write the issuer as the provider does, to the letter.",
            code="issuer_metadata",
        )
    wanted = ("jwks_uri", "authorization_endpoint", "token_endpoint")
    found = {name: told[name] for name in wanted if isinstance(told.get(name), str)}
    if "jwks_uri" not in found:
        raise Invalid("The provider names no key set.", fix="let it publish jwks_uri.")
    return {
        name: WebAddress.read(one, what=f"The provider's {name}").url for name, one in found.items()
    }


def _unreachable() -> Unavailable:
    return Unavailable(
        "The OpenID provider cannot be reached.", fix="try again soon.", code="provider_unreachable"
    )
