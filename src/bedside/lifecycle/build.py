"""The main job: collect, prepare, ask, features, audit, fit, evaluate, package, register."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records import bundle as parts
from bedside.core.records.declaration import Declaration
from bedside.data.store.snapshot import Snapshot
from bedside.develop.train.fit import Fitted, Matrix, fit_baseline
from bedside.develop.train.learning import learn
from bedside.develop.train.onnx_trees import onnx_of
from bedside.features.definition import FeatureSet, feature_set_from_json
from bedside.interop.declaration import declaration_to_json
from bedside.lifecycle.asking import Asking, steps_of
from bedside.lifecycle.audit import accepted_or_refused, audited
from bedside.lifecycle.augmentation import copies_of, number_of_copies
from bedside.lifecycle.evidence import judge_model
from bedside.lifecycle.frames import array_bytes, array_of, frame_of
from bedside.lifecycle.intake import Intake, intake_of
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
from bedside.lifecycle.vocabulary import feature_set_of

__all__ = ["build", "rebuilt"]


def build(platform: Platform, folder: Path, data: Path | None) -> Built:
    """Build, judge, seal, sign and register one version.

    Raises:
        Refused: the leakage audit found something that is not acknowledged.
        NotFound: the declared source was not collected here.
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
        intake = intake_of(platform, declaration, data)
        made = _Build(platform, declaration, source, intake, platform.folder / "steps")
        return register(platform, made.run(), run_id=intake.run_id)


def rebuilt(
    platform: Platform,
    source: bytes,
    intake_from: Callable[[Declaration], Intake],
    scratch: Path,
) -> Packed:
    """Build again from the text of a declaration, without any earlier step.

    Args:
        platform: The workspace.
        source: `bedside.yaml`.
        intake_from: Where the data are taken from this time.
        scratch: Where the index of the steps may lie meanwhile.
    """
    declaration = declaration_of(source)
    return _Build(platform, declaration, source, intake_from(declaration), scratch).run()


@dataclass
class _Build:
    platform: Platform
    declaration: Declaration
    source: bytes
    intake: Intake
    index: Path
    steps: StepRunner = field(init=False)
    asking: Asking = field(init=False)
    told: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.told = json.loads(declaration_to_json(self.declaration))
        self.steps = steps_of(self.platform, self.index)
        self.asking = Asking(
            platform=self.platform,
            declaration=self.declaration,
            intake=self.intake,
            steps=self.steps,
        )

    def run(self) -> Packed:
        collected = self.asking.collect()
        prepared = self.asking.prepare(collected)
        asked = self.asking.ask(prepared)
        snapshot = self.asking.prepared(prepared)
        vocabulary = self._vocabulary(prepared, asked, snapshot)
        features = self.steps.read(vocabulary, "features")
        matrix = self._features(prepared, asked, vocabulary, snapshot)
        audited = self._audit(prepared, asked, vocabulary, matrix, snapshot)
        made = self._augment(prepared, asked, vocabulary, snapshot)
        fitted = self._fitted(asked, vocabulary, matrix, made)
        judged = self.steps.run(
            "evaluate",
            {
                "fit": dict(fitted.outputs),
                "asked": dict(asked.outputs),
                "audit": dict(audited.outputs),
                "features": vocabulary.outputs["features"],
                "declaration": self.told,
            },
            lambda _: self._evaluate(collected, prepared, asked, matrix, audited, fitted, features),
        )
        return self._packed(prepared, fitted, judged, features)

    def _vocabulary(self, prepared: Done, asked: Done, snapshot: Snapshot) -> Done:
        """The features, once the training subjects decided what there is to choose from."""
        return self.steps.run(
            "vocabulary",
            {
                "events": prepared.outputs["snapshot"],
                "asked": asked.outputs["asked"],
                "features": self.told["features"],
                "signals": self.told["signals"],
                "question": self.told["question"],
            },
            lambda _: {
                "features": feature_set_of(
                    self.declaration, snapshot, frame_of(self.steps.read(asked, "asked"))
                )
            },
        )

    def _feature_set(self, vocabulary: Done) -> FeatureSet:
        return feature_set_from_json(self.steps.read(vocabulary, "features"))

    def _features(self, prepared: Done, asked: Done, vocabulary: Done, snapshot: Snapshot) -> Done:
        rows = frame_of(self.steps.read(asked, "asked"))

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            told = self.steps.read(vocabulary, "features")
            matrix = features_of_snapshot(
                self.platform, snapshot, asked.outputs["asked"], told, advance
            )
            return {"matrix": array_bytes(matrix)}

        return self.steps.run(
            "features",
            {
                "events": prepared.outputs["snapshot"],
                "asked": asked.outputs["asked"],
                "features": vocabulary.outputs["features"],
            },
            make,
            total=rows["subject_id"].n_unique(),
        )

    def _audit(
        self, prepared: Done, asked: Done, vocabulary: Done, matrix: Done, snapshot: Snapshot
    ) -> Done:
        def make(_: Callable[[int], None]) -> dict[str, bytes]:
            return audited(
                self.platform,
                self.declaration,
                self._feature_set(vocabulary),
                snapshot,
                frame_of(self.steps.read(asked, "cohort")),
                array_of(self.steps.read(matrix, "matrix")),
            )

        done = self.steps.run(
            "leakage audit",
            {
                "matrix": matrix.outputs["matrix"],
                "asked": dict(asked.outputs),
                "events": prepared.outputs["snapshot"],
                "features": vocabulary.outputs["features"],
                "declaration": self.told,
            },
            make,
        )
        accepted_or_refused(self.platform, self.declaration, self.steps.read(done, "findings"))
        return done

    def _augment(
        self, prepared: Done, asked: Done, vocabulary: Done, snapshot: Snapshot
    ) -> Done | None:
        """Features of changed copies of the training subjects, where some are declared."""
        copies = number_of_copies(self.declaration)
        if not copies:
            return None
        train = frame_of(self.steps.read(asked, "asked")).filter(pl.col("side") == "train")
        feature_set = self._feature_set(vocabulary)

        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            made = copies_of(self.platform, self.declaration, feature_set, snapshot, train, advance)
            return {f"copies-{number}": array_bytes(matrix) for number, matrix in enumerate(made)}

        return self.steps.run(
            "augment",
            {
                "events": prepared.outputs["snapshot"],
                "asked": asked.outputs["asked"],
                "features": vocabulary.outputs["features"],
                "signals": self.told["signals"],
                "augmentation": [one for one in self.told["augmentation"] if not one["resample"]],
            },
            make,
            total=train["subject_id"].n_unique() * copies,
        )

    def _fitted(self, asked: Done, vocabulary: Done, matrix: Done, made: Done | None) -> Done:
        return self.steps.run(
            "fit",
            {
                "matrix": matrix.outputs["matrix"],
                "asked": asked.outputs["asked"],
                "features": vocabulary.outputs["features"],
                "signals": self.told["signals"],
                "imputation": self.told["imputation"],
                "augmentation": self.told["augmentation"],
                "copies": None if made is None else dict(made.outputs),
                "learner": self.told["learner"],
            },
            lambda _: self._fit(asked, self._feature_set(vocabulary), matrix, made),
        )

    def _fit(
        self, asked: Done, feature_set: FeatureSet, matrix: Done, made: Done | None
    ) -> dict[str, bytes]:
        rows = frame_of(self.steps.read(asked, "asked"))
        values = array_of(self.steps.read(matrix, "matrix"))
        label, names = rows["label"].to_numpy(), feature_set.names

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
        features: bytes,
    ) -> dict[str, bytes]:
        read = self.steps.read
        slope, intercept = json.loads(read(fitted, "calibration"))
        trees = read(fitted, "trees")
        model = Fitted(trees=trees.decode(), slope=slope, intercept=intercept)
        evidence, reference, example = judge_model(
            self.declaration,
            feature_set=feature_set_from_json(features),
            events=self.asking.group_events(self.asking.prepared(prepared)),
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
        evidence["flow"] = json.loads(read(asked, "flow"))
        evidence["training"] = json.loads(read(fitted, "training"))
        return {
            "evidence": canonical_json(evidence),
            "reference": canonical_json(reference),
            "example": canonical_json(example),
        }

    def _packed(self, prepared: Done, fitted: Done, judged: Done, features: bytes) -> Packed:
        return packed(
            self.platform,
            self.declaration,
            self.source,
            snapshot=self.steps.read(prepared, "snapshot").decode(),
            made={
                parts.FEATURES: features,
                parts.MODEL: self.steps.read(fitted, "onnx"),
                parts.TREES: self.steps.read(fitted, "trees"),
                parts.EVIDENCE: self.steps.read(judged, "evidence"),
                parts.REFERENCE: self.steps.read(judged, "reference"),
                parts.EXAMPLE: self.steps.read(judged, "example"),
            },
        )
