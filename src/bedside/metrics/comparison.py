"""Two areas under the ROC curve of the same patients: DeLong's interval and test."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from bedside.core.errors import Invalid
from bedside.metrics.arrays import Floats, as_labels, as_probabilities
from bedside.metrics.intervals import Z
from bedside.metrics.placements import placements

__all__ = ["Difference", "auroc_interval", "delong_test"]


class Difference(NamedTuple):
    """A difference of two areas, its 95 % interval, and the two-sided p-value that it is 0."""

    difference: float
    low: float
    high: float
    p: float


def auroc_interval(label: ArrayLike, risk: ArrayLike) -> tuple[float, float, float]:
    """AUROC and its 95 % interval by DeLong's variance, kept within 0 and 1.

    Every row must be another subject's: rows of one subject are not independent, and the interval
    would be too narrow.

    Args:
        label: Shape (n,), 0 or 1.
        risk: Shape (n,), in [0, 1].

    Raises:
        Invalid: a class has fewer than two rows, lengths differ, or a value is out of range.

    Source: DeLong et al., Biometrics 1988;44(3):837-845; Sun & Xu, IEEE Signal Process Lett
        2014;21(11):1389-1393 (by ranks).

    >>> [round(figure, 4) for figure in auroc_interval([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])]
    [0.75, 0.057, 1.0]
    """
    areas, covariance = _areas(label, (risk,))
    half = Z * float(np.sqrt(covariance[0, 0]))
    area = float(areas[0])
    return area, max(area - half, 0.0), min(area + half, 1.0)


def delong_test(label: ArrayLike, risk_a: ArrayLike, risk_b: ArrayLike) -> Difference:
    """AUROC of A minus that of B on the same rows, with interval and p-value.

    Every row must be another subject's. With several rows for each subject, resample subjects
    instead: `bedside.develop.evaluate.intervals.difference_estimates`. Where B is A with inputs
    added, and both were fitted on these very rows, the test does not hold (Demler et al., Stat Med
    2012;31(23):2577-2587).

    Args:
        label: Shape (n,), 0 or 1.
        risk_a: Shape (n,), in [0, 1].
        risk_b: Shape (n,), in [0, 1].

    Returns:
        The difference; p is 1 where both rank all rows alike.

    Raises:
        Invalid: a class has fewer than two rows, lengths differ, or a value is out of range.

    Source: DeLong et al., Biometrics 1988;44(3):837-845; Sun & Xu, IEEE Signal Process Lett
        2014;21(11):1389-1393 (by ranks).

    >>> delong_test([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0.1, 0.4, 0.35, 0.8]).p
    1.0
    """
    areas, covariance = _areas(label, (risk_a, risk_b))
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error = float(np.sqrt(max(variance, 0.0)))
    if error < 1e-12:
        return Difference(difference, difference, difference, 1.0 if difference == 0 else 0.0)
    p = float(2 * ndtr(-abs(difference) / error))
    return Difference(difference, difference - Z * error, difference + Z * error, p)


def _areas(label: ArrayLike, risks: tuple[ArrayLike, ...]) -> tuple[Floats, Floats]:
    """The areas of m models, shape (m,), and their covariance, shape (m, m)."""
    labels = as_labels(label)
    ill = labels == 1
    positives, negatives = int(ill.sum()), int((~ill).sum())
    if min(positives, negatives) < 2:
        raise Invalid(
            "A class has fewer than two rows, so that the AUROC has no variance.",
            fix="compare on more rows with, and without, the outcome.",
            code="undefined",
        )
    of_ill, of_well = [], []
    for risk in risks:
        values = as_probabilities(risk, labels.size)
        of_cases, of_controls = placements(values[ill], values[~ill])
        of_ill.append(of_cases)
        of_well.append(of_controls)
    ill_part = np.atleast_2d(np.cov(np.stack(of_ill))) / positives
    well_part = np.atleast_2d(np.cov(np.stack(of_well))) / negatives
    return np.stack(of_ill).mean(axis=1), np.asarray(ill_part + well_part)
