"""The CDS Hooks wire: a thin shell around the answer."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from bedside.core.clock import iso
from bedside.core.errors import NotFound
from bedside.core.records.answer import Answer, Failure
from bedside.core.records.declaration import CdsHooks
from bedside.core.records.version import Stage
from bedside.interop.cds_hooks.cards import cards_of, withheld_cards
from bedside.interop.cds_hooks.discovery import prefetch_templates, service_of
from bedside.interop.cds_hooks.request import (
    Feedback,
    HookCall,
    missing_prefetch,
    read_call,
    read_feedback,
)
from bedside.interop.fhir.reading import Reading, read_resources
from bedside.interop.open_inference.response import failure_body
from bedside.serve.answer import Answerer
from bedside.serve.respond import Json, Workers

__all__ = ["CdsHooksWire"]


class CdsHooksWire:
    """Endpoints under `/cds-services`.

    Args:
        services: By CDS Hooks service id; each declares a CDS Hooks channel.
    """

    def __init__(self, services: Mapping[str, Answerer], workers: Workers) -> None:
        self._workers = workers
        self._services = dict(services)

    async def discovery(self, _request: Request) -> Json:
        """Every service and the data it asks for."""
        return Json(
            {
                "services": [
                    service_of(each.declaration, _channel(each)) for each in self._services.values()
                ]
            }
        )

    async def call(self, request: Request) -> Json:
        """Answer for the patient whose chart is opened."""
        answerer = self._find(request)
        body = await request.body()
        call = read_call(body, hook=_channel(answerer).hook)
        templates = prefetch_templates(answerer.declaration)
        missing = missing_prefetch(templates, call)
        if missing:
            return _precondition_failed(missing)
        return await self._workers.run(lambda: _answered(answerer, call, templates, body))

    async def feedback(self, request: Request) -> Json:
        """Keep what clinicians did with the cards."""
        answerer = self._find(request)
        entries = read_feedback(await request.body())
        service = _channel(answerer).id
        await self._workers.run(lambda: _keep(answerer, service, entries))
        return Json({"recorded": len(entries)})

    def _find(self, request: Request) -> Answerer:
        found = self._services.get(request.path_params["service"])
        if found is None:
            raise NotFound(
                "No CDS service of this id is served here.", fix="GET /cds-services lists them all."
            )
        return found


def _answered(
    answerer: Answerer, call: HookCall, templates: Mapping[str, str], body: bytes
) -> Json:
    as_of = answerer.clock.now()
    reading: Reading = read_resources(
        answerer.declaration,
        {key: call.prefetch[key] for key in templates},
        as_of=as_of,
        patient_id=call.patient_id,
    )
    if reading.absent:
        return _precondition_failed(reading.absent)
    answer = answerer.answer(
        reading.events,
        as_of=as_of,
        request_id=call.instance,
        subject=reading.subject_id,
        channel="cds_hooks",
        notes=reading.notes,
        request=body,
    )
    return _response(answerer, answer)


def _response(answerer: Answerer, answer: Answer) -> Json:
    if isinstance(answer.outcome, Failure):
        return Json(failure_body(answer, answer.outcome), status_code=500)
    if answerer.stage is Stage.SILENT:
        return Json(withheld_cards(answer))
    return Json(cards_of(answer, answer.outcome, answerer.declaration))


def _precondition_failed(missing: tuple[str, ...]) -> Json:
    body: dict[str, Any] = {
        "error": f"Needed FHIR data did not come, or not completely: {', '.join(missing)}. "
        "Fix: send every prefetch key of the discovery, with all pages of a search.",
        "code": "prefetch_missing",
        "missing": list(missing),
    }
    return Json(body, status_code=412)


def _keep(answerer: Answerer, service: str, entries: tuple[Feedback, ...]) -> None:
    for each in entries:
        details = {
            "service": service,
            "card": each.card,
            "outcome": each.outcome,
            "at": iso(each.at),
        }
        answerer.record("feedback", details, sealed=each.detail)


def _channel(answerer: Answerer) -> CdsHooks:
    channel = answerer.declaration.channels.cds_hooks
    assert channel is not None  # noqa: S101 - only models with this channel become services
    return channel
