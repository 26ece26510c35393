"""The resources of FHIR R4 that become facts, as typed records; elements that do not are skipped.

A status that R4 does not know is refused when a resource is decoded, since nobody can say what a
resource with such a status means.

Source: HL7 FHIR R4 (4.0.1); Bulk Data Access IG 2.0 (deleted resources).
"""

from typing import Literal

import msgspec

from bedside.interop.fhir_bulk.elements import (
    ABSENT,
    CodeableConcept,
    Coding,
    Element,
    Extension,
    Meta,
    Period,
    Quantity,
    Range,
    Ratio,
    Reference,
    Resource,
)

__all__ = [
    "AllergyIntolerance",
    "AnyResource",
    "Attachment",
    "Bundle",
    "BundleEntry",
    "Component",
    "Condition",
    "DiagnosticReport",
    "DocumentReference",
    "Encounter",
    "Immunization",
    "Measured",
    "Observation",
    "Patient",
    "Procedure",
]


class Measured(Element, kw_only=True):
    """What an Observation and each of its components share."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_integer: float | None = None
    value_boolean: bool | None = None
    value_range: Range | None = None
    value_ratio: Ratio | None = None
    value_time: str | None = None
    value_date_time: str | None = None
    value_period: Period | None = None
    value_sampled_data: msgspec.Raw = ABSENT
    data_absent_reason: CodeableConcept | None = None


class Component(Measured, kw_only=True):
    """One part of an Observation, e.g. the systolic pressure."""


class Timing(Element):
    """When something happens, as moments."""

    event: tuple[str, ...] = ()


class Observation(Measured, kw_only=True, tag=True, tag_field="resourceType"):
    """One measurement, or a panel of them."""

    id: str | None = None
    meta: Meta | None = None
    modifier_extension: msgspec.Raw = ABSENT
    status: Literal[
        "registered",
        "preliminary",
        "final",
        "amended",
        "corrected",
        "cancelled",
        "entered-in-error",
        "unknown",
    ]
    subject: Reference | None = None
    focus: msgspec.Raw = ABSENT
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    effective_instant: str | None = None
    effective_timing: Timing | None = None
    issued: str | None = None
    component: tuple[Component, ...] = ()
    has_member: msgspec.Raw = ABSENT


class PatientLink(Element):
    """Another Patient record of the same person."""

    other: Reference
    type: Literal["replaced-by", "replaces", "refer", "seealso"]


class Patient(Resource, kw_only=True, tag=True):
    """The person."""

    gender: Literal["male", "female", "other", "unknown"] | None = None
    birth_date: str | None = None
    deceased_boolean: bool | None = None
    deceased_date_time: str | None = None
    extension: tuple[Extension, ...] = ()
    link: tuple[PatientLink, ...] = ()


class Hospitalization(Element):
    """How a stay ended."""

    discharge_disposition: CodeableConcept | None = None


class Encounter(Resource, kw_only=True, tag=True):
    """A stay or a visit."""

    status: Literal[
        "planned",
        "arrived",
        "triaged",
        "in-progress",
        "onleave",
        "finished",
        "cancelled",
        "entered-in-error",
        "unknown",
    ]
    class_: Coding | None = msgspec.field(default=None, name="class")
    type: tuple[CodeableConcept, ...] = ()
    subject: Reference | None = None
    period: Period | None = None
    hospitalization: Hospitalization | None = None


class Condition(Resource, kw_only=True, tag=True):
    """A diagnosis or problem."""

    clinical_status: CodeableConcept | None = None
    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    abatement_date_time: str | None = None
    abatement_period: Period | None = None
    recorded_date: str | None = None


class AllergyIntolerance(Resource, kw_only=True, tag=True):
    """An allergy, or that there is none."""

    verification_status: CodeableConcept | None = None
    code: CodeableConcept | None = None
    patient: Reference | None = None
    encounter: Reference | None = None
    onset_date_time: str | None = None
    onset_period: Period | None = None
    recorded_date: str | None = None


class Immunization(Resource, kw_only=True, tag=True):
    """A vaccination."""

    status: Literal["completed", "entered-in-error", "not-done"]
    vaccine_code: CodeableConcept | None = None
    patient: Reference | None = None
    encounter: Reference | None = None
    occurrence_date_time: str | None = None
    recorded: str | None = None


class Procedure(Resource, kw_only=True, tag=True):
    """Something done to a patient."""

    status: Literal[
        "preparation",
        "in-progress",
        "not-done",
        "on-hold",
        "stopped",
        "completed",
        "entered-in-error",
        "unknown",
    ]
    code: CodeableConcept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    performed_date_time: str | None = None
    performed_period: Period | None = None


class Attachment(Element):
    """A document's content, in base64."""

    content_type: str | None = None
    data: str | None = None


class DiagnosticReport(Resource, kw_only=True, tag=True):
    """A report on results."""

    status: Literal[
        "registered",
        "partial",
        "preliminary",
        "final",
        "amended",
        "corrected",
        "appended",
        "cancelled",
        "entered-in-error",
        "unknown",
    ]
    code: CodeableConcept | None = None
    subject: Reference | None = None
    encounter: Reference | None = None
    effective_date_time: str | None = None
    effective_period: Period | None = None
    issued: str | None = None
    conclusion: str | None = None
    conclusion_code: tuple[CodeableConcept, ...] = ()
    presented_form: tuple[Attachment, ...] = ()


class DocumentContent(Element):
    """One form of a document."""

    attachment: Attachment | None = None


class DocumentContext(Element):
    """What a document is about."""

    encounter: tuple[Reference, ...] = ()
    period: Period | None = None


class DocumentReference(Resource, kw_only=True, tag=True):
    """A note, letter or other document."""

    status: Literal["current", "superseded", "entered-in-error"]
    doc_status: str | None = None
    type: CodeableConcept | None = None
    subject: Reference | None = None
    date: str | None = None
    content: tuple[DocumentContent, ...] = ()
    context: DocumentContext | None = None


class BundleRequest(Element):
    """What was asked of a server."""

    method: str | None = None
    url: str | None = None


class BundleResponse(Element):
    """When the server did it."""

    last_modified: str | None = None


class BundleEntry(Element):
    """One entry, its resource not decoded yet."""

    full_url: str | None = None
    resource: msgspec.Raw = ABSENT
    request: BundleRequest | None = None
    response: BundleResponse | None = None


class Bundle(Resource, kw_only=True, tag=True):
    """A set of resources, its entries not decoded yet."""

    type: str | None = None
    entry: tuple[msgspec.Raw, ...] = ()


AnyResource = Resource | Observation
"""Any resource; an Observation shares its values with its components instead."""
