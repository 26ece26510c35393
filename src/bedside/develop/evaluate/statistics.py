"""Every metric of one set of rows as a function of subject weights, with the sorting done once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.core.records.outcome import OutcomeKind
from bedside.metrics.family import Family, Statistic, by_name
from bedside.metrics.resampled.binary import (
    alerting_family,
    burden_family,
    risk_families,
    utility_family,
)
from bedside.metrics.resampled.levels import level_families
from bedside.metrics.resampled.survival import Predicted, survival_alerting, survival_families
from bedside.metrics.resampled.values import values_family
from bedside.metrics.survival.followed import Followed

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
    made = _WITHOUT_THRESHOLD[rows.outcome](rows)
    if threshold is None:
        return made
    alert = rows.risk >= threshold
    if rows.outcome == "survival":
        made += survival_alerting(_predicted(rows), alert, threshold)
    elif rows.outcome == "regression":
        made.append(_alert_rate(rows, alert))
    else:
        price = _odds(threshold, alert.shape)
        made.append(alerting_family(_ill(rows), alert, price, rows.subject, rows.subjects))
    made.append(_burden(rows, alert, repeated=repeated))
    if utility:
        made.append(utility_family(rows.label, alert, rows.subject, rows.subjects))
    return made


def _ill(rows: Rows) -> npt.NDArray[np.bool_]:
    """Whether what calls for something came true: the event, or any but the first level."""
    return rows.label == 1 if rows.outcome in ("binary", "survival") else rows.label > 0


def _of_risk(rows: Rows) -> list[Family]:
    ill = _ill(rows).astype(np.int64)
    return risk_families(ill, np.clip(rows.risk, 0.0, 1.0), rows.subject, rows.subjects)


def _of_levels(rows: Rows) -> list[Family]:
    """Those of the levels, and those of the risk of any but the first."""
    levels = level_families(
        rows.label,
        _told(rows.outputs, "outputs"),
        rows.subject,
        rows.subjects,
        ordered=rows.outcome == "ordinal",
    )
    return [*_of_risk(rows), *levels]


def _of_values(rows: Rows) -> list[Family]:
    return [values_family(_told(rows.target, "target"), rows.risk, rows.subject, rows.subjects)]


def _of_survival(rows: Rows) -> list[Family]:
    return survival_families(_predicted(rows))


_WITHOUT_THRESHOLD: dict[OutcomeKind, Callable[[Rows], list[Family]]] = {
    "binary": _of_risk,
    "multiclass": _of_levels,
    "ordinal": _of_levels,
    "regression": _of_values,
    "survival": _of_survival,
}


def _predicted(rows: Rows) -> Predicted:
    return Predicted(
        followed=Followed.of(_told(rows.target, "target"), rows.label),
        risks=rows.risk[:, None] if rows.outputs is None else rows.outputs,
        horizons=rows.horizons,
        subject=rows.subject,
        subjects=rows.subjects,
        curve=rows.curve,
        curve_days=rows.curve_days,
    )


def _told(values: Floats | None, name: str) -> Floats:
    if values is None:
        raise Invalid(
            f"The rows have no {name}, so that this outcome cannot be judged.",
            fix=f"give Rows.{name}, as `judged_rows` does.",
        )
    return values


def _burden(rows: Rows, alert: npt.NDArray[np.bool_], *, repeated: bool) -> Family:
    made = burden_family(
        _ill(rows), alert, rows.days, rows.subject, rows.subjects, repeated=repeated
    )
    if rows.outcome != "regression":
        return made
    return made.only(tuple(name for name in made.names if name != "subject_sensitivity"))


def _alert_rate(rows: Rows, alert: npt.NDArray[np.bool_]) -> Family:
    none = np.zeros(alert.shape)
    made = alerting_family(alert & False, alert, none, rows.subject, rows.subjects)
    return made.only(("alert_rate",))


def _odds(threshold: float | Floats, shape: tuple[int, ...]) -> Floats:
    """The price of a false alert in true ones; nothing alerts at a threshold of 1."""
    bar = np.broadcast_to(threshold, shape)
    price: Floats = np.divide(bar, 1 - bar, out=np.zeros(shape), where=bar < 1)
    return price
