"""Fit the declared learner, its baseline and its calibration, the same bytes every time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.declaration import Learner

__all__ = ["Fitted", "Matrix", "fit", "fit_baseline", "platt"]

Floats = npt.NDArray[np.float64]
MOST_STEPS = 100  # of Newton's method


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Features, shape (n, k), labels 0 or 1, shape (n,), and column names."""

    features: Floats
    label: npt.NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted tree model in LightGBM's text form, and its Platt calibration.

    The calibrated risk is `1 / (1 + exp(-(slope * margin + intercept)))`.
    """

    trees: str
    slope: float
    intercept: float


def fit(train: Matrix, tuning: Matrix, learner: Learner) -> Fitted:
    """Fit boosted trees on `train`; calibrate on `tuning`.

    Raises:
        Invalid: one class is empty, or no feature is ever measured.
    """
    _check(train)
    import lightgbm  # noqa: PLC0415  (slow to import)

    options: dict[str, Any] = {
        **learner.parameters,
        "objective": "binary",
        "metric": "binary_logloss",
        "verbosity": -1,
        "seed": learner.seed,
        "num_threads": learner.threads,
        "deterministic": True,
        "force_row_wise": True,
    }
    numbered = [f"f{column}" for column in range(len(train.names))]  # a name may hold any sign
    data = lightgbm.Dataset(train.features, train.label, feature_name=numbered)
    stop = learner.early_stopping
    booster = lightgbm.train(
        options,
        data,
        num_boost_round=learner.rounds,
        valid_sets=[data.create_valid(tuning.features, tuning.label)] if stop else None,
        callbacks=[lightgbm.early_stopping(stop, verbose=False)] if stop else None,
    )
    slope, intercept = 1.0, 0.0
    if learner.calibration == "platt":
        margin = np.asarray(booster.predict(tuning.features, raw_score=True))
        slope, intercept = platt(margin, tuning.label)
    return Fitted(trees=booster.model_to_string(), slope=slope, intercept=intercept)


def platt(margin: Floats, label: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Slope and intercept of the risk as a logistic function of the margin.

    Source: Platt, Advances in Large Margin Classifiers 1999:61-74, with his smoothed targets.
    """
    positive = float(label.sum())
    negative = len(label) - positive
    high, low = (positive + 1) / (positive + 2), 1 / (negative + 2)
    target = np.where(label == 1, high, low)
    slope, intercept = 1.0, 0.0
    loss = _log_loss(slope * margin + intercept, target)
    for _ in range(MOST_STEPS):
        risk = 0.5 * (1 + np.tanh((slope * margin + intercept) / 2))  # never overflows
        weight = np.maximum(risk * (1 - risk), 1e-12)
        error = target - risk
        a, b, c = (weight * margin**2).sum(), (weight * margin).sum(), weight.sum()
        determinant = a * c - b * b
        if determinant < 1e-9 * a * c or not np.isfinite(determinant):
            break
        g, h = (error * margin).sum(), error.sum()
        step = (c * g - b * h) / determinant, (a * h - b * g) / determinant
        scale, now = 1.0, _log_loss((slope + step[0]) * margin + intercept + step[1], target)
        while now > loss * (1 + 1e-12) and scale > 1e-9:  # too far: where a risk is 0 or 1, half
            scale /= 2
            moved = (slope + scale * step[0]) * margin + intercept + scale * step[1]
            now = _log_loss(moved, target)
        slope, intercept, loss = slope + scale * step[0], intercept + scale * step[1], now
        if max(abs(step[0]), abs(step[1])) < 1e-10:
            break
    return float(slope), float(intercept)


def _log_loss(logit: Floats, target: Floats) -> float:
    return float((np.logaddexp(0, logit) - target * logit).sum())


def fit_baseline(train: Matrix, judged: Floats, seed: int) -> Floats:
    """Risks of a regularised logistic regression: the model that any other must beat.

    Missing values take the training median; features are standardised.
    """
    _check(train)
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    measured = ~np.isnan(train.features).all(axis=0)
    steps = make_pipeline(
        SimpleImputer(strategy="median"),
        StandardScaler(),
        LogisticRegression(C=0.1, max_iter=300, random_state=seed, solver="newton-cholesky"),
    )
    steps.fit(train.features[:, measured], train.label)
    return np.asarray(steps.predict_proba(judged[:, measured])[:, 1])


def _check(train: Matrix) -> None:
    for label, word in ((1, "positive"), (0, "negative")):
        if not (train.label == label).any():
            raise Invalid(
                f"The training rows have no {word} case.",
                fix="bring more subjects or widen the question.",
                code="empty_class",
            )
    if np.isnan(train.features).all():
        raise Invalid("No feature is ever measured.", fix="check the codes of the signals.")
