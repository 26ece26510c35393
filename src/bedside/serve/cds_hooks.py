"""The CDS Hooks wire: a thin shell around the answer."""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
from starlette.requests import Request

from bedside.core.clock import iso
from bedside.core.errors import BedsideError, Invalid, NotFound
from bedside.core.ports.cds_hooks import FindPrediction, KnownPrediction, PrefetchSource
from bedside.core.records.answer import Answer, Failure
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.caller import Action
from bedside.core.records.cds_hooks import CdsHooks
from bedside.core.records.declaration import Declaration
from bedside.interop.cds_hooks.cards import Shown, cards_of, suggestion_id, withheld_cards
from bedside.interop.cds_hooks.discovery import drafted_codes, prefetch_templates, service_of
from bedside.interop.cds_hooks.feedback import Feedback, read_feedback
from bedside.interop.cds_hooks.request import (
    HookCall,
    check_context,
    kept_request,
    missing_prefetch,
    read_call,
)
from bedside.interop.fhir.orders import Drafts, read_drafts
from bedside.interop.fhir.reading import Reading, read_resources
from bedside.interop.open_inference.response import failure_body
from bedside.interop.strict_json import invalid
from bedside.serve.cds_prefetch import Fallback, Gathered
from bedside.serve.model_card import CardLinks
from bedside.serve.respond import Json, Workers, status_of_failure
from bedside.serve.routes import WireRoute, caller_of, permitted_of
from bedside.serve.service import ServedModel, Service

__all__ = ["CdsHooksWire", "CdsParts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CdsParts:
    """What the wire may use of the outside; without a part, what needs it is not done.

    `source` fetches what a call did not bring, `find` gives the answer that feedback is
    about, `links` makes the addresses of the pages about the models.
    """

    source: PrefetchSource | None = None
    find: FindPrediction | None = None
    links: CardLinks | None = None


@dataclass(frozen=True, slots=True)
class _Read:
    """The call, its resources and its draft orders, as one declaration reads them."""

    reading: Reading
    drafts: Drafts


class CdsHooksWire:
    """Endpoints under `/cds-services`.

    Args:
        service: The models; those that declare CDS Hooks services are served here.
        parts: What the wire may use of the outside.

    Raises:
        Invalid: two models declare one CDS Hooks service id.
    """

    def __init__(self, service: Service, parts: CdsParts | None = None) -> None:
        self._service = service
        self._parts = parts or CdsParts()
        self._fallback = Fallback(self._parts.source)
        self._workers = Workers(2)
        _by_id(service)

    def routes(self) -> list[WireRoute]:
        """Every route of this wire."""
        root, post, model = "/cds-services", ("POST",), self._model_name
        one = f"{root}/{{service}}"
        return [
            WireRoute(path=root, methods=("GET",), endpoint=self.discovery, action=Action.DESCRIBE),
            WireRoute(path=one, methods=post, endpoint=self.call, action=Action.INFER, model=model),
            WireRoute(
                path=f"{one}/feedback",
                methods=post,
                endpoint=self.feedback,
                action=Action.FEEDBACK,
                model=model,
            ),
        ]

    async def discovery(self, request: Request) -> Json:
        """Every service that the caller may ask, and the data it asks for."""
        served = list(_by_id(self._service).values())
        names = {model.name for model, _ in served}
        may = await permitted_of(caller_of(request), Action.DESCRIBE, names)
        told = [service_of(one.declaration, channel) for one, channel in served if one.name in may]
        return Json({"services": told})

    async def call(self, request: Request) -> Json:
        """Answer for the patient whose chart is opened, or for whom something is ordered."""
        model, channel = self._find(request)
        body = await request.body()
        call = read_call(body, hook=channel.hook)
        check_context(call)
        templates, gathered = prefetch_templates(model.declaration), Gathered(sent=call.prefetch)
        as_of = model.first.clock.now()
        read = _read(model.declaration, channel, (call, gathered), as_of)
        gaps = {*missing_prefetch(templates, call), *read.reading.absent}
        if gaps:
            lacking = tuple(key for key in templates if key in gaps)
            gathered = await self._fallback.fill(templates, call, lacking)
            if gathered.missing:
                return _precondition_failed(gathered.missing, gathered.why)
            as_of = model.first.clock.now()  # what was fetched may be newer than the call
            read = _read(model.declaration, channel, (call, gathered), as_of)
            if read.reading.absent:
                return _precondition_failed(read.reading.absent, None)
        asked = Asked(
            read=partial(_facts, (call, gathered), as_of, (model.declaration, channel, read)),
            as_of=as_of,
            channel="cds_hooks",
            caller=caller_of(request),
            request=kept_request(call, body, gathered.fetched),
            request_id=f"{channel.id}/{call.instance}",
        )
        answer = await self._service.answer(model, asked)
        if isinstance(answer.outcome, Failure) and (
            channel.on_failure == "error" or not answer.shown
        ):
            return Json(
                failure_body(answer, answer.outcome), status_code=status_of_failure(answer.outcome)
            )
        if not answer.shown:
            return Json(withheld_cards(answer))
        return Json(self._cards(answer, model, channel, (call, read.drafts)))

    async def feedback(self, request: Request) -> Json:
        """Keep what clinicians did with the cards of this service."""
        model, channel = self._find(request)
        entries = read_feedback(await request.body())
        for index, each in enumerate(entries):
            _check_reason(each, channel, f"feedback[{index}]")
        unknown = []
        for each in entries:
            known = await self._known(each.card)
            if self._parts.find is not None and not _was_given(known, model):
                unknown.append(each.card)
                continue
            details = _details(each, channel, known)
            await self._service.record(
                model,
                "feedback",
                details,
                sealed=each.detail,
                subject=None if known is None else known.subject,
            )
        recorded = len(entries) - len(unknown)
        told: dict[str, Any] = {"recorded": recorded}
        if unknown:
            told["unknown"] = unknown
        if not recorded:
            raise NotFound(
                "No card of this service has such an id.",
                fix="send the uuid of a card that this service gave.",
                code="unknown_card",
            )
        return Json(told)

    def _cards(
        self, answer: Answer, model: ServedModel, channel: CdsHooks, call: tuple[HookCall, Drafts]
    ) -> dict[str, Any]:
        asked, drafts = call
        links = self._parts.links
        values = {
            "context.patientId": asked.patient_id,
            "context.userId": asked.user_id,
            "context.encounterId": asked.encounter_id,
        }
        shown = Shown(
            service=channel,
            values={name: text for name, text in values.items() if text is not None},
            card_url=None if links is None else links.address(model.name),
            notes=_drafts_noted(drafts),
        )
        return cards_of(answer, answer.outcome, model.declaration, shown)

    async def _known(self, card: str) -> KnownPrediction | None:
        find = self._parts.find
        return None if find is None else await self._workers.run(lambda: find(card))

    def _find(self, request: Request) -> tuple[ServedModel, CdsHooks]:
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
        return service if found is None else found[0].name


def _was_given(known: KnownPrediction | None, model: ServedModel) -> bool:
    """Whether somebody was shown a card of this model for the prediction."""
    return known is not None and known.model == model.name and known.shown


def _by_id(service: Service) -> dict[str, tuple[ServedModel, CdsHooks]]:
    found: dict[str, tuple[ServedModel, CdsHooks]] = {}
    for model in service.models.values():
        for channel in model.declaration.channels.services:
            if channel.id in found:
                raise Invalid(
                    f"Two models declare the CDS Hooks service '{channel.id}'.",
                    fix="give each its own id in its declaration.",
                )
            found[channel.id] = model, channel
    return found


def _read(
    declaration: Declaration, channel: CdsHooks, call: tuple[HookCall, Gathered], as_of: datetime
) -> _Read:
    asked, gathered = call
    resources: dict[str, bytes | msgspec.Raw] = {**gathered.sent, **gathered.fetched}
    templates = prefetch_templates(declaration)
    reading = read_resources(
        declaration,
        {key: resources[key] for key in templates if key in resources},
        as_of=as_of,
        patient_id=asked.patient_id,
    )
    if asked.draft_orders is None:
        return _Read(reading, Drafts())
    drafts = read_drafts(
        asked.draft_orders,
        "context.draftOrders",
        asked=drafted_codes(declaration, channel),
        as_of=as_of,
        subject=(asked.patient_id, reading.subject_id),
    )
    for index, one in enumerate(asked.selections):
        if one not in drafts.names:
            raise invalid(
                f"context.selections[{index}]",
                "is not among the draft orders.",
                fix="send every selected order in draftOrders.",
            )
    return _Read(replace(reading, events=(*reading.events, *drafts.events)), drafts)


def _facts(
    call: tuple[HookCall, Gathered],
    as_of: datetime,
    known: tuple[Declaration, CdsHooks, _Read],
    declaration: Declaration,
) -> Facts:
    """What a version's declaration reads; the first version's was read already."""
    first, channel, read = known
    if declaration is not first:
        read = _read(declaration, channel, call, as_of)
    reading = read.reading
    return Facts(
        events=reading.events,
        subject=reading.subject_id,
        notes=reading.notes,
        unknown=reading.unknown,
    )


def _drafts_noted(drafts: Drafts) -> tuple[str, ...]:
    left = drafts.orders - drafts.used
    if not left:
        return ()
    orders = "draft order was" if left == 1 else "draft orders were"
    return (f"{left} {orders} not taken into account: the model does not ask for it.",)


def _check_reason(each: Feedback, channel: CdsHooks, where: str) -> None:
    known = {(one.system, one.code) for one in channel.override_reasons}
    if each.reason is not None and known and each.reason not in known:
        raise invalid(
            f"{where}.overrideReason.reason",
            "is not a reason that this service offers.",
            fix="send one of the card's overrideReasons, or a userComment alone.",
        )


def _details(each: Feedback, channel: CdsHooks, known: KnownPrediction | None) -> dict[str, Any]:
    """What is kept open of a feedback: never free text."""
    details: dict[str, Any] = {
        "service": channel.id,
        "card": each.card,
        "outcome": each.outcome,
        "at": iso(each.at),
        "commented": each.commented,
    }
    if known is not None:
        details["of_version"] = known.version
    if each.suggestions:
        ours = {
            suggestion_id(each.card, index): one.label
            for index, one in enumerate(channel.suggestions)
        }
        details["accepted"] = [ours.get(one, "unknown") for one in each.suggestions]
    declared = {(one.system, one.code): one.code for one in channel.override_reasons}
    if each.reason in declared:
        details["override"] = declared[each.reason]
    return details


def _precondition_failed(missing: tuple[str, ...], why: BedsideError | None) -> Json:
    reason = "" if why is None else f" The FHIR server was not asked, or in vain: {why.problem}"
    body: dict[str, Any] = {
        "error": f"Needed FHIR data did not come, or not completely: {', '.join(missing)}.{reason} "
        "Fix: send every prefetch key of the discovery, with all pages of a search"
        + ("." if why is None else f"; or {why.fix}"),
        "code": "prefetch_missing" if why is None else why.code,
        "missing": list(missing),
    }
    return Json(body, status_code=412)
