"""What happens at one alert threshold: true and false alerts, and the shares they make."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, as_labels, as_probabilities, as_weights, ratio
from bedside.metrics.discrimination import Ranking

__all__ = [
    "Alerts",
    "min_sensitivity_ppv",
    "net_benefit",
    "threshold_for_min_sensitivity_ppv",
    "threshold_for_sensitivity",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """Weighted counts of rows: alerted rightly and wrongly, left in peace rightly and wrongly.

    Every share is NaN where nothing can be divided.

    >>> Alerts.at([0, 1, 1], [0.1, 0.3, 0.9], threshold=0.5).sensitivity
    0.5
    """

    true: float
    false: float
    missed: float
    spared: float

    @classmethod
    def at(
        cls,
        label: ArrayLike,
        risk: ArrayLike,
        *,
        threshold: float,
        weights: ArrayLike | None = None,
    ) -> Self:
        """Count the rows when every risk of at least `threshold` alerts.

        Raises:
            Invalid: lengths differ, n = 0, or a value is out of range.
        """
        labels = as_labels(label)
        alert = as_probabilities(risk, labels.size) >= threshold
        counted = as_weights(weights, labels.size)
        true = float((counted * labels * alert).sum())
        alerted = float((counted * alert).sum())
        positive, every = float((counted * labels).sum()), float(counted.sum())
        return cls.from_totals(true=true, alerted=alerted, positive=positive, every=every)

    @classmethod
    def from_totals(cls, *, true: float, alerted: float, positive: float, every: float) -> Self:
        """Fill the four cells from the margins."""
        false = alerted - true
        missed = positive - true
        return cls(true=true, false=false, missed=missed, spared=every - alerted - missed)

    @property
    def every(self) -> float:
        """All rows."""
        return self.true + self.false + self.missed + self.spared

    @property
    def sensitivity(self) -> float:
        """Share of positive rows that alert."""
        return float(ratio(self.true, self.true + self.missed))

    @property
    def specificity(self) -> float:
        """Share of negative rows that do not alert."""
        return float(ratio(self.spared, self.spared + self.false))

    @property
    def ppv(self) -> float:
        """Share of alerting rows that are positive."""
        return float(ratio(self.true, self.true + self.false))

    @property
    def npv(self) -> float:
        """Share of rows without an alert that are negative."""
        return float(ratio(self.spared, self.spared + self.missed))

    @property
    def min_sensitivity_ppv(self) -> float:
        """The smaller of sensitivity and positive predictive value.

        It is 0 where nothing alerts: nobody is found then. NaN where no row is positive.
        """
        positive = self.true + self.missed
        return float(ratio(self.true, max(positive, self.true + self.false) if positive else 0))

    @property
    def alert_rate(self) -> float:
        """Share of rows that alert."""
        return float(ratio(self.true + self.false, self.every))

    def net_benefit(self, threshold: float) -> float:
        """Net true positives per row, a false alert costing the odds of the threshold."""
        return float(ratio(self.true - self.false * _odds(threshold), self.every))


def net_benefit(
    label: ArrayLike, risk: ArrayLike, *, threshold: float, weights: ArrayLike | None = None
) -> float:
    """Net benefit of treating everyone whose risk reaches `threshold`.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,). Predicted probability of the event, in [0, 1].
        threshold: In (0, 1). Its odds are the price of a false alert in true ones.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        Net true positives per row.

    Raises:
        Invalid: `threshold` is not in (0, 1), or the lengths differ, or n = 0.

    Source: Vickers & Elkin, Med Decis Making 2006;26(6):565-574.

    >>> net_benefit([True, False], [0.9, 0.1], threshold=0.2)
    0.5
    """
    return Alerts.at(label, risk, threshold=threshold, weights=weights).net_benefit(threshold)


def min_sensitivity_ppv(
    label: ArrayLike, risk: ArrayLike, *, threshold: float, weights: ArrayLike | None = None
) -> float:
    """The smaller of sensitivity and positive predictive value, alerting from `threshold` up.

    This is score 1 of the PhysioNet/Computing in Cardiology Challenge 2012. Alerts drawn by chance
    score, on average, no more than the share of positive rows.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].
        threshold: Risks of at least this alert.
        weights: Shape (n,), at least 0; None counts every row once.

    Returns:
        In [0, 1]; 0 where nothing alerts, NaN where no row is positive.

    Raises:
        Invalid: lengths differ, n = 0, or a value is out of range.

    Source: Silva et al., Comput Cardiol 2012;39:245-248. In the Challenge, SAPS-I scored 0.3125 and
        the best final entry 0.5353.

    >>> min_sensitivity_ppv([1, 1, 0, 1], [0.9, 0.8, 0.7, 0.2], threshold=0.5)
    0.6666666666666666
    """
    return Alerts.at(label, risk, threshold=threshold, weights=weights).min_sensitivity_ppv


def threshold_for_min_sensitivity_ppv(label: ArrayLike, risk: ArrayLike) -> float:
    """The risk at which alerting makes `min_sensitivity_ppv` greatest; the highest on a tie.

    Raises:
        Invalid: no row is positive, lengths differ, n = 0, or a value is out of range.

    >>> threshold_for_min_sensitivity_ppv([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.2])
    0.7
    """
    falling, true, false = _at_every_threshold(label, risk)
    return float(falling[np.argmax(true / np.maximum(true[-1], true + false))])


def threshold_for_sensitivity(label: ArrayLike, risk: ArrayLike, *, sensitivity: float) -> float:
    """The highest risk at which alerting still reaches the wanted sensitivity.

    Raises:
        Invalid: `sensitivity` is not in (0, 1], or no row is positive.

    >>> threshold_for_sensitivity([0, 1, 1], [0.1, 0.3, 0.9], sensitivity=0.5)
    0.9
    """
    if not 0 < sensitivity <= 1:
        raise Invalid(
            f"A sensitivity of {sensitivity:g} cannot be reached.",
            fix="ask for a share above 0 and at most 1.",
        )
    falling, true, _ = _at_every_threshold(label, risk)
    first = int(np.searchsorted(true, sensitivity * true[-1] * (1 - 1e-12), side="left"))
    return float(falling[first])


def _at_every_threshold(label: ArrayLike, risk: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Every distinct risk from the highest down, and the true and false alerts from it up."""
    labels = as_labels(label)
    risks = as_probabilities(risk, labels.size)
    if not labels.any():
        raise Invalid(
            "No row is positive, so no threshold has a sensitivity.",
            fix="choose the threshold on data in which the outcome occurs.",
        )
    true, false = Ranking.of(labels, risks).alerts(np.ones(labels.size))
    return -np.unique(-risks), true, false


def _odds(threshold: float) -> float:
    if not 0 < threshold < 1:
        raise Invalid(f"A threshold of {threshold:g} has no odds.", fix="give one between 0 and 1.")
    return threshold / (1 - threshold)
