"""What a term of an additive model gives to each margin."""

from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from bedside.models.form import Term

__all__ = ["Scorer", "scorer_of", "term_scores"]

Floats = npt.NDArray[np.float64]
Scorer = Callable[[Floats], Floats]
"""From rows of shape (n, k) to scores of shape (n, outputs)."""


def term_scores(term: Term, matrix: Floats) -> Floats:
    """Shape (n, outputs), of rows of shape (n, k).

    >>> risen = Term(kind="linear", features=(0,), scores=((2.0, -1.0),))
    >>> term_scores(risen, np.array([[3.0], [np.nan]])).tolist()
    [[6.0], [-1.0]]
    """
    return scorer_of(term)(matrix)


def scorer_of(term: Term) -> Scorer:
    """The same, ready to be asked often."""
    scores = np.asarray(term.scores)
    if term.kind == "linear":
        return partial(_straight, term.features[0], scores)
    if term.kind == "polyline":
        return partial(_lines, term.features[0], np.asarray(term.edges[0]), scores)
    edges = [
        (feature, np.asarray(bounds))
        for feature, bounds in zip(term.features, term.edges, strict=True)
    ]
    return partial(_steps, edges, np.ascontiguousarray(scores.T))


def _straight(feature: int, scores: Floats, matrix: Floats) -> Floats:
    value = matrix[:, feature]
    missing = np.isnan(value)
    given = np.where(missing, 0.0, value)[:, None] * scores[:, 0]
    return np.where(missing[:, None], scores[:, 1], given)


def _lines(feature: int, knots: Floats, scores: Floats, matrix: Floats) -> Floats:
    value = matrix[:, feature]
    told = np.stack([np.interp(value, knots, one[1:]) for one in scores], axis=1)
    return np.where(np.isnan(value)[:, None], scores[:, 0], told)


def _steps(edges: list[tuple[int, Floats]], scores: Floats, matrix: Floats) -> Floats:
    place = np.zeros(len(matrix), np.int64)
    for feature, bounds in edges:
        place = place * (len(bounds) + 2) + _bins(matrix[:, feature], bounds)
    return np.asarray(scores[place])


def _bins(value: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """0 where missing, else 1 and up."""
    return np.where(np.isnan(value), 0, np.searchsorted(edges, value, side="right") + 1)
