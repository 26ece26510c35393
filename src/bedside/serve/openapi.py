"""What may be asked of this server, as an OpenAPI document and as a page, from its own routes.

Source: OpenAPI Specification 3.1.1.
"""

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bedside import __version__
from bedside.core.records.caller import Action, Caller
from bedside.interop.open_inference.schema import (
    example_request,
    request_schema,
    response_schema,
)
from bedside.serve.openapi_page import PAGE_POLICY, page_of
from bedside.serve.respond import Json
from bedside.serve.routes import WireRoute, caller_of, permitted_of
from bedside.serve.service import ServedModel, Service

__all__ = ["OpenApiPages", "openapi_document"]

_OPEN = (Action.LIVE, Action.LOGIN)
_PLACE = re.compile(r"\{(\w+)\}")
_ERROR = {"$ref": "#/components/schemas/Error"}
_PAGES = ("/docs", "/card", "/login", "/login/callback")


class OpenApiPages:
    """`GET /openapi.json` and `GET /docs`; both tell of the models that a caller may describe.

    Args:
        service: The models.
        routes: Every other route; those of these pages are added.
    """

    def __init__(self, service: Service, routes: Sequence[WireRoute]) -> None:
        self._service = service
        self._routes = [*routes, *self.routes()]

    def routes(self) -> list[WireRoute]:
        """The two."""
        told, get = Action.DESCRIBE, ("GET",)
        return [
            WireRoute(path="/openapi.json", methods=get, endpoint=self.document, action=told),
            WireRoute(path="/docs", methods=get, endpoint=self.page, action=told),
        ]

    async def document(self, request: Request) -> Response:
        """Say in OpenAPI 3.1 what may be asked here."""
        return Json(await self._document(caller_of(request)))

    async def page(self, request: Request) -> Response:
        """Say it as a page: no script, nothing loaded from anywhere."""
        html = page_of(await self._document(caller_of(request)))
        headers = {"content-security-policy": PAGE_POLICY}
        return Response(html, media_type="text/html", headers=headers)

    async def _document(self, caller: Caller) -> dict[str, Any]:
        served = dict(self._service.models)
        may = await permitted_of(caller, Action.DESCRIBE, served)
        models = [model for name, model in sorted(served.items()) if name in may]
        return openapi_document(self._routes, models)


def openapi_document(routes: Iterable[WireRoute], models: Sequence[ServedModel]) -> dict[str, Any]:
    """The document: a route about a model stands there once for each of these models.

    A version in a path is the one that answers by its name, and is written out.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        about: Sequence[ServedModel | None] = models if "{name}" in route.path else [None]
        for model in about:
            if _answers(route, model):
                for method in route.methods:
                    operation = _operation(route, method, model)
                    paths.setdefault(_path(route, model), {})[method.lower()] = operation
    schemas: dict[str, Any] = {"Error": _error_schema()}
    for one in models:
        schemas[f"{one.declaration.name}.request"] = request_schema(one.declaration)
        schemas[f"{one.declaration.name}.response"] = response_schema(one.declaration)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Bedside",
            "version": __version__,
            "description": "Clinical models that are served here. Each answer is recorded.",
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "tags": [
            {"name": one.declaration.name, "description": one.declaration.title} for one in models
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _answers(route: WireRoute, model: ServedModel | None) -> bool:
    """Whether the model is on the wire of the route."""
    on_wire = model is None or model.declaration.channels.inference
    return on_wire or not route.path.startswith("/v2/")


def _path(route: WireRoute, model: ServedModel | None) -> str:
    if model is None:
        return route.path
    named = route.path.replace("{name}", model.declaration.name)
    return named.replace("{version}", model.first.version_id)


def _operation(route: WireRoute, method: str, model: ServedModel | None) -> dict[str, Any]:
    path = _path(route, model)
    name = None if model is None else model.declaration.name
    kind = "application/fhir+json" if path.startswith("/fhir/") else "application/json"
    kind = "text/html" if path.endswith(_PAGES) else kind
    failed = "application/fhir+json" if path.startswith("/fhir/") else "application/json"
    infers = name is not None and route.path.endswith("/infer")
    told: dict[str, Any] = {
        "operationId": f"{method.lower()} {path}",
        "summary": _summary(route),
        "tags": [name or "server"],
        "responses": {
            "200": {
                "description": "Answered.",
                "content": {kind: {"schema": _ref(name, "response") if infers else {}}},
            },
            "default": {
                "description": "Refused or failed: what is wrong, and what to do.",
                "content": {failed: {"schema": {} if kind.endswith("fhir+json") else _ERROR}},
            },
        },
    }
    if places := _PLACE.findall(path):
        told["parameters"] = [
            {"name": one, "in": "path", "required": True, "schema": {"type": "string"}}
            for one in places
        ]
    if method == "POST" and route.action is not Action.LOGIN:
        body: dict[str, Any] = {"schema": {"type": "object"}}
        if infers and model is not None:
            body = {"schema": _ref(name, "request"), "example": example_request(model.declaration)}
        told["requestBody"] = {"required": True, "content": {failed: body}}
    if route.action not in _OPEN:
        told["security"] = [{"bearer": [f"{route.action.value}/{name or 'MODEL'}"]}]
    return told


def _summary(route: WireRoute) -> str:
    """The first line of what the endpoint says of itself."""
    return (inspect.getdoc(route.endpoint) or route.path).partition("\n")[0]


def _ref(name: str | None, what: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}.{what}"}


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["error", "code"],
        "properties": {
            "error": text | {"description": "What is wrong and what to do; never a value."},
            "code": text,
            "prediction_id": text,
            "version": text,
        },
    }
