"""What is being ordered, from a Bundle of draft orders, as events at the moment of the question."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import msgspec

from bedside.core.records.event import Event
from bedside.interop.fhir.codes import codes_of
from bedside.interop.fhir.places import source_row_of
from bedside.interop.fhir.reading import check_subject
from bedside.interop.fhir.resources import Bundle, CodeableConcept, Reference, given
from bedside.interop.strict_json import decode, invalid

__all__ = ["ORDERS", "Drafts", "codes_by_order", "read_drafts"]

ORDERS = frozenset(
    {
        *("CommunicationRequest", "DeviceRequest", "ImmunizationRecommendation"),
        *("MedicationRequest", "NutritionOrder", "ServiceRequest", "SupplyRequest"),
        *("Appointment", "Task", "Medication", "VisionPrescription"),
    }
)
"""The types that a Bundle of draft orders may hold."""


class _Order(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    resource_type: str
    id: str | None = None
    code: CodeableConcept | None = None
    code_codeable_concept: CodeableConcept | None = None
    medication_codeable_concept: CodeableConcept | None = None
    item_codeable_concept: CodeableConcept | None = None
    subject: Reference | None = None
    patient: Reference | None = None


_BUNDLE = msgspec.json.Decoder(Bundle)
_ORDER = msgspec.json.Decoder(_Order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drafts:
    """The events of the orders that a model asks for, and how many orders there are.

    `names` is `Type/id` of each order that has an id.
    """

    events: tuple[Event, ...] = ()
    orders: int = 0
    used: int = 0
    names: frozenset[str] = frozenset()


def read_drafts(
    content: bytes | msgspec.Raw,
    where: str,
    *,
    asked: Collection[str],
    as_of: datetime,
    subject: tuple[str, int],
) -> Drafts:
    """Read the draft orders of one patient.

    Args:
        content: A Bundle.
        where: Names it in errors.
        asked: The event codes that the model takes from an order.
        as_of: When the orders are drafted.
        subject: The FHIR id that everything must be about, and the pseudonym of the events.

    Raises:
        Invalid: it is no Bundle, holds what is no order, or an order is of another patient.
    """
    bundle = decode(_BUNDLE, content, where)
    if bundle.resource_type != "Bundle":
        raise invalid(f"{where}.resourceType", "is not Bundle.", fix="send a Bundle of orders.")
    patient_id, pseudonym = subject
    events: list[Event] = []
    names: list[str] = []
    orders = used = 0
    for index, entry in enumerate(bundle.entry):
        place = f"{where}.entry[{index}].resource"
        if not given(entry.resource):
            raise invalid(place, "is not given.", fix="give the draft order.")
        order = decode(_ORDER, entry.resource, place)
        if order.resource_type not in ORDERS:
            raise invalid(place, "is not an order.", fix=f"send: {', '.join(sorted(ORDERS))}.")
        check_subject(order.subject or order.patient, f"{place}.subject", patient_id)
        orders += 1
        names += [f"{order.resource_type}/{order.id}"] if order.id else []
        codes = [code for code in _codes(order) if code in asked]
        used += bool(codes)
        digest = sha256(entry.resource).digest()
        events += [
            Event(
                subject_id=pseudonym,
                time=as_of,
                known_at=as_of,
                code=code,
                source_row=source_row_of(digest, code),
            )
            for code in codes
        ]
    return Drafts(events=tuple(events), orders=orders, used=used, names=frozenset(names))


def codes_by_order(content: bytes | msgspec.Raw, where: str) -> list[tuple[str, tuple[str, ...]]]:
    """`Type/id` of each draft order of a call that was answered, and the event codes it tells.

    Args:
        content: A Bundle.
        where: Names it in errors.

    Raises:
        Invalid: it is no Bundle of orders.
    """
    entries = decode(_BUNDLE, content, where).entry
    orders = [decode(_ORDER, one.resource, where) for one in entries if given(one.resource)]
    return [(f"{one.resource_type}/{one.id or ''}", tuple(_codes(one))) for one in orders]


def _codes(order: _Order) -> Iterator[str]:
    for concept in (
        order.code,
        order.code_codeable_concept,
        order.medication_codeable_concept,
        order.item_codeable_concept,
    ):
        if concept is not None:
            yield from codes_of(concept)
