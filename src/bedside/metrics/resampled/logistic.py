"""Calibration slope and intercept of many weightings, without a pass over the rows for each.

Near the fit of the subjects as they are, the score equations of a weighted fit are power series in
the way from that fit, and their coefficients are totals over subjects. Each weighting's equations
are solved by Newton's steps on the series; what the cut-off series leaves out is bounded for each
weighting, in the equations and in their slopes, and a weighting whose fit is not thereby known to
1e-10 is fitted anew on its rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.polynomial import polynomial

from bedside.metrics.arrays import Floats, Ints
from bedside.metrics.calibration import log_odds, recalibrate, shift
from bedside.metrics.family import Family, summed

__all__ = ["calibration_families"]

_ORDER, _SHORT = 7, 5
"""Of the series; the short one where subjects are so many that resamples hardly move the fit."""

_MANY = 200_000
_SURE = 1e-10
_STEPS = 8
_CUT = 2.2
"""No derivative of order m of the logistic function, over m!, exceeds 2.2 / pi**(m + 1).

The function is a sum over its poles, 1/2 + sum of 2x / (x² + (2n + 1)² pi²), so that this bound is
twice the sum over n of ((2n + 1) pi)**-(m + 1), for m of at least 2.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Series:
    """Totals by subject of one fit: `score[k][j]`, the series' terms, and absolute moments."""

    matrix: Floats  # (columns, subjects)
    powers: int  # of the position along the odds in each equation: 1 for a shift, 2 for a line
    order: int


def calibration_families(label: Ints, risk: Floats, subject: Ints, subjects: int) -> list[Family]:
    """`calibration_slope` and `calibration_intercept` of `bedside.metrics.calibration`."""
    labels, odds = label.astype(np.float64), log_odds(risk)
    ones = np.ones(labels.size)

    def line(weights: Floats, start: tuple[float, float] = (0.0, 1.0)) -> tuple[float, float]:
        return recalibrate(labels, odds, weights, start=start)

    fitted, moved = line(ones), shift(labels, odds, ones)
    slope = _family(
        "calibration_slope",
        labels,
        odds,
        subject,
        subjects,
        fitted=fitted,
        powers=2,
        anew=lambda weights, near: line(weights, near)[1],
    )
    intercept = _family(
        "calibration_intercept",
        labels,
        odds,
        subject,
        subjects,
        fitted=(moved, 1.0),
        powers=1,
        anew=lambda weights, near: shift(labels, odds, weights, start=near[0]),
    )
    return [slope, intercept]


def _family(
    name: str,
    label: Floats,
    odds: Floats,
    subject: Ints,
    subjects: int,
    *,
    fitted: tuple[float, float],
    powers: int,
    anew: Callable[[Floats, tuple[float, float]], float],
) -> Family:
    if not np.isfinite(fitted).all():  # the figure itself is undefined: no resample is asked for

        def undefined(weights: Floats) -> Floats:
            return np.array([[anew(column[subject], (0.0, 1.0)) for column in weights.T]])

        return Family(names=(name,), of=undefined)
    middle = float(odds.mean())
    series = _series(label, odds, middle, fitted, subject, subjects, powers)

    def of(weights: Floats) -> Floats:
        away, sure = _solved(series, series.matrix @ weights)
        ends = fitted[0] + fitted[1] * middle + away[0], fitted[1] + away[1]
        figures = ends[1] if powers == 2 else fitted[0] + away[0]
        for k in np.flatnonzero(~sure):
            start = float(ends[0][k] - ends[1][k] * middle), float(ends[1][k])
            near = start if np.isfinite(start).all() and np.abs(start).max() < 100 else fitted
            figures[k] = anew(weights[:, k][subject], near)
        return figures[None, :]

    return Family(names=(name,), of=of)


def _series(
    label: Floats,
    odds: Floats,
    middle: float,
    fitted: tuple[float, float],
    subject: Ints,
    subjects: int,
    powers: int,
) -> _Series:
    """The columns: residual × x**j, then derivative k over k! × x**j, then |x|**m."""
    share = 1 / (1 + np.exp(-(fitted[0] + fitted[1] * odds)))
    order = _ORDER if subjects < _MANY else _SHORT
    if powers == 1:
        rows = [label - share, *_derivatives(share, order), np.ones_like(share)]
        matrix = np.stack([summed(values, subject, subjects) for values in rows])
        return _Series(matrix=matrix, powers=1, order=order)
    along = odds - middle
    parts = [(label - share, along, 2)]
    parts += [(term, along, k + 2) for k, term in enumerate(_derivatives(share, order), start=1)]
    parts.append((np.ones_like(share), np.abs(along), order + 3))
    matrix = np.empty((sum(count for _, _, count in parts), subjects))
    at = 0
    for first, factor, count in parts:
        column = first
        for degree in range(count):
            column = column * factor if degree else first
            matrix[at] = summed(column, subject, subjects)
            at += 1
    return _Series(matrix=matrix, powers=powers, order=order)


def _derivatives(share: Floats, order: int) -> list[Floats]:
    """Derivatives 1 to `order` of the logistic function, each over its factorial."""
    of_share = np.array([0.0, 1.0])
    out: list[Floats] = []
    for k in range(1, order + 1):
        of_share = polynomial.polymul(polynomial.polyder(of_share), [0.0, 1.0, -1.0]) / k
        out.append(np.asarray(polynomial.polyval(share, of_share), dtype=np.float64))
    return out


def _solved(series: _Series, totals: Floats) -> tuple[tuple[Floats, Floats], np.ndarray]:
    """How far each weighting's fit lies from the fitted one, and whether surely to `_SURE`."""
    width = totals.shape[1]
    a, b = np.zeros(width), np.zeros(width)
    terms, absolute = _split(series, totals)
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            gradient, bend = _equations(series.powers, totals, terms, a, b)
            step = _inverse(series.powers, bend, gradient)
            a, b = a + step[0], b + step[1]
        gradient, bend = _equations(series.powers, totals, terms, a, b)
        sizes, last = (np.abs(a), np.abs(b)), series.order + 1
        most = _CUT / np.pi ** (last + 1)
        rest = [
            np.abs(gradient[j]) + most * _left(absolute, *sizes, j, last)
            for j in range(series.powers)
        ]
        error = _inverse(series.powers, bend, rest, absolute=True)
        near = np.zeros_like(a)
        for column in range(series.powers):  # the information itself is cut off too
            cut = [
                most * last * _left(absolute, *sizes, column + j, last - 1)
                for j in range(series.powers)
            ]
            near = np.maximum(near, sum(_inverse(series.powers, bend, cut, absolute=True)))
        sure = (2 * np.maximum(error[0], error[1]) < _SURE) & (near < 0.1) & (bend[0] > 0)
        if series.powers == 2:
            sure &= bend[0] * bend[2] > bend[1] ** 2  # concave, as the likelihood is
    return (a, b), sure & np.isfinite(a) & np.isfinite(b)


def _split(series: _Series, totals: Floats) -> tuple[list[Floats], Floats]:
    """The totals of each order of the series, shape (degrees, k), and the absolute moments."""
    at, terms = series.powers, []
    for k in range(1, series.order + 1):
        degrees = k + 2 if series.powers == 2 else 1
        terms.append(totals[at : at + degrees])
        at += degrees
    return terms, totals[at:]


def _equations(
    powers: int, totals: Floats, terms: list[Floats], a: Floats, b: Floats
) -> tuple[list[Floats], list[Floats]]:
    """What is left of the score in each equation, and the information: (0,0), (0,1), (1,1)."""
    gradient = [totals[j].copy() for j in range(powers)]
    bend = [np.zeros_like(a) for _ in range(2 * powers - 1)]
    for k, term in enumerate(terms, start=1):
        if powers == 1:
            gradient[0] -= term[0] * a**k
            bend[0] += k * term[0] * a ** (k - 1)
            continue
        for j in range(k + 1):
            gradient[0] -= comb(k, j) * a ** (k - j) * b**j * term[j]
            gradient[1] -= comb(k, j) * a ** (k - j) * b**j * term[j + 1]
        for j in range(k):
            part = k * comb(k - 1, j) * a ** (k - 1 - j) * b**j
            for m in range(3):
                bend[m] += part * term[j + m] if j + m <= k + 1 else 0
    return gradient, bend


def _inverse(
    powers: int, bend: list[Floats], right: list[Floats], *, absolute: bool = False
) -> tuple[Floats, Floats]:
    """The information's inverse, or that of its entries' sizes, times `right`."""
    if powers == 1:
        return right[0] / bend[0], np.zeros_like(right[0])
    determinant = bend[0] * bend[2] - bend[1] ** 2
    cross = np.abs(bend[1]) if absolute else -bend[1]
    return (
        (bend[2] * right[0] + cross * right[1]) / determinant,
        (cross * right[0] + bend[0] * right[1]) / determinant,
    )


def _left(absolute: Floats, a: Floats, b: Floats, j: int, order: int) -> Floats:
    """The sum over rows of |x|**j (|a| + |b||x|)**order."""
    if len(absolute) == 1:
        return np.asarray(absolute[0] * a**order)
    total = np.zeros_like(a)
    for m in range(order + 1):
        total += comb(order, m) * a ** (order - m) * b**m * absolute[m + j]
    return total
