"""The Open Inference Protocol wire: a thin shell around the answer."""

from collections.abc import Mapping

from starlette.requests import Request

from bedside.core.errors import NotFound
from bedside.core.records.answer import Failure
from bedside.core.records.version import Stage
from bedside.interop.open_inference.metadata import model_metadata
from bedside.interop.open_inference.request import read_request
from bedside.interop.open_inference.response import failure_body, response_of, withheld_response
from bedside.serve.answer import Answerer
from bedside.serve.respond import Json, Workers

__all__ = ["RestWire"]


class RestWire:
    """Endpoints under `/v2`."""

    def __init__(self, answerers: Mapping[str, Answerer], workers: Workers) -> None:
        self._workers = workers
        self._answerers = dict(answerers)

    async def live(self, _request: Request) -> Json:
        """The process runs."""
        return Json({"live": True})

    async def ready(self, _request: Request) -> Json:
        """Every model is loaded and reproduced its worked example."""
        ready = bool(self._answerers)
        return Json({"ready": ready}, status_code=200 if ready else 503)

    async def model(self, request: Request) -> Json:
        """What a model says of itself."""
        found = self._find(request)
        return Json(
            model_metadata(found.declaration, version=found.version_id, stage=str(found.stage))
        )

    async def model_ready(self, request: Request) -> Json:
        """One model is loaded."""
        return Json({"name": self._find(request).declaration.name, "ready": True})

    async def infer(self, request: Request) -> Json:
        """Answer one question about one patient."""
        answerer = self._find(request)
        body = await request.body()
        question = read_request(body, answerer.declaration, now=answerer.clock.now())
        answer = await self._workers.run(
            lambda: answerer.answer(
                question.events,
                as_of=question.as_of,
                request_id=question.id,
                subject=question.subject_id,
                channel="open_inference",
                request=body,
            )
        )
        if isinstance(answer.outcome, Failure):
            return Json(failure_body(answer, answer.outcome), status_code=500)
        if answerer.stage is Stage.SILENT:
            return Json(withheld_response(answer, request_id=question.id))
        return Json(
            response_of(answer, answer.outcome, answerer.declaration, request_id=question.id)
        )

    def _find(self, request: Request) -> Answerer:
        found = self._answerers.get(request.path_params["name"])
        if found is None:
            raise NotFound(
                "No model of this name is served here.",
                fix=f"use one of: {', '.join(sorted(self._answerers)) or 'none is served'}.",
            )
        return found
