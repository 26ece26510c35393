"""The ASGI application: every served model, on every wire it declares, behind one gate."""

from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from bedside.core.errors import BedsideError, Invalid
from bedside.interop.open_inference.response import error_body, status_of
from bedside.serve.answer import Answerer
from bedside.serve.cds_hooks import CdsHooksWire
from bedside.serve.gate import BODY_LIMIT, INTERNAL, Gate
from bedside.serve.respond import Json, Workers
from bedside.serve.rest import RestWire

__all__ = ["create_app", "routes_of"]


def create_app(
    answerers: Mapping[str, Answerer],
    *,
    token_sha256: str,
    allowed_hosts: Sequence[str] = (),
    body_limit: int = BODY_LIMIT,
) -> Gate:
    """The application for these models.

    Args:
        answerers: By model name.
        token_sha256: SHA-256 of the one token that opens, in hexadecimal.
        allowed_hosts: Host names besides loopback that requests may be addressed to.
        body_limit: Largest body, in bytes.

    Raises:
        Invalid: the digest is malformed, or two models declare one CDS Hooks service id.
    """
    app = Starlette(
        routes=routes_of(answerers),
        exception_handlers={BedsideError: _refusal, HTTPException: _no_route, Exception: _internal},
    )
    return Gate(app, token_sha256=token_sha256, allowed_hosts=allowed_hosts, body_limit=body_limit)


def routes_of(answerers: Mapping[str, Answerer]) -> list[BaseRoute]:
    """Every route; each is reached only through the gate.

    Raises:
        Invalid: two models declare one CDS Hooks service id.
    """
    workers = Workers()
    inference = {
        name: each for name, each in answerers.items() if each.declaration.channels.inference
    }
    rest = RestWire(inference, workers)
    hooks = CdsHooksWire(_by_service(answerers), workers)
    return [
        Route("/v2/health/live", rest.live, methods=["GET"]),
        Route("/v2/health/ready", rest.ready, methods=["GET"]),
        Route("/v2/models/{name}", rest.model, methods=["GET"]),
        Route("/v2/models/{name}/ready", rest.model_ready, methods=["GET"]),
        Route("/v2/models/{name}/infer", rest.infer, methods=["POST"]),
        Route("/cds-services", hooks.discovery, methods=["GET"]),
        Route("/cds-services/{service}", hooks.call, methods=["POST"]),
        Route("/cds-services/{service}/feedback", hooks.feedback, methods=["POST"]),
    ]


def _by_service(answerers: Mapping[str, Answerer]) -> dict[str, Answerer]:
    services: dict[str, Answerer] = {}
    for answerer in answerers.values():
        channel = answerer.declaration.channels.cds_hooks
        if channel is None:
            continue
        if channel.id in services:
            raise Invalid(
                f"Two models declare the CDS Hooks service '{channel.id}'.",
                fix="give each its own id in its declaration.",
            )
        services[channel.id] = answerer
    return services


def _refusal(_request: Request, error: Exception) -> Json:
    assert isinstance(error, BedsideError)  # noqa: S101 - registered for this class alone
    return Json(error_body(error), status_code=status_of(error))


def _no_route(_request: Request, error: Exception) -> Json:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class alone
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    text = "Nothing is served at this path with this method. Fix: see the manual for the routes."
    return Json({"error": text, "code": code}, error.status_code, dict(error.headers or {}))


def _internal(_request: Request, _error: Exception) -> Json:
    """Its text may hold a patient's value; the gate writes its class to the log."""
    return Json(INTERNAL, status_code=500)
