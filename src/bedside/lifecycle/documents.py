"""The documents of a version, as pages of the workspace, with what was shown since its build."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.core.records.bundle import EVIDENCE, REPORT
from bedside.core.records.version import ModelVersion
from bedside.governance.documents.document import Document
from bedside.governance.documents.made import documents_of
from bedside.governance.documents.rendering import as_html
from bedside.lifecycle.egress import leave
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["Written", "write_documents"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The documents of a version, each with its page; and the evaluations they take in."""

    version: str
    documents: tuple[tuple[Document, Path], ...]
    evaluations: tuple[str, ...]


def write_documents(platform: Platform, version_id: str) -> Written:
    """Write the model card, the checklist and the prompts as pages.

    They are made of the declaration and the evidence in the bundle, and of the evaluations of this
    version on other patients that this workspace holds. Those in the bundle are as they were at the
    build, and stay.

    Args:
        platform: Where the version is registered.
        version_id: As the registry names it.

    Raises:
        NotFound: there is no such version.
        Refused: its bundle is not intact.
    """
    version = platform.registry.get(version_id)
    bundle = open_bundle(platform, version)
    leave(platform, version.id, bundle.files[EVIDENCE])
    elsewhere = _elsewhere(platform, version)
    made = documents_of(bundle.declaration, json.loads(bundle.files[EVIDENCE]), elsewhere)
    folder = platform.folder / "reports" / version.name
    report = f"../../bundles/{version.bundle}/{REPORT}"
    written = []
    for document in made:
        name = document.name.replace("_", "-")
        page = folder / f"{name}-{version.bundle[:12]}.html"
        platform.write(page, as_html(document, report=report, about=version.id).encode())
        written.append((document, page))
    return Written(version=version.id, documents=tuple(written), evaluations=tuple(elsewhere))


def _elsewhere(platform: Platform, version: ModelVersion) -> dict[str, dict[str, Any]]:
    """The newest evidence on each set of other patients, by the name of its file.

    That the ledger names it, and the file is there, is what counts. Whom the build held out are no
    other patients, however they were brought.
    """
    pages = dict.fromkeys(
        entry.details["page"]
        for entry in platform.ledger.entries()
        if entry.action == "evaluate" and entry.details["version"] == version.id
    )
    found = {}
    for page in pages:
        figures = (platform.folder / page).with_suffix(".json")
        told = json.loads(figures.read_bytes()) if figures.is_file() else None
        if told is not None and not _repeats_the_build(told):
            found[figures.name] = told
    return found


def _repeats_the_build(evidence: Mapping[str, Any]) -> bool:
    """Whether everyone who was judged was held out at the build."""
    held_out = evidence["familiar"].get("held_out")
    return held_out is not None and held_out == evidence["counts"]["subjects"]
