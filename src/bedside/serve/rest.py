"""The Open Inference Protocol wire: a thin shell around the answer."""

from datetime import datetime
from functools import partial
from typing import Any

from starlette.requests import Request

from bedside.core.errors import NotFound
from bedside.core.records.answer import Failure
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.caller import Action, Caller
from bedside.core.records.declaration import Declaration
from bedside.interop.open_inference.metadata import model_metadata
from bedside.interop.open_inference.request import InferenceRequest, read_request
from bedside.interop.open_inference.response import failure_body, response_of, withheld_response
from bedside.serve.respond import Json, status_of_failure
from bedside.serve.routes import WireRoute, caller_of
from bedside.serve.service import ServedModel, Service

__all__ = ["RestWire"]


class RestWire:
    """Endpoints under `/v2`."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[WireRoute]:
        """Every route of this wire."""
        get, post, name = ("GET",), ("POST",), _name
        model = "/v2/models/{name}"
        told, asked = Action.DESCRIBE, Action.INFER
        return [
            WireRoute(path="/v2/health/live", methods=get, endpoint=self.live, action=Action.LIVE),
            WireRoute(path="/v2/health/ready", methods=get, endpoint=self.ready, action=told),
            WireRoute(path=model, methods=get, endpoint=self.model, action=told, model=name),
            WireRoute(
                path=f"{model}/ready",
                methods=get,
                endpoint=self.model_ready,
                action=told,
                model=name,
            ),
            WireRoute(
                path=f"{model}/infer", methods=post, endpoint=self.infer, action=asked, model=name
            ),
        ]

    async def live(self, _request: Request) -> Json:
        """The process runs."""
        return Json({"live": True})

    async def ready(self, _request: Request) -> Json:
        """Every model is loaded and reproduced its worked example, and none hangs."""
        return _readiness({}, self._service.is_ready())

    async def model(self, request: Request) -> Json:
        """What a model says of itself."""
        found = self._find(_name(request))
        return Json(
            model_metadata(
                found.declaration, version=found.first.version_id, stage=str(found.first.stage)
            )
        )

    async def model_ready(self, request: Request) -> Json:
        """One model is loaded, and does not hang."""
        name = self._find(_name(request)).declaration.name
        return _readiness({"name": name}, self._service.is_ready(name))

    async def infer(self, request: Request) -> Json:
        """Answer one question about one patient."""
        status, told = await self.told(_name(request), caller_of(request), await request.body())
        return Json(told, status_code=status)

    async def told(self, name: str, caller: Caller, body: bytes) -> tuple[int, dict[str, Any]]:
        """The status and the body of the answer to one question.

        Raises:
            NotFound: the model is not served here, or not on this wire.
            Invalid: the question cannot be read.
            Refused: its id came with another request before.
            Unavailable: no answer can be given now.
        """
        found = self._find(name)
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
        if isinstance(answer.outcome, Failure):
            return status_of_failure(answer.outcome), dict(failure_body(answer, answer.outcome))
        if not answer.shown:
            return 200, withheld_response(answer, request_id=question.id)
        declared = found.declaration_of(answer.version)
        return 200, response_of(answer, answer.outcome, declared, request_id=question.id)

    def _find(self, name: str) -> ServedModel:
        found = self._service.model(name)
        if not found.declaration.channels.inference:
            raise NotFound("This model does not answer on this wire.", fix="see which it declares.")
        return found


def _readiness(told: dict[str, Any], ready: bool) -> Json:
    return Json(told | {"ready": ready}, status_code=200 if ready else 503)


def _name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name


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
