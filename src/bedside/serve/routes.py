"""What a wire offers: a path, what it does, for which model; and the one place that permits it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bedside.core.errors import Refused
from bedside.core.records.caller import Action, Caller

__all__ = [
    "CALLER",
    "ROUTE",
    "WHOLE",
    "Endpoint",
    "WireRoute",
    "caller_of",
    "check_permitted",
    "permitted",
    "permitted_of",
]

CALLER = "bedside.caller"
"""Where the gate leaves the caller in the ASGI scope."""
ROUTE = "bedside.route"
"""Where the template of the route is left, once one is found: what counts requests reads it."""
WHOLE = "bedside.whole"
"""Stands in the ASGI scope once the whole body has come, so that nobody need wait for it."""
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRoute:
    """One route of a wire.

    `model` tells the model that a request is about; None: the route is about none.
    """

    path: str
    methods: tuple[str, ...]
    endpoint: Endpoint
    action: Action
    model: Callable[[Request], str] | None = None


def caller_of(request: Request) -> Caller:
    """Who sent a request that has passed the gate."""
    caller: Caller = request.scope[CALLER]
    return caller


async def check_permitted(caller: Caller, action: Action, model: str | None) -> None:
    """Refuse a caller whose scopes do not allow the action on the model; None: on no model.

    What the policies have to decide first is decided in a thread, and nobody else waits for it.

    Raises:
        Refused: they do not (code `not_permitted`).
        Unavailable: nobody can say what the policies allow.
    """
    may = caller.known_to(action, model)
    if may is None:
        may = await asyncio.to_thread(caller.may, action, model)
    if not may:
        raise Refused(
            "This is not allowed to you here.",
            fix=f"ask for the scope '{action.value}/MODEL'.",
            code="not_permitted",
        )


async def permitted_of(caller: Caller, action: Action, models: Iterable[str]) -> frozenset[str]:
    """Those of the models on which the caller may do it.

    Raises:
        Unavailable: nobody can say what the policies allow.
    """
    known = {model: caller.known_to(action, model) for model in models}
    for model in [model for model, may in known.items() if may is None]:
        known[model] = await asyncio.to_thread(caller.may, action, model)
    return frozenset(model for model, may in known.items() if may)


def permitted(route: WireRoute) -> Route:
    """The route, reached only by a caller whose scopes allow its action on its model.

    It is refused before anything is looked up, so that nobody can find out what is served.
    """

    async def endpoint(request: Request) -> Response:
        request.scope[ROUTE] = route.path
        model = None if route.model is None else route.model(request)
        await check_permitted(caller_of(request), route.action, model)
        return await route.endpoint(request)

    return Route(route.path, endpoint, methods=list(route.methods), name=route.path)
