"""Whether a resource stands, was taken back, or says nothing yet, by its status."""

from typing import Literal

from bedside.interop.fhir_bulk.elements import CodeableConcept, Meta

__all__ = ["ALL_STANDINGS", "Standing", "status_code", "updated_since"]

Standing = Literal["stands", "taken back", "says nothing"]

_STANDS: Standing = "stands"
_BACK: Standing = "taken back"
_NOTHING: Standing = "says nothing"
_GONE = dict.fromkeys(("entered-in-error", "cancelled", "not-done"), _BACK)
_BEGUN = dict.fromkeys(("in-progress", "on-hold", "completed", "stopped"), _STANDS)
_RESULT = dict.fromkeys(
    ("partial", "preliminary", "final", "amended", "corrected", "appended"), _STANDS
)

ALL_STANDINGS: dict[str, dict[str, Standing]] = {
    "Observation": _GONE | _RESULT,
    "DiagnosticReport": _GONE | _RESULT,
    "Encounter": _GONE
    | dict.fromkeys(("arrived", "triaged", "in-progress", "onleave", "finished"), _STANDS),
    "Procedure": _GONE | _BEGUN,
    "Immunization": _GONE | _BEGUN,
    "MedicationRequest": _GONE | _BEGUN | {"active": _STANDS},
    "MedicationAdministration": _GONE | _BEGUN,
    "MedicationStatement": _GONE | _BEGUN | {"active": _STANDS, "not-taken": _BACK},
    "MedicationDispense": _GONE | _BEGUN | {"declined": _BACK},
    "DocumentReference": _GONE | {"current": _STANDS, "superseded": _STANDS},
    "Consent": {"active": _STANDS}
    | dict.fromkeys(("inactive", "rejected", "entered-in-error"), _BACK),
    "verification": {"entered-in-error": _BACK, "refuted": _BACK},
}
"""By resource type, and by status, what is to be done with it; what is not listed here (planned,
registered, draft, unknown...) says nothing yet. For `verification` all else stands."""

LATER = frozenset({"amended", "corrected", "appended"})


def status_code(concept: CodeableConcept | None) -> str | None:
    """The first code of a status that is written as a concept."""
    if concept is None:
        return None
    return next((one.code for one in concept.coding if one.code), None)


def updated_since(meta: Meta | None, status: str | None = None) -> str | None:
    """When the server wrote a version that is not the first; None for a first version.

    A later version was not seen before the server had it, whatever the times in it say: systems
    often keep the first `issued` or `recordedDate` in a corrected resource. That it is a later one
    is told by its status or by a `meta.versionId` beyond 1. For a first version `lastUpdated` is
    not used: it is often the day on which old records were loaded into a new server.

    >>> updated_since(Meta(version_id="2", last_updated="2026-01-31T08:00:00Z"))
    '2026-01-31T08:00:00Z'
    """
    if meta is None or meta.last_updated is None:
        return None
    number = meta.version_id
    later = number is not None and number.isdigit() and number.lstrip("0") not in ("", "1")
    return meta.last_updated if later or status in LATER else None
