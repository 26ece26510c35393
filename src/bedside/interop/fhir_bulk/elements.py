"""The data types of FHIR R4, as far as facts are made of them, and what all resources share.

No struct here is watched by the garbage collector: none can be part of a cycle, since JSON is a
tree, and watching millions of them costs more than reading them.

Source: HL7 FHIR R4 (4.0.1), data types.
"""

import msgspec

__all__ = [
    "ABSENT",
    "CodeableConcept",
    "Coding",
    "Element",
    "Extension",
    "Meta",
    "Period",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "Resource",
    "is_given",
]

ABSENT = msgspec.Raw()


def is_given(raw: msgspec.Raw) -> bool:
    """Whether an undecoded element is there and says something."""
    return bytes(raw).strip() not in (b"", b"null", b"[]", b"{}")


class Element(msgspec.Struct, rename="camel", gc=False):
    """Part of a resource."""


class Coding(Element):
    """A code from a system."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class CodeableConcept(Element):
    """A meaning, as codes and as text."""

    coding: tuple[Coding, ...] = ()
    text: str | None = None


class Quantity(Element):
    """A number with its unit."""

    value: float | None = None
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Range(Element):
    """From one quantity to another."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Element):
    """One quantity to another."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Period(Element):
    """A span of time."""

    start: str | None = None
    end: str | None = None


class Reference(Element):
    """A pointer to another resource, perhaps with what type that is."""

    reference: str | None = None
    type: str | None = None


class Meta(Element):
    """Which version of a resource this is, and when the server wrote it."""

    version_id: str | None = None
    last_updated: str | None = None


class Extension(Element):
    """What a profile adds."""

    url: str | None = None
    value_coding: Coding | None = None
    extension: "tuple[Extension, ...]" = ()


class Resource(Element, kw_only=True, tag=True, tag_field="resourceType"):
    """What every resource has. The tag is the resource's type."""

    id: str | None = None
    meta: Meta | None = None
    modifier_extension: msgspec.Raw = ABSENT
