"""What a CDS Hooks client finds out about a model: its services and the data to send along.

Source: CDS Hooks 2.0, "Discovery" and "Prefetch Template".
"""

from collections.abc import Mapping
from typing import Any

from bedside.core.kept import Kept
from bedside.core.records.cds_hooks import CdsHooks
from bedside.core.records.declaration import Declaration
from bedside.interop.asked import asked_marks, asked_signals, is_chosen
from bedside.interop.fhir.codes import AGE, BIRTH, SEX, is_ordered, token_of

__all__ = ["drafted_codes", "prefetch_templates", "service_of"]


def service_of(declaration: Declaration, channel: CdsHooks) -> dict[str, Any]:
    """One entry of `GET /cds-services`."""
    entry: dict[str, Any] = {
        "hook": channel.hook,
        "id": channel.id,
        "title": channel.title,
        "description": channel.description,
    }
    if templates := prefetch_templates(declaration):
        entry["prefetch"] = templates
    if channel.usage_requirements:
        entry["usageRequirements"] = channel.usage_requirements
    return entry


def drafted_codes(declaration: Declaration, channel: CdsHooks) -> frozenset[str]:
    """The event codes that the model takes from draft orders of this service."""
    if channel.draft_orders != "read":
        return frozenset()
    chosen = {one.code for one in asked_signals(declaration).values() if is_chosen(one)}
    return frozenset(code for code in {*chosen, *asked_marks(declaration)} if is_ordered(code))


def prefetch_templates(declaration: Declaration) -> Mapping[str, str]:
    """FHIR queries by key, for exactly what the model asks; all of them are needed.

    Every observation goes into one search, so that one answer holds them all.
    """
    return _templates_of(declaration)


def _templates(declaration: Declaration) -> dict[str, str]:
    codes = [
        code
        for signal in asked_signals(declaration).values()
        for code in signal.codes
        if not (is_chosen(signal) and is_ordered(code))
    ]
    marks = asked_marks(declaration)
    tokens = [token_of(code) for code in codes if code not in (AGE, *SEX)]
    templates: dict[str, str] = {}
    if BIRTH in marks or not {AGE, *SEX}.isdisjoint(codes):
        templates["patient"] = "Patient/{{context.patientId}}"
    if tokens:
        templates["observations"] = (
            "Observation?patient={{context.patientId}}"
            f"&code={','.join(dict.fromkeys(tokens))}&_sort=-date"
        )
    if declaration.data.start_event in marks:
        templates["encounters"] = (
            "Encounter?patient={{context.patientId}}&status=in-progress&_sort=-date"
        )
    return templates


_templates_of = Kept(_templates)
