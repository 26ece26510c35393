"""The parts of FHIR R4 resources that Bedside reads, as typed records; all else is skipped.

Source: HL7 FHIR R4 (4.0.1), Observation, Patient, Encounter, Bundle.
"""

import msgspec

__all__ = [
    "ABSENT",
    "AnyResource",
    "Bundle",
    "BundleEntry",
    "BundleLink",
    "BundleSearch",
    "CodeableConcept",
    "Coding",
    "Component",
    "Encounter",
    "Measured",
    "Observation",
    "Patient",
    "Period",
    "Quantity",
    "Reference",
    "given",
]

ABSENT = msgspec.Raw()
_NULL = msgspec.Raw(b"null")


def given(raw: msgspec.Raw) -> bool:
    """Whether an undecoded element is there and is not null."""
    return bool(raw) and raw != _NULL


class AnyResource(msgspec.Struct, rename="camel", frozen=True):
    """What every resource says of itself."""

    resource_type: str


class Coding(msgspec.Struct, frozen=True, gc=False):
    """A code from a system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(msgspec.Struct, frozen=True, gc=False):
    """A meaning, as codes and as text."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Quantity(msgspec.Struct, frozen=True, gc=False):
    """A number with its unit."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Period(msgspec.Struct, frozen=True):
    """A span of time."""

    start: str | None = None
    end: str | None = None


class Reference(msgspec.Struct, frozen=True, gc=False):
    """A pointer to another resource."""

    reference: str | None = None


class Measured(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What an Observation and each of its components share."""

    code: CodeableConcept
    value_quantity: Quantity | None = None
    value_codeable_concept: CodeableConcept | None = None
    value_string: str | None = None
    value_integer: float | None = None
    value_boolean: bool | None = None
    value_range: msgspec.Raw = ABSENT
    value_ratio: msgspec.Raw = ABSENT
    value_sampled_data: msgspec.Raw = ABSENT
    value_time: msgspec.Raw = ABSENT
    value_date_time: msgspec.Raw = ABSENT
    value_period: msgspec.Raw = ABSENT
    data_absent_reason: CodeableConcept | None = None


class Component(Measured, rename="camel", frozen=True, kw_only=True):
    """One part of an Observation, e.g. the systolic pressure."""


class Observation(Measured, rename="camel", frozen=True, kw_only=True):
    """One measurement, or a panel of them."""

    status: str
    resource_type: str | None = None
    id: str | None = None
    subject: Reference | None = None
    effective_date_time: str | None = None
    effective_instant: str | None = None
    effective_period: Period | None = None
    effective_timing: msgspec.Raw = ABSENT
    issued: str | None = None
    component: tuple[Component, ...] = ()
    has_member: tuple[Reference, ...] = ()


class Patient(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """The person, as far as a model asks."""

    id: str | None = None
    gender: str | None = None
    birth_date: str | None = None


class Encounter(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A stay or a visit."""

    status: str
    id: str | None = None
    subject: Reference | None = None
    period: Period | None = None


class BundleLink(msgspec.Struct, frozen=True, gc=False):
    """Where a search goes on."""

    relation: str | None = None


class BundleSearch(msgspec.Struct, frozen=True, gc=False):
    """Why an entry is in a search result."""

    mode: str | None = None


class BundleEntry(msgspec.Struct, frozen=True, gc=False):
    """One entry, its resource still undecoded."""

    resource: msgspec.Raw = ABSENT
    search: BundleSearch | None = None


class Bundle(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A set of resources, e.g. a search result."""

    resource_type: str | None = None
    type: str | None = None
    link: tuple[BundleLink, ...] = ()
    entry: tuple[BundleEntry, ...] = ()
