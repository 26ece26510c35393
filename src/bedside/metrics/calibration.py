"""Whether a risk of 20 % comes true in 20 of 100: slope, intercept, expected over observed."""

import numpy as np
from numpy.typing import ArrayLike

from bedside.metrics.arrays import Floats, as_labels, as_probabilities, as_weights, ratio

__all__ = [
    "calibration_intercept",
    "calibration_slope",
    "expected_observed_ratio",
    "log_odds",
    "recalibrate",
    "shift",
]

_EDGE = 1e-12
_STEPS = 100
_TOLERANCE = 1e-10
_REACH = 5.0  # in standard deviations of the log-odds, the longest step
_HALVINGS = 30


def log_odds(risk: Floats) -> Floats:
    """The log-odds of risks kept 1e-12 away from 0 and 1."""
    kept = np.clip(risk, _EDGE, 1 - _EDGE)
    return np.log(kept) - np.log1p(-kept)


def recalibrate(
    label: Floats,
    odds: Floats,
    weights: Floats,
    *,
    start: tuple[float, float] = (0.0, 1.0),
    steps: int = _STEPS,
    tolerance: float = _TOLERANCE,
) -> tuple[float, float]:
    """Fit `logit P(label) = intercept + slope × odds` by weighted Newton steps.

    Args:
        label: Shape (n,), 0 or 1.
        odds: Shape (n,), log-odds of the risks.
        weights: Shape (n,).
        start: Intercept and slope to begin at; a nearby fit saves steps.
        steps: The fit is undefined when this many steps do not bring it to rest.
        tolerance: It is at rest when neither figure moves by more than this.

    Returns:
        Intercept and slope; both NaN where the fit has no end: one class is empty, all risks
        are equal, or the risks separate the classes. Wherever it has one it is found: the
        likelihood is concave, and a step that lowers it is halved.
    """
    if not _has_end(label, odds, weights):
        return np.nan, np.nan
    total = float(weights.sum())
    middle = float((weights * odds).sum()) / total
    spread = float(np.sqrt((weights * (odds - middle) ** 2).sum() / total))
    along = (odds - middle) / spread
    share = float((weights * label).sum()) / total
    starts = (start[0] + start[1] * middle, start[1] * spread), (np.log(share / (1 - share)), 0.0)
    fits = [_likelihood(label, along, weights, *one) for one in starts]
    intercept, slope = starts[0] if fits[0] > fits[1] else starts[1]  # whichever is nearer
    fit = max(fits)
    for _ in range(steps):
        with np.errstate(over="ignore"):
            expected = 1.0 / (1.0 + np.exp(-(intercept + slope * along)))
        bend = weights * expected * (1.0 - expected)
        error = weights * (label - expected)
        moments = float(bend.sum()), float((bend * along).sum()), float((bend * along**2).sum())
        step = _solve(moments, (float(error.sum()), float((error * along).sum())))
        if not np.isfinite(step[0] + step[1]):  # so far away that every row is sure: come nearer
            intercept, slope = intercept / 2, slope / 2
            fit = _likelihood(label, along, weights, intercept, slope)
            continue
        reach = min(1.0, _REACH / max(abs(step[0]), abs(step[1]), 1e-300))
        for _ in range(_HALVINGS):
            moved = intercept + reach * step[0], slope + reach * step[1]
            better = _likelihood(label, along, weights, *moved)
            if better >= fit - 1e-13 * abs(fit):
                break
            reach /= 2
        intercept, slope, fit = *moved, better
        if max(abs(step[0]), abs(step[1]), abs(step[1]) / spread) <= tolerance:
            return intercept - slope * middle / spread, slope / spread
    return np.nan, np.nan


def _has_end(label: Floats, odds: Floats, weights: Floats) -> bool:
    """Whether the rows that count overlap, so that no line through the odds parts the classes.

    Source: Albert & Anderson, Biometrika 1984;71(1):1-10.
    """
    counted = weights > 0
    ill, well = odds[counted & (label > 0)], odds[counted & (label <= 0)]
    if not ill.size or not well.size:
        return False
    apart = ill.min() >= well.max() or ill.max() <= well.min()
    return not apart


def _likelihood(
    label: Floats, along: Floats, weights: Floats, intercept: float, slope: float
) -> float:
    margin = intercept + slope * along
    return float((weights * (label * margin - np.logaddexp(0.0, margin))).sum())


def shift(
    label: Floats,
    odds: Floats,
    weights: Floats,
    *,
    start: float = 0.0,
    steps: int = _STEPS,
    tolerance: float = _TOLERANCE,
) -> float:
    """The intercept of `logit P(label) = intercept + odds`, by weighted Newton steps.

    Returns NaN where it has no end: one class is empty.
    """
    wanted, total = float((weights * label).sum()), float(weights.sum())
    if not 0 < wanted < total:
        return np.nan
    inverse = np.exp(-odds)
    value, reach = start, 2.0
    for _ in range(steps):
        expected = 1.0 / (1.0 + np.exp(-value) * inverse)
        mass = weights * expected
        bend = float(mass.sum() - (mass * expected).sum())
        step = float(np.clip(ratio(wanted - float(mass.sum()), bend), -reach, reach))
        if not np.isfinite(step):
            return np.nan
        value += step
        if abs(step) <= tolerance:
            return value
    return np.nan


def calibration_slope(label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None) -> float:
    """The slope of a logistic regression of the label on the log-odds of the risk.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1]; kept 1e-12 away from both ends.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        1 is right, below 1 the risks are too extreme; NaN when one class is empty, all risks
        are equal, or the risks separate the classes perfectly.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Cox, Biometrika 1958;45:562-565; Van Calster et al., J Clin Epidemiol 2016;74:167-176.

    >>> round(calibration_slope([0, 0, 0, 1, 0, 1, 1, 1], [0.25] * 4 + [0.75] * 4), 6)
    1.0
    """
    labels = as_labels(label)
    odds = log_odds(as_probabilities(risk, labels.size))
    return recalibrate(labels, odds, as_weights(weights, labels.size))[1]


def calibration_intercept(
    label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Calibration in the large: the intercept when the log-odds of the risk are an offset.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1]; kept 1e-12 away from both ends.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In log-odds: 0 is right, above 0 the risks are too low; NaN when one class is empty.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Van Calster et al., J Clin Epidemiol 2016;74:167-176.

    >>> round(calibration_intercept([0, 1], [0.2, 0.2]), 6)     # logit(0.5) - logit(0.2)
    1.386294
    """
    labels = as_labels(label)
    odds = log_odds(as_probabilities(risk, labels.size))
    return shift(labels, odds, as_weights(weights, labels.size))


def expected_observed_ratio(
    label: ArrayLike, risk: ArrayLike, weights: ArrayLike | None = None
) -> float:
    """Outcomes that the risks predict, over outcomes that came true.

    Returns:
        1 is right, above 1 the risks are too high; NaN when no row is positive.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    >>> expected_observed_ratio([0, 1], [0.5, 0.25])
    0.75
    """
    labels = as_labels(label)
    risks = as_probabilities(risk, labels.size)
    counted = as_weights(weights, labels.size)
    return float(ratio((counted * risks).sum(), (counted * labels).sum()))


def _solve(
    moments: tuple[float, float, float], gradient: tuple[float, float]
) -> tuple[float, float]:
    """The Newton step of a two-parameter fit; NaN where the information is singular."""
    s0, s1, s2 = moments
    determinant = s0 * s2 - s1 * s1
    if not determinant > 1e-14 * max(s0 * s2, 1e-300):
        return np.nan, np.nan
    g0, g1 = gradient
    return (s2 * g0 - s1 * g1) / determinant, (s0 * g1 - s1 * g0) / determinant
