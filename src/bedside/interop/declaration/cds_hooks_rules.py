"""What the CDS Hooks services of a declaration must keep: ids, orders, suggestions, reasons."""

import re
from collections.abc import Iterator
from typing import Any

from bedside.core.records.cds_hooks import CdsHooks, SuggestedAction
from bedside.core.records.declaration import Declaration
from bedside.interop.cds_hooks.templates import PLACEHOLDERS, places_in, texts_in
from bedside.interop.declaration.yaml_records import Mistake

__all__ = ["CREATABLE", "cds_hooks_mistakes"]

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LABEL = 80  # characters of a suggestion's label: "short, human-readable"
CREATABLE = {
    "Appointment": ("proposed",),
    "Communication": ("preparation",),
    "CommunicationRequest": ("draft",),
    "MedicationRequest": ("draft",),
    "NutritionOrder": ("draft",),
    "ServiceRequest": ("draft",),
    "Task": ("draft", "requested"),
}
"""What a suggestion may create, and in which status: nothing that acts before someone signs."""
_PATIENT = "Patient/{{context.patientId}}"


def cds_hooks_mistakes(declaration: Declaration) -> Iterator[Mistake]:
    """Every rule that the services break, in reading order."""
    channels = declaration.channels
    many = isinstance(channels.cds_hooks, tuple)
    seen: set[str] = set()
    for index, one in enumerate(channels.services):
        path: tuple[Any, ...] = ("channels", "cds_hooks", *((index,) if many else ()))
        if not _ID.fullmatch(one.id):
            yield Mistake(
                (*path, "id"), f"'{one.id}' is not a service id", "use a-z, 0-9 and -, 64 at most"
            )
        if one.id in seen:
            yield Mistake((*path, "id"), "two services have this id", "give each its own")
        seen.add(one.id)
        yield from _service(one, path)


def _service(service: CdsHooks, path: tuple[Any, ...]) -> Iterator[Mistake]:
    for key in ("title", "description"):
        if not getattr(service, key).strip():
            yield Mistake((*path, key), "this is empty", "say in a sentence what it is")
    if service.draft_orders == "read" and not service.hook.startswith("order-"):
        yield Mistake(
            (*path, "draft_orders"),
            f"a call of {service.hook} brings no draft orders",
            "remove it, or use the hook order-select or order-sign",
        )
    codes: set[tuple[str, str]] = set()
    for index, reason in enumerate(service.override_reasons):
        at = (*path, "override_reasons", index)
        if not reason.code or not reason.display or not reason.system:
            yield Mistake(at, "a reason without a code, a system or words", "give all three")
        if (reason.system, reason.code) in codes:
            yield Mistake((*at, "code"), "two reasons have this code", "give each its own")
        codes.add((reason.system, reason.code))
    for index, suggestion in enumerate(service.suggestions):
        at = (*path, "suggestions", index)
        if not 0 < len(suggestion.label.strip()) <= _LABEL:
            yield Mistake((*at, "label"), "the label is empty or long", f"use 1 to {_LABEL} signs")
        if not suggestion.actions:
            yield Mistake((*at, "actions"), "nothing would happen", "add an action")
        for number, action in enumerate(suggestion.actions):
            yield from _action(action, (*at, "actions", number))


def _action(action: SuggestedAction, path: tuple[Any, ...]) -> Iterator[Mistake]:
    at = (*path, "resource")
    kind = action.resource.get("resourceType")
    if not action.description.strip():
        yield Mistake((*path, "description"), "this is empty", "say what will be made")
    if kind not in CREATABLE:
        yield Mistake(
            at, "this is not a resource that may be suggested", f"use one of: {_named(CREATABLE)}"
        )
        return
    if action.resource.get("status") not in CREATABLE[kind]:
        yield Mistake(
            at,
            "a suggestion may only make what someone still has to sign",
            f"write status: {' or '.join(CREATABLE[kind])}",
        )
    if "id" in action.resource:
        yield Mistake((*at, "id"), "the server gives the id", "remove it")
    if _PATIENT not in texts_in(action.resource):
        yield Mistake(at, "it is not about the patient", f"add a reference to '{_PATIENT}'")
    for place in places_in(action.resource):
        if place not in PLACEHOLDERS:
            yield Mistake(
                at, f"'{{{{{place}}}}}' is not filled in here", f"use: {_named(PLACEHOLDERS)}"
            )


def _named(known: Any) -> str:
    return ", ".join(sorted(known))
