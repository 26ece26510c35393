"""The CDS Hooks wire: a thin shell around the answer."""

from datetime import datetime
from functools import partial
from typing import Any

from starlette.requests import Request

from bedside.core.clock import iso
from bedside.core.errors import Invalid, NotFound
from bedside.core.records.answer import Failure
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.caller import Action
from bedside.core.records.declaration import CdsHooks, Declaration
from bedside.interop.cds_hooks.cards import cards_of, withheld_cards
from bedside.interop.cds_hooks.discovery import prefetch_templates, service_of
from bedside.interop.cds_hooks.request import HookCall, missing_prefetch, read_call, read_feedback
from bedside.interop.fhir.reading import Reading, read_resources
from bedside.interop.open_inference.response import failure_body
from bedside.serve.respond import Json
from bedside.serve.routes import WireRoute, caller_of
from bedside.serve.service import ServedModel, Service

__all__ = ["CdsHooksWire"]


class CdsHooksWire:
    """Endpoints under `/cds-services`.

    Args:
        service: The models; those that declare a CDS Hooks channel are its services.

    Raises:
        Invalid: two models declare one CDS Hooks service id.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        _by_id(service)

    def routes(self) -> list[WireRoute]:
        """Every route of this wire."""
        root, post = "/cds-services", ("POST",)
        one = f"{root}/{{service}}"
        return [
            WireRoute(path=root, methods=("GET",), endpoint=self.discovery, action=Action.DESCRIBE),
            WireRoute(
                path=one,
                methods=post,
                endpoint=self.call,
                action=Action.INFER,
                model=self._model_name,
            ),
            WireRoute(
                path=f"{one}/feedback",
                methods=post,
                endpoint=self.feedback,
                action=Action.FEEDBACK,
                model=self._model_name,
            ),
        ]

    async def discovery(self, request: Request) -> Json:
        """Every service that the caller may ask, and the data it asks for."""
        caller = caller_of(request)
        return Json(
            {
                "services": [
                    service_of(each.declaration, _channel(each))
                    for each in _by_id(self._service).values()
                    if caller.may(Action.DESCRIBE, each.name)
                ]
            }
        )

    async def call(self, request: Request) -> Json:
        """Answer for the patient whose chart is opened."""
        model = self._find(request)
        body = await request.body()
        call = read_call(body, hook=_channel(model).hook)
        templates = prefetch_templates(model.declaration)
        missing = missing_prefetch(templates, call)
        if missing:
            return _precondition_failed(missing)
        as_of = model.first.clock.now()
        reading = _reading(model.declaration, call, as_of)
        if reading.absent:
            return _precondition_failed(reading.absent)
        asked = Asked(
            read=partial(_facts, call, as_of, (model.declaration, reading)),
            as_of=as_of,
            channel="cds_hooks",
            caller=caller_of(request),
            request=body,
            request_id=call.instance,
        )
        answer = await self._service.answer(model, asked)
        if isinstance(answer.outcome, Failure):
            return Json(failure_body(answer, answer.outcome), status_code=500)
        if not answer.shown:
            return Json(withheld_cards(answer))
        return Json(cards_of(answer, answer.outcome, model.declaration))

    async def feedback(self, request: Request) -> Json:
        """Keep what clinicians did with the cards."""
        model = self._find(request)
        entries = read_feedback(await request.body())
        for each in entries:
            details = {
                "service": _channel(model).id,
                "card": each.card,
                "outcome": each.outcome,
                "at": iso(each.at),
            }
            await self._service.record(model, "feedback", details, sealed=each.detail)
        return Json({"recorded": len(entries)})

    def _find(self, request: Request) -> ServedModel:
        found = _by_id(self._service).get(request.path_params["service"])
        if found is None:
            raise NotFound(
                "No CDS service of this id is served here.", fix="GET /cds-services lists them all."
            )
        return found

    def _model_name(self, request: Request) -> str:
        """The model behind the service that a request names; what is unknown names itself."""
        service: str = request.path_params["service"]
        found = _by_id(self._service).get(service)
        return service if found is None else found.name


def _by_id(service: Service) -> dict[str, ServedModel]:
    found: dict[str, ServedModel] = {}
    for model in service.models.values():
        channel = model.declaration.channels.cds_hooks
        if channel is None:
            continue
        if channel.id in found:
            raise Invalid(
                f"Two models declare the CDS Hooks service '{channel.id}'.",
                fix="give each its own id in its declaration.",
            )
        found[channel.id] = model
    return found


def _reading(declaration: Declaration, call: HookCall, as_of: datetime) -> Reading:
    templates = prefetch_templates(declaration)
    sent = {key: call.prefetch[key] for key in templates if key in call.prefetch}
    return read_resources(declaration, sent, as_of=as_of, patient_id=call.patient_id)


def _facts(
    call: HookCall,
    as_of: datetime,
    read: tuple[Declaration, Reading],
    declaration: Declaration,
) -> Facts:
    """What a version's declaration reads; the first version's was read already."""
    known, reading = read
    if declaration is not known:
        reading = _reading(declaration, call, as_of)
    return Facts(events=reading.events, subject=reading.subject_id, notes=reading.notes)


def _precondition_failed(missing: tuple[str, ...]) -> Json:
    body: dict[str, Any] = {
        "error": f"Needed FHIR data did not come, or not completely: {', '.join(missing)}. "
        "Fix: send every prefetch key of the discovery, with all pages of a search.",
        "code": "prefetch_missing",
        "missing": list(missing),
    }
    return Json(body, status_code=412)


def _channel(model: ServedModel) -> CdsHooks:
    channel = model.declaration.channels.cds_hooks
    assert channel is not None  # noqa: S101 - only models with this channel become services
    return channel
