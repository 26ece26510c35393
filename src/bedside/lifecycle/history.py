"""The versions of a model over time: from what, by what, how good, who said yes, where proven."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bedside.core.errors import BedsideError
from bedside.core.ids import canonical_json
from bedside.core.records.bundle import DECLARATION, EVIDENCE
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.version import ModelVersion
from bedside.develop.evaluate.history_page import render_history
from bedside.lifecycle.differences import changed_keys, changed_libraries
from bedside.lifecycle.patients import facts_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["History", "history"]

HEADLINES = (
    ("harrell_c", "calibration_slope", "integrated_brier"),
    ("macro_auroc", "calibration_slope", "multiclass_brier"),
    ("auroc", "calibration_slope", "brier"),
    ("r2", "regression_slope", "rmse"),
)
"""What is shown of each kind of outcome: how it ranks, how it is calibrated, how far it is off.

The first whose first is measured: a survival model has an AUROC too, by its last horizon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The versions of one model, oldest first, and the page that shows them."""

    model: str
    headline: tuple[str, ...]
    versions: tuple[dict[str, Any], ...]
    page: Path
    figures: Path


def history(platform: Platform, model: str) -> History:
    """The history of a model; written as a page and as JSON.

    Args:
        platform: The workspace.
        model: Its name, or one of its versions.

    Raises:
        NotFound: there is no such model.
    """
    name = platform.registry.get(model).name
    entries = list(platform.ledger.entries())
    versions, made = [], _Made()
    for version in platform.registry.versions(name):
        versions.append(_told(platform, version, made, entries))
    shown = {metric for told in versions for metric in told["metrics"]}
    headline = next((ones for ones in HEADLINES if ones[0] in shown), ())
    folder = platform.folder / "reports" / name
    done = History(
        model=name,
        headline=headline,
        versions=tuple(versions),
        page=folder / "history.html",
        figures=folder / "history.json",
    )
    platform.write(done.page, render_history(name, headline, versions).encode())
    document = {"model": name, "headline": list(headline), "versions": versions}
    platform.write(done.figures, canonical_json(document))
    return done


def _told(
    platform: Platform,
    version: ModelVersion,
    made: "_Made",
    entries: list[LedgerEntry],
) -> dict[str, Any]:
    """One version; of a bundle that does not open, why."""
    told: dict[str, Any] = {
        "version": version.id,
        "built_at": version.built_at,
        "stage": version.stage.value,
        "gates_passed": version.gates_passed,
        "gates": len(version.gates),
        "approval": None
        if version.approval is None
        else {
            "name": version.approval.name,
            "meaning": version.approval.meaning,
            "approved_at": version.approval.approved_at,
        },
        "moves": list(_moves(version, entries)),
        "evaluations": list(_evaluations(platform, version, entries)),
        "metrics": {},
        "unreadable": "",
    }
    try:
        bundle, facts = open_bundle(platform, version), facts_of(platform, version)
    except BedsideError as error:
        return {**told, "unreadable": error.problem}
    declared = json.loads(bundle.files[DECLARATION])
    evidence = json.loads(bundle.files[EVIDENCE])
    now = {"declaration": declared, "facts": facts}
    recalibrated = facts.get("recalibrated")
    before = made.before(None if recalibrated is None else recalibrated["parent"])
    made.add(version.bundle, now)
    return {
        **told,
        "snapshot": facts["snapshot"],
        "code": facts["code"],
        "environment": facts["environment"],
        "parent": None if recalibrated is None else _id_of(platform, recalibrated["parent"]),
        "recalibrated": None if recalibrated is None else recalibrated["method"],
        "metrics": evidence["metrics"],
        "changes": [] if before is None else list(_changes(before, now)),
    }


@dataclass(slots=True)
class _Made:
    """How the versions so far were made, by bundle, oldest first."""

    known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def before(self, parent: str | None) -> dict[str, Any] | None:
        """What a version is set beside: its parent, or the version before it."""
        if parent is not None:
            return self.known.get(parent)
        return next(reversed(self.known.values()), None)

    def add(self, bundle: str, made: dict[str, Any]) -> None:
        """Remember one more."""
        self.known[bundle] = made


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """What differs from the version before this one, or from its parent."""
    old, new = before["facts"], now["facts"]
    yield from changed_keys(before["declaration"], now["declaration"])
    if old["snapshot"] != new["snapshot"]:
        yield f"data: {old['snapshot'][:12]}, then {new['snapshot'][:12]}"
    yield from changed_libraries(old["environment"], new["environment"])
    if old["code"] != new["code"]:
        yield "Bedside's code or a library"


def _id_of(platform: Platform, bundle: str) -> str:
    try:
        return platform.registry.get(bundle).id
    except BedsideError:
        return bundle


def _moves(version: ModelVersion, entries: list[LedgerEntry]) -> Iterator[dict[str, str]]:
    """When it came to which stage, and by whom: released, held, rolled back, or brought back."""
    for entry in entries:
        if entry.action not in ("release", "hold", "rollback"):
            continue
        if entry.details["version"] == version.id:
            yield {"at": entry.at, "stage": entry.details["stage"], "actor": entry.actor}
        elif entry.details.get("restored") == version.id:
            yield {"at": entry.at, "stage": "live", "actor": entry.actor}


def _evaluations(
    platform: Platform, version: ModelVersion, entries: list[LedgerEntry]
) -> Iterator[dict[str, Any]]:
    """Its evaluations on other patients, each report once; the newest run of it is named."""
    found = {
        entry.details["page"]: entry
        for entry in entries
        if entry.action == "evaluate" and entry.details["version"] == version.id
    }
    for page, entry in found.items():
        figures = (platform.folder / page).with_suffix(".json")
        evidence = json.loads(figures.read_bytes()) if figures.is_file() else {}
        yield {
            "at": entry.at,
            "page": page,
            "snapshot": entry.details["snapshot"],
            "files": evidence.get("files", []),
            "counts": evidence.get("counts", {}),
            "held_out": evidence.get("familiar", {}).get("held_out", "0"),
            "metrics": evidence.get("metrics", {}),
        }
