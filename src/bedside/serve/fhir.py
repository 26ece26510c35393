"""The FHIR R4 wire: `$predict` on a Patient or an Encounter; a thin shell around the answer."""

import re
from datetime import datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from bedside import __version__
from bedside.core.errors import NotFound
from bedside.core.records.answer import Abstention, Answer, Failure
from bedside.core.records.asked import Asked, Facts
from bedside.core.records.caller import Action
from bedside.core.records.declaration import Declaration
from bedside.interop.fhir.reading import Reading, read_resources
from bedside.interop.fhir_out.capability import (
    OPERATION,
    capability_statement,
    operation_definition,
)
from bedside.interop.fhir_out.kept import kept_question
from bedside.interop.fhir_out.operation_outcome import abstained, failed, withheld
from bedside.interop.fhir_out.parameters import PredictCall, read_parameters
from bedside.interop.fhir_out.sent import patient_of_encounter
from bedside.interop.fhir_out.told import Subject
from bedside.interop.fhir_out.writing import written
from bedside.interop.strict_json import invalid
from bedside.serve.fhir_said import ROOT, FhirJson
from bedside.serve.fhir_told import told_of
from bedside.serve.respond import status_of_failure
from bedside.serve.routes import WireRoute, caller_of, check_permitted, permitted_of
from bedside.serve.service import ServedModel, Service

__all__ = ["FhirWire"]

_FHIR_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


class FhirWire:
    """Endpoints under `/fhir`: what is asked comes whole, and nothing is fetched or stored."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def routes(self) -> list[WireRoute]:
        """Every route of this wire.

        Which model is asked stands in the body, so `$predict` itself asks whether the caller may.
        """
        get, post = ("GET",), ("POST",)
        told, asked = Action.DESCRIBE, Action.INFER
        statement, definition = self.metadata, self.definition
        patient, encounter = self.predict_for_patient, self.predict_for_encounter
        return [
            WireRoute(path=f"{ROOT}/metadata", methods=get, endpoint=statement, action=told),
            WireRoute(path=f"{ROOT}/{OPERATION}", methods=get, endpoint=definition, action=told),
            WireRoute(
                path=f"{ROOT}/Patient/{{id}}/$predict",
                methods=post,
                endpoint=patient,
                action=asked,
            ),
            WireRoute(
                path=f"{ROOT}/Encounter/{{id}}/$predict",
                methods=post,
                endpoint=encounter,
                action=asked,
            ),
        ]

    async def metadata(self, request: Request) -> Response:
        """The CapabilityStatement, with the models that this caller may ask."""
        served = self._service.models.items()
        here = [name for name, model in served if model.declaration.channels.fhir is not None]
        models = sorted(await permitted_of(caller_of(request), Action.INFER, here))
        return FhirJson(capability_statement(_base(request), version=__version__, models=models))

    async def definition(self, request: Request) -> Response:
        """The OperationDefinition of `$predict`."""
        return FhirJson(operation_definition(_base(request)))

    async def predict_for_patient(self, request: Request) -> Response:
        """Answer for the patient whom the path names."""
        body = await request.body()
        model, call = await self._called(request, body)
        subject = Subject(patient=_id(request))
        return await self._answer(request, model, (kept_question(body, subject), call), subject)

    async def predict_for_encounter(self, request: Request) -> Response:
        """Answer for the patient of the stay that the path names; its Encounter is sent along."""
        body = await request.body()
        model, call = await self._called(request, body)
        stay = _id(request)
        patient = patient_of_encounter(stay, call.resources)
        if not _FHIR_ID.fullmatch(patient):
            raise invalid("Encounter.subject", "holds no FHIR id.", fix="write it as Patient/ID.")
        subject = Subject(patient=patient, encounter=stay)
        return await self._answer(request, model, (kept_question(body, subject), call), subject)

    async def _called(self, request: Request, body: bytes) -> tuple[ServedModel, PredictCall]:
        """What is asked, of which model; refused before it is looked up where the caller may not.

        Raises:
            Invalid: the body is no call.
            Refused: this caller may not ask this model.
            NotFound: it is not served here, or not on this wire.
        """
        call = read_parameters(body)
        await check_permitted(caller_of(request), Action.INFER, call.model)
        model = self._service.model(call.model)
        if model.declaration.channels.fhir is None:
            raise NotFound("This model does not answer on this wire.", fix="see which it declares.")
        return model, call

    async def _answer(
        self,
        request: Request,
        model: ServedModel,
        sent: tuple[bytes, PredictCall],
        subject: Subject,
    ) -> Response:
        kept, call = sent
        as_of = call.as_of or model.first.clock.now()
        reading = _read(model.declaration, call, as_of, subject)
        asked = Asked(
            read=partial(_facts, call, (as_of, subject), (model.declaration, reading)),
            as_of=as_of,
            channel="fhir",
            caller=caller_of(request),
            request=kept,
            request_id=call.request_id,
        )
        answer = await self._service.answer(model, asked)
        return _said(answer, model, subject, sent)


def _said(
    answer: Answer, model: ServedModel, subject: Subject, sent: tuple[bytes, PredictCall]
) -> Response:
    """The answer as FHIR: nothing but that it is withheld, where it is shown to nobody."""
    outcome = answer.outcome
    if isinstance(outcome, Failure):
        return FhirJson(failed(answer, outcome), status_of_failure(outcome))
    if not answer.shown:
        return FhirJson(withheld(answer))
    if isinstance(outcome, Abstention):
        return FhirJson(abstained(answer, outcome))
    told = told_of(answer, outcome, model, subject, (sent[0], sent[1].resources))
    return FhirJson(written(told))


def _read(
    declaration: Declaration, call: PredictCall, as_of: datetime, subject: Subject
) -> Reading:
    reading = read_resources(declaration, call.resources, as_of=as_of, patient_id=subject.patient)
    if reading.absent:
        raise invalid(
            reading.absent[0],
            "is an OperationOutcome, or the first of several pages.",
            code="not_whole",
            fix="send every page of a search, and only what was found.",
        )
    return reading


def _facts(
    call: PredictCall,
    asked: tuple[datetime, Subject],
    known: tuple[Declaration, Reading],
    declaration: Declaration,
) -> Facts:
    """What a version's declaration reads; the first version's was read already."""
    first, reading = known
    if declaration is not first:
        reading = _read(declaration, call, *asked)
    return Facts(
        events=reading.events,
        subject=reading.subject_id,
        notes=reading.notes,
        unknown=reading.unknown,
    )


def _id(request: Request) -> str:
    text: str = request.path_params["id"]
    if not _FHIR_ID.fullmatch(text):
        raise invalid("The id in the path", "is not a FHIR id.", fix="use A-Z, a-z, 0-9, - and .")
    return text


def _base(request: Request) -> str:
    """Where this API begins, as the caller reached it; the gate has judged the host."""
    return f"{str(request.base_url).rstrip('/')}{ROOT}"
