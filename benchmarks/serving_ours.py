"""What the serving benchmark serves: a model of 500 trees over the biopsies, with all of ours."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from bedside.core.clock import SystemClock
from bedside.core.ports import Ledger
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.declaration import (
    Channels,
    Clock,
    Declaration,
    Evaluation,
    IntendedUse,
    Learner,
    Signal,
    Source,
    Threshold,
)
from bedside.core.records.features import FeatureRule
from bedside.core.records.ledger import Actor
from bedside.core.records.question import Question
from bedside.core.records.version import Stage
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.learners.contract import Column, Plan
from bedside.develop.train.learners.lightgbm import LightGbm
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import expand, feature_set_to_json
from bedside.governance.adapters.distant_ledger import DistantLedger
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.governance.adapters.sql_predictions import SqlPredictions
from bedside.governance.group_commit import GroupCommit
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.models.form_json import form_to_json
from bedside.serve.answer import Answerer
from bedside.serve.app import create_app
from bedside.serve.auth import TokenCheck, token_digest
from bedside.serve.service import Service, models_of
from serving_load import TOKEN

__all__ = ["SOCKET", "close", "our_app", "our_books", "our_parts", "our_request", "our_service"]
__all__ += ["prepare"]

TREES = 500
SOCKET = "socket"


def declaration(names: list[str]) -> Declaration:
    """The thirty measurements of a biopsy as signals."""
    signals = {
        name: Signal(
            label=name,
            code=f"WDBC//{name}",
            column=name,
            unit="1",
            visible_after="0 min",
            plausible=(0.0, 10000.0),
            required=True,
        )
        for name in names
    }
    return Declaration(
        bedside=1,
        name="biopsy",
        title="Malignancy of a breast mass",
        intended_use=IntendedUse(decision="histology", users=(), population="adults", not_for=()),
        data=Source(
            file="",
            subject="case",
            clock=Clock(origin="2000-01-01T00:00:00Z"),
            licence="CC-BY-4.0",
            release_mode="limited_dataset",
        ),
        signals=signals,
        question=Question(ask="malignant?", predicates={}, trigger="", windows={}),
        features=(FeatureRule(signals=tuple(names)),),
        evaluation=Evaluation(threshold=Threshold(value=0.5)),
        channels=Channels(),
    )


def prepare(folder: Path) -> None:
    """Fit 500 trees on the biopsies and write what both servers need."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  (slow to import)

    data = load_breast_cancer()
    names = [name.replace(" ", "_") for name in data.feature_names]
    train, tuning = (
        Matrix(features=data.data[part], label=1 - data.target[part], names=tuple(names))
        for part in (slice(0, None, 2), slice(1, None, 2))
    )
    slow = {"learning_rate": 0.01, "num_leaves": 31, "min_data_in_leaf": 5}
    plan = Plan(
        options=Learner(rounds=TREES, parameters=slow),
        columns=tuple(Column(name=name) for name in names),
    )
    form = LightGbm().fit(train, tuning, plan)
    (folder / "model.onnx").write_bytes(onnx_of(form))
    (folder / "learnt.json").write_bytes(form_to_json(form))
    (folder / "trees.txt").write_text(form.members[0].part.text)
    (folder / "names.json").write_text(json.dumps(names))
    (folder / "row.json").write_text(json.dumps(data.data[0].tolist()))


def close(service: Service, ledger: DistantLedger) -> None:
    """End in order, when the loop has ended."""
    ledger.attach(None)
    service.close()
    ledger.close()


def our_service(folder: Path, ledger: Ledger) -> Service:
    """The product, with what takes its answers."""
    answerer, _ = our_parts(folder, ledger)
    answerer.warm_up()
    return Service(models_of([answerer], {}))


def our_app(service: Service) -> Any:
    """Every wire of it, behind the token."""
    return create_app(service, authenticators=[TokenCheck(token_digest(TOKEN))])


def our_books(folder: Path) -> tuple[SqlLedger, SqlPredictions]:
    """A ledger on disk, and what finds its predictions."""
    engine = open_sqlite(folder / "ledger.sqlite")
    ledger = SqlLedger(
        engine,
        writing=writing,
        clear=clear_traces,
        clock=SystemClock(),
        sealing_key=bytes(32),
        signing_key=Ed25519Signer(bytes(32)).private_key,
    )
    return ledger, SqlPredictions(engine)


def our_parts(folder: Path, ledger: Ledger | None = None) -> tuple[Answerer, Bundle]:
    """An answerer and its bundle, made of real parts; without a ledger, with one of its own."""
    ledger = GroupCommit(our_books(folder)[0]) if ledger is None else ledger
    declared = declaration(json.loads((folder / "names.json").read_text()))
    predictor = OnnxPredictor((folder / "model.onnx").read_bytes())
    row = json.loads((folder / "row.json").read_text())
    risk = float(predictor.predict(np.array([row]))[0])
    bundle = Bundle(
        digest="0" * 64,
        declaration=declared,
        threshold=0.5,
        files={
            FEATURES: feature_set_to_json(expand(declared)),
            EXAMPLE: json.dumps({"features": row, "risk": risk}).encode(),
        },
    )
    clock = SystemClock()
    explainer = FormExplainer((folder / "learnt.json").read_bytes())
    answerer = Answerer(
        bundle,
        "biopsy@000000000000",
        Stage.LIVE,
        predictor,
        explainer,
        ledger,
        clock,
        Actor(name="benchmark", purpose="benchmark"),
    )
    return answerer, bundle


def our_request(folder: Path, *, reasons: bool = True) -> bytes:
    """The patient as the Open Inference Protocol has it."""
    names = json.loads((folder / "names.json").read_text())
    row = json.loads((folder / "row.json").read_text())
    inputs = [
        {"name": name, "shape": [1], "datatype": "FP64", "data": [value]}
        for name, value in zip(names, row, strict=True)
    ]
    asked: dict[str, Any] = {"inputs": inputs}
    return json.dumps(asked if reasons else asked | {"parameters": {"reasons": False}}).encode()
