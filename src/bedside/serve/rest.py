"""The Open Inference Protocol wire: a thin shell around the answer."""

from datetime import datetime
from functools import partial

from starlette.requests import Request

from bedside.core.errors import NotFound
from bedside.core.records.answer import Failure
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.caller import Action
from bedside.core.records.declaration import Declaration
from bedside.interop.open_inference.metadata import model_metadata
from bedside.interop.open_inference.request import InferenceRequest, read_request
from bedside.interop.open_inference.response import failure_body, response_of, withheld_response
from bedside.serve.respond import Json
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
        """Every model is loaded and reproduced its worked example."""
        ready = bool(self._service.models)
        return Json({"ready": ready}, status_code=200 if ready else 503)

    async def model(self, request: Request) -> Json:
        """What a model says of itself."""
        found = self._find(request)
        return Json(
            model_metadata(
                found.declaration, version=found.first.version_id, stage=str(found.first.stage)
            )
        )

    async def model_ready(self, request: Request) -> Json:
        """One model is loaded."""
        return Json({"name": self._find(request).declaration.name, "ready": True})

    async def infer(self, request: Request) -> Json:
        """Answer one question about one patient."""
        found = self._find(request)
        body = await request.body()
        declared, now = found.declaration, found.first.clock.now()
        question = read_request(body, declared, now=now)
        asked = Asked(
            read=partial(_facts, body, now, (declared, question)),
            as_of=question.as_of,
            channel="open_inference",
            caller=caller_of(request),
            request=body,
            request_id=question.id,
        )
        answer = await self._service.answer(found, asked)
        if isinstance(answer.outcome, Failure):
            return Json(failure_body(answer, answer.outcome), status_code=500)
        if not answer.shown:
            return Json(withheld_response(answer, request_id=question.id))
        return Json(response_of(answer, answer.outcome, declared, request_id=question.id))

    def _find(self, request: Request) -> ServedModel:
        found = self._service.model(_name(request))
        if not found.declaration.channels.inference:
            raise NotFound("This model does not answer on this wire.", fix="see which it declares.")
        return found


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
