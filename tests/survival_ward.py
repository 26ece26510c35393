"""A ward after heart attacks in tests: a real survival model, real patients, a real ledger."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bedside.cohorts.question import ask
from bedside.cohorts.splits import side_of
from bedside.core.clock import iso
from bedside.core.records.bundle import FEATURES, MODEL, Bundle
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.core.records.version import ModelVersion, Stage
from bedside.features.definition import feature_set_from_json
from bedside.lifecycle.build import build
from bedside.lifecycle.cohort import build_features
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.lifecycle.respond import seen
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.workspace import actor_of, open_workspace
from data_folder import data_folder

__all__ = ["HORIZONS", "SurvivalWard", "a_survival_ward", "as_if"]

HORIZONS = (365.0, 1096.0)
SERVER = Actor(name="service:bedside", purpose="care")
QUICK = (
    ("kind: ensemble\n  members: [{kind: additive_cox}, {kind: boosted_cox}]", "kind: cox"),
    ("  folds: 5\n", "  bootstrap: 100\n"),
)


@dataclass(frozen=True, slots=True)
class SurvivalWard:
    """A version that is silent, and the n patients that it did not learn from.

    `rows` is what the question says of them, `risks` of shape (n, h) what the version predicts,
    `matrix` their features.
    """

    platform: Platform
    version: ModelVersion
    bundle: Bundle
    rows: pl.DataFrame
    risks: np.ndarray
    matrix: np.ndarray

    def answer(self, name: str, stage: Stage = Stage.SILENT) -> None:
        """Answer about each of them, as prediction `name` and the patient's place."""
        names = feature_set_from_json(self.bundle.files[FEATURES]).names
        drafts = []
        for at, row in enumerate(self.rows.iter_rows(named=True)):
            values = dict(zip(names, self.matrix[at].tolist(), strict=True))
            drafts.append(self._draft(f"{name}{at}", row, self.risks[at], values, stage))
        self.platform.ledger.append_all(drafts)

    def _draft(
        self,
        name: str,
        row: dict,
        outputs: Sequence[float],
        values: dict[str, float],
        stage: Stage,
    ) -> LedgerDraft:
        sealed = {
            "subject": row["subject_id"],
            "features": {key: None if np.isnan(one) else one for key, one in values.items()},
            "answer": {
                "outcome": {
                    "risk": float(outputs[-1]), "threshold": None, "alert": False,
                    "outputs": [[str(at), float(one)] for at, one in enumerate(outputs)],
                }
            },
        }  # fmt: skip
        details = {
            "prediction_id": name, "model": self.version.name, "version": self.version.id,
            "bundle": self.version.bundle, "stage": str(stage),
            "as_of": iso(row["prediction_time"]), "input_digest": "d" * 64, "latency_ms": 3.0,
            "outcome": "score", "channel": "test", "caller": "t",
            "shown": stage is not Stage.SILENT,
        }  # fmt: skip
        return LedgerDraft(
            actor=SERVER, action="answer", details=details, sealed=json.dumps(sealed).encode(),
            subject=row["subject_id"],
        )  # fmt: skip


def a_survival_ward(folder: Path, edits: Sequence[tuple[str, str]] = ()) -> SurvivalWard:
    """Build the shipped declaration with these edits, with a quick learner, and release it."""
    data = data_folder("survival-sksurv")
    declared = (folder_of("heart_attack_survival") / "bedside.yaml").read_text()
    for old, new in (*QUICK, *edits):
        assert declared.count(old) == 1, old
        declared = declared.replace(old, new)
    (folder / "model").mkdir()
    (folder / "model" / "bedside.yaml").write_text(declared)
    actor = actor_of("user:ada", "quality and safety")
    platform = open_workspace(folder / "w", actor=actor, progress=LineProgress())
    built = build(platform, folder / "model", data)
    approve(platform, built.version.id, name="Dr Ada", meaning="fit for silent use")
    version = release(platform, built.version.id, Stage.SILENT)
    bundle = open_bundle(platform, version)
    clean, _ = seen(platform, bundle.declaration, data)
    asked = ask(bundle.declaration.question, clean).rows
    features = feature_set_from_json(bundle.files[FEATURES])
    matrix = build_features(features, clean, asked, lambda _: None)
    split = bundle.declaration.evaluation.split
    rows = [at for at, one in enumerate(asked["subject_id"].to_list())
            if side_of(one, split) == "held_out"]  # fmt: skip
    risks = platform.predictor_of(bundle.files[MODEL]).outputs(matrix[rows])
    return SurvivalWard(platform, version, bundle, asked[rows], risks, matrix[rows])


def as_if(folder: Path, told: Callable[[float, str], tuple[float, str]]) -> Path:
    """The same data with other days of follow-up and other events ("0" or "1")."""
    lines = (data_folder("survival-sksurv") / "whas500.arff").read_text().splitlines()
    made = []
    for line in lines:
        cells = line.split(",")
        if len(cells) == 16:
            days, event = told(float(cells[14]), cells[15].strip())
            line = ",".join([*cells[:14], f"{days:g}", event])  # noqa: PLW2901
        made.append(line)
    folder.mkdir()
    (folder / "whas500.arff").write_text("\n".join(made) + "\n")
    return folder
