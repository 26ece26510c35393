"""A version from a hub, held to its gates on this site's own patients."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bedside.core.errors import Invalid, Refused
from bedside.core.ids import canonical_json, digest_of
from bedside.core.records.bundle import EVIDENCE
from bedside.core.records.declaration import Declaration
from bedside.core.records.site_report import ToldGate
from bedside.core.records.version import GateResult, ModelVersion
from bedside.develop.evaluate.aggregates import aggregates_of
from bedside.develop.evaluate.gates import judge
from bedside.lifecycle.evaluating import evaluated_patients, unknown_patients, without_known
from bedside.lifecycle.familiar import familiar
from bedside.lifecycle.local_evidence import VALIDATED, pulled_from
from bedside.lifecycle.patients import facts_of, new_intake, new_patients
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.recalibrating import judged_out_of_fold
from bedside.lifecycle.release import open_bundle

__all__ = ["Validated", "aggregates_file", "validate_here"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What a validation on a site's own patients came to.

    Args:
        version: Which version.
        snapshot: Digest of the prepared events of the patients.
        gates: As they are judged here; none where the declaration has none.
        local: The figures that may leave the site.
        evidence: All figures.
        page: Where they lie for those at the site; None: in the version's own report.
        out_of_fold: Whether these are the patients on whom it was recalibrated, each judged by a
            fit on others.
    """

    version: ModelVersion
    snapshot: str
    gates: tuple[GateResult, ...]
    local: dict[str, Any]
    evidence: dict[str, Any]
    page: Path | None
    out_of_fold: bool = False

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)


def validate_here(platform: Platform, version_id: str, data: Path | None = None) -> Validated:
    """Judge the gates of a pulled version on this site's own patients; say so in the ledger.

    A version that was recalibrated here is judged on the patients of its recalibration by fits on
    others of them, or on patients who are new to it.

    Args:
        platform: The site's workspace.
        version_id: Which version.
        data: The folder or file with the site's own patients; None: what is bundled.

    Raises:
        NotFound, Invalid: as `evaluate_version`.
        Refused: it does not come from a hub (code `not_pulled`), or the bundle is not intact.
    """
    with platform.lock():
        version = platform.registry.get(version_id)
        if pulled_from(platform.ledger.entries(), version) is None:
            raise Refused(
                f"{version.id} was built here, and does not come from a hub.",
                fix=f"judge it on other patients with: bedside evaluate {version.id}.",
                code="not_pulled",
            )
        declaration = open_bundle(platform, version).declaration
        done = _judged(platform, version, data)
        kept = {"local": done.local, "gates": _told(declaration, done.gates)}
        report = digest_of(kept)
        platform.write(aggregates_file(platform, version, report), canonical_json(kept))
        platform.ledger.append(
            platform.actor,
            VALIDATED,
            {
                "version": version.id,
                "bundle": version.bundle,
                "snapshot": done.snapshot,
                "report": report,
                "passed": done.passed,
                "failed": [gate.metric for gate in done.gates if not gate.passed],
                "gates_count": len(done.gates),
            },
        )
    return done


def aggregates_file(platform: Platform, version: ModelVersion, report: str) -> Path:
    """Where the figures of a validation that may leave the site lie."""
    name = f"validation-{version.bundle[:12]}-{report[:12]}.json"
    return platform.folder / "reports" / version.name / name


def _judged(platform: Platform, version: ModelVersion, data: Path | None) -> Validated:
    try:
        patients, known = unknown_patients(platform, version, data)
    except Invalid as error:
        if error.code != "nobody_new":
            raise
        return _out_of_fold(platform, version, data, error)
    done = evaluated_patients(platform, version, patients, known)
    return Validated(
        version=version,
        snapshot=patients.snapshot.digest,
        gates=judge(patients.declaration.gates, done.evidence),
        local=aggregates_of(patients.judged(platform), done.evidence, patients.thresholds),
        evidence=done.evidence,
        page=done.page,
    )


def _out_of_fold(
    platform: Platform, version: ModelVersion, data: Path | None, error: Invalid
) -> Validated:
    """The evidence that a recalibrated version was registered with, which is of these patients."""
    facts = facts_of(platform, version)
    if "recalibrated" not in facts:
        raise error
    parent = platform.registry.get(facts["recalibrated"]["parent"])
    before = open_bundle(platform, parent)
    patients = new_patients(platform, before, new_intake(platform, before, data))
    if patients.snapshot.digest != facts["snapshot"]:
        raise error
    patients = without_known(patients, familiar(platform, parent, patients))
    bundle = open_bundle(platform, version)
    evidence = json.loads(bundle.files[EVIDENCE])
    rows = judged_out_of_fold(platform, patients)
    thresholds = replace(patients, bundle=bundle).thresholds
    return Validated(
        version=version,
        snapshot=patients.snapshot.digest,
        gates=judge(bundle.declaration.gates, evidence),
        local=aggregates_of(rows, evidence, thresholds),
        evidence=evidence,
        page=None,
        out_of_fold=True,
    )


def _told(declaration: Declaration, gates: tuple[GateResult, ...]) -> list[dict[str, Any]]:
    """Each gate and whether it passed; the figure stands among the others, or is hidden."""
    return [
        asdict(
            ToldGate(
                metric=gate.metric,
                subgroup=gate.subgroup,
                bound=gate.bound,
                at_least=None if gate.at_least is None else float(gate.at_least),
                at_most=None if gate.at_most is None else float(gate.at_most),
                passed=result.passed,
            )
        )
        for gate, result in zip(declaration.gates, gates, strict=True)
    ]
