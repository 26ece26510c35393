"""Who may speak to a page of the console: one browser on this machine, by a token used once."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import PlainTextResponse, RedirectResponse, Response

__all__ = ["Guard"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_LIMIT = 2_000_000  # bytes
OPEN = "/open"
_POLICY = b"content-security-policy"
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_OF_FORMS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",  # by no-referrer, a form would not say where it comes from
}
_JSON, _FORM = b"application/json", b"application/x-www-form-urlencoded"
_READING = ("GET", "HEAD")


class Guard:
    """Lets one browser in, and nobody else; nothing that it answers is cached.

    The token opens once: whoever comes first gets a cookie of this server's own, so that an address
    in a history, or in a list of processes, opens nothing. A request that is not addressed to this
    very server is refused (DNS rebinding), and so is one that changes something and does not come
    from its pages.

    Args:
        app: What is guarded.
        port: Where it listens, on loopback.
        forms: Whether its pages send forms, and run no script at all; else they send JSON.
    """

    def __init__(
        self,
        app: Callable[[Scope, Receive, Send], Awaitable[None]],
        port: int,
        *,
        forms: bool = False,
    ) -> None:
        self._app = app
        self._headers = _HEADERS | _OF_FORMS if forms else _HEADERS
        self._takes = _FORM if forms else _JSON
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._cookie = f"bedside-{port}"
        self._token: str | None = secrets.token_urlsafe(32)
        self._session = secrets.token_urlsafe(32)
        self.address = f"http://127.0.0.1:{port}{OPEN}?token={self._token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        answer = self._answer(scope)

        async def guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._headed(message["headers"])
            await send(message)

        await (answer or self._app)(scope, receive, guarded)

    def _headed(self, told: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Ours before the application's; a page may say by which styles of its own it is shown."""
        sent = {name.lower(): value for name, value in told}
        policy = sent.get(_POLICY)
        own = [(name, value) for name, value in told if name.decode().lower() not in self._headers]
        ours = [(name.encode(), value.encode()) for name, value in self._headers.items()]
        if policy is not None:
            ours = [(name, policy if name == _POLICY else value) for name, value in ours]
        return [*own, *ours]

    def _answer(self, scope: Scope) -> Response | None:
        """A refusal, or the cookie; None where the page may answer."""
        headers: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            headers[name] = b"" if name in headers else value
        host = headers.get(b"host", b"").decode("latin-1")
        if host not in self._hosts:
            return PlainTextResponse("This is not the address of this server.", 421)
        if scope["path"] == OPEN and scope["method"] == "GET":
            return self._opened(scope)
        if not self._is_known(headers.get(b"cookie", b"").decode("latin-1")):
            return PlainTextResponse("Open the address that the command printed; it opens once. "
                                     "Run the command again for a new one.", 401)  # fmt: skip
        return None if scope["method"] in _READING else _not_ours(headers, host, self._takes)

    def _opened(self, scope: Scope) -> Response:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        held, ours = self._token, given.encode()
        if held is None or not hmac.compare_digest(ours, held.encode()):
            return PlainTextResponse("This address has opened already, or is none. Run the command "
                                     "again for a new one.", 401)  # fmt: skip
        self._token = None
        answer = RedirectResponse("/", 303)
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
        return answer

    def _is_known(self, cookie: str) -> bool:
        try:
            found = SimpleCookie(cookie).get(self._cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(
            found.value.encode("utf-8", "surrogateescape"), self._session.encode()
        )


def _not_ours(headers: Mapping[bytes, bytes], host: str, takes: bytes) -> Response | None:
    """Why something that is sent is not taken; None where a page of this server sent it."""
    if headers.get(b"origin", b"").decode("latin-1") != f"http://{host}":
        return PlainTextResponse("This does not come from a page of this server.", 403)
    if headers.get(b"content-type", b"").partition(b";")[0].strip() != takes:
        return PlainTextResponse(f"Send {takes.decode()}.", 415)
    length = headers.get(b"content-length", b"")
    if not length.isdigit() or len(length) > 9 or int(length) > BODY_LIMIT:
        return PlainTextResponse("That is too much.", 413)
    return None
