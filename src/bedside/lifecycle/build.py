"""The main job: collect, prepare, ask, features, audit, fit, evaluate, package, register."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records import bundle as parts
from bedside.core.records.declaration import Declaration
from bedside.core.records.flow_words import told_flow
from bedside.core.records.leakage import LeakageReport
from bedside.core.records.policy import Act
from bedside.core.records.purpose import Purpose
from bedside.interop.declaration import declaration_to_json
from bedside.lifecycle.asking import Asking, steps_of
from bedside.lifecycle.codes_seen import codes_seen
from bedside.lifecycle.consents import Asked
from bedside.lifecycle.evidence import judge_model
from bedside.lifecycle.explaining import explain_model
from bedside.lifecycle.frames import array_bytes
from bedside.lifecycle.imported import Imported, refuse_what_is_not_done
from bedside.lifecycle.intake import Intake, intake_of
from bedside.lifecycle.leakage import (
    audited,
    delays_told,
    findings_to_json,
    report_from_json,
    report_to_json,
    write_leakage,
)
from bedside.lifecycle.leakage_gate import refuse_leaks
from bedside.lifecycle.learning import Learning
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
from bedside.lifecycle.step_outputs import StepOutputs
from bedside.lifecycle.steps import Done, StepRunner
from bedside.lifecycle.tuning import with_tuned
from bedside.lifecycle.vocabulary import feature_set_of
from bedside.lifecycle.withheld import withheld_reasons
from bedside.models.form_json import form_from_json
from bedside.models.uncertainty import uncertainty_from_json

__all__ = ["audit_model", "build", "build_declared", "rebuilt"]


def build(
    platform: Platform, folder: Path, data: Path | None, *, imported: Imported | None = None
) -> Built:
    """Build, judge, seal, sign and register one version.

    With `imported`, that model takes the place of what would be learnt.

    Raises:
        Refused: the leakage audit found something that is not acknowledged.
        NotFound: the declared source was not collected here.
        Invalid: the declaration or the data are wrong.
        Unavailable: the disk is full, or another build holds the workspace.
    """
    return build_declared(platform, load_declaration(folder)[1], data, imported=imported)


def build_declared(
    platform: Platform, source: bytes, data: Path | None, *, imported: Imported | None = None
) -> Built:
    """The same from the text of a declaration.

    Raises:
        Refused, NotFound, Invalid, Unavailable: as `build`.
    """
    declaration = declaration_of(source)
    with platform.lock():
        platform.ledger.append(
            platform.actor,
            "build.start",
            {"model": declaration.name, "declaration": digest_bytes(source)},
        )
        intake = intake_of(platform, declaration, data)
        index = platform.folder / "steps"
        made = _Build(platform, declaration, source, intake, index, imported)
        return register(platform, made.run(), run_id=intake.run_id)


def audit_model(
    platform: Platform, folder: Path, data: Path | None
) -> tuple[Declaration, LeakageReport, Path]:
    """Only what comes before learning, up to the leakage audit; nothing is refused.

    Raises:
        NotFound, Invalid, Unavailable: as `build`.
    """
    declaration, source = load_declaration(folder)
    with platform.lock():
        intake = intake_of(platform, declaration, data)
        steps = _Build(platform, declaration, source, intake, platform.folder / "steps")
        report, page = steps.audit()
        platform.ledger.append(
            platform.actor,
            "leakage",
            {"model": declaration.name, "findings_count": len(report.findings)},
        )
    return declaration, report, page


def rebuilt(
    platform: Platform,
    source: bytes,
    intake_from: Callable[[Declaration], Intake],
    scratch: Path,
    imported: Imported | None = None,
    consent: Asked | None = None,
) -> Packed:
    """Build again from the text of a declaration, without any earlier step.

    Args:
        platform: The workspace.
        source: `bedside.yaml`.
        intake_from: Where the data are taken from this time.
        scratch: Where the index of the steps may lie meanwhile.
        imported: The model, where it was learnt elsewhere.
        consent: As of when patients were asked, where somebody was left out.
    """
    declaration = declaration_of(source)
    intake = intake_from(declaration)
    asked = consent or Asked(purpose=Purpose.HCOMPL, moment=platform.clock.now())
    again = _Build(platform, declaration, source, intake, scratch, imported, Act.AUDIT, asked)
    return again.run()


@dataclass
class _Build(StepOutputs):
    """One build; `done` holds its finished steps by name."""

    platform: Platform
    declaration: Declaration
    source: bytes
    intake: Intake
    index: Path
    imported: Imported | None = None
    act: Act = Act.DEVELOP
    consent: Asked | None = None
    steps: StepRunner = field(init=False)
    asking: Asking = field(init=False)
    told: dict[str, Any] = field(init=False)
    done: dict[str, Done] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.imported is not None:
            refuse_what_is_not_done(self.declaration)
        self.told = json.loads(declaration_to_json(self.declaration))
        self.steps = steps_of(self.platform, self.index)
        self.asking = Asking(
            platform=self.platform,
            declaration=self.declaration,
            intake=self.intake,
            steps=self.steps,
            act=self.act,
            consent=self.consent,
        )

    def run(self) -> Packed:
        refuse_leaks(self.platform, self.declaration, self.audit()[0])
        Learning(asking=self.asking, told=self.told, done=self.done, imported=self.imported).run()
        self._explain()
        self.done["evaluate"] = self.steps.run(
            "evaluate",
            {
                **{
                    name: dict(self.done[name].outputs)
                    for name in (
                        "ask",
                        "vocabulary",
                        "audit",
                        "sample",
                        "tune",
                        "fit",
                        "curve",
                        "folds",
                        "explain",
                    )
                    if name in self.done
                },
                "declaration": self.told,
            },
            lambda _: self._evaluated(),
        )
        return self._packed()

    def audit(self) -> tuple[LeakageReport, Path]:
        """Everything up to the leakage audit, and its page."""
        self.done["collect"] = self.asking.collect()
        self.done["prepare"] = self.asking.prepare(self.done["collect"])
        self.done["ask"] = self.asking.ask(self.done["prepare"])
        self._vocabulary()
        self._features()
        self._audit()
        report = report_from_json(self._read("audit", "report"))
        return report, write_leakage(self.platform, self.declaration, report)

    def _vocabulary(self) -> None:
        """The features, once the training subjects decided what there is to choose from."""
        inputs = {
            "events": self._output("prepare", "snapshot"),
            "asked": self._output("ask", "asked"),
            **{name: self.told[name] for name in ("features", "signals", "question")},
            "order of categories": {  # an index follows their order, which JSON does not keep
                name: list((signal.categories or {}).values())
                for name, signal in self.declaration.signals.items()
            },
        }
        self.done["vocabulary"] = self.steps.run(
            "vocabulary",
            inputs,
            lambda _: {
                "features": feature_set_of(
                    self.platform, self.declaration, self._snapshot, self._asked
                )
            },
        )

    def _features(self) -> None:
        def make(advance: Callable[[int], None]) -> dict[str, bytes]:
            told, asked = self._read("vocabulary", "features"), self._output("ask", "asked")
            matrix = features_of_snapshot(self.platform, self._snapshot, asked, told, advance)
            return {"matrix": array_bytes(matrix)}

        self.done["features"] = self.steps.run(
            "features",
            {
                "events": self._output("prepare", "snapshot"),
                "asked": self._output("ask", "asked"),
                "features": self._output("vocabulary", "features"),
            },
            make,
            total=self._asked["subject_id"].n_unique(),
        )

    def _audit(self) -> None:
        def make(_: Callable[[int], None]) -> dict[str, bytes]:
            report = audited(
                self.declaration,
                self._feature_set,
                self._snapshot,
                self._asked,
                self._matrix,
            )
            return {"findings": findings_to_json(report), "report": report_to_json(report)}

        self.done["audit"] = self.steps.run(
            "leakage audit",
            {
                "matrix": self._output("features", "matrix"),
                "asked": dict(self.done["ask"].outputs),
                "events": self._output("prepare", "snapshot"),
                "features": self._output("vocabulary", "features"),
                "declaration": self.told,
            },
            make,
        )

    def _evaluated(self) -> dict[str, bytes]:
        learnt = self._read("fit", "learnt")
        evidence, reference, example = judge_model(
            self.declaration,
            feature_set=self._feature_set,
            events=self.asking.group_events(self._snapshot),
            asked=self._asked,
            matrix=self._matrix,
            baseline=form_from_json(self._read("fit", "baseline")),
            form=form_from_json(learnt),
            predictor=self.platform.predictor_of(self._read("fit", "onnx")),
            explained=(
                json.loads(self._read("explain", "importance")),
                json.loads(self._read("explain", "explanations")),
            ),
            explain=self.platform.explainer_of(learnt).contributions,
            withheld=self._withheld,
            codes=partial(codes_seen, self.declaration, self._feature_set, self._snapshot),
            plain=self._read("fit", "unmitigated"),
            uncertainty=self._read("fit", "uncertainty"),
        )
        because = {one.finding: one.because for one in self.declaration.acknowledged}
        evidence["leakage"] = [
            {**finding, "because": because.get(finding["name"], "")}
            for finding in json.loads(self._read("audit", "findings"))
        ]
        evidence["delays"] = delays_told(report_from_json(self._read("audit", "report")))
        evidence["quality"] = {
            **json.loads(self._read("collect", "report")),
            **json.loads(self._read("prepare", "quality")),
        }
        steps = told_flow(self.asking.flow(self.done["ask"]))
        evidence["flow"] = [asdict(step) for step in steps]
        evidence["training"] = json.loads(self._read("fit", "training"))
        evidence["training"]["sample_size"] = json.loads(self._read("sample", "needed"))
        if "tune" in self.done:
            evidence["training"]["tuning"] = json.loads(self._read("tune", "tuning"))
        if "curve" in self.done:
            evidence["learning_curve"] = json.loads(self._read("curve", "curve"))
        if "folds" in self.done:
            evidence["cross_validation"] = json.loads(self._read("folds", "figures"))
        return {
            "evidence": canonical_json(evidence),
            "reference": canonical_json(reference),
            "example": canonical_json(example),
        }

    def _withheld(
        self, asked: pl.DataFrame, matrix: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.str_]:
        domain = uncertainty_from_json(self._read("fit", "uncertainty")).domain
        return withheld_reasons(
            self.declaration, self._feature_set, self._snapshot, asked, matrix, domain
        )

    def _explain(self) -> None:
        """What the model relies on; some refits, which no change of the evaluation repeats."""

        def make(_: Callable[[int], None]) -> dict[str, bytes]:
            chosen, learnt = self.declaration, self._read("fit", "learnt")
            if "tune" in self.done:
                chosen = with_tuned(chosen, json.loads(self._read("tune", "tuning")))
            importance, explanations = explain_model(
                chosen,
                feature_set=self._feature_set,
                asked=self._asked,
                matrix=self._matrix,
                form=form_from_json(learnt),
                predictor=self.platform.predictor_of(self._read("fit", "onnx")),
                explainer=self.platform.explainer_of(learnt),
                learnt_here=self.imported is None,
            )
            return {
                "importance": canonical_json(importance),
                "explanations": canonical_json(explanations),
            }

        names = ("signals", "question", "imputation", "learner")
        self.done["explain"] = self.steps.run(
            "explain",
            {
                "matrix": self._output("features", "matrix"),
                "asked": self._output("ask", "asked"),
                "features": self._output("vocabulary", "features"),
                "fit": dict(self.done["fit"].outputs),
                "tune": dict(self.done["tune"].outputs) if "tune" in self.done else None,
                "bootstrap": self.declaration.evaluation.bootstrap,
                **{name: self.told[name] for name in names},
            },
            make,
        )

    def _packed(self) -> Packed:
        made = packed(
            self.platform,
            self.declaration,
            self.source,
            snapshot=self._read("prepare", "snapshot").decode(),
            made={
                parts.FEATURES: self._read("vocabulary", "features"),
                parts.MODEL: self._read("fit", "onnx"),
                parts.LEARNT: self._read("fit", "learnt"),
                parts.UNCERTAINTY: self._read("fit", "uncertainty"),
                parts.EVIDENCE: self._read("evaluate", "evidence"),
                parts.REFERENCE: self._read("evaluate", "reference"),
                parts.EXAMPLE: self._read("evaluate", "example"),
                **({} if self.imported is None else {parts.IMPORTED: self.imported.as_json()}),
            },
        )
        facts = dict(made.facts)
        left = self.asking.left_out(self._snapshot)
        if left.digest is not None:
            facts["consent"] = left.asked.as_json()
        if self.imported is not None:
            facts["imported"] = self.imported.facts
        return replace(made, facts=facts)
