"""Every metric of a yes-or-no outcome as a function of how often each subject counts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bedside.metrics.accuracy import squared_errors, surprises
from bedside.metrics.arrays import Floats, Ints, ratio
from bedside.metrics.family import Family, family_of_totals, summed
from bedside.metrics.resampled.logistic import calibration_families
from bedside.metrics.resampled.ranking import ranking_family
from bedside.metrics.resampled.smoothing import ici_family
from bedside.metrics.utility import hourly_utility

__all__ = [
    "accuracy_family",
    "alerting_family",
    "burden_family",
    "risk_families",
    "utility_family",
]

Totals = Mapping[str, Floats]


def risk_families(label: Ints, risk: Floats, subject: Ints, subjects: int) -> list[Family]:
    """The metrics that need no threshold.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        subject: Shape (n,), from 0 to `subjects` - 1.
        subjects: How many there are.
    """
    return [
        ranking_family(label == 1, risk, subject),
        accuracy_family(label, risk, subject, subjects),
        *calibration_families(label, risk, subject, subjects),
        ici_family(label, risk, subject),
    ]


def accuracy_family(label: Ints, risk: Floats, subject: Ints, subjects: int) -> Family:
    """Brier score, plain and scaled, log loss, and expected over observed."""
    labels = label.astype(np.float64)
    columns = {
        "rows": np.ones_like(risk),
        "ill": labels,
        "risk": risk,
        "squared": squared_errors(labels, risk),
        "surprise": surprises(labels, risk),
    }
    return family_of_totals(
        {name: summed(values, subject, subjects) for name, values in columns.items()},
        {
            "brier": lambda t: ratio(t["squared"], t["rows"]),
            "scaled_brier": _scaled_brier,
            "log_loss": lambda t: ratio(t["surprise"], t["rows"]),
            "expected_observed_ratio": lambda t: ratio(t["risk"], t["ill"]),
        },
    )


def alerting_family(
    ill: NDArray[np.bool_], alert: NDArray[np.bool_], price: Floats, subject: Ints, subjects: int
) -> Family:
    """What happens when `alert` alerts.

    Args:
        ill: Shape (n,), whether the outcome came true.
        alert: Shape (n,).
        price: Shape (n,), what a false alert costs in true ones: the odds of the threshold.
        subject: Shape (n,), from 0 to `subjects` - 1.
        subjects: How many there are.
    """
    masks = {"tp": alert & ill, "fp": alert & ~ill, "fn": ~alert & ill, "tn": ~alert & ~ill}
    columns: dict[str, Any] = {name: mask.astype(np.float64) for name, mask in masks.items()}
    columns["price"] = price * masks["fp"]
    return family_of_totals(
        {name: summed(values, subject, subjects) for name, values in columns.items()},
        {
            "net_benefit": lambda t: ratio(t["tp"] - t["price"], _every(t)),
            "standardised_net_benefit": lambda t: ratio(t["tp"] - t["price"], t["tp"] + t["fn"]),
            "sensitivity": lambda t: ratio(t["tp"], t["tp"] + t["fn"]),
            "specificity": lambda t: ratio(t["tn"], t["tn"] + t["fp"]),
            "ppv": lambda t: ratio(t["tp"], t["tp"] + t["fp"]),
            "npv": lambda t: ratio(t["tn"], t["tn"] + t["fn"]),
            "nne": lambda t: ratio(t["tp"] + t["fp"], t["tp"]),
            "min_sensitivity_ppv": _smaller,
            "alert_rate": lambda t: ratio(t["tp"] + t["fp"], _every(t)),
        },
    )


def burden_family(
    ill: NDArray[np.bool_],
    alert: NDArray[np.bool_],
    days: Floats,
    subject: Ints,
    subjects: int,
    *,
    repeated: bool,
) -> Family:
    """Alerts for each subject or, where they are asked about `repeatedly`, for each observed day.

    Args:
        ill: Shape (n,), whether the outcome came true; rows by subject, then time.
        alert: Shape (n,).
        days: Shape (n,), the time that each row stands for.
        subject: Shape (n,), from 0 to `subjects` - 1.
        subjects: How many there are.
        repeated: Whether subjects are asked about repeatedly.
    """
    alerts = summed(alert.astype(np.float64), subject, subjects)
    columns = {"alerts": 100 * alerts, "subjects": np.ones(subjects)}
    if not repeated:
        return family_of_totals(
            columns, {"alerts_per_100_subjects": lambda t: ratio(t["alerts"], t["subjects"])}
        )
    ever_ill = summed(ill.astype(np.float64), subject, subjects) > 0
    row = np.arange(len(alert))
    last_ill = np.full(subjects, -1)
    last_ill[subject[ill]] = row[ill]
    early = alert & (row <= last_ill[subject])
    in_time = summed(early.astype(np.float64), subject, subjects) > 0
    columns["days"] = summed(days, subject, subjects)
    columns["alerted"] = (alerts > 0).astype(np.float64)
    columns["ill"] = ever_ill.astype(np.float64)
    columns["in_time"] = (in_time & ever_ill).astype(np.float64)
    return family_of_totals(
        columns,
        {
            "alerts_per_100_patient_days": lambda t: ratio(t["alerts"], t["days"]),
            "subjects_alerted_share": lambda t: ratio(t["alerted"], t["subjects"]),
            "subject_sensitivity": lambda t: ratio(t["in_time"], t["ill"]),
        },
    )


def utility_family(label: Ints, alert: NDArray[np.bool_], subject: Ints, subjects: int) -> Family:
    """`normalised_utility`, as `bedside.metrics.utility` defines it."""
    worth = hourly_utility(label, subject)
    idle = summed(worth.silence, subject, subjects)
    chosen = summed(np.where(alert, worth.alert, worth.silence), subject, subjects)
    best = summed(worth.best, subject, subjects)
    return family_of_totals(
        {"gained": chosen - idle, "span": best - idle},
        {"normalised_utility": lambda t: ratio(t["gained"], t["span"])},
    )


def _every(t: Totals) -> Floats:
    return t["tp"] + t["fp"] + t["fn"] + t["tn"]


def _scaled_brier(t: Totals) -> Floats:
    """1 minus the Brier score over that of always saying the prevalence."""
    prevalence = ratio(t["ill"], t["rows"])
    return 1 - np.asarray(ratio(t["squared"], t["rows"] * prevalence * (1 - prevalence)))


def _smaller(t: Totals) -> Floats:
    """`bedside.metrics.threshold.min_sensitivity_ppv`."""
    ill = t["tp"] + t["fn"]
    return np.asarray(ratio(t["tp"], np.where(ill > 0, np.maximum(ill, t["tp"] + t["fp"]), 0.0)))
