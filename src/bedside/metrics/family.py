"""Figures that are made together from weights of subjects, and totals by subject."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bedside.metrics.arrays import Floats, Ints

__all__ = ["Family", "Statistic", "by_name", "family_of_totals", "summed"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Family:
    """Figures that share their work.

    `of` takes weights of shape (subjects, k), one column for each weighting, and returns the
    figures, shape (len(names), k), NaN where one is undefined.
    """

    names: tuple[str, ...]
    of: Callable[[Floats], Floats]

    def only(self, names: tuple[str, ...]) -> "Family":
        """The figures of these names, of those that the family has."""
        at = [place for place, name in enumerate(self.names) if name in names]
        if len(at) == len(self.names):
            return self
        return Family(
            names=tuple(self.names[place] for place in at), of=lambda weights: self.of(weights)[at]
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Statistic:
    """One figure of a family; called with one weight for each subject, shape (subjects,)."""

    family: Family
    at: int

    def __call__(self, weights: Floats) -> float:
        """The figure when each subject counts this often; NaN where it is undefined."""
        column = np.ascontiguousarray(weights, dtype=np.float64)[:, None]
        return float(self.family.of(column)[self.at, 0])


def by_name(families: Iterable[Family]) -> dict[str, Statistic]:
    """Every figure of these families under its name."""
    return {
        name: Statistic(family=family, at=at)
        for family in families
        for at, name in enumerate(family.names)
    }


def summed(values: Floats, subject: Ints, subjects: int) -> Floats:
    """The sum of a row's values over each subject's rows; shape (subjects,)."""
    total: Floats = np.bincount(subject, values, minlength=subjects).astype(np.float64)
    return total


def family_of_totals(
    columns: Mapping[str, Floats],
    figures: Mapping[str, Callable[[Mapping[str, Floats]], Floats]],
) -> Family:
    """Figures that are functions of totals, so that one matrix product serves every weighting.

    Args:
        columns: By name, what each subject adds to a total; shape (subjects,).
        figures: By name of a figure, what it is of the totals, each of shape (k,).
    """
    matrix = np.ascontiguousarray(np.stack(list(columns.values())))
    names = tuple(columns)

    def of(weights: Floats) -> Floats:
        totals = dict(zip(names, matrix @ weights, strict=True))
        return np.stack([figure(totals) for figure in figures.values()])

    return Family(names=tuple(figures), of=of)
