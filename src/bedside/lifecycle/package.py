"""From what a build made to a registered version: its files, sealed, signed, entered."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bedside.core.clock import iso
from bedside.core.errors import Refused
from bedside.core.ids import digest_of
from bedside.core.records import bundle as parts
from bedside.core.records.declaration import Declaration
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.version import GateResult, ModelVersion, Stage
from bedside.deploy.package.input_schema import input_schema
from bedside.deploy.package.licences import licence_list
from bedside.deploy.package.sbom import bill_of_materials
from bedside.deploy.package.scoring_install import environment_text, scoring_libraries
from bedside.deploy.package.sealing import seal
from bedside.develop.evaluate.gates import judge
from bedside.develop.evaluate.report import render_report
from bedside.develop.train.learners.loading import learner_of
from bedside.features.definition import expand, feature_set_from_json
from bedside.governance.documents.made import bundled
from bedside.interop.declaration import declaration_to_json, read_declaration
from bedside.lifecycle.evidence import PARITY
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.tracking import track
from bedside.metrics.names import metric_names

__all__ = ["Built", "Packed", "declaration_of", "load_declaration", "packed", "register"]

_RUN = (parts.MODEL, parts.LEARNT, parts.FEATURES, parts.UNCERTAINTY)  # what an answer is made by


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Everything that goes into a bundle, and what the gates say of it."""

    name: str
    files: dict[str, bytes]
    facts: dict[str, Any]
    evidence: dict[str, Any]
    gates: tuple[GateResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A registered version and its evidence."""

    version: ModelVersion
    evidence: dict[str, Any]
    report: Path


def load_declaration(folder: Path) -> tuple[Declaration, bytes]:
    """Read `bedside.yaml` of a model's folder.

    Raises:
        Invalid: it is not right; the line and the fix are named.
        Refused: it is not there.
    """
    path = folder / parts.DECLARATION_SOURCE
    if not path.is_file():
        raise Refused(
            f"There is no {parts.DECLARATION_SOURCE} in that folder.",
            fix="give the folder of a model, or the name of a use case that ships with Bedside.",
            code="no_declaration",
        )
    content = path.read_bytes()
    return declaration_of(content), content


def declaration_of(content: bytes) -> Declaration:
    """The declaration in the bytes of a `bedside.yaml`.

    Raises:
        Invalid: it is not right; the line and the fix are named.
    """
    return read_declaration(
        content,
        metrics=metric_names,
        features=lambda declaration: expand(declaration).features,
        learners=learner_of,
    )


def packed(
    platform: Platform,
    declaration: Declaration,
    source: bytes,
    *,
    snapshot: str,
    made: Mapping[str, bytes],
) -> Packed:
    """The files and facts of a bundle.

    Args:
        platform: Whose code and environment are named in it.
        declaration: The model.
        source: The text of the declaration, as it was written.
        snapshot: The digest of the prepared data.
        made: The features, model, trees, evidence, reference and example, by their names.
    """
    evidence = json.loads(made[parts.EVIDENCE])
    gates = judge(declaration.gates, evidence)
    files = {
        **made,
        parts.DECLARATION: declaration_to_json(declaration),
        parts.DECLARATION_SOURCE: source,
        parts.REPORT: render_report(declaration, evidence, gates).encode(),
        **bundled(declaration, evidence),
    }
    files |= _to_run_it(declaration, files, evidence, gates, snapshot)
    facts = {
        "model": declaration.name,
        "snapshot": snapshot,
        "declaration": digest_of(json.loads(files[parts.DECLARATION])),
        "code": platform.code,
        "environment": platform.environment,
        "threshold": evidence["threshold"]["value"],
        "parity": PARITY,
    }
    return Packed(name=declaration.name, files=files, facts=facts, evidence=evidence, gates=gates)


def _to_run_it(
    declaration: Declaration,
    files: Mapping[str, bytes],
    evidence: Mapping[str, Any],
    gates: tuple[GateResult, ...],
    snapshot: str,
) -> dict[str, bytes]:
    """What whoever runs the model needs to know: its inputs, its libraries and their licences."""
    libraries = scoring_libraries()
    whole = {name: files[name] for name in _RUN if name in files}
    return {
        parts.INPUT_SCHEMA: input_schema(declaration, feature_set_from_json(files[parts.FEATURES])),
        parts.ENVIRONMENT: environment_text(libraries),
        parts.LICENCES: licence_list(libraries, data=declaration.data.licence),
        parts.SBOM: bill_of_materials(
            declaration, evidence, gates, libraries, files=whole, snapshot=snapshot
        ),
    }


def _registered(platform: Platform, made: Packed, digest: str, run_id: str) -> ModelVersion:
    version = platform.registry.add(
        ModelVersion(
            id=f"{made.name}@{digest[:12]}",
            name=made.name,
            bundle=digest,
            stage=Stage.BUILT,
            built_at=iso(platform.clock.now()),
            gates=made.gates,
        )
    )
    edge = Edge(
        at=iso(platform.clock.now()),
        job="build",
        run=run_id,
        source=Node(kind="snapshot", id=made.facts["snapshot"]),
        output=Node(kind="version", id=version.id),
    )
    platform.store.catalogue.record([edge])
    platform.ledger.append(
        platform.actor,
        "build.done",
        {"version": version.id, "bundle": digest, "gates_passed": version.gates_passed},
    )
    return version


def register(platform: Platform, made: Packed, *, run_id: str) -> Built:
    """Seal, sign and register; the version, its lineage and the ledger's entry name each other."""
    with platform.progress.step("package"):
        digest = seal(made.files, made.facts, platform.bundles)
        signature = platform.signature_of(digest)
        if not signature.is_file():
            platform.signer.sign(str(platform.bundles / digest), str(signature))
    with platform.progress.step("register"), platform.together():
        version = _registered(platform, made, digest, run_id)
    track(platform, version, made.files, made.facts)
    return Built(
        version=version,
        evidence=made.evidence,
        report=platform.bundles / digest / parts.REPORT,
    )
