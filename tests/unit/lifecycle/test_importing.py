"""A folder of MLflow becomes a form that scores the same, or is refused unopened."""

import json
import shutil
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import yaml
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bedside.core.errors import Invalid, NotFound, Refused
from bedside.lifecycle.imported import refuse_other_features
from bedside.lifecycle.importing import read_mlflow
from bedside.models.learnt import LearntModel

SKOPS = Path(__file__).parents[1] / "interop" / "mlflow" / "pipeline.skops"
NAMES = ("a", "b.last", "c")


def a_folder(place: Path, flavour: str, own: dict[str, object]) -> Path:
    """As `save_model` lays it out."""
    place.mkdir()
    columns = json.dumps([{"type": "double", "name": name} for name in NAMES])
    told = {
        "flavors": {flavour: own, "python_function": {"loader_module": f"mlflow.{flavour}"}},
        "signature": {"inputs": columns},
    }
    (place / "MLmodel").write_text(yaml.safe_dump(told))
    return place


def a_boosted_folder(place: Path) -> tuple[Path, lightgbm.Booster, np.ndarray]:
    rows = np.random.default_rng(1).normal(size=(300, 3))
    rows[::7, 1] = np.nan
    data = lightgbm.Dataset(rows, rows[:, 0] > 0)
    booster = lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, data, 15)
    folder = a_folder(place, "lightgbm", {"data": "model.lgb"})
    booster.save_model(folder / "model.lgb")
    return folder, booster, rows


def test_trees_of_lightgbm_become_a_form_with_the_same_risks(tmp_path):
    folder, booster, rows = a_boosted_folder(tmp_path / "m")

    imported = read_mlflow(folder)

    assert imported.names == NAMES
    assert sorted(imported.files) == ["MLmodel", "model.lgb"]
    model = LearntModel(imported.form)
    assert np.array_equal(model.margins(rows)[:, 0], booster.predict(rows, raw_score=True))
    assert np.abs(model.predict(rows) - booster.predict(rows)).max() < 1e-15


def test_a_pipeline_becomes_an_additive_form_with_scikit_learns_risks(tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    label = (rows[:, 0] > 0).astype(int)
    rows[3, 1] = np.nan
    oracle = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(rows, label)
    folder = a_folder(
        tmp_path / "m",
        "sklearn",
        {"pickled_model": "model.skops", "serialization_format": "skops"},
    )
    shutil.copy(SKOPS, folder / "model.skops")

    found = LearntModel(read_mlflow(folder).form).predict(rows)

    assert np.abs(found - oracle.predict_proba(rows)[:, 1]).max() < 1e-6


def test_a_folder_with_a_pickle_is_refused_without_opening_anything(tmp_path):
    folder = a_boosted_folder(tmp_path / "m")[0]
    (folder / "MLmodel").unlink()  # that it is missing is not even seen
    (folder / "artifacts").mkdir()
    (folder / "artifacts" / "python_model.pkl").symlink_to("/dev/full")

    with pytest.raises(Refused, match="pickle") as refused:
        read_mlflow(folder)

    assert refused.value.code == "unsafe_model"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder = a_boosted_folder(tmp_path / "m")[0]
    (folder / "model.lgb").rename(tmp_path / "elsewhere.lgb")
    (folder / "model.lgb").symlink_to(tmp_path / "elsewhere.lgb")

    with pytest.raises(Refused, match="no plain file"):
        read_mlflow(folder)


def test_a_bare_graph_is_refused_because_it_cannot_be_explained(tmp_path):
    folder = a_folder(tmp_path / "m", "onnx", {"data": "model.onnx"})

    with pytest.raises(Refused, match="cannot find them in a graph") as refused:
        read_mlflow(folder)

    assert refused.value.code == "not_explained"


def test_trees_whose_nodes_run_in_a_circle_are_refused(tmp_path):
    folder = a_boosted_folder(tmp_path / "m")[0]
    lines = (folder / "model.lgb").read_text().split("\n")
    at = next(n for n, line in enumerate(lines) if line.startswith("left_child="))
    children = lines[at].partition("=")[2].split()
    lines[at] = "left_child=" + " ".join(["0", *children[1:]])
    (folder / "model.lgb").write_text("\n".join(lines))

    with pytest.raises(Refused, match="do not hang together"):
        read_mlflow(folder)


def test_a_folder_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        read_mlflow(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("given", "because"),
    [
        (("a", "c", "b.last"), "order differs from column 2 on: 'c' in the model"),
        (("a", "b.last", "d"), "does not make 'd'; the model does not take 'c'"),
        (("a", "b.last"), "the model does not take 'c'"),
    ],
)
def test_columns_that_are_not_the_declared_features_are_named(given, because):
    with pytest.raises(Invalid, match=because):
        refuse_other_features(given, NAMES)
