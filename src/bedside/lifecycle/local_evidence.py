"""Whether a version that was built elsewhere has been validated here, as the ledger tells it.

Nothing else is asked: the registry can be written by whoever can write the database, the ledger
cannot be changed quietly.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bedside.core.errors import Refused
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.platform import Platform

__all__ = [
    "PULLED",
    "VALIDATED",
    "Validation",
    "latest_validation",
    "pulled_from",
    "validated_here",
]

PULLED, VALIDATED = "site.pull", "site.validate"
"""How the ledger names that a version was taken in, and that it was validated here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What the ledger says of a validation on this site's own patients.

    Args:
        at: ISO 8601 with a zone.
        snapshot: Digest of the prepared events of those patients.
        report: Digest of the figures.
        passed: Whether every gate of the declaration passed.
        failed: The metrics of the gates that did not.
    """

    at: str
    snapshot: str
    report: str
    passed: bool
    failed: tuple[str, ...]


def pulled_from(entries: Iterable[LedgerEntry], version: ModelVersion) -> str | None:
    """The pulled version that this one is, or was recalibrated from; None: it was built here."""
    pulled, parents = set[str](), dict[str, str]()
    for entry in entries:
        if entry.action == PULLED:
            pulled.add(str(entry.details["version"]))
        elif entry.action == "recalibrate":
            parents[str(entry.details["version"])] = str(entry.details["parent"])
    name, seen = version.id, set[str]()
    while name not in pulled:
        seen.add(name)
        name = parents.get(name, "")
        if not name or name in seen:
            return None
    return name


def latest_validation(entries: Iterable[LedgerEntry], version: ModelVersion) -> Validation | None:
    """The newest validation here of this very bundle; None: there is none."""
    found = None
    for entry in entries:
        told = entry.details
        if entry.action == VALIDATED and told["bundle"] == version.bundle:
            found = Validation(
                at=entry.at,
                snapshot=told["snapshot"],
                report=told["report"],
                passed=told["passed"] is True,
                failed=tuple(told["failed"]),
            )
    return found


def validated_here(platform: Platform, version: ModelVersion) -> None:
    """Refuse a version from a hub that has not passed its gates on this site's own patients.

    A failed validation is not overruled by any reason: these gates need no waiting, and
    `bedside recalibrate` makes a version that may pass them. A version built here is not asked.

    Raises:
        Refused: it was not validated here (code `not_validated_here`), or its newest validation
            failed a gate (`local_gates_failed`).
    """
    entries = list(platform.ledger.entries())
    origin = pulled_from(entries, version)
    if origin is None:
        return
    found = latest_validation(entries, version)
    if found is None:
        raise Refused(
            f"{version.id} comes from a hub, and was not validated on this site's own patients.",
            fix=f"run: bedside site validate {version.id} --data FOLDER.",
            code="not_validated_here",
        )
    if not found.passed:
        raise Refused(
            f"{version.id} did not pass on this site's own patients: {', '.join(found.failed)}.",
            fix=f"try bedside recalibrate {version.id} --data FOLDER, validate what it makes, or "
            "leave the model.",
            code="local_gates_failed",
        )
