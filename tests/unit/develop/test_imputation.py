"""Frozen fills: learnt on training rows, the same to the bit in trees, graph and reasons."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.core.errors import Invalid
from bedside.core.records.training import Fill, Imputation
from bedside.deploy.package.onnx_graph import onnx_of
from bedside.develop.train.folding import folded
from bedside.develop.train.imputation import fit_fills
from bedside.develop.train.matrix import Matrix
from bedside.features.definition import Feature
from bedside.infra.runtime.onnx import OnnxPredictor
from bedside.models.form import Member, Trees
from bedside.models.learnt import LearntModel
from learning import fitted_trees
from trained import a_declaration

K = 4


def features(**categories):
    return tuple(
        Feature(
            name=f"s{n}.last", signal=f"s{n}", codes=(f"X//{n}",), label="", aggregate="last",
            window_hours=None, unit="1", categories=categories.get(f"s{n}", ()),
        )
        for n in range(K)
    )  # fmt: skip


def fills(train, **names):
    told = Imputation(
        default=Fill(method="median", indicator=True),
        signals=names,
    )
    return fit_fills(a_declaration(imputation=told), features(), train)


def a_ward(seed, rows=300, missing=0.4):
    generator = np.random.default_rng(seed)
    matrix = np.round(generator.normal(size=(rows, K)), 1)
    label = (matrix[:, 0] + matrix[:, 1] + generator.normal(size=rows) > 0).astype(np.int64)
    matrix[generator.random(matrix.shape) < missing] = np.nan
    label = np.where(np.isnan(matrix[:, 2]) & (generator.random(rows) < 0.7), 1, label)
    return matrix, label


def test_a_statistic_is_the_same_whichever_zero_comes_first():
    train = np.array([[0.0] * K, [-0.0] * K, [1.0] * K])

    both = [fills(rows, s0=Fill(method="most_frequent")).value for rows in (train, train[::-1])]

    assert both[0].tobytes() == both[1].tobytes()


def test_each_method_gives_its_value():
    train = np.array([[1.0, 2.0, 0.0, np.nan], [3.0, 4.0, 2.0, 1.0], [5.0, np.nan, 2.0, 9.0]])
    told = Imputation(
        default=Fill(method="median"),
        signals={
            "s1": Fill(method="mean", indicator=True),
            "s2": Fill(method="most_frequent"),
            "s3": Fill(method="constant", value=7),
        },
    )

    made = fit_fills(a_declaration(imputation=told), features(s2=("a", "b", "c")), train)

    assert made.value.tolist() == [3.0, 3.0, 2.0, 7.0]
    assert made.filled(np.array([[np.nan, np.nan, np.nan, 1.0]])).tolist() == [[3, 3, 2, 1, 1]]
    assert made.columns[-1] == "s1.last.missing"


def test_a_statistic_of_what_was_never_measured_is_refused():
    with pytest.raises(Invalid, match=r"'s3.last' is missing in every training row"):
        fills(np.array([[1.0, 2.0, 3.0, np.nan]]))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["median", "mean", "most_frequent"]))
def test_fills_do_not_depend_on_the_order_of_rows(seed, method):
    matrix, _ = a_ward(seed)
    other = np.random.default_rng(seed).permutation(len(matrix))

    both = [fills(rows, s0=Fill(method=method)).value for rows in (matrix, matrix[other])]

    assert both[0].tobytes() == both[1].tobytes()


def with_fills(form, made):
    """The form for rows with gaps."""
    trees = Trees(text=folded(form.members[0].part.text, made))
    return replace(form, members=(Member(part=trees),), width=K)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_trees_with_the_fills_in_them_are_the_trees_on_filled_values_to_the_bit(seed, some_none):
    matrix, label = a_ward(seed)
    kept = {"s1": Fill()} if some_none else {}
    made = fills(matrix, **kept)
    filled = made.filled(matrix)
    side = Matrix(features=filled, label=label, names=made.columns)
    form = fitted_trees(side, side, rounds=15, parameters={"min_data_in_leaf": 5})

    gaps = with_fills(form, made)

    judged = np.vstack([matrix, a_ward(seed + 1, missing=0.8)[0], np.full((1, K), np.nan)])
    before, after = LearntModel(form), LearntModel(gaps)
    margins = before.margins(made.filled(judged))[:, 0]
    assert after.margins(judged).tobytes() == margins.tobytes()
    model = OnnxPredictor(onnx_of(gaps))
    risk = model.predict(judged)
    assert np.abs(risk - before.predict(made.filled(judged))).max() < 1e-6
    alone = np.concatenate([model.predict(judged[at : at + 1]) for at in range(0, 600, 40)])
    assert np.allclose(alone, risk[:600:40], rtol=0, atol=1e-15)
    reasons = after.contributions(judged)
    assert reasons.shape == (len(judged), K + 1)
    assert np.allclose(reasons.sum(axis=1), margins)
    if not made.indicator.any():
        assert reasons.tobytes() == before.contributions(made.filled(judged)).tobytes()


def test_without_indicators_the_reasons_are_those_of_the_filled_values():
    matrix, label = a_ward(3)
    plain = fit_fills(
        a_declaration(imputation=Imputation(default=Fill(method="median"))), features(), matrix
    )
    side = Matrix(features=plain.filled(matrix), label=label, names=plain.columns)
    form = fitted_trees(side, side, rounds=10)

    after = LearntModel(with_fills(form, plain)).contributions(matrix)

    before = LearntModel(form).contributions(plain.filled(matrix))
    assert np.allclose(after, before, atol=1e-12)
