"""The packaged graph equals the fitted trees, on rows placed on the thresholds as well."""

import numpy as np

from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.calibrating.platt import platt
from bedside.develop.train.matrix import Matrix
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.learnt import LearntModel
from learning import fitted_trees


def a_matrix(seed, n=3000, k=8):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(n, k))
    label = (values[:, 0] + values[:, 1] ** 2 + generator.normal(size=n) > 1).astype(np.int64)
    values[generator.random(values.shape) < 0.2] = np.nan
    values[:, 7] = np.nan_to_num(values[:, 7])
    return Matrix(features=values, label=label, names=tuple(f"f{i}" for i in range(k)))


def numbers_of(trees, key):
    """Every number on the lines of LightGBM's text form that start with the key."""
    lines = [line for line in trees.splitlines() if line.startswith(f"{key}=")]
    return np.array([float(number) for line in lines for number in line.partition("=")[2].split()])


def test_the_graph_equals_the_trees_on_and_off_their_thresholds():
    train, tuning = a_matrix(1), a_matrix(2)
    form = fitted_trees(train, tuning, rounds=60)
    text = form.members[0].part.text
    column = numbers_of(text, "split_feature").astype(int)
    threshold = numbers_of(text, "threshold")
    picked = np.random.default_rng(3).integers(0, len(threshold), 5000)
    rows = np.resize(tuning.features, (5000, 8)).copy()
    rows[np.arange(5000), column[picked]] = threshold[picked]
    rows = np.vstack([rows, np.full((1, 8), np.nan), np.zeros((1, 8))])

    found = OnnxPredictor(onnx_of(form)).predict(rows)

    assert np.abs(found - LearntModel(form).predict(rows)).max() < 1e-6


def test_fitting_twice_gives_the_same_bytes():
    once, again = (fitted_trees(a_matrix(1), a_matrix(2), rounds=20) for _ in range(2))

    assert once == again
    assert onnx_of(once) == onnx_of(again)
    assert form_from_json(form_to_json(once)) == once


def test_calibration_of_separable_margins_stays_finite():
    slope, intercept = platt(np.r_[np.full(50, -30.0), np.full(50, 30.0)], np.repeat([0, 1], 50))

    assert np.isfinite([slope, intercept]).all()
    assert slope > 0
