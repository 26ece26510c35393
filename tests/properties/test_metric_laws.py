"""Laws that every metric keeps, and each against an independent implementation."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import linregress, somersd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    cohen_kappa_score,
    confusion_matrix,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from bedside.develop.evaluate.statistics import Rows, statistics

OUTCOMES = ("binary", "multiclass", "ordinal", "regression", "survival")
RANKING = ("auroc", "auprc", "harrell_c", "uno_c")
seeds = st.integers(0, 2**32 - 1)
some = settings(deadline=None, max_examples=12)


def some_rows(outcome, seed, subjects=40, per=3):
    """Rows of every kind, with ties, by subject."""
    generator = np.random.default_rng(seed)
    n = subjects * per
    subject = np.repeat(np.arange(subjects), per)
    ranked = np.round(generator.uniform(0.05, 0.95, n), 2)
    base = {"subject": subject, "days": generator.uniform(0.5, 2, n), "outcome": outcome}
    if outcome == "binary":
        return Rows(risk=ranked, label=(generator.random(n) < ranked).astype(int), **base)
    if outcome == "survival":
        outputs = np.stack([ranked / 2, ranked], axis=1)
        return Rows(
            risk=ranked,
            label=generator.integers(0, 3, n),
            outputs=outputs,
            target=np.round(generator.exponential(12 * (1 - ranked)) + 1),
            horizons=(5.0, 10.0),
            curve=ranked[:, None] * np.array([0.3, 0.6, 1.0]),
            curve_days=np.array([3.0, 6.0, 10.0]),
            **base,
        )
    if outcome == "regression":
        return Rows(
            risk=10 * ranked,
            label=np.zeros(n, int),
            target=generator.normal(10 * ranked, 3),
            **base,
        )
    outputs = generator.dirichlet((1.0, 1.0, 1.0), n).round(2) + 0.01
    outputs /= outputs.sum(axis=1, keepdims=True)
    drawn = (outputs.cumsum(axis=1) < generator.random(n)[:, None]).sum(axis=1)
    return Rows(risk=1 - outputs[:, 0], label=drawn, outputs=outputs, levels=tuple("abc"), **base)


def figures(rows, weights=None, threshold=0.5):
    weights = np.ones(rows.subjects) if weights is None else weights
    made = statistics(rows, threshold, utility=False, repeated=True)
    return {name: statistic(weights) for name, statistic in made.items()}


def repeated(rows, weights):
    """Every subject as often as it weighs, each time as another subject."""
    at = np.concatenate(
        [
            np.flatnonzero(rows.subject == who)
            for who, k in enumerate(weights)
            for _ in range(int(k))
        ]
    )
    size = np.bincount(rows.subject)
    again = rows.taken(np.ones(len(rows.risk), dtype=bool))
    new = np.repeat(np.arange(int(weights.sum())), np.repeat(size, weights.astype(int)))
    parts = {
        name: None if getattr(again, name) is None else getattr(again, name)[at]
        for name in ("risk", "label", "days", "outputs", "target", "curve")
    }
    return replace(again, **parts, subject=new)


def same(found, expected, tolerance=1e-8):
    assert found == pytest.approx(expected, abs=tolerance, rel=tolerance, nan_ok=True)


@pytest.mark.parametrize("outcome", OUTCOMES)
@given(seed=seeds)
@some
def test_a_weight_is_a_repetition(outcome, seed):
    rows = some_rows(outcome, seed)
    weights = np.random.default_rng(seed).integers(0, 4, rows.subjects).astype(float)

    same(figures(rows, weights), figures(repeated(rows, weights)))


@pytest.mark.parametrize("outcome", OUTCOMES)
@given(seed=seeds)
@some
def test_everybody_twice_changes_no_figure(outcome, seed):
    rows = some_rows(outcome, seed)

    same(figures(repeated(rows, np.full(rows.subjects, 2.0))), figures(rows))


@pytest.mark.parametrize("outcome", OUTCOMES)
@given(seed=seeds)
@some
def test_the_order_of_subjects_changes_no_figure(outcome, seed):
    rows = some_rows(outcome, seed)
    order = np.random.default_rng(seed).permutation(rows.subjects)
    at = np.concatenate([np.flatnonzero(rows.subject == who) for who in order])
    moved = {
        name: None if getattr(rows, name) is None else getattr(rows, name)[at]
        for name in ("risk", "label", "days", "outputs", "target", "curve")
    }

    same(figures(replace(rows, **moved)), figures(rows))


@pytest.mark.parametrize("outcome", ["binary", "survival"])
@given(seed=seeds)
@some
def test_a_strictly_rising_map_of_the_risk_leaves_the_ranking(outcome, seed):
    rows = some_rows(outcome, seed)
    risen = {"risk": rows.risk**3}
    if rows.outputs is not None:
        risen["outputs"] = rows.outputs**3

    found, before = figures(replace(rows, **risen), threshold=0.5**3), figures(rows)

    kept = [name for name in (*RANKING, "sensitivity", "specificity", "ppv") if name in found]
    same({name: found[name] for name in kept}, {name: before[name] for name in kept})


@given(seed=seeds)
@some
def test_flipping_the_label_flips_the_auroc(seed):
    rows = some_rows("binary", seed)

    flipped = figures(replace(rows, label=1 - rows.label))["auroc"]

    assert flipped == pytest.approx(1 - figures(rows)["auroc"], nan_ok=True)


@given(seed=seeds)
@some
def test_flipping_label_and_risk_keeps_the_errors(seed):
    rows = some_rows("binary", seed)

    flipped = figures(replace(rows, label=1 - rows.label, risk=1 - rows.risk))

    kept = ("auroc", "brier", "scaled_brier", "log_loss", "calibration_slope")
    before = figures(rows)
    same({name: flipped[name] for name in kept}, {name: before[name] for name in kept}, 1e-6)


def logistic(label, columns, offset=0.0):
    """Coefficients of an unpenalised fit, by scikit-learn."""
    made = LogisticRegression(C=np.inf, tol=1e-12, max_iter=2000).fit(columns, label)
    return np.append(made.intercept_, made.coef_)


def test_the_figures_of_a_yes_or_no_outcome_are_those_of_scikit_learn():
    rows = some_rows("binary", 7, subjects=400)
    y, p = rows.label, rows.risk
    tn, fp, fn, tp = confusion_matrix(y, p >= 0.5).ravel()
    odds = np.log(p / (1 - p))

    found = figures(rows)

    same(
        {name: found[name] for name in ("calibration_slope",)},
        {"calibration_slope": logistic(y, odds[:, None])[1]},
        1e-5,
    )
    expected = {
        "calibration_intercept": brentq(
            lambda a: (y - 1 / (1 + np.exp(-a - odds))).sum(), -5, 5, xtol=1e-13
        ),
        "auroc": roc_auc_score(y, p),
        "auprc": average_precision_score(y, p),
        "brier": brier_score_loss(y, p),
        "scaled_brier": 1 - brier_score_loss(y, p) / (y.mean() * (1 - y.mean())),
        "log_loss": log_loss(y, p),
        "expected_observed_ratio": p.sum() / y.sum(),
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "ppv": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "nne": (tp + fp) / tp,
        "net_benefit": (tp - fp) / len(y),
        "standardised_net_benefit": (tp - fp) / y.sum(),
        "alert_rate": (tp + fp) / len(y),
    }
    same({name: found[name] for name in expected}, expected, 1e-9)


def test_the_figures_of_levels_are_those_of_scikit_learn_and_scipy():
    rows = some_rows("ordinal", 7, subjects=200)
    y, p = rows.label, rows.outputs
    scores = np.round(p @ np.arange(3), 12)
    onehot = np.eye(3)[y]

    found = figures(rows)

    expected = {
        "auroc": roc_auc_score(y > 0, 1 - p[:, 0]),
        "multiclass_log_loss": log_loss(y, p),
        "multiclass_brier": ((p - onehot) ** 2).sum(axis=1).mean(),
        "macro_auroc": roc_auc_score(y, p, multi_class="ovr", average="macro"),
        "hand_till_auroc": roc_auc_score(y, p, multi_class="ovo", average="macro"),
        "accuracy": accuracy_score(y, p.argmax(axis=1)),
        "quadratic_kappa": cohen_kappa_score(y, p.argmax(axis=1), weights="quadratic"),
        "ordinal_c": (somersd(y, scores).statistic + 1) / 2,
        "ranked_probability_score": np.mean(
            [brier_score_loss(y <= k, p[:, : k + 1].sum(axis=1)) for k in range(2)]
        ),
    }
    same({name: found[name] for name in expected}, expected, 1e-9)


def test_the_figures_of_values_are_those_of_scikit_learn_and_scipy():
    rows = some_rows("regression", 7)
    line = linregress(rows.risk, rows.target)

    found = figures(rows)

    expected = {
        "mae": mean_absolute_error(rows.target, rows.risk),
        "rmse": root_mean_squared_error(rows.target, rows.risk),
        "r2": r2_score(rows.target, rows.risk),
        "mean_error": (rows.risk - rows.target).mean(),
        "regression_slope": line.slope,
        "regression_intercept": line.intercept,
    }
    same({name: found[name] for name in expected}, expected, 1e-9)
