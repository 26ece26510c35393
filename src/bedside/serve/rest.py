"""The Open Inference Protocol wire: a thin shell around the answer."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from starlette.requests import Request

from bedside import __version__
from bedside.core.errors import NotFound, Refused
from bedside.core.records.answer import Failure
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.caller import Action, Caller
from bedside.core.records.declaration import Declaration
from bedside.core.records.version import Stage
from bedside.interop.open_inference.metadata import model_metadata, server_metadata
from bedside.interop.open_inference.request import InferenceRequest, read_request
from bedside.interop.open_inference.response import (
    failure_body,
    only,
    response_of,
    withheld_response,
)
from bedside.serve.respond import Json, status_of_failure
from bedside.serve.routes import Endpoint, WireRoute, caller_of
from bedside.serve.service import ServedModel, Service

__all__ = ["RestWire"]


class RestWire:
    """Endpoints under `/v2`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[WireRoute]:
        """Every route of this wire."""
        told = Action.DESCRIBE
        routes = [
            _route("/v2", self.server, told),
            _route("/v2/health/live", self.live, Action.LIVE),
            _route("/v2/health/ready", self.ready, told),
        ]
        for model in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            routes += [
                _route(model, self.model, told, _name),
                _route(f"{model}/ready", self.model_ready, told, _name),
                _route(f"{model}/infer", self.infer, Action.INFER, _name, "POST"),
            ]
        return routes

    async def server(self, _request: Request) -> Json:
        """What this server is: name, version, extensions of the protocol."""
        return Json(server_metadata(__version__))

    async def live(self, _request: Request) -> Json:
        """The process runs."""
        return Json({"live": True})

    async def ready(self, _request: Request) -> Json:
        """Every model is loaded and reproduced its worked example, and none hangs."""
        return _readiness({}, self._service.is_ready())

    async def model(self, request: Request) -> Json:
        """What a model says of itself."""
        found = self._find(_name(request), _version(request))
        return Json(
            model_metadata(
                found.declaration, version=found.first.version_id, stage=str(found.first.stage)
            )
        )

    async def model_ready(self, request: Request) -> Json:
        """One model is loaded, and does not hang."""
        version = _version(request)
        found = self._find(_name(request), version)
        name = found.declaration.name
        if version is None:
            return _readiness({"name": name}, self._service.is_ready(name))
        return _readiness({"name": name}, self._service.lanes.is_ready(found.first))

    async def infer(self, request: Request) -> Json:
        """Answer one question about one patient."""
        body = await request.body()
        name, caller = _name(request), caller_of(request)
        status, told = await self.told(name, caller, body, version=_version(request))
        return Json(told, status_code=status)

    async def told(
        self, name: str, caller: Caller, body: bytes, *, version: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the body of the answer to one question.

        Args:
            name: The model.
            caller: Who asks.
            body: The question.
            version: The one that is to answer, and no other; None: as the rollout says.

        Raises:
            NotFound: the model or the version is not served here, or not on this wire.
            Invalid: the question cannot be read.
            Refused: its id came with another request before.
            Unavailable: no answer can be given now.
        """
        found = self._find(name, version)
        declared, now = found.declaration, found.first.clock.now()
        question = read_request(body, declared, now=now)
        asked = Asked(
            read=partial(_facts, body, now, (declared, question)),
            as_of=question.as_of,
            channel="open_inference",
            caller=caller,
            request=body,
            request_id=question.id,
            reasons=question.reasons,
        )
        answer = await self._service.answer(found, asked)
        if version is not None and answer.version != version:
            raise Refused(
                "The id of this request came before, and another version answered it.",
                fix="send a new id.",
                code="request_id_reused",
            )
        if isinstance(answer.outcome, Failure):
            return status_of_failure(answer.outcome), dict(failure_body(answer, answer.outcome))
        if answer.shown:
            declared = found.declaration_of(answer.version)
            response = response_of(answer, answer.outcome, declared, request_id=question.id)
        else:
            response = withheld_response(answer, request_id=question.id)
        return 200, only(response, question.outputs) if question.outputs else response

    def _find(self, name: str, version: str | None = None) -> ServedModel:
        """The model; where a version is named, so that this one answers and no canary beside it.

        Raises:
            NotFound: it is not served here, or not on this wire, or that is not the version that
                its model is described by (a challenger does not answer by its name).
        """
        found = self._service.model(name)
        if not found.declaration.channels.inference:
            raise NotFound("This model does not answer on this wire.", fix="see which it declares.")
        if version is None:
            return found
        if version != found.first.version_id:
            raise NotFound(
                "This version is not the one of its model that answers by its name here.",
                fix=f"GET /v2/models/{name} for the version that does.",
                code="version_not_served",
            )
        beside = tuple(one for one in found.challengers if one.stage is Stage.SILENT)
        return replace(found, challengers=beside)


def _route(
    path: str,
    endpoint: Endpoint,
    action: Action,
    model: Callable[[Request], str] | None = None,
    method: str = "GET",
) -> WireRoute:
    return WireRoute(path=path, methods=(method,), endpoint=endpoint, action=action, model=model)


def _readiness(told: dict[str, Any], ready: bool) -> Json:
    return Json(told | {"ready": ready}, status_code=200 if ready else 503)


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name


def _version(request: Request) -> str | None:
    """The version in the path, if it names one."""
    return request.path_params.get("version")


def _facts(
    body: bytes,
    now: datetime,
    read: tuple[Declaration, InferenceRequest],
    declaration: Declaration,
) -> Facts:
    """What a version's declaration reads; the first version's was read already."""
    known, question = read
    if declaration is not known:
        question = read_request(body, declaration, now=now)
    return Facts(events=question.events, subject=question.subject_id)
