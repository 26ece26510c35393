"""The way to an inference past the router: the same check, the same answer, less work."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from bedside.core.errors import BedsideError
from bedside.core.records.caller import Action
from bedside.serve.respond import refused
from bedside.serve.rest import RestWire
from bedside.serve.routes import CALLER, ROUTE, check_permitted

__all__ = ["Shortcut"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_BEFORE, _AFTER = "/v2/models/", "/infer"
_TEMPLATE = "/v2/models/{name}/infer"
_JSON = (b"content-type", b"application/json")


class Shortcut:
    """Answers `POST /v2/models/NAME/infer`, and hands everything else on.

    Args:
        app: What knows every route. It stands behind the gate, which has read the body.
        wire: What answers.
    """

    def __init__(self, app: App, wire: RestWire) -> None:
        self._app, self._wire = app, wire

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection that has passed the gate."""
        path = scope.get("path", "")
        name = path[len(_BEFORE) : -len(_AFTER)]
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or not (path.startswith(_BEFORE) and path.endswith(_AFTER))
            or not name
            or "/" in name
        ):
            await self._app(scope, receive, send)
            return
        scope[ROUTE] = _TEMPLATE
        headers = [_JSON]
        try:
            await check_permitted(scope[CALLER], Action.INFER, name)
            body = (await receive())["body"]
            status, told = await self._wire.told(name, scope[CALLER], body)
        except BedsideError as error:
            status, told, more = refused(error)
            headers += [(key.encode(), value.encode()) for key, value in more.items()]
        content = msgspec.json.encode(told)
        headers.append((b"content-length", b"%d" % len(content)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
