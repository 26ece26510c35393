"""What a term of an additive model gives to each margin."""

import numpy as np
import numpy.typing as npt

from bedside.models.form import Term

__all__ = ["term_scores"]

Floats = npt.NDArray[np.float64]


def term_scores(term: Term, matrix: Floats) -> Floats:
    """Shape (n, outputs), of rows of shape (n, k).

    >>> risen = Term(kind="linear", features=(0,), scores=((2.0, -1.0),))
    >>> term_scores(risen, np.array([[3.0], [np.nan]])).tolist()
    [[6.0], [-1.0]]
    """
    scores = np.asarray(term.scores)
    value = matrix[:, term.features[0]]
    missing = np.isnan(value)
    if term.kind == "linear":
        given = np.where(missing, 0.0, value)[:, None] * scores[:, 0]
        return np.where(missing[:, None], scores[:, 1], given)
    if term.kind == "polyline":
        knots = np.asarray(term.edges[0])
        told = [np.interp(value, knots, one[1:]) for one in scores]
        return np.where(missing[:, None], scores[:, 0], np.stack(told, axis=1))
    place = np.zeros(len(matrix), np.int64)
    for feature, edges in zip(term.features, term.edges, strict=True):
        place = place * (len(edges) + 2) + _bins(matrix[:, feature], np.asarray(edges))
    return np.asarray(scores.T[place])


def _bins(value: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """0 where missing, else 1 and up."""
    return np.where(np.isnan(value), 0, np.searchsorted(edges, value, side="right") + 1)
