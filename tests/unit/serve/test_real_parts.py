"""A real model and a real ledger behind both wires: nothing of it is a stand-in."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bedside.core.clock import FixedClock
from bedside.core.records.bundle import EXAMPLE, FEATURES, Bundle
from bedside.core.records.ledger import Actor
from bedside.core.records.version import Stage
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import expand, feature_set_to_json
from bedside.governance.adapters.sql_ledger import SqlLedger
from bedside.infra.database.sqlite import open_sqlite, writing
from bedside.infra.database.traces import clear_traces
from bedside.infra.keys.ed25519 import Ed25519Signer
from bedside.infra.runtime.explaining import FormExplainer
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.interop.sealed_answer import opened_answer
from bedside.models.form_json import form_to_json
from bedside.serve.answer import Answerer
from learning import fitted_trees
from served import (
    NOW,
    VERSION,
    HttpClient,
    a_declaration,
    a_hook_call,
    a_patient,
    an_inference,
    app_for,
    asked,
)


def some_stays(names: tuple[str, ...], *, seed: int) -> Matrix:
    """Two hundred made-up stays in which a high lactate means trouble."""
    random = np.random.default_rng(seed)
    features = random.normal(50.0, 20.0, (200, len(names)))
    features[:, names.index("lactate.last")] = random.gamma(2.0, 1.2, 200)
    risk = 1 / (1 + np.exp(3.0 - features[:, names.index("lactate.last")]))
    return Matrix(
        features=features, label=(random.random(200) < risk).astype(np.int64), names=names
    )


@pytest.fixture
def parts(tmp_path: Path) -> tuple[Answerer, SqlLedger]:
    declaration = a_declaration()
    features = expand(declaration)
    few = {"num_leaves": 4, "min_data_in_leaf": 10}
    stays = some_stays(features.names, seed=1)
    form = fitted_trees(stays, some_stays(features.names, seed=2), rounds=20, parameters=few)
    predictor = OnnxPredictor(onnx_of(form))
    row = stays.features[:1]
    example = {"features": row[0].tolist(), "risk": float(predictor.predict(row)[0])}
    bundle = Bundle(
        digest="cd" * 32,
        declaration=declaration,
        threshold=0.3,
        files={
            FEATURES: feature_set_to_json(features),
            EXAMPLE: json.dumps(example).encode(),
        },
    )
    clock = FixedClock(NOW)
    ledger = SqlLedger(
        open_sqlite(tmp_path / "ledger.sqlite"),
        writing=writing,
        clear=clear_traces,
        clock=clock,
        sealing_key=b"s" * 32,
        signing_key=Ed25519Signer(b"k" * 32).private_key,
    )
    explainer = FormExplainer(form_to_json(form))
    actor = Actor(name="server", purpose="care")
    return Answerer(bundle, VERSION, Stage.LIVE, predictor, explainer, ledger, clock, actor), ledger


def test_both_wires_answer_and_the_ledger_is_whole_and_keeps_the_patient_sealed(
    parts: tuple[Answerer, SqlLedger], tmp_path: Path
):
    answerer, ledger = parts
    client = HttpClient(app_for(answerer))

    responses: list[Any] = [
        client.post("/v2/models/sepsis/infer", json=an_inference()),
        client.post("/cds-services/sepsis-now", json=a_hook_call()),
    ]

    first, second = ledger.entries()
    assert [each.status_code for each in responses] == [200, 200]
    assert (first.details["channel"], second.details["channel"]) == ("open_inference", "cds_hooks")
    assert opened_answer(ledger.unseal(1))["features"]["lactate.last"] == 4.2
    on_disk = b"".join(each.read_bytes() for each in tmp_path.glob("ledger.sqlite*"))
    assert first.details["prediction_id"].encode() in on_disk
    assert b"lactate" not in on_disk
    assert ledger.verify() == []


def test_answers_made_at_the_same_time_are_all_kept_in_one_whole_chain(
    parts: tuple[Answerer, SqlLedger],
):
    answerer, ledger = parts

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: answerer.answer(asked(a_patient())), range(40)))

    kept = {entry.details["prediction_id"] for entry in ledger.entries()}
    assert kept == {answer.prediction_id for answer in answers}
    assert len({answer.outcome.risk for answer in answers}) == 1
    assert ledger.verify() == []
