"""An update by recalibration alone: a new version that ranks as its parent, with other risks."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.clock import iso
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records import bundle as parts
from bedside.core.records.bundle import Bundle
from bedside.core.records.declaration import Declaration
from bedside.core.records.flow_words import told_flow
from bedside.core.records.lineage import Edge, Node
from bedside.core.records.version import ModelVersion
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.evaluate.evidence import HeldOut, evaluate, rounded
from bedside.develop.evaluate.external import OF_CALIBRATION, counts_told, refuse_too_few
from bedside.develop.evaluate.fairness import fairness_of
from bedside.develop.evaluate.intervals import estimates
from bedside.develop.evaluate.recalibration import (
    FOLDS,
    Method,
    method_for,
    recalibrated,
    recalibrated_out_of_fold,
)
from bedside.develop.evaluate.statistics import Rows
from bedside.develop.train.conforming import learn_conformal
from bedside.develop.train.matrix import Matrix
from bedside.lifecycle.codes_seen import codes_seen
from bedside.lifecycle.cohort import counts_of
from bedside.lifecycle.evaluating import unknown_patients, without_known
from bedside.lifecycle.familiar import familiar
from bedside.lifecycle.frames import frame_bytes
from bedside.lifecycle.held_out import held_out_baseline
from bedside.lifecycle.judging import matrix_of
from bedside.lifecycle.package import Built, Packed, packed, register
from bedside.lifecycle.patients import (
    Patients,
    elsewhere,
    entry_of,
    new_patients,
    same_data,
)
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import open_bundle
from bedside.lifecycle.watching import reference_of
from bedside.lifecycle.withheld import withheld_reasons
from bedside.metrics.calibration import log_odds
from bedside.models.form import ModelForm
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.links import logistic
from bedside.models.uncertainty import uncertainty_from_json, uncertainty_told
from bedside.monitor.stream.baseline import baseline_to_json

__all__ = ["judged_out_of_fold", "recalibrate", "recalibrated_again"]

Floats = npt.NDArray[np.float64]
Thresholds = float | Floats | None
OF_THE_PARENT_ALONE = (
    "alerts", "cross_validation", "fairness", "learning_curve", "mitigation", "stability",
)  # fmt: skip


def recalibrate(platform: Platform, version_id: str, data: Path | None = None) -> Built:
    """Register a new version that differs from another only in its calibration.

    The calibration is fitted on other patients; the evidence about them is out of fold. Patients
    on whom the version was fitted are left out. Gates are judged again, and the new version must be
    approved like any other.

    Args:
        platform: The workspace. The data of a model of a collected source were collected into it.
        version_id: The parent.
        data: The folder with the data, or one file; None: what is bundled.

    Raises:
        NotFound, Invalid, Refused: as `evaluate_version`; or nothing can be fitted.
    """
    with platform.lock():
        parent = platform.registry.get(version_id)
        patients, _ = unknown_patients(platform, parent, data)
        with platform.progress.step("recalibrate"):
            made = _recalibrated(platform, parent, patients)
        built = register(platform, made, run_id=patients.run_id)
        platform.store.catalogue.record(
            [
                Edge(
                    at=iso(platform.clock.now()),
                    job="recalibrate",
                    run=patients.run_id,
                    source=Node(kind="version", id=parent.id),
                    output=Node(kind="version", id=built.version.id),
                )
            ]
        )
        platform.ledger.append(
            platform.actor,
            "recalibrate",
            {
                "version": built.version.id,
                "parent": parent.id,
                "snapshot": patients.snapshot.digest,
                "gates_passed": built.version.gates_passed,
            },
        )
    return built


def recalibrated_again(
    platform: Platform, facts: Mapping[str, Any], index: Path
) -> tuple[Packed, Patients]:
    """A recalibrated version made again without any earlier step, and the patients it is of.

    Args:
        platform: The workspace, locked.
        facts: Of the version.
        index: Where the index of the steps may lie meanwhile.

    Raises:
        NotFound: its parent or its data are not in this workspace.
    """
    parent = platform.registry.get(facts["recalibrated"]["parent"])
    bundle = open_bundle(platform, parent)
    entry = entry_of(platform, facts["snapshot"])
    mark = entry.name.split("/")[-2].removeprefix("elsewhere-")
    intake = same_data(platform, entry)(elsewhere(bundle.declaration, mark))
    patients = new_patients(platform, bundle, intake, index)
    patients = without_known(patients, familiar(platform, parent, patients))
    return _recalibrated(platform, parent, patients), patients


def judged_out_of_fold(platform: Platform, patients: Patients) -> Rows:
    """The patients of a recalibration as its parent predicts them, recalibrated on others of them.

    Args:
        platform: The workspace.
        patients: As the parent sees them.
    """
    form = form_from_json(patients.bundle.files[parts.LEARNT])
    matrix = matrix_of(patients.asked, patients.matrix, patients.feature_set.names)
    method = method_for(matrix, form.outcome)
    return recalibrated_out_of_fold(form, patients.judged(platform), matrix, method)


def _recalibrated(platform: Platform, parent: ModelVersion, patients: Patients) -> Packed:
    bundle = patients.bundle
    declaration = bundle.declaration
    form = form_from_json(bundle.files[parts.LEARNT])
    before = patients.judged(platform)
    refuse_too_few(before)
    matrix = matrix_of(patients.asked, patients.matrix, patients.feature_set.names)
    method = method_for(matrix, form.outcome)
    after = recalibrated(form, matrix, method)
    judged = judged_out_of_fold(platform, patients)
    new = platform.predictor_of(onnx_of(after))
    risks = before.risk, new.predict(patients.matrix)
    thresholds = _thresholds(bundle, form, risks)
    moved = replace(patients, bundle=_moved_bundle(bundle, thresholds))
    evidence = _evidence(moved, judged)
    evidence["threshold"] = thresholds
    evidence["recalibration"] = {
        "parent": parent.id,
        "method": method,
        "folds": FOLDS,
        "patients": counts_told(before),
        "before": rounded(
            estimates(
                before,
                patients.thresholds,
                declaration.evaluation,
                declaration.learner.seed,
                only=tuple(name for name in OF_CALIBRATION if name != "net_benefit"),
            )
        ),
    }
    made = packed(
        platform,
        declaration,
        bundle.files[parts.DECLARATION_SOURCE],
        snapshot=patients.snapshot.digest,
        made={
            parts.FEATURES: bundle.files[parts.FEATURES],
            parts.MODEL: onnx_of(after),
            parts.LEARNT: form_to_json(after),
            parts.UNCERTAINTY: _uncertainty(declaration, bundle, after, matrix),
            parts.EVIDENCE: canonical_json(evidence),
            parts.REFERENCE: canonical_json(
                _reference(platform, moved, judged, after, moved.thresholds)
            ),
            parts.EXAMPLE: _example(bundle, new),
        },
    )
    return replace(made, facts={**made.facts, "recalibrated": _facts(parent, patients, method)})


def _facts(parent: ModelVersion, patients: Patients, method: Method) -> dict[str, Any]:
    rows = patients.asked.select("subject_id", "prediction_time", "label")
    return {
        "parent": parent.bundle,
        "method": method,
        "folds": FOLDS,
        "rows": digest_bytes(frame_bytes(rows)),
    }


def _evidence(patients: Patients, judged: Rows) -> dict[str, Any]:
    """The parent's evidence, with whatever is about patients replaced by what is about these.

    Args:
        patients: With the new thresholds.
        judged: Out of fold.
    """
    declaration = patients.bundle.declaration
    options, seed = declaration.evaluation, declaration.learner.seed
    old: dict[str, Any] = json.loads(patients.bundle.files[parts.EVIDENCE])
    groups = patients.groups
    found = evaluate(
        HeldOut(rows=judged, groups=groups, thresholds=patients.own_thresholds),
        threshold=patients.bundle.threshold,
        options=options,
        seed=seed,
    )
    if "fairness" in old and patients.thresholds is not None:
        found["fairness"] = fairness_of(judged, groups, patients.thresholds, options, seed)
    sides = pl.concat(
        [patients.asked.with_columns(side=pl.lit(side)) for side in ("tuning", "held_out")]
    )
    counts = counts_of(sides, declaration.question.outcome)
    return {
        **{name: part for name, part in old.items() if name not in OF_THE_PARENT_ALONE},
        **found,
        "counts": {**counts, "train": old["counts"]["train"]},
        "quality": dict(patients.quality),
        "flow": [asdict(step) for step in told_flow(patients.flow)],
    }


def _thresholds(bundle: Bundle, form: ModelForm, risks: tuple[Floats, Floats]) -> dict[str, Any]:
    """Where the new version alerts.

    A threshold that is declared as a value stays. One that was chosen moves with the risks, so that
    whoever alerted before alerts still.
    """
    told: dict[str, Any] = json.loads(bundle.files[parts.EVIDENCE])["threshold"]
    stays = bundle.declaration.evaluation.threshold.value is not None
    if told["value"] is None or (stays and not bundle.group_thresholds):
        return told

    def moved(threshold: float) -> float:
        return _moved(threshold, *risks, odds=form.outcome != "regression")

    made = {**told, "value": told["value"] if stays else moved(told["value"])}
    if bundle.group_thresholds:
        made["groups"] = [
            {**group, "threshold": moved(group["threshold"])} for group in told["groups"]
        ]
    return made


def _moved(threshold: float, before: Floats, after: Floats, *, odds: bool) -> float:
    """The threshold after the map that takes the risks from before to after, ten digits long.

    Between two patients it is straight on the scale of the log-odds; beyond the last, parallel.
    """
    scale = log_odds if odds else (lambda values: values)
    old, new = np.unique(scale(before)), np.unique(scale(after))
    size = min(len(old), len(new))
    old, new = (one[np.linspace(0, len(one) - 1, size).astype(int)] for one in (old, new))
    place = float(scale(np.array([threshold]))[0])
    kept = min(max(place, old[0]), old[-1])
    found = float(np.interp(kept, old, new)) + place - kept
    risk = float(logistic(np.array([found]))[0]) if odds else found
    return float(f"{risk:.10g}")


def _moved_bundle(bundle: Bundle, thresholds: Mapping[str, Any]) -> Bundle:
    groups = tuple(parts.GroupThreshold(**one) for one in thresholds.get("groups", ()))
    return replace(bundle, threshold=thresholds["value"], group_thresholds=groups)


def _uncertainty(declaration: Declaration, bundle: Bundle, form: ModelForm, rows: Matrix) -> bytes:
    """Conformal sets learnt anew on these patients; the domain is still that of the training."""
    old = uncertainty_from_json(bundle.files[parts.UNCERTAINTY])
    coverage = declaration.uncertainty.coverage
    if coverage is None:
        return bundle.files[parts.UNCERTAINTY]
    return canonical_json(
        uncertainty_told(replace(old, conformal=learn_conformal(form, rows, coverage)))
    )


def _reference(
    platform: Platform, patients: Patients, judged: Rows, form: ModelForm, thresholds: Thresholds
) -> dict[str, Any]:
    declaration = patients.bundle.declaration
    domain = uncertainty_from_json(patients.bundle.files[parts.UNCERTAINTY]).domain
    baseline = held_out_baseline(
        patients.feature_set,
        patients.matrix,
        judged,
        patients.groups,
        thresholds=thresholds,
        reasons=withheld_reasons(
            declaration,
            patients.feature_set,
            patients.snapshot,
            patients.asked,
            patients.matrix,
            domain,
        ),
        codes=codes_seen(declaration, patients.feature_set, patients.snapshot, patients.asked),
        explain=platform.explainer_of(form_to_json(form)).contributions,
        seed=declaration.learner.seed,
        minimum=declaration.monitoring.minimum_subjects,
        made_from="patients of the recalibration",
    )
    return reference_of(
        patients.feature_set,
        patients.matrix,
        judged,
        patients.groups,
        threshold=patients.bundle.threshold,
        seed=declaration.learner.seed,
        streams=baseline_to_json(baseline),
    )


def _example(bundle: Bundle, predictor: Any) -> bytes:
    told = json.loads(bundle.files[parts.EXAMPLE])
    row = np.array([[np.nan if value is None else value for value in told["features"]]])
    return canonical_json({**told, "risk": float(predictor.predict(row)[0])})
