"""By how much a model's errors differ between groups of subjects, under any weighting of them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, Ints, as_labels, as_probabilities, ratio
from bedside.metrics.family import Family, family_of_totals, summed
from bedside.metrics.resampled.ranking import ranking_family

__all__ = ["GAPS", "GroupRates", "spread"]

GAPS = ("tpr_gap", "fpr_gap", "ppv_gap", "selection_gap", "calibration_gap", "auroc_gap")
"""Greatest difference between groups in: sensitivity, false alarms among those without the
outcome, true alerts among all, the share that is alerted, observed less expected risk, AUROC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRates:
    """Rates of each of g groups; sorted and summed once, then weighted as often as is wished.

    `groups` holds, for each, its subjects among all and what is made of them.
    """

    groups: tuple[tuple[Ints, tuple[Family, ...]], ...]

    @classmethod
    def of(
        cls,
        label: ArrayLike,
        risk: ArrayLike,
        *,
        alert: ArrayLike,
        subject: ArrayLike,
        group: ArrayLike,
    ) -> Self:
        """Take the rows apart by group.

        Args:
            label: Shape (n,), 0 or 1.
            risk: Shape (n,), in [0, 1].
            alert: Shape (n,), whether the row alerts.
            subject: Shape (n,), counted from 0.
            group: Shape (n,), counted from 0; below 0: in none.

        Raises:
            Invalid: lengths differ, n = 0, or a value is out of range.
        """
        labels = as_labels(label)
        risks = as_probabilities(risk, labels.size)
        alerts = np.asarray(alert, dtype=np.float64)
        whose, place = np.asarray(subject, np.int64), np.asarray(group, np.int64)
        if {alerts.shape, whose.shape, place.shape} != {labels.shape}:
            raise Invalid(
                "The alerts, subjects or groups are not as many as the labels.",
                fix="give one of each for every row.",
            )
        return cls(
            groups=tuple(
                _group(labels[inside], risks[inside], alerts[inside], whose[inside])
                for number in range(int(place.max()) + 1)
                for inside in (place == number,)
            )
        )

    def rates(self, weights: Floats) -> dict[str, Floats]:
        """For each name of `GAPS`, the rate behind it; shape (g, k).

        NaN where a rate divides by nothing.

        Args:
            weights: Shape (subjects, k), how often each subject counts in each of k weightings.
        """
        made = [
            np.concatenate([family.of(weights[members]) for family in families])
            for members, families in self.groups
        ]
        return {name: np.stack([one[at] for one in made]) for at, name in enumerate(GAPS)}


def spread(rates: Floats) -> Floats:
    """Highest less lowest over the groups, of shape (g, k); NaN where a group has no rate.

    >>> spread(np.array([[0.25, 0.75], [0.75, np.nan]])).tolist()
    [0.5, nan]
    """
    return np.asarray(rates.max(axis=0) - rates.min(axis=0))


def _group(
    label: Floats, risk: Floats, alert: Floats, whose: Ints
) -> tuple[Ints, tuple[Family, ...]]:
    """One group's subjects, and what gives its rates in the order of `GAPS`."""
    members, index = np.unique(whose, return_inverse=True)
    columns = {
        "true": label * alert,
        "alerts": alert,
        "positive": label,
        "rows": np.ones(label.size),
        "risk": risk,
    }
    totals = family_of_totals(
        {name: summed(values, index, members.size) for name, values in columns.items()},
        {
            "tpr_gap": lambda t: ratio(t["true"], t["positive"]),
            "fpr_gap": lambda t: ratio(t["alerts"] - t["true"], t["rows"] - t["positive"]),
            "ppv_gap": lambda t: ratio(t["true"], t["alerts"]),
            "selection_gap": lambda t: ratio(t["alerts"], t["rows"]),
            "calibration_gap": lambda t: ratio(t["positive"] - t["risk"], t["rows"]),
        },
    )
    return members, (totals, ranking_family(label == 1, risk, index).only(("auroc",)))
