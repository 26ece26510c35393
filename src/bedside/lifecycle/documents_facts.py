"""What a workspace knows of a version beyond its bundle, as one file that documents can cite."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bedside import __version__
from bedside.core.ids import digest_bytes
from bedside.core.records.bundle import DECLARATION, EVIDENCE, SBOM, Bundle
from bedside.core.records.ledger import LedgerEntry
from bedside.core.records.version import ModelVersion
from bedside.lifecycle.platform import Platform

__all__ = ["evaluated_pages", "facts_of_version", "records_of"]

_TOLD = frozenset(
    {"approve", "build.done", "compare", "deploy.export", "evaluate", "monitor", "recalibrate",
     "release", "release.refused", "reproduce", "rollback", "hold", "site.publish", "site.pull",
     "site.validate"}
)  # fmt: skip
"""What is told of a version's life; single answers are not."""


def records_of(platform: Platform, version: ModelVersion) -> list[LedgerEntry]:
    """The ledger's entries on a version's life, oldest first."""
    return [
        entry
        for entry in platform.ledger.entries()
        if entry.action in _TOLD and entry.details.get("version") == version.id
    ]


def evaluated_pages(records: list[LedgerEntry]) -> list[str]:
    """The pages of the evaluations among them, each once."""
    return list(dict.fromkeys(e.details["page"] for e in records if e.action == "evaluate"))


def facts_of_version(
    version: ModelVersion,
    bundle: Bundle,
    sealed: Mapping[str, Any],
    records: list[LedgerEntry],
) -> dict[str, Any]:
    """The facts, for canonical JSON.

    Args:
        version: As the registry has it.
        bundle: Opened, so every digest and the signature were checked.
        sealed: What the manifest of the bundle says of it.
        records: As `records_of`.
    """
    return {
        "id": version.id,
        "bundle": version.bundle,
        "stage": version.stage.value,
        "built_at": version.built_at,
        "program": f"Bedside {__version__}",
        "environment": sealed.get("environment", {}),
        "snapshot": sealed.get("snapshot", ""),
        "seal": {"files": len(bundle.files)},
        "libraries": list(_libraries(bundle.files)),
        "made_from": {name: digest_bytes(bundle.files[name]) for name in (DECLARATION, EVIDENCE)},
        "gates": [{"passed": one.passed, "text": one.text} for one in version.gates],
        "approvals": list(_approvals(version)),
        "records": [
            {"sequence": e.sequence, "at": e.at, "action": e.action, "actor": e.actor}
            for e in records
        ],
    }


def _libraries(files: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    for one in json.loads(files[SBOM])["components"] if SBOM in files else ():
        if one.get("type") == "library" and one["name"] != "bedside":
            yield {"name": one["name"], "version": one["version"]}


def _approvals(version: ModelVersion) -> Iterator[dict[str, str]]:
    first = () if version.approval is None else (version.approval,)
    for one in dict.fromkeys((*first, *version.step_approvals)):
        yield {
            "step": one.step.value,
            "name": one.name,
            "meaning": one.meaning,
            "approved_at": one.approved_at,
        }
