"""How well the risks did where the outcome is known, as moments that can be compared later."""

from typing import Any

import numpy as np

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics.accuracy import squared_errors
from bedside.metrics.arrays import Floats
from bedside.metrics.calibration import expected_observed_ratio, log_odds, recalibrate
from bedside.metrics.discrimination import auroc
from bedside.metrics.placements import placements
from bedside.monitor.disclosure import significant

__all__ = ["auroc_standard_error", "hanley_mcneil_error", "performance_of"]

_MOST_LOG_ODDS = 5.0
_LEAST_RISK = 1e-9


def performance_of(label: Floats, risk: Floats) -> dict[str, Any] | None:
    """What is kept of a model's performance on independent subjects: figures and their spread.

    Args:
        label: Shape (n,), 0 or 1, one per subject.
        risk: Shape (n,), in [0, 1].

    Returns:
        None where at most ten subjects have the outcome, or at most ten have it not. Else
        `n`, `positives`, `auroc` with its standard error, and for means over subjects the mean
        and standard deviation: `brier`; `excess`, the observed minus the expected outcomes;
        `stretch`, the log-odds times that excess, above 0 when risks are not extreme enough,
        below when they are too extreme, with `information`, what one unit of slope adds to it;
        `expected_observed_ratio` and `calibration_slope` as figures to read.
    """
    positives = int(label.sum())
    risk = np.clip(risk, _LEAST_RISK, 1 - _LEAST_RISK)
    if min(positives, label.size - positives) <= SUPPRESS_AT_OR_BELOW:
        return None
    odds = np.clip(log_odds(risk), -_MOST_LOG_ODDS, _MOST_LOG_ODDS)
    spread = risk * (1 - risk)
    excess = label - risk
    return {
        "n": int(label.size),
        "positives": positives,
        "auroc": {
            "estimate": significant(auroc(label, risk), 6),
            "se": significant(auroc_standard_error(label, risk), 6),
        },
        "brier": _moments(squared_errors(label, risk), 0.0),
        "excess": _moments(excess, float(spread.mean())),
        "stretch": _moments(odds * excess, float((odds**2 * spread).mean())),
        "information": significant(float((odds**2 * spread).mean()), 6),
        "expected_observed_ratio": {
            "estimate": significant(expected_observed_ratio(label, risk), 6),
            "se_log": significant(_log_ratio_error(label, risk), 6),
        },
        "calibration_slope": _slope(label, risk),
    }


def auroc_standard_error(label: Floats, risk: Floats) -> float:
    """Standard error of the AUROC without assumptions on the risks.

    Args:
        label: Shape (n,), 0 or 1; each class at least twice.
        risk: Shape (n,).

    Source: DeLong et al., Biometrics 1988;44:837-845.

    >>> auroc_standard_error(np.array([0.0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))
    0.0
    """
    with_event, without = risk[label > 0], risk[label == 0]
    above, below = placements(with_event, without)
    variance = above.var(ddof=1) / with_event.size + below.var(ddof=1) / without.size
    return float(np.sqrt(variance))


def hanley_mcneil_error(area: float, positives: int, negatives: int) -> float:
    """Standard error that an AUROC of this size has in a sample of this make-up.

    It does not vanish when the sample happens to be ranked perfectly, as DeLong's does.

    Source: Hanley & McNeil, Radiology 1982;143:29-36.

    >>> round(hanley_mcneil_error(0.5, 50, 50), 3)
    0.058
    """
    kept = min(max(area, 1 - area), 1 - 0.5 / (positives * negatives))
    one, two = kept / (2 - kept), 2 * kept**2 / (1 + kept)
    top = kept * (1 - kept) + (positives - 1) * (one - kept**2) + (negatives - 1) * (two - kept**2)
    return float(np.sqrt(top / (positives * negatives)))


def _moments(values: Floats, at_least: float) -> dict[str, float]:
    """Mean and standard deviation, the latter at least what the model itself implies."""
    variance = max(float(values.var(ddof=1)), at_least)
    return {
        "estimate": significant(float(values.mean()), 6),
        "sd": significant(float(np.sqrt(variance)), 6),
    }


def _slope(label: Floats, risk: Floats) -> dict[str, float] | None:
    """The calibration slope with its standard error; None where the fit has no end."""
    odds = log_odds(risk)
    intercept, slope = recalibrate(label, odds, np.ones(label.size))
    if np.isnan(slope):
        return None
    expected = 1 / (1 + np.exp(-(intercept + slope * odds)))
    bend = expected * (1 - expected)
    s0, s1, s2 = bend.sum(), (bend * odds).sum(), (bend * odds**2).sum()
    error = float(np.sqrt(s0 / (s0 * s2 - s1**2)))
    return {"estimate": significant(slope, 6), "se": significant(error, 6)}


def _log_ratio_error(label: Floats, risk: Floats) -> float:
    """Standard error of log(expected / observed), by its influence per subject."""
    influence = risk / risk.sum() - label / label.sum()
    return float(np.sqrt((influence**2).sum()))
