"""The FHIR resources inside a CDS Hooks message, as far as they can be judged without profiles.

Source: FHIR R4 (4.0.1): Bundle, References between resources, primitive types, and the required
bindings of the orders' status.
"""

import re
from collections.abc import Iterator
from typing import Any

from bedside.interop.cds_hooks.problems import FHIR_ID, Problem, Walk, at

__all__ = ["bundle_problems", "resource_problems"]

_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?")
_RELATIVE = re.compile(r"[A-Z][A-Za-z]{1,63}/[A-Za-z0-9.-]{1,64}(/_history/[A-Za-z0-9.-]{1,64})?")
_REQUEST = ("draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown")
_STATUS = {
    "MedicationRequest": (
        *("active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped"),
        *("draft", "unknown"),
    ),
    "ServiceRequest": _REQUEST,
    "NutritionOrder": _REQUEST,
    "DeviceRequest": _REQUEST,
    "CommunicationRequest": _REQUEST,
    "Communication": (
        *("preparation", "in-progress", "not-done", "on-hold", "stopped", "completed"),
        *("entered-in-error", "unknown"),
    ),
    "Observation": (
        *("registered", "preliminary", "final", "amended", "corrected", "cancelled"),
        *("entered-in-error", "unknown"),
    ),
}
_DATES = {"Patient": ("birthDate",)}


def resource_problems(told: Any, where: str) -> Walk:
    """What is wrong with a resource, wherever it stands."""
    if not isinstance(told, dict) or not told:
        yield Problem(where, "resource", "is not a resource")
        return
    kind = told.get("resourceType")
    if not isinstance(kind, str) or not _TYPE.fullmatch(kind):
        yield Problem(where, "resourceType", "does not name its resourceType")
        return
    if kind == "Bundle":
        yield from _entries(told, where, whole=False)
        return
    identity = told.get("id")
    if identity is not None and not (isinstance(identity, str) and FHIR_ID.fullmatch(identity)):
        yield Problem(at(where, "id"), "id", "is not a FHIR id")
    status = told.get("status")
    if kind in _STATUS and status is not None and status not in _STATUS[kind]:
        yield Problem(at(where, "status"), "binding", f"is no status of {kind}")
    for name in _DATES.get(kind, ()):
        value = told.get(name)
        if value is not None and not (isinstance(value, str) and _DATE.fullmatch(value)):
            yield Problem(at(where, name), "date", "is not a date")


def bundle_problems(told: Any, where: str) -> Walk:
    """What is wrong with a Bundle of draft orders."""
    if not isinstance(told, dict) or told.get("resourceType") != "Bundle":
        yield Problem(where, "bundle", "is not a Bundle")
        return
    if told.get("type", "collection") not in ("collection", "searchset"):
        yield Problem(at(where, "type"), "binding", "is not a collection")
    yield from _entries(told, where, whole=True)


def _entries(bundle: dict[str, Any], where: str, *, whole: bool) -> Walk:
    """The entries; in a `whole` Bundle each names itself, so that references in it can be told."""
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        yield Problem(at(where, "entry"), "array", "is not a list")
        return
    for index, entry in enumerate(entries):
        place = f"{at(where, 'entry')}[{index}]"
        if not isinstance(entry, dict) or not entry:
            yield Problem(place, "content", "is empty")
            continue
        inside = at(place, "resource")
        if whole and not entry.get("fullUrl"):
            yield Problem(place, "fullUrl", "has no fullUrl")
            for name in _relative_references(entry.get("resource")):
                yield Problem(
                    at(inside, name), "reference", "is relative in an entry without fullUrl"
                )
        if "resource" in entry:
            yield from resource_problems(entry["resource"], inside)


def _relative_references(resource: Any) -> Iterator[str]:
    """The members of a resource that are a reference such as `Patient/1`."""
    for name, value in resource.items() if isinstance(resource, dict) else ():
        told = value.get("reference") if isinstance(value, dict) else None
        if isinstance(told, str) and _RELATIVE.fullmatch(told):
            yield name
