"""Venn-Abers calibration: two risks for each margin, between which a calibrated one lies."""

import itertools

import numpy as np
import numpy.typing as npt

from bedside.develop.train.calibrating.isotonic import distinct
from bedside.develop.train.calibrating.targets import weights_of
from bedside.models.form import CalibrationMap

__all__ = ["venn_abers"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Point = tuple[float, float]
TIED = 1e-6  # margins nearer than this (and than a third of the gap) count as the same


def venn_abers(margin: Floats, label: Ints, weight: Floats | None = None) -> CalibrationMap:
    """The step functions p0 and p1 of inductive Venn-Abers prediction.

    p0 of a margin is its risk by isotonic regression on the tuning rows and itself, were its label
    0; p1 the same, were it 1. All of both is found in one pass over the distinct margins, once
    they are sorted. A margin within `TIED` of a tuning margin counts as equal to it, so that the
    last bits of a sum do not matter.

    Args:
        margin: Shape (n,).
        label: Shape (n,), 0 or 1.
        weight: Shape (n,), how much each row counts; None: once. The row that is asked about
            counts once.

    Source: Vovk & Petej, UAI 2014:829-838; Vovk, Petej & Fedorova, NIPS 2015:892-900, algorithms
    1 to 4.
    """
    at, counts, positive = distinct(margin, label, weights_of(weight, len(label)))
    if_one = np.array([*_were_it_one(counts, positive), 1.0])  # on (at[i - 1], at[i]]
    mirrored = _were_it_one(counts[::-1], (counts - positive)[::-1])
    if_zero = np.array([0.0, *(1 - np.array(mirrored))[::-1]])  # on [at[i - 1], at[i])
    gap = np.minimum(np.diff(at, prepend=-np.inf), np.diff(at, append=np.inf))
    near = np.minimum(TIED * (1 + np.abs(at)), gap / 3)
    falls, rises = np.diff(if_zero) != 0, np.diff(if_one) != 0
    knots = np.concatenate([(at - near)[falls], (at + near)[rises]])
    knots.sort()
    inside = np.concatenate([[knots[0] - 1], (knots[:-1] + knots[1:]) / 2, [knots[-1] + 1]])
    zero = if_zero[np.searchsorted(at - near, inside, side="right")]
    one = if_one[np.searchsorted(at + near, inside, side="right")]
    return CalibrationMap(
        kind="venn_abers",
        knots=tuple(knots.tolist()),
        values=(tuple(zero.tolist()), tuple(one.tolist())),
    )


def _were_it_one(counts: Floats, positive: Floats) -> list[float]:
    """The risk at each margin by isotonic regression, were one more row with the outcome there.

    The greatest convex minorant of the rows' cumulative sums is kept as a stack of corners, while
    the additional row moves on from margin to margin.
    """
    ends = np.cumsum(np.stack([counts, positive], axis=1), axis=0).tolist()
    points: list[Point] = [(-1.0, -1.0), (0.0, 0.0), *((x, y) for x, y in ends)]
    corners: list[Point] = []
    for point in points:
        _add(corners, point, turn=1.0)
    corners.reverse()  # the leftmost is on top
    risks = []
    moved = points[0]
    for before, after in itertools.pairwise(points[1:]):
        top, below = corners[-1], corners[-2]
        risks.append((below[1] - top[1]) / (below[0] - top[0]))
        moved = (moved[0] + after[0] - before[0], moved[1] + after[1] - before[1])
        if _cross(top, below, moved) >= 0:
            continue  # on or above the first line
        corners.pop()
        _add(corners, moved, turn=-1.0)
    return risks


def _add(corners: list[Point], point: Point, *, turn: float) -> None:
    """Push a point, after all corners that are none any more."""
    while len(corners) > 1 and turn * _cross(corners[-2], corners[-1], point) <= 0:
        corners.pop()
    corners.append(point)


def _cross(one: Point, two: Point, three: Point) -> float:
    """Above 0 where the way over the three turns left."""
    return (two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])
