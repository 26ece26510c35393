"""Every metric of one set of rows as a function of subject weights, with the sorting done once."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.records.outcome import OutcomeKind
from bedside.metrics.resampled.binary import (
    alerting_family,
    burden_family,
    risk_families,
    utility_family,
)
from bedside.metrics.resampled.family import Family, Statistic, by_name

__all__ = ["Rows", "families", "statistics"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_BY_ROW = ("risk", "label", "days", "outputs", "target", "curve", "hours", "event_hours")


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

    def taken(self, mask: npt.NDArray[np.bool_]) -> "Rows":
        """The rows of `mask`, with their subjects counted anew from 0."""
        changed: dict[str, Any] = {
            name: None if (values := getattr(self, name)) is None else values[mask]
            for name in _BY_ROW
        }
        changed["subject"] = np.unique(self.subject[mask], return_inverse=True)[1]
        return replace(self, **changed)


def statistics(
    rows: Rows, threshold: float | Floats | None, *, utility: bool, repeated: bool
) -> dict[str, Statistic]:
    """By metric name, a function from subject weights, shape (subjects,), to the metric.

    Args:
        rows: What to judge.
        threshold: Risks of at least this alert; one for all rows, or shape (n,). None: nothing
            alerts, and the metrics of alerts are left out.
        utility: Whether the Challenge's utility is computed.
        repeated: Whether subjects are asked about repeatedly, so that figures by subject differ.
    """
    return by_name(families(rows, threshold, utility=utility, repeated=repeated))


def families(
    rows: Rows, threshold: float | Floats | None, *, utility: bool, repeated: bool
) -> list[Family]:
    """The same figures, by what they share; see `statistics`."""
    made = risk_families(rows.label, rows.risk, rows.subject, rows.subjects)
    if threshold is None:
        return made
    return made + _at_threshold(rows, rows.label == 1, threshold, utility, repeated)


def _at_threshold(
    rows: Rows,
    ill: npt.NDArray[np.bool_],
    threshold: float | Floats,
    utility: bool,
    repeated: bool,
) -> list[Family]:
    alert = rows.risk >= threshold
    subject, subjects = rows.subject, rows.subjects
    made = [
        alerting_family(ill, alert, _odds(threshold, alert.shape), subject, subjects),
        burden_family(ill, alert, rows.days, subject, subjects, repeated=repeated),
    ]
    if utility:
        made.append(utility_family(rows.label, alert, subject, subjects))
    return made


def _odds(threshold: float | Floats, shape: tuple[int, ...]) -> Floats:
    """The price of a false alert in true ones; nothing alerts at a threshold of 1."""
    bar = np.broadcast_to(threshold, shape)
    price: Floats = np.divide(bar, 1 - bar, out=np.zeros(shape), where=bar < 1)
    return price
