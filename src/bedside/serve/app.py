"""The ASGI application: every served model, on every wire it declares, behind one gate."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bedside.core.errors import BedsideError
from bedside.core.records.caller import Caller
from bedside.serve.auth import Authenticator
from bedside.serve.cds_hooks import CdsHooksWire, CdsParts
from bedside.serve.fhir import FhirWire
from bedside.serve.fhir_said import error_response
from bedside.serve.gate import BODY_LIMIT, INTERNAL, Gate
from bedside.serve.login import Login
from bedside.serve.model_card import CardPages
from bedside.serve.openapi import OpenApiPages
from bedside.serve.rate_limits import RateLimits
from bedside.serve.respond import refused
from bedside.serve.rest import RestWire
from bedside.serve.routes import WireRoute, permitted
from bedside.serve.service import Service
from bedside.serve.shortcut import Shortcut

__all__ = ["create_app", "routes_of"]


def create_app(
    service: Service,
    *,
    authenticators: Sequence[Authenticator],
    allowed_hosts: Sequence[str] = (),
    body_limit: int = BODY_LIMIT,
    cds: CdsParts | None = None,
    limits: RateLimits | None = None,
    login: Login | None = None,
    more: Sequence[WireRoute] = (),
    policed: Callable[[Caller], Caller] = lambda caller: caller,
) -> Gate:
    """The application for what is served.

    Args:
        service: The models.
        authenticators: Who knows the callers; without any, nobody gets in.
        allowed_hosts: Host names besides loopback that requests may be addressed to.
        body_limit: Largest body, in bytes.
        cds: What the CDS Hooks wire may use of the outside.
        limits: How often may be asked.
        login: Lets people in by their browser.
        more: Routes of no wire, such as the one of the metrics.
        policed: Lets a caller do only what the policies of a workspace allow as well.

    Raises:
        Invalid: two models declare one CDS Hooks service id.
    """
    app = Starlette(
        routes=[permitted(route) for route in (*routes_of(service, cds, login), *more)],
        exception_handlers={BedsideError: _refusal, HTTPException: _no_route, Exception: _internal},
    )
    quick = Shortcut(app, RestWire(service))
    return Gate(
        quick,
        authenticators=authenticators if login is None else [*authenticators, login],
        allowed_hosts=allowed_hosts,
        body_limit=body_limit,
        limits=limits,
        doors=() if login is None else login.doors,
        policed=policed,
    )


def routes_of(
    service: Service, cds: CdsParts | None = None, login: Login | None = None
) -> list[WireRoute]:
    """Every route of every wire; each is reached only through the gate and by who may.

    Raises:
        Invalid: two models declare one CDS Hooks service id.
    """
    wires = RestWire(service), CdsHooksWire(service, cds), FhirWire(service), CardPages(service)
    doors = [] if login is None else login.routes()
    routes = [route for wire in wires for route in wire.routes()] + doors
    return routes + OpenApiPages(service, routes).routes()


def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, BedsideError)  # noqa: S101 - registered for this class alone
    status, told, headers = refused(error)
    return error_response(request.url.path, told, status, headers)


def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    text = "Nothing is served at this path with this method. Fix: see the manual for the routes."
    told = {"error": text, "code": code}
    return error_response(request.url.path, told, error.status_code, dict(error.headers or {}))


def _internal(request: Request, _error: Exception) -> Response:
    """Its text may hold a patient's value; the gate writes its class to the log."""
    return error_response(request.url.path, INTERNAL, 500)
