"""The documents about one version, made from its evidence and what people state beside it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.bundle import EVIDENCE
from bedside.core.records.version import ModelVersion
from bedside.deploy.package.opening import read_facts
from bedside.governance.documents.about_a_version import about_a_version, of_a_version
from bedside.governance.documents.ai_transparency import resources
from bedside.governance.documents.case import Case
from bedside.governance.documents.chai_card import as_json, as_xml
from bedside.governance.documents.document import Document
from bedside.governance.documents.made import documents_of
from bedside.governance.documents.stated import Statements, with_statements
from bedside.lifecycle.documents_facts import evaluated_pages, facts_of_version, records_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle

__all__ = ["Made", "made_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is made of a version.

    Args:
        documents: Those about the version, with what people stated.
        files: What programs read, by name.
        evaluations: The names of the evaluations on other patients that are in them.
        snapshot: The state of data that it was built from.
        licence: Of these data, as it was declared.
    """

    documents: tuple[Document, ...]
    files: Mapping[str, bytes]
    evaluations: tuple[str, ...]
    snapshot: str
    licence: str


def made_of(platform: Platform, version: ModelVersion, statements: Statements) -> Made:
    """Make every document about a version; nothing is written.

    Raises:
        Refused: its bundle is not intact.
    """
    bundle = open_bundle(platform, version)
    records = records_of(platform, version)
    elsewhere = _elsewhere(platform, evaluated_pages(records))
    evidence = json.loads(bundle.files[EVIDENCE])
    sealed = read_facts(platform.bundles, version.bundle)
    facts = facts_of_version(version, bundle, sealed, records)
    case = Case.of(bundle.declaration, evidence, elsewhere, facts)
    card = _stated(of_a_version("chai", case), version, statements)
    files, case = _for_programs(case, card)
    made = (*documents_of(bundle.declaration, evidence, elsewhere), *about_a_version(case))
    return Made(
        documents=tuple(_stated(one, version, statements) for one in made),
        files=files,
        evaluations=tuple(elsewhere),
        snapshot=str(sealed["snapshot"]),
        licence=bundle.declaration.data.licence,
    )


def _stated(document: Document, version: ModelVersion, statements: Statements) -> Document:
    return with_statements(document, statements, about=version.name, bound=version.bundle)


def _for_programs(case: Case, document: Document) -> tuple[dict[str, bytes], Case]:
    """The files that programs read; and the case, which knows the card by its digest then."""
    mark = str(case.version["bundle"])[:12]
    card = as_xml(document, case)
    name = f"chai-{mark}.xml"
    told = {"file": name, "size": len(card), "sha256": digest_bytes(card)}
    known = replace(case, version={**case.version, "card": told})
    return {
        name: card,
        f"chai-{mark}.json": as_json(document, case),
        f"ai-transparency-{mark}.fhir.json": resources(known, card),
        known.version_file: canonical_json(known.version),
    }, known


def _elsewhere(platform: Platform, pages: list[str]) -> dict[str, dict[str, Any]]:
    """The newest evidence on each set of other patients, by the name of its file.

    That the ledger names it, and the file is there, is what counts. Whom the build held out are no
    other patients, however they were brought.
    """
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
