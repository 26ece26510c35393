"""A built version judged on other patients than those of its build; nothing is fitted again."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from bedside.core.clock import iso
from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.bundle import EVIDENCE, LEARNT
from bedside.core.records.flow_words import told_flow
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.version import ModelVersion
from bedside.develop.evaluate.external import PARTS, Elsewhere, judge_elsewhere
from bedside.develop.evaluate.external_page import render_external
from bedside.features.wording import title
from bedside.lifecycle.familiar import Familiar, familiar
from bedside.lifecycle.judging import matrix_of
from bedside.lifecycle.patients import Patients, new_intake, new_patients
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.metrics.names import last_horizon
from bedside.models.form_json import form_from_json

__all__ = [
    "Evaluated",
    "evaluate_version",
    "evaluated_patients",
    "seen_elsewhere",
    "unknown_patients",
    "without_known",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """A version on other patients: the evidence, its page, and its JSON beside the page."""

    version: ModelVersion
    evidence: dict[str, Any]
    page: Path
    figures: Path


def evaluate_version(
    platform: Platform,
    version_id: str,
    data: Path | None = None,
    *,
    parts: Sequence[str] = PARTS,
) -> Evaluated:
    """Judge a version on other patients, and write the evidence as a page and as JSON.

    Patients on whom the version was fitted are left out.

    Args:
        platform: The workspace. The data of a model of a collected source were collected into it.
        version_id: Which version.
        data: The folder with the data, or one file; None: what is bundled.
        parts: Which of `PARTS` are wanted.

    Raises:
        NotFound: there is no such version, or no such data.
        Invalid: the data are not as the declaration says, they are of ten patients or fewer, or
            the outcome came true in none or in all.
        Refused: the bundle is not intact.
    """
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise Invalid(f"There is no part '{unknown[0]}'.", fix=f"use one of: {', '.join(PARTS)}.")
    with platform.lock():
        version = platform.registry.get(version_id)
        patients, known = unknown_patients(platform, version, data)
        return evaluated_patients(platform, version, patients, known, parts=parts)


def evaluated_patients(
    platform: Platform,
    version: ModelVersion,
    patients: Patients,
    known: Familiar,
    *,
    parts: Sequence[str] = PARTS,
) -> Evaluated:
    """The same of patients who were found before; the workspace is locked."""
    declaration = patients.declaration
    with platform.progress.step("evaluate", total=len(parts)) as advance:
        evidence = judge_elsewhere(
            seen_elsewhere(platform, patients),
            json.loads(patients.bundle.files[EVIDENCE]),
            options=declaration.evaluation,
            seed=declaration.learner.seed,
            parts=parts,
            advance=advance,
        )
    evidence = {
        "version": version.id,
        "title": declaration.title,
        "horizon_days": last_horizon(declaration.question.outcome),
        "snapshot": patients.snapshot.digest,
        "files": [file.name for file in patients.snapshot.manifest.sources],
        "familiar": known.as_json(),
        "quality": dict(patients.quality),
        "flow": [asdict(step) for step in told_flow(patients.flow)],
        **evidence,
    }
    return _kept(platform, version, patients, evidence)


def unknown_patients(
    platform: Platform, version: ModelVersion, data: Path | None
) -> tuple[Patients, Familiar]:
    """The patients in these data on whom the version was not fitted, and who was left out.

    Raises:
        Invalid: the version was fitted on all of them.
    """
    bundle = open_bundle(platform, version)
    patients = new_patients(platform, bundle, new_intake(platform, bundle, data))
    with platform.progress.step("look for patients of the build"):
        known = familiar(platform, version, patients)
    return without_known(patients, known), known


def without_known(patients: Patients, known: Familiar) -> Patients:
    """The patients on whom the version was not fitted.

    Raises:
        Invalid: it was fitted on all of them.
    """
    if not known.known:
        return patients
    ids = pl.Series(list(known.known), dtype=pl.Int64)
    others = ~patients.asked["subject_id"].is_in(ids.implode())
    if not others.any():
        raise Invalid(
            "The version was fitted on every one of these patients.",
            fix="bring the data of others.",
            code="nobody_new",
        )
    return patients.taken(others.to_numpy())


def seen_elsewhere(platform: Platform, patients: Patients) -> Elsewhere:
    """The patients as the room that judges them takes them."""
    feature_set = patients.feature_set
    return Elsewhere(
        form=form_from_json(patients.bundle.files[LEARNT]),
        rows=patients.judged(platform),
        matrix=matrix_of(patients.asked, patients.matrix, feature_set.names),
        threshold=patients.bundle.threshold,
        own_thresholds=patients.own_thresholds,
        groups=patients.groups,
        categories=[len(feature.labels) for feature in feature_set.features],
        texts={feature.name: title(feature) for feature in feature_set.features},
    )


def _kept(
    platform: Platform, version: ModelVersion, patients: Patients, evidence: dict[str, Any]
) -> Evaluated:
    """Write the evidence, and say so in the lineage and the ledger."""
    digest = digest_of(evidence)
    folder = platform.folder / "reports" / version.name
    page = folder / f"evaluation-{version.bundle[:12]}-{patients.snapshot.digest[:12]}.html"
    figures = page.with_suffix(".json")
    platform.write(page, render_external(evidence).encode())
    platform.write(figures, canonical_json(evidence))
    report = Node(kind="report", id=digest)
    platform.store.catalogue.record(
        [
            Edge(
                at=iso(platform.clock.now()),
                job="evaluate",
                run=patients.run_id,
                source=source,
                output=report,
            )
            for source in (
                Node(kind="version", id=version.id),
                Node(kind="snapshot", id=patients.snapshot.digest),
            )
        ]
    )
    platform.ledger.append(
        platform.actor,
        "evaluate",
        {
            "version": version.id,
            "snapshot": patients.snapshot.digest,
            "report": digest,
            "page": str(page.relative_to(platform.folder)),
        },
    )
    return Evaluated(version=version, evidence=evidence, page=page, figures=figures)
