"""The packaged graph equals the learnt form, on rows placed on every threshold, edge and knot."""

from dataclasses import replace

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.calibrating.platt import platt
from bedside.develop.train.matrix import Matrix
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.models.form import (
    Additive,
    CalibrationMap,
    GroupMap,
    Hazards,
    Member,
    ModelForm,
    Term,
    Trees,
)
from bedside.models.form_json import form_from_json, form_to_json
from bedside.models.learnt import LearntModel
from learning import fitted_trees

K = 8


def a_matrix(seed, n=3000, k=K):
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

    assert np.abs(found - LearntModel(form).predict(rows)).max() < 1e-14


def test_fitting_twice_gives_the_same_bytes():
    once, again = (fitted_trees(a_matrix(1), a_matrix(2), rounds=20) for _ in range(2))

    assert once == again
    assert onnx_of(once) == onnx_of(again)
    assert form_from_json(form_to_json(once)) == once


def test_calibration_of_separable_margins_stays_finite():
    slope, intercept = platt(np.r_[np.full(50, -30.0), np.full(50, 30.0)], np.repeat([0, 1], 50))

    assert np.isfinite([slope, intercept]).all()
    assert slope > 0


def some_trees(generator, outputs):
    """A few boosted trees of one or several outputs, on plain rows."""
    rows = generator.normal(size=(200, K))
    rows[generator.random(rows.shape) < 0.2] = np.nan
    label = generator.integers(0, max(outputs, 2), 200)
    told = {"objective": "binary"}
    if outputs > 1:
        told = {"objective": "multiclass", "num_class": outputs}
    booster = lightgbm.train(
        {**told, "verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "num_leaves": 6},
        lightgbm.Dataset(rows, label),
        num_boost_round=4,
    )
    return Trees(text=booster.model_to_string(), outputs=outputs)


def some_term(generator, outputs):
    kind = generator.choice(["linear", "steps", "pair", "polyline"])
    if kind == "linear":
        scores, features, edges = generator.normal(size=(outputs, 2)), 1, 0
    elif kind == "polyline":
        edges, features = int(generator.integers(1, 6)), 1
        scores = generator.normal(size=(outputs, edges + 1))
    else:
        edges, features = int(generator.integers(0, 6)), 1 if kind == "steps" else 2
        scores = generator.normal(size=(outputs, (edges + 2) ** features)).round(1)
    cut = [tuple(sorted(generator.normal(size=edges))) for _ in range(features)]
    return Term(
        kind="steps" if kind == "pair" else str(kind),
        features=tuple(int(at) for at in generator.integers(0, K, features)),
        scores=tuple(tuple(one) for one in scores.tolist()),
        edges=() if kind == "linear" else tuple(cut),
    )


def some_member(generator, outputs):
    weight = float(generator.choice([1.0, 0.3]))
    if generator.random() < 0.4:
        return Member(part=some_trees(generator, outputs), weight=weight)
    return Member(
        part=Additive(
            intercept=tuple(generator.normal(size=outputs).tolist()),
            terms=tuple(some_term(generator, outputs) for _ in range(generator.integers(0, 6))),
        ),
        weight=weight,
    )


def some_map(generator, form, kinds):
    """A calibration; its knots are margins of the rows, which is where a step must not slip."""
    kind = str(generator.choice(kinds))
    outputs = form.members[0].part.outputs
    knots = np.unique(LearntModel(form).margins(generator.normal(size=(5, K)))[:, 0])
    if kind == "affine":
        return CalibrationMap(kind=kind, numbers=(0.7, *generator.normal(size=outputs).tolist()))
    if kind == "beta":
        return CalibrationMap(kind=kind, numbers=(0.8, 1.3, -0.2))
    if kind == "polyline":
        risks = np.sort(generator.random(len(knots)))
        return CalibrationMap(kind=kind, knots=tuple(knots), values=(tuple(risks),))
    if kind == "venn_abers":
        low, high = np.sort(generator.random((2, len(knots) + 1)), axis=0)
        return CalibrationMap(kind=kind, knots=tuple(knots), values=(tuple(low), tuple(high)))
    return CalibrationMap()


LINKS = {
    "identity": ("regression", 1),
    "logistic": ("binary", 1),
    "softmax": ("multiclass", 3),
    "cumulative_logistic": ("ordinal", 1),
    "proportional_hazards": ("survival", 1),
    "competing_hazards": ("survival", 2),
}


def some_form(generator, link):
    outcome, outputs = LINKS[link]
    rises = np.cumsum(generator.random((outputs, 6)) / 10, axis=1)
    form = ModelForm(
        outcome=outcome,
        link=link,
        width=K,
        members=tuple(some_member(generator, outputs) for _ in range(generator.integers(1, 4))),
        cutpoints=(-0.5, 0.2, 1.0) if outcome == "ordinal" else (),
        horizons=(0.5, 3.0, 4.5) if outcome == "survival" else (),
        hazards=Hazards(days=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), cumulative=tuple(map(tuple, rises)))
        if outcome == "survival"
        else None,
    )
    kinds = ["none", "affine"]
    if link == "logistic":
        kinds += ["beta", "polyline", "venn_abers"]
    groups = tuple(
        GroupMap(column=2, value=value, calibration=some_map(generator, form, kinds))
        for value in (0.0, 1.0)
    )
    return replace(form, calibration=some_map(generator, form, kinds), groups=groups)


def rows_on_every_edge(generator, form):
    rows = generator.normal(size=(400, K))
    rows[:, 2] = generator.integers(0, 3, 400)
    rows[generator.random(rows.shape) < 0.2] = np.nan
    edges = [
        (feature, edge)
        for member in form.members
        if isinstance(member.part, Additive)
        for term in member.part.terms
        for feature, cut in zip(term.features, term.edges, strict=False)
        for edge in cut
    ]
    for at, (feature, edge) in enumerate(edges):
        for near, value in enumerate((edge, np.nextafter(edge, 9), np.nextafter(edge, -9))):
            rows[(3 * at + near) % 400, feature] = value
    return np.vstack([rows, np.full((1, K), np.nan), np.zeros((1, K)), np.full((1, K), -0.0)])


@pytest.mark.parametrize("link", LINKS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_graph_predicts_what_its_form_predicts(link, seed):
    generator = np.random.default_rng(seed)
    form = some_form(generator, link)
    rows = rows_on_every_edge(generator, form)
    model, graph = LearntModel(form), OnnxPredictor(onnx_of(form))

    assert np.abs(graph.outputs(rows) - model.outputs(rows)).max() < 1e-12
    assert np.abs(graph.predict(rows) - model.predict(rows)).max() < 1e-12
    assert onnx_of(form_from_json(form_to_json(form))) == onnx_of(form)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_row_whose_margin_is_a_knot_stays_on_its_step(seed):
    generator = np.random.default_rng(seed)
    form = ModelForm(
        outcome="binary", link="logistic", width=K, members=(some_member(generator, 1),)
    )
    rows = generator.normal(size=(60, K))
    knots = np.unique(LearntModel(form).margins(rows)[:, 0])
    low, high = np.sort(generator.random((2, len(knots) + 1)), axis=0)
    form = replace(
        form,
        calibration=CalibrationMap(
            kind="venn_abers", knots=tuple(knots), values=(tuple(low), tuple(high))
        ),
    )

    found = OnnxPredictor(onnx_of(form)).predict(rows)

    assert np.abs(found - LearntModel(form).predict(rows)).max() < 1e-12


def test_large_numbers_keep_their_digits():
    form = ModelForm(
        outcome="regression",
        link="identity",
        width=1,
        members=(
            Member(part=Additive(intercept=(123456.789,), terms=(
                Term(kind="steps", features=(0,), scores=((0.0, 1e-4, 2e4),), edges=((0.0,),)),
            ))),
        ),
    )  # fmt: skip

    found = OnnxPredictor(onnx_of(form)).predict(np.array([[-1.0], [0.0], [np.nan]]))

    assert np.allclose(found, [123456.7891, 143456.789, 123456.789], rtol=0, atol=1e-9)


def test_a_calibration_of_one_margin_is_refused_on_several():
    form = some_form(np.random.default_rng(1), "softmax")
    broken = replace(form, groups=(), calibration=CalibrationMap(kind="beta", numbers=(1, 1, 0)))

    with pytest.raises(Invalid, match="one margin alone"):
        onnx_of(broken)
