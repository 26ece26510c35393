"""The main job: collect, prepare, ask, features, audit, fit, evaluate, package, register."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bedside.cohorts.leakage import (
    audit_declaration,
    audit_features,
    audit_splits,
    audit_visibility,
)
from bedside.cohorts.question import ask, asked_codes
from bedside.cohorts.splits import assign
from bedside.core.errors import Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records import bundle as parts
from bedside.core.records.declaration import Declaration
from bedside.core.records.event import EVENT_COLUMNS
from bedside.data.collect.reading import Received
from bedside.data.store.snapshot import Snapshot
from bedside.develop.train.fit import Fitted, Matrix, fit_baseline
from bedside.develop.train.learning import learn
from bedside.develop.train.onnx_trees import onnx_of
from bedside.features.batch import features_at
from bedside.features.definition import expand, feature_set_to_json
from bedside.interop.declaration import declaration_to_json
from bedside.lifecycle.augmentation import copies_of, number_of_copies
from bedside.lifecycle.cohort import group_codes, received_file
from bedside.lifecycle.evidence import judge_model
from bedside.lifecycle.frames import array_bytes, array_of, frame_bytes, frame_of
from bedside.lifecycle.intake import Intake
from bedside.lifecycle.package import (
    Built,
    Packed,
    declaration_of,
    load_declaration,
    packed,
    register,
)
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.shards import features_of_snapshot
from bedside.lifecycle.steps import Done, StepRunner

__all__ = ["build", "rebuilt"]

REPLAYED = 50  # subjects whose record is cut at each prediction time, to see if a feature moves


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
        received = received_file(declaration, data)
        made = _Build(platform, declaration, source, received, platform.folder / "steps")
        return register(platform, made.run(), run_id=made.intake.run_id)


def rebuilt(platform: Platform, source: bytes, received: Received, scratch: Path) -> Packed:
    """Build again from the text of a declaration and a raw file, without any earlier step.

    Args:
        platform: The workspace.
        source: `bedside.yaml`.
        received: The raw file.
        scratch: Where the index of the steps may lie meanwhile.
    """
    return _Build(platform, declaration_of(source), source, received, scratch).run()


@dataclass
class _Build:
    platform: Platform
    declaration: Declaration
    source: bytes
    received: Received
    index: Path
    steps: StepRunner = field(init=False)
    intake: Intake = field(init=False)

    def __post_init__(self) -> None:
        place = self.platform
        self.intake = Intake(platform=place, declaration=self.declaration, received=self.received)
        self.steps = StepRunner(
            folder=self.index,
            objects=place.objects,
            write=place.write,
            progress=place.progress,
            code=place.code,
        )

    def run(self) -> Packed:
        told = json.loads(declaration_to_json(self.declaration))
        collected = self.steps.run(
            "collect",
            {
                "raw": self.received.file.digest,
                "name": self.received.file.name,
                "data": told["data"],
                "signals": told["signals"],
                "erased": sorted(self.platform.store.catalogue.suppressed()),
            },
            lambda _: self.intake.collect(),
        )
        prepared = self.steps.run(
            "prepare",
            {"events": collected.outputs["snapshot"], "signals": told["signals"]},
            lambda _: self.intake.prepare(self._snapshot("collected", collected)),
        )
        asked = self.steps.run(
            "question",
            {
                "events": prepared.outputs["snapshot"],
                "question": told["question"],
                "split": told["evaluation"]["split"],
            },
            lambda _: self._question(prepared),
        )
        matrix = self._features(prepared, asked, told)
        audited = self._audit(prepared, asked, matrix, told)
        made = self._augment(prepared, asked, told)
        fitted = self.steps.run(
            "fit",
            {
                "matrix": matrix.outputs["matrix"],
                "asked": asked.outputs["asked"],
                "features": told["features"],
                "signals": told["signals"],
                "imputation": told["imputation"],
                "augmentation": told["augmentation"],
                "copies": None if made is None else dict(made.outputs),
                "learner": told["learner"],
            },
            lambda _: self._fit(matrix, asked, made),
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
        return self._packed(prepared, fitted, judged)

    def _snapshot(self, part: str, done: Done) -> Snapshot:
        digest = self.steps.read(done, "snapshot").decode()
        return self.platform.store.open(f"{self.declaration.name}/{part}@{digest}")

    def _question(self, prepared: Done) -> dict[str, bytes]:
        question = self.declaration.question
        shards = self._snapshot("prepared", prepared).shards(
            ["subject_id", "time", "code"], pl.col("code").is_in(asked_codes(question))
        )
        asked = assign(ask(question, shards), self.declaration.evaluation.split)
        return {"asked": frame_bytes(asked)}

    def _features(self, prepared: Done, asked: Done, told: dict[str, Any]) -> Done:
        feature_set = expand(self.declaration)
        rows = frame_of(self.steps.read(asked, "asked"))

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            matrix = features_of_snapshot(
                self.platform,
                self._snapshot("prepared", prepared),
                asked.outputs["asked"],
                feature_set_to_json(feature_set),
                advance,
            )
            return {"matrix": array_bytes(matrix)}

        return self.steps.run(
            "features",
            {
                "events": prepared.outputs["snapshot"],
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
                "events": prepared.outputs["snapshot"],
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
        values = array_of(self.steps.read(matrix, "matrix"))
        train = (rows["side"] == "train").to_numpy()
        replayed = pl.col("subject_id").is_in(
            rows["subject_id"].unique(maintain_order=True)[:REPLAYED].implode()
        )
        few = rows.filter(replayed)
        snapshot = self._snapshot("prepared", prepared)
        first = pl.concat(list(snapshot.shards(EVENT_COLUMNS, replayed)))
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

    def _augment(self, prepared: Done, asked: Done, told: dict[str, Any]) -> Done | None:
        """Features of changed copies of the training subjects, where some are declared."""
        copies = number_of_copies(self.declaration)
        if not copies:
            return None
        train = frame_of(self.steps.read(asked, "asked")).filter(pl.col("side") == "train")

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            snapshot = self._snapshot("prepared", prepared)
            return {
                f"copies-{number}": array_bytes(matrix)
                for number, matrix in enumerate(
                    copies_of(self.platform, self.declaration, snapshot, train, advance)
                )
            }

        return self.steps.run(
            "augment",
            {
                "events": prepared.outputs["snapshot"],
                "asked": asked.outputs["asked"],
                "features": told["features"],
                "signals": told["signals"],
                "augmentation": [one for one in told["augmentation"] if not one["resample"]],
            },
            make,
            total=train["subject_id"].n_unique() * copies,
        )

    def _fit(self, matrix: Done, asked: Done, made: Done | None) -> dict[str, bytes]:
        rows = frame_of(self.steps.read(asked, "asked"))
        values = array_of(self.steps.read(matrix, "matrix"))
        feature_set, label = expand(self.declaration), rows["label"].to_numpy()
        names = feature_set.names

        def side(name: str) -> Matrix:
            inside = (rows["side"] == name).to_numpy()
            return Matrix(features=values[inside], label=label[inside], names=names)

        real, copies = side("train"), []
        if made is not None:
            for number in range(len(made.outputs)):
                copy = array_of(self.steps.read(made, f"copies-{number}"))
                again = np.tile(real.label, len(copy) // len(real.label))
                copies.append(Matrix(features=copy, label=again, names=names))
        learnt = learn(self.declaration, feature_set, real, side("tuning"), copies)
        fitted, seed = learnt.fitted, self.declaration.learner.seed
        return {
            "trees": fitted.trees.encode(),
            "onnx": onnx_of(fitted),
            "calibration": canonical_json([fitted.slope, fitted.intercept]),
            "baseline": array_bytes(fit_baseline(real, side("held_out").features, seed)),
            "training": canonical_json(learnt.told),
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
            events=self._group_events(prepared),
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
        evidence["training"] = json.loads(read(fitted, "training"))
        return {
            "evidence": canonical_json(evidence),
            "reference": canonical_json(reference),
            "example": canonical_json(example),
        }

    def _group_events(self, prepared: Done) -> pl.DataFrame:
        """The events that say to which subgroup a subject belongs."""
        told = pl.col("code").is_in(group_codes(self.declaration))
        return pl.concat(list(self._snapshot("prepared", prepared).shards(EVENT_COLUMNS, told)))

    def _packed(self, prepared: Done, fitted: Done, judged: Done) -> Packed:
        return packed(
            self.platform,
            self.declaration,
            self.source,
            snapshot=self.steps.read(prepared, "snapshot").decode(),
            made={
                parts.MODEL: self.steps.read(fitted, "onnx"),
                parts.TREES: self.steps.read(fitted, "trees"),
                parts.EVIDENCE: self.steps.read(judged, "evidence"),
                parts.REFERENCE: self.steps.read(judged, "reference"),
                parts.EXAMPLE: self.steps.read(judged, "example"),
            },
        )
