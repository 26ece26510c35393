"""The folder of an MLflow model: safe to load, the same bytes again, one column for each number."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import lightgbm
import numpy as np
import onnxruntime
import pytest
import yaml

from bedside.core.ids import digest_bytes
from bedside.core.records.version import ModelVersion, Stage
from bedside.deploy.package.mlflow_model import mlflow_files
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.interop.mlflow.described import read_described
from bedside.models.form import Member, ModelForm, Trees
from bedside.models.learnt import LearntModel

ENVIRONMENT = {"numpy": "2.4.6", "onnx": "1.23.2", "onnxruntime": "1.28.0", "python": "3.11"}
VERSION = ModelVersion(
    id="ward@0123", name="ward", bundle="f" * 64, stage=Stage.BUILT,
    built_at="2026-01-02T03:04:05.678901Z", gates=(),
)  # fmt: skip


@pytest.fixture(scope="module")
def form() -> ModelForm:
    """Trees that tell three levels apart by two numbers."""
    rows = np.random.default_rng(0).normal(size=(200, 2))
    label = (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 0)
    told = {"objective": "multiclass", "num_class": 3, "verbosity": -1, "num_threads": 1}
    text = lightgbm.train(told, lightgbm.Dataset(rows, label), 5).model_to_string()
    return ModelForm(
        outcome="multiclass", link="softmax", width=2, levels=("home", "ward", "ICU"),
        members=(Member(part=Trees(text=text, outputs=3)),),
    )  # fmt: skip


def files_of(form: ModelForm) -> dict[str, bytes]:
    bundle: Any = SimpleNamespace(
        digest="f" * 64,
        threshold=0.2,
        files={"model.onnx": onnx_of(form), "evidence.json": b"{}", "model_card.md": b"# Ward\n"},
    )
    return mlflow_files(VERSION, bundle, ("a", "b.last"), form.levels, ENVIRONMENT)


def test_several_predictions_are_one_column_each(form: ModelForm) -> None:
    rows = np.random.default_rng(1).normal(size=(50, 2))
    session = onnxruntime.InferenceSession(files_of(form)["model.onnx"])

    names = [one.name for one in session.get_outputs()]
    found = session.run(names, {"features": rows})

    model = LearntModel(form)
    assert names == ["risk", "risk: home", "risk: ward", "risk: ICU"]
    assert {one.shape for one in found} == {(50, 1)}
    assert np.abs(np.hstack(found[1:]) - model.outputs(rows)).max() < 1e-12
    assert np.abs(found[0][:, 0] - model.predict(rows)).max() < 1e-12


def test_the_folder_says_what_it_is_and_holds_no_pickle(form: ModelForm) -> None:
    files = files_of(form)
    told = yaml.safe_load(files["MLmodel"])

    assert files == files_of(form)
    assert sorted(files) == [
        "MLmodel", "model.onnx", "model_card.md", "python_env.yaml", "requirements.txt",
    ]  # fmt: skip
    assert told["flavors"]["python_function"]["loader_module"] == "mlflow.onnx"
    assert told["metadata"]["bedside"]["bundle"] == "f" * 64
    assert told["metadata"]["bedside"]["evidence"] == digest_bytes(b"{}")
    assert [one["name"] for one in json.loads(told["signature"]["inputs"])] == ["a", "b.last"]
    assert b"onnxruntime==1.28.0" in files["requirements.txt"]
    assert read_described(files["MLmodel"]).flavour == "onnx"


def test_a_version_with_one_prediction_keeps_the_sealed_graph_to_the_byte(form: ModelForm) -> None:
    part = form.members[0].part
    assert isinstance(part, Trees)
    one = replace(form, outcome="binary", link="logistic", levels=("yes",))
    rows = np.random.default_rng(0).normal(size=(200, 2))
    booster = lightgbm.train(
        {"objective": "binary", "verbosity": -1, "num_threads": 1},
        lightgbm.Dataset(rows, rows[:, 0] > 0),
        3,
    )
    one = replace(one, members=(Member(part=Trees(text=booster.model_to_string())),))

    assert files_of(one)["model.onnx"] == onnx_of(one)
