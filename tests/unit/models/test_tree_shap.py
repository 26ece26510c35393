"""Contributions of trees are those of LightGBM, and of Shapley's own sum over all coalitions."""

from itertools import combinations
from math import factorial

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedside.models.form import Member, ModelForm, Trees
from bedside.models.leaf_tables import BUDGET, LeafTables
from bedside.models.learnt import LearntModel
from bedside.models.tree_shap import tree_shap

QUIET = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3, "seed": 7}
WIDTH = 5


def rows(seed, n=300, gaps=0.2, zeros=0.2):
    generator = np.random.default_rng(seed)
    values = np.round(generator.normal(size=(n, WIDTH)), 1)
    drive = values[:, 0] - values[:, 1] * values[:, 2] + generator.normal(size=n)
    values[generator.random(values.shape) < gaps] = np.nan
    values[generator.random(values.shape) < zeros] = 0.0
    return values, drive


def trained(seed, *, rounds=8, label=None, **changes):
    values, drive = rows(seed)
    label = (drive > 0) if label is None else label(drive)
    data = lightgbm.Dataset(values, label, params={"verbosity": -1})
    text = lightgbm.train({"objective": "binary", **QUIET, **changes}, data, rounds)
    return text.model_to_string()


def theirs(text, values, outputs=1):
    made = lightgbm.Booster(model_str=text).predict(values, pred_contrib=True, num_threads=1)
    return made.reshape(len(values), outputs, -1)


def on_edges(text, values):
    """As many rows of values on a threshold or just beside it, and of what is nearly 0."""
    lines = [line for line in text.split("\n") if line.startswith("threshold=")]
    edges = np.array(" ".join(line.partition("=")[2] for line in lines).split(), dtype=float)
    near = np.concatenate(
        [edges, np.nextafter(edges, 9), np.nextafter(edges, -9), [1e-36, -1e-36, 1e-35, -0.0]]
    )
    return np.random.default_rng(1).choice(near, values.shape)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    leaves=st.integers(2, 40),
    use_missing=st.booleans(),
    zero_as_missing=st.booleans(),
    bagging=st.booleans(),
    monotone=st.booleans(),
)
def test_contributions_are_those_of_lightgbm(
    seed, leaves, use_missing, zero_as_missing, bagging, monotone
):
    text = trained(
        seed,
        num_leaves=leaves,
        use_missing=use_missing,
        zero_as_missing=zero_as_missing,
        **({"bagging_fraction": 0.5, "bagging_freq": 1} if bagging else {}),
        **({"monotone_constraints": [1, -1, 0, 0, 0]} if monotone else {}),
    )
    values = rows(seed + 1, n=60)[0]

    for explain in every_way(text):
        for some in (values, on_edges(text, values)):
            np.testing.assert_allclose(explain(some), theirs(text, some), rtol=0, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), leaves=st.integers(2, 40), rounds=st.integers(1, 60))
def test_what_a_row_is_given_hangs_on_no_other_row(seed, leaves, rounds):
    text = trained(seed, num_leaves=leaves, rounds=rounds)
    values = rows(seed + 1, n=40)[0]

    for explain in every_way(text):
        together = explain(values)
        alone = np.concatenate([explain(values[at : at + 1]) for at in range(len(values))])

        np.testing.assert_array_equal(together, alone)


def test_tables_for_all_leaves_for_some_and_for_none_give_the_same():
    text = trained(11, num_leaves=31, rounds=80, learning_rate=0.02)
    values = rows(12)[0]
    expected = theirs(text, values)

    found = [tree_shap(text, outputs=1, width=WIDTH, budget=one) for one in (0, 30_000, 10**8)]

    assert [way_of(one) for one in found] == ["splits", "tables and leaves", "tables"]
    for explain in found:
        np.testing.assert_allclose(explain(values), expected, rtol=0, atol=1e-12)


def every_way(text, outputs=1):
    return [
        tree_shap(text, outputs=outputs, width=WIDTH, budget=one) for one in (0, 20_000, BUDGET)
    ]


def way_of(explain):
    """How it computes, told by what it keeps."""
    if not isinstance(explain.way, LeafTables):
        return "splits"
    return "tables and leaves" if explain.way.computed_leaves else "tables"


def test_a_chain_of_splits_far_deeper_than_features_is_explained():
    text = trained(3, num_leaves=120, min_data_in_leaf=1, rounds=3)
    values = rows(4, n=50)[0]

    found = tree_shap(text, outputs=1, width=WIDTH)(values)

    np.testing.assert_allclose(found, theirs(text, values), rtol=0, atol=1e-9)


def test_many_distinct_features_on_one_way_are_explained():
    """More than any number of points that is the same for all: the rule grows with the depth."""
    generator = np.random.default_rng(2)
    values = generator.integers(0, 2, (4000, 25)).astype(float)
    drive = np.cumprod(values, axis=1) @ (0.5 ** np.arange(25)) * 9  # a chain, by construction
    data = lightgbm.Dataset(values, drive, params={"verbosity": -1})
    text = lightgbm.train({**QUIET, "num_leaves": 60, "min_data_in_leaf": 1}, data, 5)
    text = text.model_to_string()

    found = tree_shap(text, outputs=1, width=25)(values[:40])

    np.testing.assert_allclose(found, theirs(text, values[:40]), rtol=0, atol=1e-9)


def test_each_output_has_its_own_trees():
    label = lambda drive: np.digitize(drive, [-1, 1])  # noqa: E731
    text = trained(5, label=label, objective="multiclass", num_class=3)
    values = rows(6, n=40)[0]

    for explain in every_way(text, outputs=3):
        np.testing.assert_allclose(explain(values), theirs(text, values, 3), rtol=0, atol=1e-9)


def test_a_tree_of_one_leaf_gives_its_value_to_no_feature():
    text = trained(1, min_data_in_leaf=10_000, rounds=2)
    values = rows(1, n=4)[0]

    found = tree_shap(text, outputs=1, width=WIDTH)(values)

    np.testing.assert_array_equal(found, theirs(text, values))
    assert (found[:, 0, :-1] == 0).all()


def test_contributions_are_shapleys_sum_over_all_coalitions():
    """Shapley 1953, over the path-dependent game of Lundberg et al. 2020, algorithm 1."""
    text = trained(8, rounds=1, num_leaves=12)
    tree = lightgbm.Booster(model_str=text).dump_model()["tree_info"][0]["tree_structure"]
    patient = rows(9, n=1)[0][0]

    found = tree_shap(text, outputs=1, width=WIDTH)(patient[None])[0, 0]

    for feature in range(WIDTH):
        others = [one for one in range(WIDTH) if one != feature]
        total = 0.0
        for size in range(WIDTH):
            weight = factorial(size) * factorial(WIDTH - size - 1) / factorial(WIDTH)
            for some in combinations(others, size):
                with_it = expected(tree, patient, {*some, feature})
                total += weight * (with_it - expected(tree, patient, set(some)))
        assert found[feature] == pytest.approx(total, abs=1e-12)
    assert found[-1] == pytest.approx(expected(tree, patient, set()), abs=1e-12)


def expected(node, patient, known):
    """The value of a tree where only some features are known."""
    if "leaf_value" in node:
        return node["leaf_value"]
    sides = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        value = patient[node["split_feature"]]
        if np.isnan(value) and node["missing_type"] == "NaN":
            left = node["default_left"]
        else:
            left = (0.0 if np.isnan(value) else value) <= node["threshold"]
        return expected(sides[not left], patient, known)
    counts = [side.get("leaf_count", side.get("internal_count")) for side in sides]
    told = [expected(side, patient, known) for side in sides]
    return float(np.dot(counts, told)) / sum(counts)


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("num_cat=0", "num_cat=1"),
        ("is_linear=0", "is_linear=1"),
        ("split_feature=", "split_feature=9"),
        ("left_child=", "left_child=0 "),
        ("leaf_count=", "leaf_count=0 "),
        ("version=v4", "version=v4\naverage_output"),
    ],
)
def test_a_form_that_is_not_known_is_left_to_lightgbm(line, other):
    assert tree_shap(trained(1).replace(line, other), outputs=1, width=WIDTH) is None


def test_trees_that_are_not_read_here_are_explained_by_lightgbm():
    values, drive = rows(2)
    values[:, 0] = np.where(np.isnan(values[:, 0]), 0, np.abs(np.round(values[:, 0])))
    data = lightgbm.Dataset(values, drive > 0, categorical_feature=[0], params={"verbosity": -1})
    settings_ = {"objective": "binary", **QUIET, "min_data_per_group": 5, "cat_smooth": 1}
    text = lightgbm.train(settings_, data, 5).model_to_string()
    form = ModelForm(
        outcome="binary", link="logistic", width=WIDTH, members=(Member(part=Trees(text=text)),)
    )

    found = LearntModel(form).contributions(values)

    assert tree_shap(text, outputs=1, width=WIDTH) is None
    np.testing.assert_array_equal(found, theirs(text, values)[:, 0])
