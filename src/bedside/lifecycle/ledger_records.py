"""The ledger in the words of others: FHIR AuditEvents, one a line, or W3C PROV in JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json
from bedside.core.records.ledger import LedgerEntry
from bedside.governance.checkpointing import origin_of
from bedside.interop.fhir_out.audit_checking import audit_faults
from bedside.interop.fhir_out.audit_event import audit_event
from bedside.interop.prov_json import prov_document, prov_faults
from bedside.lifecycle.platform import Platform

__all__ = ["RecordsExport", "audit_events", "export_records"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsExport:
    """What was written, of which kind, and where."""

    file: str
    kind: str
    records: int


def export_records(platform: Platform, file: Path, *, form: str) -> RecordsExport:
    """Write the ledger as AuditEvents (`fhir`) or as PROV (`prov`); that is an entry first.

    Args:
        platform: The workspace.
        file: A file that is not there yet.
        form: `fhir` or `prov`.

    Raises:
        Invalid: there is no such form.
        Refused: the file is there already (code `file_exists`), or something would break a rule of
            the form (`export_faulty`).
        Unavailable: the disk refuses.
    """
    if form not in ("fhir", "prov"):
        raise Invalid("There is no such form.", fix="use one of: bundle, fhir, prov.")
    if file.exists():
        raise Refused("The file is there already.", fix="give another name.", code="file_exists")
    platform.ledger.append(platform.actor, "ledger.export", {"form": form})
    if form == "fhir":
        lines = [canonical_json(event) + b"\n" for event in audit_events(platform)]
        platform.write(file, b"".join(lines))
        return RecordsExport(file=str(file), kind="AuditEvents", records=len(lines))
    document = prov_document(platform.ledger.entries(), platform.store.catalogue.edges())
    _check(prov_faults(document))
    platform.write(file, canonical_json(document) + b"\n")
    count = sum(len(document.get(kind, {})) for kind in ("entity", "activity", "agent"))
    return RecordsExport(file=str(file), kind="entities, activities and agents", records=count)


def audit_events(platform: Platform) -> Iterator[dict[str, object]]:
    """The AuditEvent of each entry, checked; a patient is a pseudonym in it, or is not there.

    Raises:
        Refused: one would break a rule (code `export_faulty`).
    """
    origin = ""
    for entry in platform.ledger.entries():
        origin = origin or origin_of(entry.hash)
        event = audit_event(entry, origin=origin, subject_tag=_tag_of(platform, entry))
        _check(audit_faults(event))
        yield event


def _tag_of(platform: Platform, entry: LedgerEntry) -> str | None:
    """The pseudonym of whom an entry is about: its own, or that of the answer that it names."""
    if entry.subject_tag is not None:
        return entry.subject_tag
    prediction = entry.details.get("prediction_id")
    if not isinstance(prediction, str):
        return None
    try:
        return platform.predictions.get(prediction).subject_tag
    except NotFound:
        return None


def _check(faults: list[str]) -> None:
    if faults:
        raise Refused(
            f"What would be written is not sound: {faults[0]}",
            fix="report this as a defect of Bedside; bedside ledger export DIR still works.",
            code="export_faulty",
        )
