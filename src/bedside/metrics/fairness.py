"""By how much a model's errors differ between groups of subjects, under any weighting of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, Ints, as_labels, as_probabilities, ratio

__all__ = ["GAPS", "GroupRates", "spread"]

GAPS = ("tpr_gap", "fpr_gap", "ppv_gap", "selection_gap", "calibration_gap", "auroc_gap")
"""Greatest difference between groups in: sensitivity, false alarms among those without the
outcome, true alerts among all, the share that is alerted, observed less expected risk, AUROC."""

AT_ONCE = 4_000_000  # weights that are multiplied at once


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """One group's sums by subject, and its rows in the order that AUROC needs.

    `subject` are the s subjects; `sums`, shape (s, 5), their true and false alerts, rows with the
    outcome, rows, and summed risk. `positive` and `negative` are the subjects of the rows with and
    without the outcome, the latter by rising risk; `below` and `upto` are, for each positive row,
    how many negative rows have a lower risk, and a risk that is not higher.
    """

    subject: Ints
    sums: Floats
    positive: Ints
    negative: Ints
    below: Ints
    upto: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRates:
    """Rates of each of g groups; sorted and summed once, then weighted as often as is wished."""

    groups: tuple[_Group, ...]

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
        alerts = np.asarray(alert, dtype=bool)
        whose, place = np.asarray(subject, np.int64), np.asarray(group, np.int64)
        if {alerts.shape, whose.shape, place.shape} != {labels.shape}:
            raise Invalid("The rows' alerts, subjects or groups differ in number.", fix="give n.")
        return cls(
            groups=tuple(
                _group(labels[inside], risks[inside], alerts[inside], whose[inside])
                for number in range(int(place.max()) + 1)
                for inside in (place == number,)
            )
        )

    def rates(self, counts: NDArray[np.generic]) -> dict[str, Floats]:
        """For each name of `GAPS`, the rate behind it; shape (replicates, g).

        NaN where a rate divides by nothing.

        Args:
            counts: Shape (replicates, subjects), how often each subject counts.
        """
        made = {name: np.empty((len(counts), len(self.groups))) for name in GAPS}
        for column, group in enumerate(self.groups):
            for some in _slices(len(counts), len(group.positive) + len(group.negative)):
                weight = counts[some][:, group.subject].astype(np.float64)
                for name, rate in _rates(weight @ group.sums).items():
                    made[name][some, column] = rate
                made["auroc_gap"][some, column] = _auroc(group, counts[some])
        return made


def spread(rates: Floats) -> Floats:
    """Highest less lowest of each row of shape (replicates, g); NaN where a group has none.

    >>> spread(np.array([[0.25, 0.75, 0.5], [0.5, np.nan, 0.5]])).tolist()
    [0.5, nan]
    """
    return np.asarray(rates.max(axis=1) - rates.min(axis=1))


def _group(label: Floats, risk: Floats, alert: NDArray[np.bool_], whose: Ints) -> _Group:
    subject, index = np.unique(whose, return_inverse=True)
    columns = np.stack(
        [label * alert, (1 - label) * alert, label, np.ones(label.size), risk], axis=1
    )
    sums = np.stack(
        [np.bincount(index, column, minlength=subject.size) for column in columns.T],
        axis=1,
        dtype=np.float64,
    )
    sick = label == 1
    rising = np.argsort(risk[~sick], kind="stable")
    others = risk[~sick][rising]
    return _Group(
        subject=subject,
        sums=sums,
        positive=whose[sick],
        negative=whose[~sick][rising],
        below=np.searchsorted(others, risk[sick], side="left"),
        upto=np.searchsorted(others, risk[sick], side="right"),
    )


def _rates(total: Floats) -> dict[str, Floats]:
    """From weighted sums, shape (replicates, 5)."""
    true, false, positive, rows, expected = total.T
    return {
        "tpr_gap": ratio(true, positive),
        "fpr_gap": ratio(false, rows - positive),
        "ppv_gap": ratio(true, true + false),
        "selection_gap": ratio(true + false, rows),
        "calibration_gap": ratio(positive - expected, rows),
    }


def _auroc(group: _Group, counts: NDArray[np.generic]) -> Floats:
    """The weighted share of pairs that are ranked rightly, ties counting one half."""
    weight = counts[:, group.positive].astype(np.float64)
    reached = np.zeros((len(counts), group.negative.size + 1))
    np.cumsum(counts[:, group.negative], axis=1, out=reached[:, 1:])
    won = (weight * (reached[:, group.below] + reached[:, group.upto])).sum(axis=1) / 2
    return np.asarray(ratio(won, weight.sum(axis=1) * reached[:, -1]))


def _slices(replicates: int, rows: int) -> Iterator[slice]:
    step = max(1, AT_ONCE // max(rows, 1))
    return (slice(at, at + step) for at in range(0, replicates, step))
