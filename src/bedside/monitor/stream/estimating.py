"""How well a version seems to do before labels come, by its baseline, and how that turned out."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from bedside.core.errors import Invalid
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.metrics import estimated
from bedside.metrics.calibration import log_odds
from bedside.metrics.estimated import Estimate, tracked_error, weighted_performance
from bedside.monitor.stream.answers import Answers
from bedside.monitor.stream.draws import draws
from bedside.monitor.stream.streams import Baseline

__all__ = ["estimated_performance", "recalibration_of", "tracked_performance"]

Floats = npt.NDArray[np.float64]

_LEAST_KNOWN = 0.9
_OF_ALERTS = ("sensitivity", "ppv", "alert_rate")


def recalibration_of(baseline: Baseline) -> tuple[float, float, Floats] | None:
    """Intercept and slope of the baseline's recalibration in log-odds, and their covariance.

    The baseline keeps the recalibrated risk of each cell of its grid; the line is the one through
    the middles of the inner cells, and the covariance that of a fit to as many subjects.

    Returns:
        None where the baseline has no labels; intercept, slope and shape (2, 2) else. With fewer
        than two inner cells the slope is 1.
    """
    grid = baseline.risk
    if grid is None or not baseline.calibrated:
        return None
    chance = np.clip(np.array(baseline.calibrated), 1e-9, 1 - 1e-9)
    share = np.array(grid.shares)
    edges = log_odds(np.clip(np.array(grid.edges, dtype=np.float64), 1e-6, 1 - 1e-6))
    intercept, slope = _line(edges, logit(chance), share)
    at = (logit(chance) - intercept) / slope
    each = _judged(baseline) * share / share.sum() * chance * (1 - chance)
    information = np.array(
        [[each.sum(), (each * at).sum()], [(each * at).sum(), (each * at**2).sum()]]
    )
    return intercept, slope, np.linalg.pinv(information)


def estimated_performance(
    baseline: Baseline, answers: Answers | Floats, *, threshold: float | None = None
) -> dict[str, Any]:
    """Performance expected of answers whose labels have not come.

    The baseline says what chance each risk stood for; one answer of a subject counts. An estimate
    sees a changed mix of patients. It does not see that risks became wrong: until labels come,
    nothing does, and `tracked_performance` says how far estimates were to be trusted before.

    Args:
        baseline: Of the version.
        answers: Of the version; or risks, shape (n,), one a subject.
        threshold: Risks of at least this alert; None: the baseline's.

    Returns:
        `subjects` (None for ten or fewer), `calibrated` (whether the baseline had labels; without
        them risks are taken for chances), and `figures`: for each `value`, `low` and `high`. What
        rests on ten subjects or fewer is not told, nor what needs a threshold without one.

    Raises:
        Invalid: a risk is outside 0 to 1.
    """
    risk = _risks(baseline, answers)
    line = recalibration_of(baseline)
    if risk.size <= SUPPRESS_AT_OR_BELOW:
        return {"subjects": None, "calibrated": line is not None, "figures": {}}
    bar = baseline.threshold if threshold is None else threshold
    made = _estimates(line, risk, bar)
    alerts = 0 if bar is None else int((risk >= bar).sum())
    shown = _shown(made, bar, min(alerts, risk.size - alerts))
    return {"subjects": int(risk.size), "calibrated": line is not None, "figures": shown}


def tracked_performance(
    baseline: Baseline,
    answers: Answers,
    *,
    threshold: float | None = None,
    period_days: int = 28,
    least_known: float = _LEAST_KNOWN,
) -> dict[str, dict[str, float]]:
    """How the estimates of past periods turned out, once their labels had come.

    Each period's subjects are estimated from their risks and judged by their labels. A period
    counts where nearly all of its labels are known, since those that come first are not like the
    rest.

    Args:
        baseline: Of the version.
        answers: Of the version, with what is known of the labels.
        threshold: Risks of at least this alert; None: the baseline's.
        period_days: Length of a period.
        least_known: Share of a period's labels that must be known.

    Returns:
        For each figure the fields of `Tracked`; none of a figure that no period could tell.

    Raises:
        Invalid: the length or the share is out of range, or a risk is outside 0 to 1.
    """
    if period_days < 1 or not 0 < least_known <= 1:
        raise Invalid(
            "A period has no day, or the share of known labels is outside 0 to 1.",
            fix="give at least one day, and a share such as 0.9.",
        )
    rows = draws(baseline, answers).rows & ~np.isnan(answers.risk)
    some = answers.take(rows)
    bar = baseline.threshold if threshold is None else threshold
    line = recalibration_of(baseline)
    periods = some.day // period_days
    pairs: dict[str, list[tuple[Estimate, float]]] = {}
    for period in np.unique(periods):
        inside = periods == period
        known = inside & ~np.isnan(some.label)
        if known.sum() <= SUPPRESS_AT_OR_BELOW or known.sum() < least_known * inside.sum():
            continue
        risk = some.risk[known]
        came = weighted_performance(
            some.label[known] > 0, risk, np.ones(risk.size), threshold=1.0 if bar is None else bar
        )
        for name, estimate in _estimates(line, risk, bar).items():
            pairs.setdefault(name, []).append((estimate, came[name].value))
    tracked = {}
    for name, held in pairs.items():
        if name == "alert_rate" or (bar is None and name in _OF_ALERTS):
            continue
        table = np.array([(one.value, one.low, one.high, came) for one, came in held])
        if np.isfinite(table).all(axis=1).any():
            tracked[name] = asdict(tracked_error(*table.T))
    return tracked


def _line(edges: Floats, told: Floats, share: Floats) -> tuple[float, float]:
    """Through the inner cells; with few cells, of slope 1 through what there is.

    Args:
        edges: Shape (cells - 1,), log-odds.
        told: Shape (cells,), log-odds of the recalibrated risks.
        share: Shape (cells,), of the subjects.
    """
    if edges.size == 0:
        return 0.0, 1.0
    middle, inner = (edges[1:] + edges[:-1]) / 2, told[1:-1]
    if edges.size > 2 and np.ptp(middle) > 0:
        slope, intercept = np.polyfit(middle, inner, 1, w=np.sqrt(share[1:-1] + 1e-9))
        if slope > 0:
            return float(intercept), float(slope)
    return float(told.mean() - edges.mean()), 1.0


def _estimates(
    line: tuple[float, float, Floats] | None, risk: Floats, threshold: float | None
) -> dict[str, Estimate]:
    bar = 1.0 if threshold is None else threshold
    if line is None:
        return estimated.estimated_performance(risk, threshold=bar)
    intercept, slope, covariance = line
    return estimated.estimated_performance(
        risk,
        threshold=bar,
        chance=expit(intercept + slope * log_odds(risk)),
        calibration_covariance=covariance,
    )


def _risks(baseline: Baseline, answers: Answers | Floats) -> Floats:
    if not isinstance(answers, Answers):
        return np.asarray(answers, dtype=np.float64)
    risk = answers.risk[draws(baseline, answers).rows]
    return np.asarray(risk[~np.isnan(risk)])


def _judged(baseline: Baseline) -> int:
    """How many of the baseline's subjects had a label."""
    place = baseline.index("residual")
    return baseline.subjects if place is None else baseline.streams[place].n


def _shown(
    made: Mapping[str, Estimate], threshold: float | None, alerts: int
) -> dict[str, dict[str, float]]:
    hidden = threshold is None or alerts <= SUPPRESS_AT_OR_BELOW
    return {
        name: {"value": one.value, "low": one.low, "high": one.high}
        for name, one in made.items()
        if np.isfinite(one.value) and not (hidden and name in _OF_ALERTS)
    }
