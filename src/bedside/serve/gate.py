"""The one gate in front of every wire: nothing passes that it does not know. Pure ASGI.

It checks the host (against DNS rebinding), the token, the content type and the size of the body,
in this order; the body has been read and bounded when the application sees the request.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import Any

from bedside.core.errors import Refused
from bedside.core.records.caller import Caller
from bedside.serve.auth import Authenticator
from bedside.serve.fhir_said import error_said
from bedside.serve.routes import CALLER

__all__ = ["BODY_LIMIT", "INTERNAL", "OPEN_PATH", "Gate"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_LIMIT = 1024 * 1024
BODY_SECONDS = 20.0
OPEN_PATH = "/v2/health/live"
INTERNAL = {
    "error": "Something failed inside. Fix: look into the server's log.",
    "code": "internal",
}
_LOG = logging.getLogger("bedside.serve")
_JSON = (b"application/json", b"application/fhir+json")
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_SECURITY_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]


class _Stop(Exception):
    """The request ends here with this status."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(code)
        self.status = status
        self.told = {"error": text, "code": code}


class Gate:
    """Lets a request through to `app`, or answers it.

    Args:
        app: What lies behind the gate.
        authenticators: Asked in turn; the first that knows a caller decides.
        allowed_hosts: Host names besides loopback that a request may be addressed to.
        body_limit: Bytes.
        body_seconds: How long a body may take to arrive.
    """

    def __init__(
        self,
        app: App,
        *,
        authenticators: Sequence[Authenticator],
        allowed_hosts: Sequence[str] = (),
        body_limit: int = BODY_LIMIT,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        self.app = app
        self._authenticators = tuple(authenticators)
        self._hosts = frozenset(host.lower() for host in (*_LOOPBACK, *allowed_hosts))
        self._body_limit = body_limit
        self._body_seconds = body_seconds

    @property
    def knows_callers(self) -> bool:
        """Whether anybody at all can get in."""
        return bool(self._authenticators)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_safely(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                own = list(message.get("headers", ()))
                named = {name for name, _ in own}
                message["headers"] = own + [one for one in _SECURITY_HEADERS if one[0] not in named]
            await send(message)

        try:
            body = await self._admitted(scope, receive)
            await self.app(scope, _once(body, receive), send_safely)
        except _Stop as stop:
            await _respond(send_safely, stop, scope["path"])
        except Exception as error:
            # Its text may hold a patient's value, so only its class is named.
            _LOG.error("a request failed inside: %s", type(error).__name__)
            if not begun:
                inside = _Stop(500, INTERNAL["code"], INTERNAL["error"])
                await _respond(send_safely, inside, scope["path"])

    async def _admitted(self, scope: Scope, receive: Receive) -> bytes:
        """The body of a request that may pass.

        Raises:
            _Stop: it may not.
        """
        headers = _headers(scope)
        if _host(headers.get(b"host", b"")) not in self._hosts:
            raise _Stop(
                403,
                "host_not_allowed",
                "This host name is not served here. Fix: use "
                "a loopback address, or allow the host when you start the server.",
            )
        if scope["path"] == OPEN_PATH and scope["method"] in ("GET", "HEAD"):
            scope[CALLER] = Caller(name="anybody")
            return b""
        scope[CALLER] = self._caller(scope, headers)
        if scope[CALLER] is None:
            raise _Stop(
                401,
                "unauthorized",
                "The token is missing or wrong. Fix: send "
                "'Authorization: Bearer TOKEN' with the token shown at the first run.",
            )
        if scope["method"] in ("GET", "HEAD"):
            return b""
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() not in _JSON:
            raise _Stop(
                415,
                "not_json",
                "The content type is not JSON. Fix: send 'Content-Type: application/json'.",
            )
        return await self._body(headers, receive)

    def _caller(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller | None:
        for one in self._authenticators:
            try:
                found = one.caller(scope, headers)
            except Refused as refused:
                raise _Stop(401, refused.code, str(refused)) from None
            if found is not None:
                return found
        return None

    async def _body(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        too_large = _Stop(
            413,
            "too_large",
            f"The body is larger than {self._body_limit} bytes. "
            "Fix: send one patient, and only what the model asks for.",
        )
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 12 or int(length) > self._body_limit:
            raise too_large
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Stop(400, "disconnected", "The request ended early.")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > self._body_limit:
                        raise too_large
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise _Stop(
                408, "too_slow", "The body did not arrive in time. Fix: send it again."
            ) from None


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Headers by name. One that is sent twice counts as absent, so nobody is fooled by it."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        found[name] = b"" if name in found else value
    return found


def _host(header: bytes) -> str:
    """The host without its port."""
    text = header.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0]


def _once(body: bytes, receive: Receive) -> Receive:
    """A receive channel that gives the body, and then what comes from the client."""
    given = False

    async def channel() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return channel


async def _respond(send: Send, stop: _Stop, path: str) -> None:
    body, kind = error_said(path, stop.told, stop.status)
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    if stop.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if stop.status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": stop.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
