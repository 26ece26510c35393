"""Who is like the patients that a model learnt from, and in what someone is not."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Domain", "DomainCheck", "Unlike"]

Floats = npt.NDArray[np.float64]
MOST_TOLD = 3
FARTHEST = 1000.0  # standard deviations; what lies further counts as this far
NEVER_OTHER = 5.0  # so far counts any other number where all but a few training rows had one
CHUNK = 2048  # rows at once, to bound memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """The training rows, as far as it takes to say who is unlike them; no row of them.

    Args:
        share: So large a share of the training patients is inside.
        rows: How many training rows.
        missing: Of each feature, the share of the rows without it.
        levels: Of each feature that is a category, the share of the rows at each index; else none.
        columns: The features that are numbers and were measured.
        knots: Of each of these, ascending quantiles in training.
        scores: The normal score of each knot.
        axes: The leading directions in which the scores vary together, shape (a, len(columns)).
        spread: The variance along each.
        rest: The variance of each score beside the axes.
        limits: Of the three distances: along the axes, beside them, and of what is missing and
            which categories there are.
    """

    share: float
    rows: int
    missing: tuple[float, ...]
    levels: tuple[tuple[float, ...], ...]
    columns: tuple[int, ...]
    knots: tuple[tuple[float, ...], ...]
    scores: tuple[tuple[float, ...], ...]
    axes: tuple[tuple[float, ...], ...]
    spread: tuple[float, ...]
    rest: tuple[float, ...]
    limits: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlike:
    """A feature in which a row is unlike the training rows.

    `value`: together with others or by itself, the number is unusual. `missing`: it is not known,
    which was rare, or (`never`) did not occur. `category`: so with this category. `present`: it
    is known, which was rare.
    """

    column: int
    way: Literal["value", "missing", "category", "present"]
    never: bool = False


class DomainCheck:
    """Measures rows against a domain; safe to call from several threads.

    Three distances, each against its limit. Numbers become normal scores by the training
    quantiles (beyond the outermost ones, straight on); what is missing counts as ordinary there.
    Along the leading axes of the scores their squared Mahalanobis distance counts, beside them the
    squared scores in units of their variance. The third is how surprising it is which features
    are missing and which categories there are, feature by feature.

    Source: Jackson & Mudholkar, Technometrics 1979;21(3):341-349, for the first two.
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self._columns = np.array(domain.columns, dtype=np.int64)
        self._axes = np.array(domain.axes).reshape(len(domain.axes), len(domain.columns))
        self._spread, self._rest = np.array(domain.spread), np.array(domain.rest)
        self._limits = np.array(domain.limits)
        self._size = self._sizes()
        least = 0.5 / (domain.rows + 1)  # of what never occurred
        missing = np.array(domain.missing)
        self._absent = -np.log(np.maximum(missing, least))
        self._present = -np.log(np.maximum(1 - missing, least))
        self._always_known = missing == 0
        self._is_category = np.array([bool(one) for one in domain.levels], dtype=bool)
        deepest = max((len(one) for one in domain.levels), default=0)
        shares = np.zeros((len(domain.levels), deepest + 1))  # the last: none of these
        for column, one in enumerate(domain.levels):
            shares[column, : len(one)] = one
        self._shares, self._least = shares, least
        self._lines()

    def distances(self, matrix: Floats) -> Floats:
        """Each of the three, as a multiple of its limit; shape (n, 3) of rows of shape (n, k)."""
        parts = [self._distances(matrix[at : at + CHUNK]) for at in range(0, len(matrix), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, 3))

    def inside(self, matrix: Floats) -> npt.NDArray[np.bool_]:
        """Which rows are like the training rows; shape (n,)."""
        near = (self.distances(matrix) <= 1).all(axis=1)
        return np.asarray(near & ~self._never(matrix).any(axis=1))

    def unlike(self, row: Floats) -> tuple[Unlike, ...]:
        """The features, at most three, in which a row of shape (k,) is unlike; none: it is like.

        What never occurred in training comes first and is enough by itself.
        """
        matrix = row.reshape(1, -1)
        never = np.flatnonzero(self._never(matrix)[0])
        if len(never):
            return tuple(self._named(row, int(at), never=True) for at in never[:MOST_TOLD])
        distances = self._distances(matrix)[0]
        if (distances <= 1).all():
            return ()
        kind = int(np.argmax(distances))
        parts = self._parts(matrix, kind)
        order = np.argsort(-parts, kind="stable")[:MOST_TOLD]
        told = [int(at) for at in order if parts[at] >= 0.5 * parts[order[0]]]
        if kind < 2:
            return tuple(Unlike(column=int(self._columns[at]), way="value") for at in told)
        return tuple(self._named(row, at, never=False) for at in told)

    def _distances(self, matrix: Floats) -> Floats:
        scores = self.scores(matrix)
        along = scores @ self._axes.T
        beside = scores - along @ self._axes
        raw = np.stack(
            [
                (along**2 / self._spread).sum(axis=1),
                (beside**2 / self._rest).sum(axis=1),
                self._surprise(matrix).sum(axis=1),
            ],
            axis=1,
        )
        return np.asarray(raw / self._limits)

    def _parts(self, matrix: Floats, kind: int) -> Floats:
        """By how much the distance would fall, were one score (or feature) set at its best.

        Source: Alcala & Qin, Automatica 2009;45(7):1593-1600 (reconstruction-based contribution,
        here of the sum of the first two distances).
        """
        if kind == 2:
            return np.asarray(self._surprise(matrix)[0])
        scores = self.scores(matrix)[0]
        along = self._axes @ scores
        weighted = (scores - along @ self._axes) / self._rest
        beside = weighted - (self._axes @ weighted) @ self._axes
        pull = ((along / self._spread) @ self._axes) / self._limits[0] + beside / self._limits[1]
        return np.asarray(pull**2 / self._size)

    def _sizes(self) -> Floats:
        """The sum of the first two distances of a row whose one score is 1, for each score."""
        squares = self._axes**2
        along = (squares / self._spread[:, None]).sum(axis=0)
        crossed = ((self._axes / self._rest) @ self._axes.T) @ self._axes
        beside = (1 - 2 * squares.sum(axis=0)) / self._rest + (self._axes * crossed).sum(axis=0)
        found = along / self._limits[0] + beside / self._limits[1]
        return np.asarray(np.maximum(found, 1e-12))

    def _surprise(self, matrix: Floats) -> Floats:
        missing = np.isnan(matrix)
        found = np.where(missing, self._absent, self._present)
        if self._is_category.any():
            found = found - np.where(missing, 0.0, np.log(np.maximum(self._share(matrix), 1e-300)))
        return np.asarray(found)

    def _share(self, matrix: Floats) -> Floats:
        """Of the category that each row has; 1 for a number."""
        last = self._shares.shape[1] - 1
        whole = np.where(np.isnan(matrix), -1, matrix)
        index = np.where((whole >= 0) & (whole < last), whole, last).astype(np.int64)
        share = self._shares[np.arange(matrix.shape[1]), index]
        return np.where(self._is_category, np.maximum(share, self._least), 1.0)

    def _never(self, matrix: Floats) -> npt.NDArray[np.bool_]:
        missing = np.isnan(matrix)
        strange = missing & self._always_known
        if self._is_category.any():
            strange |= ~missing & self._is_category & (self._share(matrix) <= self._least)
        return np.asarray(strange)

    def _named(self, row: Floats, column: int, *, never: bool) -> Unlike:
        if np.isnan(row[column]):
            return Unlike(column=column, way="missing", never=never)
        by_level = self._is_category[column]
        return Unlike(column=column, way="category" if by_level else "present", never=never)

    def _lines(self) -> None:
        """Scores as straight lines: in each segment `value` + `slope` * (x - `start`)."""
        domain = self.domain
        most = max((len(one) for one in domain.knots), default=0)
        shape = (len(domain.columns), most + 1)
        self._knots = np.full((len(domain.columns), most), np.inf)
        self._start, self._slope, self._value = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for at, (knots, scores) in enumerate(zip(domain.knots, domain.scores, strict=True)):
            x, z, size = np.array(knots), np.array(scores), len(knots)
            self._knots[at, :size] = x
            self._start[at, : size + 1] = np.concatenate([x[:1], x])
            self._value[at, : size + 1] = np.concatenate([z[:1], z])
            if size > 1:
                inner = np.diff(z) / np.diff(x)
                whole = (z[-1] - z[0]) / (x[-1] - x[0])
                self._slope[at, : size + 1] = np.concatenate(
                    [[_tail(x, z, 0, whole)], inner, [_tail(x, z, -1, whole)]]
                )
        self._only = np.array([len(one) == 1 for one in domain.knots], dtype=bool)

    def scores(self, matrix: Floats) -> Floats:
        """Normal scores, shape (n, len(columns)); 0 where missing."""
        values = matrix[:, self._columns]
        known = np.where(np.isnan(values), 0.0, values)
        segment = (self._knots[None] <= known[:, :, None]).sum(axis=2)
        rows = np.arange(values.shape[1])
        slope, start = self._slope[rows, segment], self._start[rows, segment]
        scores = self._value[rows, segment] + slope * (known - start)
        if self._only.any():
            away = np.abs(known - start) > 1e-6 * (1 + np.abs(start))
            scores = np.where(self._only, NEVER_OTHER * np.sign(known - start) * away, scores)
        return np.where(np.isnan(values), 0.0, np.clip(scores, -FARTHEST, FARTHEST))


def _tail(knots: Floats, scores: Floats, end: int, whole: float) -> float:
    """How fast the score goes on beyond an end: as from the middle to there."""
    middle = float(np.interp(0.0, scores, knots))
    if scores[end] == 0 or knots[end] == middle:
        return whole
    return float(scores[end] / (knots[end] - middle))
