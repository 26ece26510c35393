"""Joint drift: what no column shows by itself is seen, and nothing is seen where nothing moved."""

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from bedside.core.errors import Invalid
from bedside.metrics.estimated import effective_size
from bedside.metrics.joint import (
    density_ratio,
    domain_drift,
    prepare_reconstruction,
    reconstruction_drift,
)


def with_products(matrix):
    k = matrix.shape[1]
    return np.column_stack(
        [matrix] + [matrix[:, i] * matrix[:, j] for i in range(k) for j in range(i, k)]
    )


def logistic(matrix, label):
    model = LogisticRegression(C=1.0).fit(with_products(matrix), label)
    return lambda rows: model.predict_proba(with_products(rows))[:, 1]


def pairs(rng, n, correlation):
    a = rng.normal(size=(n, 3))
    a[:, 1] = correlation * a[:, 0] + np.sqrt(1 - correlation**2) * a[:, 1]
    return a


def test_columns_that_go_together_otherwise_are_told_apart_though_each_is_as_before():
    rng = np.random.default_rng(1)
    then, now = pairs(rng, 800, 0.8), pairs(rng, 500, -0.2)
    assert min(stats.ks_2samp(then[:, i], now[:, i]).pvalue for i in range(3)) > 0.01

    apart = domain_drift(then, now, logistic)
    rebuilt = reconstruction_drift(prepare_reconstruction(then, explained=0.6), now)

    assert apart.p_value < 1e-6
    assert 0.5 < apart.low < apart.auroc < apart.high < 1
    assert rebuilt.p_value < 1e-6
    assert rebuilt.worse > 0.6


def test_the_figure_of_two_folds_is_the_mean_of_scikit_learns():
    rng = np.random.default_rng(2)
    then, now = rng.normal(size=(60, 2)), rng.normal(0.4, 1, size=(50, 2))
    seen = []

    def learn(matrix, label):
        seen.append(matrix)
        return lambda rows: 1 / (1 + np.exp(-rows.sum(axis=1)))

    apart = domain_drift(then, now, learn, folds=2)

    rows = np.concatenate([then, now])
    label = np.repeat([0, 1], [60, 50])
    fitted = [(rows[:, None] == matrix).all(axis=2).any(axis=1) for matrix in seen]
    assert (fitted[0] != fitted[1]).all()  # each row is held out once
    by_fold = [roc_auc_score(label[~one], apart.chance[~one]) for one in fitted]
    assert apart.auroc == pytest.approx(np.mean(by_fold), abs=1e-12)


def test_the_test_keeps_its_rate_where_both_samples_come_from_one_population():
    rng = np.random.default_rng(3)
    runs = 150
    classifier = rebuilding = 0
    for run in range(runs):
        then, now = pairs(rng, 90, 0.5), pairs(rng, 70, 0.5)
        classifier += domain_drift(then, now, logistic, folds=3, seed=run).p_value <= 0.05
        prepared = prepare_reconstruction(then, explained=0.6, seed=run)
        rebuilding += reconstruction_drift(prepared, now).p_value <= 0.05

    assert max(classifier, rebuilding) <= stats.binom.ppf(0.9995, runs, 0.05)


def test_the_held_out_chances_weigh_a_reference_to_be_like_the_new_patients():
    rng = np.random.default_rng(4)
    then, now = rng.normal(size=(2000, 2)), rng.normal([0.7, 0], 1, size=(1500, 2))

    apart = domain_drift(then, now, logistic)
    weights = density_ratio(apart.chance[:2000], 2000, 1500)

    assert np.average(then[:, 0], weights=weights) == pytest.approx(0.7, abs=0.1)
    assert np.average(then[:, 1], weights=weights) == pytest.approx(0, abs=0.1)
    assert 500 < effective_size(weights) < 1900
    assert density_ratio([1.0], 10, 10, most=7).tolist() == [7]


def test_errors_of_rebuilding_are_those_of_scikit_learns_axes_of_ranks():
    rng = np.random.default_rng(5)
    then, now = pairs(rng, 400, 0.7), pairs(rng, 100, 0.7)

    prepared = prepare_reconstruction(then, explained=0.7, seed=9)

    half = then[np.random.default_rng(9).permutation(400)[:200]]
    ranks = np.column_stack([stats.rankdata(column) for column in half.T]) / 200 - 0.5 - 0.5 / 200
    oracle = PCA(n_components=0.7).fit(ranks)
    assert prepared.axes.shape == oracle.components_.shape
    placed = np.column_stack(
        [
            (np.array([(a < x).mean() + (a == x).mean() / 2 for x in b]) - 0.5)
            for a, b in zip(half.T, now.T, strict=True)
        ]
    )
    lost = placed - oracle.inverse_transform(oracle.transform(placed))
    assert reconstruction_drift(prepared, now).mean_now == pytest.approx(
        np.sqrt((lost**2).mean(axis=1)).mean(), abs=1e-6
    )


def test_no_unit_changes_how_rows_are_rebuilt_and_missing_or_constant_columns_do_no_harm():
    rng = np.random.default_rng(6)
    then, now = pairs(rng, 300, 0.6), pairs(rng, 200, 0.6)
    odd = [
        np.column_stack([one, np.full(len(one), np.nan), np.ones(len(one))]) for one in (then, now)
    ]
    odd[1][0, 0], odd[1][1, 1] = np.inf, np.nan

    plain = reconstruction_drift(prepare_reconstruction(then), now)
    scaled = reconstruction_drift(prepare_reconstruction(np.exp(then)), np.exp(now))

    assert plain == scaled
    assert 0 < reconstruction_drift(prepare_reconstruction(odd[0]), odd[1]).p_value <= 1
    same = np.ones((20, 2))
    assert reconstruction_drift(prepare_reconstruction(same), same).p_value == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: domain_drift(np.empty((0, 2)), np.ones((50, 2)), logistic),
        lambda: domain_drift(np.ones((50, 3)), np.ones((50, 2)), logistic),
        lambda: domain_drift(np.ones((50, 2)), np.ones((50, 2)), logistic, folds=1),
        lambda: domain_drift(np.ones((19, 2)), np.ones((50, 2)), logistic),
        lambda: domain_drift(
            np.ones((50, 2)), np.ones((50, 2)), lambda x, y: lambda rows: np.full(len(rows), np.nan)
        ),
        lambda: density_ratio([1.2], 10, 10),
        lambda: density_ratio([0.5], 0, 10),
        lambda: prepare_reconstruction(np.ones((3, 2))),
        lambda: prepare_reconstruction(np.ones((30, 1))),
        lambda: prepare_reconstruction(np.ones((30, 2)), explained=0),
        lambda: reconstruction_drift(prepare_reconstruction(np.ones((9, 2))), np.empty((0, 2))),
        lambda: reconstruction_drift(prepare_reconstruction(np.ones((9, 2))), np.ones((4, 3))),
    ],
)
def test_samples_that_cannot_be_compared_are_refused(call):
    with pytest.raises(Invalid):
        call()
