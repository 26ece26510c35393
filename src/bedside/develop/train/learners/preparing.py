"""Rows as a design matrix, and coefficients on it as the terms of an additive model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.develop.train.learners.contract import Column
from bedside.develop.train.matrix import Matrix
from bedside.models.additive import term_scores
from bedside.models.form import Additive, Term

__all__ = ["Block", "Design", "linear_basis", "prepare", "quantiles", "spread"]

Floats = npt.NDArray[np.float64]
Basis = Callable[[int, Floats, Floats], Term | None]

SHARE_TOLD = 0.01  # from this share of missing values on, that a value is missing has a coefficient


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The columns of the design that one feature has.

    Args:
        basis: A term whose outputs are those columns, not yet centred.
        mean: Shape (columns,), of each over the training rows.
    """

    basis: Term
    mean: Floats

    @property
    def width(self) -> int:
        """How many columns it has."""
        return len(self.mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Training rows as numbers without gaps, each column with mean 0.

    Args:
        matrix: Shape (n, p).
        blocks: Whose columns they are, in order; a feature that is constant has none.
    """

    matrix: Floats
    blocks: tuple[Block, ...]

    def additive(self, coefficients: Floats, intercept: Floats) -> Additive:
        """The model `matrix @ coefficients + intercept` on raw rows with gaps.

        Args:
            coefficients: Shape (p, outputs).
            intercept: Shape (outputs,).
        """
        terms, expected, start = [], [], np.array(intercept, np.float64)
        at = 0
        for block in self.blocks:
            own = coefficients[at : at + block.width]
            at += block.width
            scores = own.T @ np.asarray(block.basis.scores)
            terms.append(
                Term(
                    kind=block.basis.kind,
                    features=block.basis.features,
                    scores=_rows(scores),
                    edges=block.basis.edges,
                )
            )
            mean = block.mean @ own
            expected.append(mean)
            start -= mean
        return Additive(
            intercept=tuple(start.tolist()), terms=tuple(terms), expected=_rows(expected)
        )


def prepare(train: Matrix, columns: Sequence[Column], numeric: Basis | None = None) -> Design:
    """The design of these rows.

    A number is divided by its standard deviation and takes its median where it is missing; a
    category has a column for each label that the rows have, and the mean of them where it is
    missing or has another label. Where at least 1 % of the rows miss a feature, a further column
    says so. Rows count by their weight, so a weight of two is the row twice.

    Args:
        train: n rows.
        columns: One for each feature.
        numeric: How a number becomes columns: of a feature's index, its measured values and their
            weights, a term whose outputs are the columns; None without any. Straight by itself.
    """
    weight = np.ones(len(train.label)) if train.weight is None else train.weight
    blocks, parts = [], []
    for at, column in enumerate(columns):
        value = train.features[:, at]
        basis = _basis(at, value, weight, column, numeric or linear_basis)
        if basis is None:
            continue
        raw = term_scores(basis, train.features)
        mean = weight @ raw / weight.sum()
        blocks.append(Block(basis=basis, mean=mean))
        parts.append(raw - mean)
    return Design(matrix=np.hstack([np.empty((len(train.label), 0)), *parts]), blocks=tuple(blocks))


def linear_basis(at: int, known: Floats, weight: Floats) -> Term | None:
    """One column: the value by its standard deviation, and its median where it is missing."""
    deviation = spread(known, weight)
    if deviation == 0:
        return None
    middle = float(quantiles(known, weight, np.array([0.5]))[0])
    return Term(kind="linear", features=(at,), scores=((1 / deviation, middle / deviation),))


def spread(known: Floats, weight: Floats) -> float:
    """The weighted standard deviation; 0 where all values are the same or there is none."""
    if len(known) == 0 or known.min() == known.max():
        return 0.0
    mean = np.average(known, weights=weight)
    return float(np.sqrt(np.average((known - mean) ** 2, weights=weight)))


def quantiles(known: Floats, weight: Floats, shares: Floats) -> Floats:
    """The values below which these shares of the weight lie, midway where two values do.

    >>> quantiles(np.array([4.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), np.array([0.25, 0.5]))
    array([1.5, 2. ])
    """
    order = np.argsort(known, kind="stable")
    reached = np.cumsum(weight[order])
    wanted = shares * reached[-1]
    last = len(known) - 1
    low = np.minimum(np.searchsorted(reached, wanted, side="left"), last)
    high = np.minimum(np.searchsorted(reached, wanted, side="right"), last)
    return np.asarray((known[order[low]] + known[order[high]]) / 2)


def _basis(at: int, value: Floats, weight: Floats, column: Column, numeric: Basis) -> Term | None:
    missing = np.isnan(value)
    known = ~missing
    if column.categories:
        made = _categories(at, value[known], weight[known], column.categories)
    else:
        made = numeric(at, value[known], weight[known])
    share = weight[missing].sum() / weight.sum()
    if not SHARE_TOLD <= share < 1:
        return made
    if made is None:
        made = Term(kind="linear", features=(at,), scores=())
    return _with_missing(made)


def _categories(at: int, known: Floats, weight: Floats, categories: int) -> Term | None:
    """A column for each label that there is."""
    total = np.bincount(known.astype(np.int64), weights=weight, minlength=categories)
    present = np.flatnonzero(total)
    if len(present) < 2:
        return None
    share = total[present] / total.sum()
    scores = np.tile(share[:, None], (1, categories + 1))  # missing, each label
    scores[:, 1 + present] = np.eye(len(present))
    edges = tuple(0.5 + bound for bound in range(categories - 1))
    return Term(kind="steps", features=(at,), scores=_rows(scores), edges=(edges,))


def _with_missing(basis: Term) -> Term:
    """The same with a further column: 1 where the value is missing.

    A missing value stands last in a linear term, and first in any other.
    """
    if basis.kind == "linear":
        told: tuple[float, ...] = (0.0, 1.0)
    else:
        told = (1.0, *(0.0 for _ in basis.scores[0][1:]))
    return Term(
        kind=basis.kind,
        features=basis.features,
        scores=(*basis.scores, told),
        edges=basis.edges,
    )


def _rows(values: Floats | Sequence[Floats]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(one) for one in row) for row in values)
