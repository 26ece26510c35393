"""Lets people in by their browser: authorization code with PKCE, and a session kept here.

Source: OpenID Connect Core 1.0, 3.1; RFC 7636; RFC 6265bis (`__Host-` cookies).
"""

import asyncio
import hmac
import json
import re
import secrets
from base64 import urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from bedside.core.clock import Clock
from bedside.core.errors import Refused
from bedside.core.ports.access import Provider, Sessions
from bedside.core.ports.cds_hooks import Signatures
from bedside.core.records.caller import Action, Caller
from bedside.core.records.issuer import Issuer
from bedside.core.records.policy import Role
from bedside.serve.oidc import checked_claims
from bedside.serve.respond import Json
from bedside.serve.routes import WireRoute

__all__ = ["SESSION_COOKIE", "Admit", "Login", "Seal"]

Admit = Callable[[str, Mapping[Role, str], datetime], object]

SESSION_COOKIE, _BEGUN_COOKIE = "__Host-bedside", "__Host-bedside-login"
SESSION_HOURS = 8
_BEGUN_SECONDS = 600
_FRESH = 1.0  # seconds for which what was found of a session counts
_REMEMBERED = 4096  # sessions
_OURS = re.compile(r"/(?!/)[A-Za-z0-9._~/-]{0,500}")


class Seal(Protocol):
    """Closes what a browser carries, so that it can neither be read nor changed there."""

    def close(self, content: bytes) -> str:
        """The content, sealed."""
        ...

    def open(self, sealed: str, *, seconds: int) -> bytes | None:
        """The content; None: it is not ours, was changed, or is older than so many seconds."""
        ...


class Login:
    """Signs people in and out, and knows them by their session.

    What a login has begun with lies sealed in a cookie, so nobody fills a table before it is known
    who they are. A session is found by the digest of its cookie; it ends after eight hours, and one
    that is ended is nobody on every server within a second.

    Args:
        issuer: Who says who people are, and what their roles allow; it names our client id.
        provider: Where they sign in.
        signatures: The keys of the issuer.
        sessions: Keeps who is signed in.
        base: The public address of this server, without a slash at its end.
        seal: Closes what a login has begun with; it opens on every server of a workspace.
        clock: Says what time it is.
        record: Notes an action of a person in the ledger.
        admit: Notes instead who signed in, with the roles in the workspace that their groups give,
            each with its group, and until when; it may refuse. None: groups give nothing.
    """

    doors = ("/login", "/login/callback", "/logout")

    def __init__(
        self,
        issuer: Issuer,
        *,
        provider: Provider,
        signatures: Signatures,
        sessions: Sessions,
        base: str,
        seal: Seal,
        clock: Clock,
        record: Callable[[str, str], object],
        admit: Admit | None = None,
    ) -> None:
        self._issuer, self._provider, self._signatures = issuer, provider, signatures
        self._sessions, self._clock, self._record = sessions, clock, record
        self._admit = admit
        self._redirect = f"{base.rstrip('/')}/login/callback"
        self._seal = seal
        self._seen: OrderedDict[bytes, tuple[float, Caller | None]] = OrderedDict()

    def routes(self) -> list[WireRoute]:
        """The three doors."""
        told = zip(
            self.doors,
            ("GET", "GET", "POST"),
            (self.begin, self.finish, self.leave),
            strict=True,
        )
        return [
            WireRoute(path=path, methods=(method,), endpoint=endpoint, action=Action.LOGIN)
            for path, method, endpoint in told
        ]

    def caller(self, scope: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> Caller | None:
        """Whose session the cookie is of; None: it is nobody's."""
        told = headers.get(b"cookie")
        if told is None or b"authorization" in headers:
            return None
        secret = _cookie(told.decode("latin-1"), SESSION_COOKIE)
        if secret is None:
            return None
        digest, now = _digest(secret), monotonic()
        seen = self._seen.get(digest)
        if seen is not None and now - seen[0] < _FRESH:
            return seen[1]
        found = self._sessions.find(digest)
        self._seen[digest] = (now, found)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return found

    async def begin(self, request: Request) -> Response:
        """Send a browser to the provider."""
        wanted = request.query_params.get("next", "/")
        told = {
            "state": secrets.token_urlsafe(32),
            "nonce": secrets.token_urlsafe(32),
            "verifier": secrets.token_urlsafe(48),
            "next": wanted if _OURS.fullmatch(wanted) else "/",
        }
        asked = {
            "response_type": "code",
            "client_id": self._issuer.client_id or "",
            "redirect_uri": self._redirect,
            "scope": " ".join(["openid", *self._issuer.groups_scope.split()]),
            "state": told["state"],
            "nonce": told["nonce"],
            "code_challenge": _challenge(told["verifier"]),
            "code_challenge_method": "S256",
        }
        place = await asyncio.to_thread(self._provider.authorization_endpoint)
        joint = "&" if "?" in place else "?"
        response = RedirectResponse(f"{place}{joint}{urlencode(asked)}", 303)
        sealed = self._seal.close(json.dumps(told).encode())
        _set(response, _BEGUN_COOKIE, sealed, _BEGUN_SECONDS)
        return response

    async def finish(self, request: Request) -> Response:
        """Take the code that a browser brings back, and begin a session."""
        begun = self._begun(request.headers.get("cookie", ""))
        query = request.query_params
        given = query.get("state", "").encode()
        if not hmac.compare_digest(given, begun["state"].encode()) or "code" not in query:
            raise _not_signed_in("The sign-in was not begun in this browser, or was refused.")
        issuer = query.get("iss", self._issuer.issuer)  # RFC 9207, where the provider says it
        if issuer != self._issuer.issuer:
            raise _not_signed_in("Another provider answers.")
        exchange = self._provider.exchange
        token = await asyncio.to_thread(
            exchange, query["code"], verifier=begun["verifier"], redirect=self._redirect
        )
        caller, roles = self._known(token, begun["nonce"])
        secret = secrets.token_urlsafe(32)
        until = self._clock.now() + timedelta(hours=SESSION_HOURS)
        await asyncio.to_thread(self._begin_session, _digest(secret), caller, roles, until)
        response = RedirectResponse(begun["next"], 303)
        _set(response, SESSION_COOKIE, secret, SESSION_HOURS * 3600)
        _set(response, _BEGUN_COOKIE, "", 0)
        return response

    async def leave(self, request: Request) -> Response:
        """End the session of this browser."""
        secret = _cookie(request.headers.get("cookie", ""), SESSION_COOKIE)
        if secret is not None:
            digest = _digest(secret)
            await asyncio.to_thread(self._sessions.end, digest)
            self._seen.pop(digest, None)
        response = Json({"signed_in": False})
        _set(response, SESSION_COOKIE, "", 0)
        return response

    def _begin_session(
        self, digest: bytes, caller: Caller, roles: Mapping[Role, str], until: datetime
    ) -> None:
        if self._admit is None:
            self._record("access.sign_in", caller.name)
        else:
            self._admit(caller.name, roles, until)
        self._sessions.begin(digest, caller, until)

    def _known(self, token: bytes, nonce: str) -> tuple[Caller, dict[Role, str]]:
        now, client = self._clock.now().timestamp(), self._issuer.client_id or ""
        claims = checked_claims(token, self._issuer.issuer, client, self._signatures, now)
        told = claims.get("nonce")
        if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
            raise _not_signed_in("The provider answers another sign-in.")
        several = isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else client) != client:
            raise _not_signed_in("The provider's token was given to another client.")
        scopes = self._issuer.allowed_roles(claims)
        if not scopes:
            raise _not_signed_in("None of your roles allows anything here.")
        roles = self._issuer.roles_by_group(claims)
        return Caller(name=f"oidc:{claims['sub']}", scopes=scopes), roles

    def _begun(self, cookies: str) -> dict[str, str]:
        sealed = _cookie(cookies, _BEGUN_COOKIE) or ""
        content = self._seal.open(sealed, seconds=_BEGUN_SECONDS)
        if content is None:
            raise _not_signed_in("The sign-in took too long, or was begun elsewhere.")
        told: dict[str, str] = json.loads(content)
        return told


def _cookie(header: str, name: str) -> str | None:
    """The value of a cookie; one that is there twice counts as absent."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    found = [value for key, _, value in pairs if key == name and value]
    return found[0] if len(found) == 1 else None


def _set(response: Response, name: str, value: str, seconds: int) -> None:
    """A cookie that no script reads, no other site sends with a form, and no network sees."""
    response.set_cookie(
        name, value, max_age=seconds, path="/", secure=True, httponly=True, samesite="lax"
    )


def _digest(secret: str) -> bytes:
    return sha256(secret.encode()).digest()


def _challenge(verifier: str) -> str:
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _not_signed_in(problem: str) -> Refused:
    return Refused(problem, fix="sign in again from the beginning.", code="not_signed_in")
