"""The resources of FHIR R4 about drugs, as typed records; elements without facts are skipped.

Source: HL7 FHIR R4 (4.0.1), the medications module.
"""

from typing import Literal

import msgspec

from bedside.interop.fhir_bulk.elements import (
    ABSENT,
    CodeableConcept,
    Element,
    Period,
    Quantity,
    Reference,
    Resource,
)

__all__ = [
    "DosageInstruction",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationRequest",
    "MedicationStatement",
    "OfMedication",
]


class DoseAndRate(Element):
    """How much at a time."""

    dose_quantity: Quantity | None = None


class DosageInstruction(Element):
    """How a drug is to be taken."""

    dose_and_rate: tuple[DoseAndRate, ...] = ()


class Medication(Resource, kw_only=True, tag=True):
    """A drug."""

    code: CodeableConcept | None = None


class OfMedication(Resource, kw_only=True):
    """What is about a drug, which it names or refers to."""

    medication_codeable_concept: CodeableConcept | None = None
    medication_reference: Reference | None = None
    contained: msgspec.Raw = ABSENT
    subject: Reference | None = None


class MedicationRequest(OfMedication, kw_only=True, tag=True):
    """An order or prescription."""

    status: Literal[
        "active",
        "on-hold",
        "cancelled",
        "completed",
        "entered-in-error",
        "stopped",
        "draft",
        "unknown",
    ]
    intent: str | None = None
    do_not_perform: bool | None = None
    encounter: Reference | None = None
    authored_on: str | None = None
    dosage_instruction: tuple[DosageInstruction, ...] = ()


class AdministrationDosage(Element):
    """How much was given."""

    dose: Quantity | None = None


class MedicationAdministration(OfMedication, kw_only=True, tag=True):
    """A drug given."""

    status: Literal[
        "in-progress",
        "not-done",
        "on-hold",
        "completed",
        "entered-in-error",
        "stopped",
        "unknown",
    ]
    context: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    dosage: AdministrationDosage | None = None


class MedicationStatement(OfMedication, kw_only=True, tag=True):
    """That a drug is being taken, as somebody says."""

    status: Literal[
        "active",
        "completed",
        "entered-in-error",
        "intended",
        "stopped",
        "on-hold",
        "unknown",
        "not-taken",
    ]
    context: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    date_asserted: str | None = None
    dosage: tuple[DosageInstruction, ...] = ()


class MedicationDispense(OfMedication, kw_only=True, tag=True):
    """A drug handed out."""

    status: Literal[
        "preparation",
        "in-progress",
        "cancelled",
        "on-hold",
        "completed",
        "entered-in-error",
        "stopped",
        "declined",
        "unknown",
    ]
    context: Reference | None = None
    quantity: Quantity | None = None
    when_prepared: str | None = None
    when_handed_over: str | None = None
