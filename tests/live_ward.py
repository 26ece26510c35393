"""A ward in tests: a real version whose answers lie in a real ledger, on days that you choose."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from bedside.cohorts.question import ask
from bedside.cohorts.splits import side_of
from bedside.core.clock import FixedClock, iso
from bedside.core.records.bundle import FEATURES, MODEL, Bundle
from bedside.core.records.ledger import Actor, LedgerDraft
from bedside.core.records.version import ModelVersion, Stage
from bedside.features.definition import feature_set_from_json
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.opening import open_database, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.interop.sealed_answer import sealed_answer
from bedside.lifecycle.build import build
from bedside.lifecycle.cohort import build_features
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.release import approve, open_bundle, release
from bedside.lifecycle.respond import seen
from bedside.usecases import folder_of
from bedside.wiring.progress import LineProgress
from bedside.wiring.settings import settings_of
from bedside.wiring.workspace import actor_of, open_workspace

__all__ = ["FIRST", "Asked", "Ward", "a_built_workspace", "a_ward"]

FIRST = date(2026, 3, 2)
SERVER = Actor(name="service:bedside", purpose="care")
COMMIT = 200  # answers


@dataclass(frozen=True, slots=True)
class Asked:
    """One answer that was given: whose, from which biopsy, when."""

    prediction_id: str
    subject: int
    row: int


@dataclass(slots=True)
class Ward:
    """Answers of a version to real biopsies; `platform` has the clock `clock`, the ledger too.

    `held_out` are the rows that the version did not learn from, which its baseline is made of.
    """

    platform: Platform
    clock: FixedClock
    version: ModelVersion
    bundle: Bundle
    matrix: np.ndarray
    risk: np.ndarray
    label: np.ndarray
    held_out: np.ndarray
    _named: int = 0

    def on(self, day: int, hour: float = 12.0) -> datetime:
        """So many days after the first."""
        return datetime.combine(FIRST + timedelta(days=day), time(), UTC) + timedelta(hours=hour)

    def answer(
        self,
        day: int,
        rows: Sequence[int],
        *,
        hour: float = 12.0,
        subjects: Sequence[int | None] | None = None,
        matrix: np.ndarray | None = None,
        shown: bool = False,
    ) -> list[Asked]:
        """Answer about these biopsies on a day; by itself, each is another patient's."""
        self.clock.at = self.on(day, hour)
        told = self.matrix[rows] if matrix is None else matrix
        predictor = self.platform.predictor_of(self.bundle.files[MODEL])
        risk = self.risk[rows] if matrix is None else predictor.predict(told)
        whose = [1_000 + self._named + at for at in range(len(rows))]
        whose = whose if subjects is None else list(subjects)
        done = [Asked(f"p{self._named + at}", whose[at] or 0, row) for at, row in enumerate(rows)]
        self._named += len(rows)
        drafts = [
            self._draft(one, whose[at], told[at], float(risk[at]), shown)
            for at, one in enumerate(done)
        ]
        for begin in range(0, len(drafts), COMMIT):
            self.platform.ledger.append_all(drafts[begin : begin + COMMIT])
        return done

    def came(self, day: int, asked: Sequence[Asked], values: Sequence[float] | None = None) -> None:
        """Note on a day what came true."""
        self.clock.at = self.on(day, 18.0)
        told = [self.label[one.row] for one in asked] if values is None else list(values)
        self.platform.ledger.append_all(
            [
                LedgerDraft(
                    actor=SERVER,
                    action="prediction.note",
                    details={"prediction_id": one.prediction_id, "kind": "outcome"},
                    sealed=json.dumps({"value": float(value)}).encode(),
                    subject=one.subject,
                )
                for one, value in zip(asked, told, strict=True)
            ]
        )

    def _draft(
        self, one: Asked, subject: int | None, row: np.ndarray, risk: float, shown: bool
    ) -> LedgerDraft:
        names = feature_set_from_json(self.bundle.files[FEATURES]).names
        threshold = self.bundle.threshold_for(row)
        told = {
            "subject": subject,
            "features": {
                name: None if np.isnan(value) else float(value)
                for name, value in zip(names, row, strict=True)
            },
            "answer": {
                "outcome": {
                    "risk": risk,
                    "threshold": threshold,
                    "alert": threshold is not None and risk >= threshold,
                    "outputs": [["risk", risk]],
                }
            },
        }
        details = {
            "prediction_id": one.prediction_id, "model": self.version.name,
            "version": self.version.id, "bundle": self.version.bundle, "stage": "silent",
            "as_of": iso(self.clock.at), "input_digest": "d" * 64, "latency_ms": 3.0,
            "outcome": "score", "channel": "test", "caller": "t", "shown": shown,
        }  # fmt: skip
        return LedgerDraft(
            actor=SERVER, action="answer", details=details, sealed=sealed_answer(told, b"{}"),
            subject=subject,
        )  # fmt: skip


def a_built_workspace(folder: Path, declared: Path | None = None, data: Path | None = None) -> Path:
    """A workspace with the diagnosis, built and released to silent; or as a folder declares it."""
    platform = _opened(folder)
    built = build(platform, declared or folder_of("diagnosis"), data)
    approve(platform, built.version.id, name="Dr Ada", meaning="fit for silent use")
    release(platform, built.version.id, Stage.SILENT)
    return folder


def a_ward(built: Path, folder: Path, data: Path | None = None) -> Ward:
    """A copy of that workspace, in which it is the day before the first."""
    shutil.copytree(built, folder)
    clock = FixedClock(datetime.combine(FIRST, time(), UTC) - timedelta(hours=12))
    platform = _opened(folder)
    secrets = platform.secrets
    ledger = SqlLedger(
        open_database(settings_of(folder).metadata),
        writing=writing,
        clear=clear_traces,
        clock=clock,
        sealing_key=secrets.secret("ledger-sealing", key="ledger"),
        signing_key=Ed25519Signer(secrets.secret("ledger-head")).private_key,
    )
    platform = replace(platform, clock=clock, ledger=ledger)
    version = platform.registry.get("diagnosis")
    bundle = open_bundle(platform, version)
    clean, _ = seen(platform, bundle.declaration, data)
    asked = ask(bundle.declaration.question, clean).rows
    features = feature_set_from_json(bundle.files[FEATURES])
    matrix = build_features(features, clean, asked, lambda _: None)
    risk = platform.predictor_of(bundle.files[MODEL]).predict(matrix)
    label = asked["label"].to_numpy().astype(np.float64)
    split = bundle.declaration.evaluation.split
    sides = [side_of(one, split) for one in asked["subject_id"].to_list()]
    held_out = np.flatnonzero(np.array(sides) == "held_out")
    return Ward(platform, clock, version, bundle, matrix, risk, label, held_out)


def _opened(folder: Path) -> Platform:
    actor = actor_of("user:ada", "quality and safety")
    return open_workspace(folder, actor=actor, progress=LineProgress())
