"""Every metric of one set of rows as a function of subject weights, with the sorting done once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.core.records.outcome import OutcomeKind
from bedside.metrics.accuracy import squared_errors, surprises
from bedside.metrics.calibration import calibration_intercept, calibration_slope
from bedside.metrics.utility import hourly_utility

__all__ = ["Rows", "statistics"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Statistic = Callable[[Floats], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Predictions to judge; of shape (n,) where nothing else is said, by subject, then time.

    Args:
        risk: What is compared with the threshold (see `bedside.models.links.primary_of`).
        label: As in `bedside.develop.train.matrix.Matrix`.
        subject: Counts from 0 without gaps.
        days: The time that each row stands for.
        outcome: What kind of thing is predicted.
        outputs: Shape (n, m), everything that is predicted; None: the risk alone.
        target: As in `Matrix`: days of follow-up, or the value.
        levels: Names of the m levels.
        horizons: Days, of the m outputs of a survival model.
        curve: Shape (n, len(curve_days)), the risk by each of these days, of a survival model.
        curve_days: Ascending.
        hours: When each row was asked about, in hours from any origin; None: not told.
        event_hours: When the event came, on the same clock; NaN: never. None: not told.
    """

    risk: Floats
    label: Ints
    subject: Ints
    days: Floats
    outcome: OutcomeKind = "binary"
    outputs: Floats | None = None
    target: Floats | None = None
    levels: tuple[str, ...] = ()
    horizons: tuple[float, ...] = ()
    curve: Floats | None = None
    curve_days: Floats | None = None
    hours: Floats | None = None
    event_hours: Floats | None = None

    @property
    def subjects(self) -> int:
        """How many subjects there are."""
        return int(self.subject[-1]) + 1 if len(self.subject) else 0


def statistics(
    rows: Rows, threshold: float | Floats, *, utility: bool, repeated: bool
) -> dict[str, Statistic]:
    """By metric name, a function from subject weights, shape (subjects,), to the metric.

    Args:
        rows: What to judge.
        threshold: Risks of at least this alert; one for all rows, or shape (n,).
        utility: Whether the Challenge's utility is computed.
        repeated: Whether subjects are asked about repeatedly, so that figures by subject differ.
    """
    made = {**_ranking(rows), **_calibration(rows), **_at_threshold(rows, threshold, repeated)}
    if utility:
        made["normalised_utility"] = _utility(rows, threshold)
    return made


def _bincount(x: Ints, weights: Floats, minlength: int) -> Floats:
    counted: Floats = np.bincount(x, weights, minlength).astype(np.float64)
    return counted


def _summed(rows: Rows, values: Floats) -> Floats:
    return _bincount(rows.subject, values, minlength=rows.subjects)


def _ratio(above: Floats, below: Floats) -> Statistic:
    def ratio(weights: Floats) -> float:
        total = float(below @ weights)
        return float(above @ weights) / total if total else float("nan")

    return ratio


def _smaller(true: Floats, positive: Floats, alerted: Floats) -> Statistic:
    """`bedside.metrics.threshold.min_sensitivity_ppv` of weighted subjects."""

    def smaller(weights: Floats) -> float:
        sick = float(positive @ weights)
        return float(true @ weights) / max(sick, float(alerted @ weights)) if sick else float("nan")

    return smaller


def _ranking(rows: Rows) -> dict[str, Statistic]:
    _, rank = np.unique(rows.risk, return_inverse=True)
    size = int(rank.max()) + 1
    positive = np.flatnonzero(rows.label == 1)
    negative = np.flatnonzero(rows.label == 0)

    def by_rank(weights: Floats) -> tuple[Floats, Floats]:
        return (
            _bincount(rank[positive], weights[rows.subject[positive]], minlength=size),
            _bincount(rank[negative], weights[rows.subject[negative]], minlength=size),
        )

    def auroc(weights: Floats) -> float:
        true, false = by_rank(weights)
        pairs = true.sum() * false.sum()
        below = np.cumsum(false) - false
        return float((true * (below + false / 2)).sum() / pairs) if pairs else float("nan")

    def auprc(weights: Floats) -> float:
        true, false = (part[::-1] for part in by_rank(weights))
        found = np.cumsum(true)
        if not found[-1]:
            return float("nan")
        alerts = found + np.cumsum(false)
        precision = np.divide(found, alerts, out=np.zeros_like(found), where=alerts > 0)
        return float((true * precision).sum() / found[-1])

    return {"auroc": auroc, "auprc": auprc}


def _calibration(rows: Rows) -> dict[str, Statistic]:
    ones = _summed(rows, np.ones(len(rows.risk)))
    label = rows.label.astype(np.float64)

    def whole(metric: Callable[..., float]) -> Statistic:
        def of(weights: Floats) -> float:
            return float(metric(rows.label, rows.risk, weights[rows.subject]))

        return of

    return {
        "brier": _ratio(_summed(rows, squared_errors(label, rows.risk)), ones),
        "log_loss": _ratio(_summed(rows, surprises(label, rows.risk)), ones),
        "calibration_slope": whole(calibration_slope),
        "calibration_intercept": whole(calibration_intercept),
        "expected_observed_ratio": _ratio(_summed(rows, rows.risk), _summed(rows, label)),
    }


def _at_threshold(rows: Rows, threshold: float | Floats, repeated: bool) -> dict[str, Statistic]:
    alert = rows.risk >= threshold
    sick = rows.label == 1
    count = {
        name: _summed(rows, mask.astype(np.float64))
        for name, mask in (
            ("tp", alert & sick),
            ("fp", alert & ~sick),
            ("fn", ~alert & sick),
            ("tn", ~alert & ~sick),
        )
    }
    every = _summed(rows, np.ones(len(rows.risk)))
    alerts = count["tp"] + count["fp"]
    bar = np.broadcast_to(threshold, rows.risk.shape)
    odds = np.divide(bar, 1 - bar, out=np.zeros(bar.shape), where=bar < 1)
    price = _summed(rows, odds * (alert & ~sick))
    made = {
        "net_benefit": _ratio(count["tp"] - price, every),
        "sensitivity": _ratio(count["tp"], count["tp"] + count["fn"]),
        "specificity": _ratio(count["tn"], count["tn"] + count["fp"]),
        "ppv": _ratio(count["tp"], alerts),
        "npv": _ratio(count["tn"], count["tn"] + count["fn"]),
        "min_sensitivity_ppv": _smaller(count["tp"], count["tp"] + count["fn"], alerts),
        "alert_rate": _ratio(alerts, every),
    }
    subjects = np.ones(rows.subjects)
    if not repeated:
        return {**made, "alerts_per_100_subjects": _ratio(100 * alerts, subjects)}
    alerted = (alerts > 0).astype(np.float64)
    ill = (count["tp"] + count["fn"] > 0).astype(np.float64)
    hour = np.arange(len(rows.risk))
    last_sick = np.full(rows.subjects, -1)
    last_sick[rows.subject[sick]] = hour[sick]
    in_time = _summed(rows, (alert & (hour <= last_sick[rows.subject])).astype(np.float64)) > 0
    return {
        **made,
        "alerts_per_100_patient_days": _ratio(100 * alerts, _summed(rows, rows.days)),
        "subjects_alerted_share": _ratio(alerted, subjects),
        "subject_sensitivity": _ratio(in_time * ill, ill),
    }


def _utility(rows: Rows, threshold: float | Floats) -> Statistic:
    worth = hourly_utility(rows.label, rows.subject)
    chosen = np.where(rows.risk >= threshold, worth.alert, worth.silence)
    idle = _summed(rows, worth.silence)
    return _ratio(_summed(rows, chosen) - idle, _summed(rows, worth.best) - idle)
