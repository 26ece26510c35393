"""The main job: collect, prepare, ask, features, audit, fit, evaluate, package, register."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from bedside.cohorts.leakage import (
    audit_declaration,
    audit_features,
    audit_splits,
    audit_visibility,
)
from bedside.cohorts.question import ask
from bedside.cohorts.splits import assign
from bedside.core.clock import iso
from bedside.core.errors import Refused
from bedside.core.ids import canonical_json, digest_bytes, digest_of
from bedside.core.records import bundle as parts
from bedside.core.records.declaration import Declaration
from bedside.core.records.version import ModelVersion, Stage
from bedside.data.collect.table import collect_table
from bedside.data.prepare import prepare
from bedside.deploy.package.sealing import seal
from bedside.develop.evaluate.gates import judge
from bedside.develop.evaluate.report import render_report
from bedside.develop.train.fit import Fitted, Matrix, fit, fit_baseline
from bedside.develop.train.onnx_trees import onnx_of
from bedside.features.batch import features_at
from bedside.features.definition import expand, feature_set_to_json
from bedside.governance.documents.model_card import model_card
from bedside.interop.declaration import declaration_to_json, read_declaration
from bedside.lifecycle.cohort import build_features, raw_table
from bedside.lifecycle.evidence import PARITY, judge_model
from bedside.lifecycle.frames import array_bytes, array_of, frame_bytes, frame_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.steps import Done, StepRunner
from bedside.metrics.names import metric_names

__all__ = ["Built", "build", "load_declaration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A registered version and its evidence."""

    version: ModelVersion
    evidence: dict[str, Any]
    report: Path


def load_declaration(folder: Path) -> tuple[Declaration, bytes]:
    """Read `bedside.yaml` of a model's folder.

    Raises:
        Invalid: it is not there, or not right; the line and the fix are named.
    """
    path = folder / parts.DECLARATION_SOURCE
    if not path.is_file():
        raise Refused(
            f"There is no {parts.DECLARATION_SOURCE} in that folder.",
            fix="give the folder of a model, or the name of a use case that ships with Bedside.",
            code="no_declaration",
        )
    content = path.read_bytes()
    declaration = read_declaration(
        content, metrics=lambda plan: metric_names(plan.utility, plan.burden_per)
    )
    return declaration, content


def build(platform: Platform, folder: Path, data: Path | None) -> Built:
    """Build, judge, seal, sign and register one version.

    Raises:
        Refused: the leakage audit found something that is not acknowledged.
        Invalid: the declaration or the data are wrong.
        Unavailable: the disk is full, or another build holds the workspace.
    """
    declaration, source = load_declaration(folder)
    with platform.lock():
        platform.ledger.append(
            platform.actor,
            "build.start",
            {"model": declaration.name, "declaration": digest_bytes(source)},
        )
        return _Build(platform, declaration, source, data).run()


@dataclass
class _Build:
    platform: Platform
    declaration: Declaration
    source: bytes
    data: Path | None
    steps: StepRunner = field(init=False)

    def __post_init__(self) -> None:
        place = self.platform
        self.steps = StepRunner(
            folder=place.folder / "steps",
            objects=place.objects,
            write=place.write,
            progress=place.progress,
            code=place.code,
        )

    def run(self) -> Built:
        told = json.loads(declaration_to_json(self.declaration))
        raw = raw_table(self.declaration, self.data)
        snapshot = digest_bytes(frame_bytes(raw))
        collected = self.steps.run(
            "collect",
            {"raw": snapshot, "data": told["data"], "signals": told["signals"]},
            lambda _: self._collect(raw),
        )
        prepared = self.steps.run(
            "prepare",
            {"events": collected.outputs["events"], "signals": told["signals"]},
            lambda _: self._prepare(collected),
        )
        asked = self.steps.run(
            "question",
            {
                "events": prepared.outputs["events"],
                "question": told["question"],
                "split": told["evaluation"]["split"],
            },
            lambda _: self._question(prepared),
        )
        matrix = self._features(prepared, asked, told)
        audited = self._audit(prepared, asked, matrix, told)
        fitted = self.steps.run(
            "fit",
            {
                "matrix": matrix.outputs["matrix"],
                "asked": asked.outputs["asked"],
                "learner": told["learner"],
            },
            lambda _: self._fit(matrix, asked),
        )
        judged = self.steps.run(
            "evaluate",
            {
                "fit": dict(fitted.outputs),
                "asked": asked.outputs["asked"],
                "audit": audited.outputs["findings"],
                "declaration": told,
            },
            lambda _: self._evaluate(collected, prepared, asked, matrix, audited, fitted),
        )
        return self._package(snapshot, fitted, judged)

    def _collect(self, raw: pl.DataFrame) -> dict[str, bytes]:
        events, report = collect_table(raw, self.declaration)
        return {"events": frame_bytes(events), "report": canonical_json(report)}

    def _prepare(self, collected: Done) -> dict[str, bytes]:
        events = frame_of(self.steps.read(collected, "events"))
        clean, report = prepare(events, self.declaration.signals)
        return {"events": frame_bytes(clean), "quality": canonical_json(report)}

    def _question(self, prepared: Done) -> dict[str, bytes]:
        events = frame_of(self.steps.read(prepared, "events"))
        asked = assign(ask(self.declaration.question, events), self.declaration.evaluation.split)
        return {"asked": frame_bytes(asked)}

    def _features(self, prepared: Done, asked: Done, told: dict[str, Any]) -> Done:
        feature_set = expand(self.declaration)
        rows = frame_of(self.steps.read(asked, "asked"))

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            events = frame_of(self.steps.read(prepared, "events"))
            return {"matrix": array_bytes(build_features(feature_set, events, rows, advance))}

        return self.steps.run(
            "features",
            {
                "events": prepared.outputs["events"],
                "asked": asked.outputs["asked"],
                "features": told["features"],
                "signals": told["signals"],
            },
            make,
            total=rows["subject_id"].n_unique(),
        )

    def _audit(self, prepared: Done, asked: Done, matrix: Done, told: dict[str, Any]) -> Done:
        done = self.steps.run(
            "leakage audit",
            {
                "matrix": matrix.outputs["matrix"],
                "asked": asked.outputs["asked"],
                "events": prepared.outputs["events"],
                "declaration": told,
            },
            lambda _: {"findings": canonical_json(self._findings(prepared, asked, matrix))},
        )
        accepted = {one.finding for one in self.declaration.acknowledged}
        open_ = [
            f for f in json.loads(self.steps.read(done, "findings")) if f["name"] not in accepted
        ]
        if open_:
            self.platform.ledger.append(
                self.platform.actor,
                "build.refused",
                {"model": self.declaration.name, "findings": [f["name"] for f in open_][:20]},
            )
            raise Refused(
                "The leakage audit found: "
                + " ".join(f["text"] for f in open_[:5])
                + (f" And {len(open_) - 5} more." if len(open_) > 5 else ""),
                fix="remove the feature, or acknowledge the finding by name "
                f"({open_[0]['name']}) with a reason under 'acknowledged'.",
                code="leakage",
            )
        return done

    def _findings(self, prepared: Done, asked: Done, matrix: Done) -> list[dict[str, str]]:
        feature_set = expand(self.declaration)
        rows = frame_of(self.steps.read(asked, "asked"))
        events = frame_of(self.steps.read(prepared, "events"))
        values = array_of(self.steps.read(matrix, "matrix"))
        train = (rows["side"] == "train").to_numpy()
        replayed = rows["subject_id"].unique().sort()[:50].implode()
        few = rows.filter(pl.col("subject_id").is_in(replayed))
        first = events.filter(pl.col("subject_id").is_in(replayed))
        found = [
            *audit_declaration(self.declaration),
            *audit_splits(rows),
            *audit_visibility(
                first,
                few,
                values[: few.height],
                feature_set.names,
                lambda seen, one: features_at(feature_set, seen, one),
            ),
            *audit_features(values[train], rows["label"].to_numpy()[train], feature_set.names),
        ]
        return [asdict(finding) for finding in found]

    def _fit(self, matrix: Done, asked: Done) -> dict[str, bytes]:
        rows = frame_of(self.steps.read(asked, "asked"))
        values = array_of(self.steps.read(matrix, "matrix"))
        names, label = expand(self.declaration).names, rows["label"].to_numpy()

        def side(name: str) -> Matrix:
            inside = (rows["side"] == name).to_numpy()
            return Matrix(features=values[inside], label=label[inside], names=names)

        learner = self.declaration.learner
        fitted = fit(side("train"), side("tuning"), learner)
        baseline = fit_baseline(side("train"), side("held_out").features, learner.seed)
        return {
            "trees": fitted.trees.encode(),
            "onnx": onnx_of(fitted),
            "calibration": canonical_json([fitted.slope, fitted.intercept]),
            "baseline": array_bytes(baseline),
        }

    def _evaluate(
        self,
        collected: Done,
        prepared: Done,
        asked: Done,
        matrix: Done,
        audited: Done,
        fitted: Done,
    ) -> dict[str, bytes]:
        read = self.steps.read
        slope, intercept = json.loads(read(fitted, "calibration"))
        trees = read(fitted, "trees")
        model = Fitted(trees=trees.decode(), slope=slope, intercept=intercept)
        evidence, reference, example = judge_model(
            self.declaration,
            events=frame_of(read(prepared, "events")),
            asked=frame_of(read(asked, "asked")),
            matrix=array_of(read(matrix, "matrix")),
            baseline=array_of(read(fitted, "baseline")),
            fitted=model,
            predictor=self.platform.predictor_of(read(fitted, "onnx")),
            explainer=self.platform.explainer_of(trees),
        )
        because = {one.finding: one.because for one in self.declaration.acknowledged}
        evidence["leakage"] = [
            {**finding, "because": because.get(finding["name"], "")}
            for finding in json.loads(read(audited, "findings"))
        ]
        evidence["quality"] = {
            **json.loads(read(collected, "report")),
            **json.loads(read(prepared, "quality")),
        }
        return {
            "evidence": canonical_json(evidence),
            "reference": canonical_json(reference),
            "example": canonical_json(example),
        }

    def _package(self, snapshot: str, fitted: Done, judged: Done) -> Built:
        evidence = json.loads(self.steps.read(judged, "evidence"))
        gates = judge(self.declaration.gates, evidence)
        files = {
            parts.DECLARATION: declaration_to_json(self.declaration),
            parts.DECLARATION_SOURCE: self.source,
            parts.FEATURES: feature_set_to_json(expand(self.declaration)),
            parts.MODEL: self.steps.read(fitted, "onnx"),
            parts.TREES: self.steps.read(fitted, "trees"),
            parts.EVIDENCE: self.steps.read(judged, "evidence"),
            parts.REFERENCE: self.steps.read(judged, "reference"),
            parts.EXAMPLE: self.steps.read(judged, "example"),
            parts.REPORT: render_report(self.declaration, evidence, gates).encode(),
            parts.CARD: model_card(self.declaration, evidence).encode(),
        }
        facts = {
            "model": self.declaration.name,
            "snapshot": snapshot,
            "declaration": digest_of(json.loads(files[parts.DECLARATION])),
            "code": self.platform.code,
            "environment": self.platform.environment,
            "threshold": evidence["threshold"]["value"],
            "parity": PARITY,
        }
        place = self.platform
        with place.progress.step("package"):
            digest = seal(files, facts, place.bundles)
            signature = place.signature_of(digest)
            if not signature.is_file():
                place.signer.sign(str(place.bundles / digest), str(signature))
        with place.progress.step("register"):
            version = place.registry.add(
                ModelVersion(
                    id=f"{self.declaration.name}@{digest[:12]}",
                    name=self.declaration.name,
                    bundle=digest,
                    stage=Stage.BUILT,
                    built_at=iso(place.clock.now()),
                    gates=gates,
                )
            )
            place.ledger.append(
                place.actor,
                "build.done",
                {"version": version.id, "bundle": digest, "gates_passed": version.gates_passed},
            )
        return Built(
            version=version, evidence=evidence, report=place.bundles / digest / parts.REPORT
        )
