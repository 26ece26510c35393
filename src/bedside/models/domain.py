"""Who is like the patients that a model learnt from, and in what someone is not."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

__all__ = ["Domain", "DomainCheck", "Unlike"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_TOLD = 3
WORTH_TELLING = 0.3  # a feature that gives less than this share of the most is not told
LARGEST = 1e300
FARTHEST = 1000.0  # standard deviations; what lies further counts as this far
NEVER_OTHER = 5.0  # so far counts any other number where all but a few training rows had one
NEAR = 1e-9
FEW = 32  # rows for which all features at once is faster than one feature after the other
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
        limits: Of the two distances: of the numbers, and of what is missing and which categories
            there are.
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
    limits: tuple[float, float]


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

    Two distances, each against its limit. Numbers become normal scores by the training quantiles
    (beyond the outermost ones, straight on); what is missing counts as ordinary there. The first
    is the squared Mahalanobis distance of the scores, whose covariance is that along the leading
    axes and, beside them, of each score for itself. The second is how surprising it is which
    features are missing and which categories there are, feature by feature.

    Source: Tipping & Bishop, J R Stat Soc B 1999;61(3):611-622, for such a covariance.
    """

    def __init__(self, domain: Domain) -> None:
        self.domain = domain
        self._columns = np.array(domain.columns, dtype=np.int64)
        self._axes = np.array(domain.axes).reshape(len(domain.axes), len(domain.columns))
        self._rest = np.array(domain.rest)
        self._limits = np.array(domain.limits)
        loads = self._axes / self._rest
        inner = np.diag(1 / np.array(domain.spread)) + loads @ self._axes.T
        self._less = np.linalg.solve(inner, loads) if len(inner) else loads
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
        """Each of the two, as a multiple of its limit; shape (n, 2) of rows of shape (n, k)."""
        parts = [self._distances(matrix[at : at + CHUNK]) for at in range(0, len(matrix), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, 2))

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
        by_number = distances[0] >= distances[1]
        parts = (self._parts if by_number else self._surprise)(matrix)[0]
        order = np.argsort(-parts, kind="stable")[:MOST_TOLD]
        told = [int(at) for at in order if parts[at] >= WORTH_TELLING * parts[order[0]]]
        if by_number:
            return tuple(Unlike(column=int(self._columns[at]), way="value") for at in told)
        return tuple(self._named(row, at, never=False) for at in told)

    def first_unlike(self, matrix: Floats) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """The first feature that `unlike` names of each row of shape (n, k); -1 where it is like.

        Returns:
            The features, shape (n,), and which rows are so near to a limit, or to another feature
            as the first, that each must be looked at alone: sums may differ in their last digits.
        """
        parts = [self._first(matrix[at : at + CHUNK]) for at in range(0, len(matrix), CHUNK)]
        if not parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
        return np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])

    def _first(self, matrix: Floats) -> tuple[Ints, npt.NDArray[np.bool_]]:
        parts, surprise = self._parts(matrix), self._surprise(matrix)
        distances = np.stack([parts.sum(axis=1), surprise.sum(axis=1)], axis=1) / self._limits
        near = (np.abs(distances - 1) <= NEAR).any(axis=1)
        first = np.full(len(matrix), -1, dtype=np.int64)
        never = self._never(matrix)
        has_never = never.any(axis=1)
        first[has_never] = never[has_never].argmax(axis=1)
        near[has_never] = False
        outside = np.flatnonzero(~has_never & (distances > 1).any(axis=1))
        by_number = distances[outside, 0] >= distances[outside, 1]
        level = np.abs(distances[outside, 0] - distances[outside, 1])
        near[outside] |= level <= NEAR * distances[outside].max(axis=1)
        for rows, told in ((outside[by_number], parts), (outside[~by_number], surprise)):
            if len(rows):
                most = told[rows].argmax(axis=1)
                near[rows] |= _have_a_rival(told[rows], most)
                first[rows] = self._columns[most] if told is parts else most
        return first, near

    def _distances(self, matrix: Floats) -> Floats:
        parts = self._parts(matrix).sum(axis=1), self._surprise(matrix).sum(axis=1)
        return np.asarray(np.stack(parts, axis=1) / self._limits)

    def _parts(self, matrix: Floats) -> Floats:
        """What each score gives to the Mahalanobis distance; shape (n, len(columns)).

        The inverse of the covariance is applied by Woodbury's identity.
        """
        scores = self.scores(matrix)
        pulled = scores / self._rest
        pulled -= (pulled @ self._axes.T) @ self._less
        return np.asarray(scores * pulled)

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
        known = np.clip(np.where(np.isnan(values), 0.0, values), -LARGEST, LARGEST)
        segment = self._segments(known)
        rows = np.arange(values.shape[1])
        slope, start = self._slope[rows, segment], self._start[rows, segment]
        with np.errstate(over="ignore"):
            scores = self._value[rows, segment] + slope * (known - start)
        if self._only.any():
            away = np.abs(known - start) > 1e-6 * (1 + np.abs(start))
            scores = np.where(self._only, NEVER_OTHER * np.sign(known - start) * away, scores)
        return np.where(np.isnan(values), 0.0, np.clip(scores, -FARTHEST, FARTHEST))

    def _segments(self, known: Floats) -> npt.NDArray[np.int64]:
        """How many knots of its feature each value has reached."""
        if len(known) < FEW:
            return np.asarray((self._knots[None] <= known[:, :, None]).sum(axis=2))
        made = [
            np.searchsorted(knots, column, side="right")
            for knots, column in zip(self._knots, known.T, strict=True)
        ]
        return np.stack(made, axis=1) if made else np.zeros(known.shape, np.int64)


def _have_a_rival(parts: Floats, most: Ints) -> npt.NDArray[np.bool_]:
    """In which rows, shape (n, m), another part is as large as the one at `most`, or nearly."""
    largest = np.take_along_axis(parts, most[:, None], axis=1)
    alike = parts >= largest - NEAR * (1 + np.abs(largest))
    return np.asarray(alike.sum(axis=1) > 1)


def _tail(knots: Floats, scores: Floats, end: int, whole: float) -> float:
    """How fast the score goes on beyond an end: as from the middle to there."""
    middle = float(np.interp(0.0, scores, knots))
    if scores[end] == 0 or knots[end] == middle:
        return whole
    return float(scores[end] / (knots[end] - middle))
