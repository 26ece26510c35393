"""The one gate in front of every wire: nothing passes that it does not know. Pure ASGI.

It checks the host and the origin (against DNS rebinding and forged requests), how often the address
asks, who asks, how often the caller does, the content type and the size of the body, in this order;
the body has been read and bounded when the application sees the request.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from math import ceil
from typing import Any
from urllib.parse import quote

from bedside.core.errors import Refused
from bedside.core.records.caller import Caller
from bedside.serve.auth import Authenticator
from bedside.serve.fhir_said import error_said
from bedside.serve.headers import with_security
from bedside.serve.rate_limits import RateLimits
from bedside.serve.routes import CALLER, WHOLE

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
_SAFE = ("GET", "HEAD")


class _Stop(Exception):
    """The request ends here with this status."""

    def __init__(self, status: int, code: str, text: str, **headers: str) -> None:
        super().__init__(code)
        self.status = status
        self.headers = [(key.replace("_", "-"), value) for key, value in headers.items()]
        self.told = {"error": text, "code": code}


class Gate:
    """Lets a request through to `app`, or answers it.

    Args:
        app: What lies behind the gate.
        authenticators: Asked in turn; the first that knows a caller decides.
        allowed_hosts: Host names besides loopback that a request may be addressed to.
        body_limit: Bytes.
        body_seconds: How long a body may take to arrive.
        limits: How often may be asked.
        doors: Paths that let people in and out, and so know nobody yet; the first of them is where
            a browser of somebody unknown is sent.
        policed: Lets a caller do only what the policies of a workspace allow as well.
    """

    def __init__(
        self,
        app: App,
        *,
        authenticators: Sequence[Authenticator],
        allowed_hosts: Sequence[str] = (),
        body_limit: int = BODY_LIMIT,
        body_seconds: float = BODY_SECONDS,
        limits: RateLimits | None = None,
        doors: Sequence[str] = (),
        policed: Callable[[Caller], Caller] = lambda caller: caller,
    ) -> None:
        self.app = app
        self._authenticators = tuple(authenticators)
        self._hosts = frozenset(host.lower() for host in (*_LOOPBACK, *allowed_hosts))
        self._body_limit = body_limit
        self._body_seconds = body_seconds
        self._limits = limits or RateLimits()
        self._doors = tuple(doors)
        self._policed = policed

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
                message["headers"] = with_security(own, tls=scope.get("scheme") == "https")
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
        _check_origin(headers, scope["method"])
        address = (scope.get("client") or ("", 0))[0]
        _check_wait(self._limits.arrived(address))
        if scope["path"] == OPEN_PATH and scope["method"] in _SAFE:
            scope[CALLER] = Caller(name="anybody")
            return b""
        if scope["path"] in self._doors:
            _check_wait(self._limits.failed(address))
            return self._at_the_door(scope, headers)
        try:
            caller = self._caller(scope, headers)
        except _Stop:
            _check_wait(self._limits.failed(address))
            raise
        if caller is None:
            _check_wait(self._limits.failed(address))
            raise self._unknown(scope, headers)
        _check_wait(self._limits.asked(caller.name))
        scope[CALLER] = self._policed(caller)
        if scope["method"] in _SAFE:
            return b""
        if headers.get(b"content-type", b"").partition(b";")[0].strip().lower() not in _JSON:
            raise _Stop(
                415,
                "not_json",
                "The content type is not JSON. Fix: send 'Content-Type: application/json'.",
            )
        return await self._body(scope, headers, receive)

    def _at_the_door(self, scope: Scope, headers: Mapping[bytes, bytes]) -> bytes:
        """Nobody is known here; nothing is read, and a form comes from our own pages alone."""
        if scope["method"] not in _SAFE and b"origin" not in headers:
            raise _no_origin()
        scope[CALLER] = Caller(name="anybody")
        return b""

    def _unknown(self, scope: Scope, headers: Mapping[bytes, bytes]) -> _Stop:
        """What somebody unknown is told: the same on every path, whatever is there."""
        text = "The token is missing or wrong. Fix: send 'Authorization: Bearer TOKEN'."
        if (
            self._doors
            and scope["method"] in _SAFE
            and b"authorization" not in headers
            and b"text/html" in headers.get(b"accept", b"")
        ):
            return _Stop(
                303,
                "sign_in",
                "Nobody is signed in. Fix: sign in.",
                location=f"{self._doors[0]}?next={quote(scope['path'], safe='')}",
            )
        return _Stop(401, "unauthorized", text, www_authenticate="Bearer")

    def _caller(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller | None:
        for one in self._authenticators:
            try:
                found = one.caller(scope, headers)
            except Refused as refused:
                told = str(refused)
                raise _Stop(401, refused.code, told, www_authenticate="Bearer") from None
            if found is not None:
                return found
        return None

    async def _body(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
        too_large = _Stop(
            413,
            "too_large",
            f"The body is larger than {self._body_limit} bytes. "
            "Fix: send one patient, and only what the model asks for.",
        )
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or len(length) > 12 or int(length) > self._body_limit:
            raise too_large
        try:
            if scope.get(WHOLE):
                return await self._read(receive, too_large)
            async with asyncio.timeout(self._body_seconds):
                return await self._read(receive, too_large)
        except TimeoutError:
            raise _Stop(
                408, "too_slow", "The body did not arrive in time. Fix: send it again."
            ) from None

    async def _read(self, receive: Receive, too_large: _Stop) -> bytes:
        parts: list[bytes] = []
        size = 0
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


def _check_origin(headers: Mapping[bytes, bytes], method: str) -> None:
    """Refuse what a page of another origin sends, and a cookie whose page does not say its own.

    Raises:
        _Stop: so.
    """
    origin = headers.get(b"origin")
    if origin is None:
        if method not in _SAFE and b"cookie" in headers and b"authorization" not in headers:
            raise _no_origin()
        return
    scheme, _, place = origin.lower().partition(b"://")
    if scheme not in (b"http", b"https") or place != headers.get(b"host", b"").lower():
        raise _Stop(
            403,
            "origin_not_allowed",
            "A page of another origin sends this. Fix: send it from a page of this server, "
            "or from a program that is no browser.",
        )


def _no_origin() -> _Stop:
    return _Stop(
        403, "no_origin", "The page does not say where it is from. Fix: use a current browser."
    )


def _check_wait(seconds: float) -> None:
    """Refuse who asks too often.

    Raises:
        _Stop: 429, with the seconds to wait.
    """
    if seconds > 0:
        raise _Stop(
            429,
            "too_many_requests",
            "This is asked too often. Fix: wait as long as Retry-After says.",
            retry_after=str(ceil(seconds)),
        )


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
    headers += [(key.encode(), value.encode("latin-1")) for key, value in stop.headers]
    if stop.status in (408, 413):
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": stop.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
